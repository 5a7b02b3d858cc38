//! Attestations: making points of them in advance, checking them, and punishing whoever makes two.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Parity, PublicKey, Scalar, Secp256k1, SecretKey, Signing, Verification, schnorr},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::Ruling;

use crate::musig::{challenge, invert, sub_secrets};

/// An arbiter's ruling as a signature; its scalar is the secret of the ruling's point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attestation {
    /// Index of the arbiter on the panel.
    pub arbiter: u8,
    /// What it ruled.
    pub ruling: Ruling,
    /// BIP340 signature by its identity key with the announced nonce.
    pub signature: schnorr::Signature,
}

/// Why an attestation does not count, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// No arbiter of the panel has this index. The sender's fault.
    #[error("arbiter {arbiter} is not on this panel of {panel}")]
    NoSuchArbiter {
        /// Index in the attestation.
        arbiter: u8,
        /// Size of the panel.
        panel: usize,
    },
    /// The signature is not the arbiter's, or not with the announced nonce. The sender's fault.
    #[error("the attestation of arbiter {arbiter} does not verify with its announced nonce")]
    Invalid {
        /// Index in the attestation.
        arbiter: u8,
    },
    /// The two attestations are not of one nonce and two rulings: no key can be taken from them.
    #[error("the two attestations do not contradict each other under one nonce")]
    NoContradiction,
}

/// The message that an arbiter signs for a ruling of a contract.
pub(super) fn ruling_message(contract_id: &[u8; 32], ruling: Ruling) -> [u8; 32] {
    tagged_hash_parts("narthex/ruling", &[contract_id, &[ruling_byte(ruling)]])
}

pub(super) fn ruling_byte(ruling: Ruling) -> u8 {
    match ruling {
        Ruling::WorkerAtFault => 6,
        Ruling::VerifierAtFault => 7,
    }
}

/// The point of the attestation of `ruling`, before it is made: R + e·A with both of even y.
pub fn attestation_point<C: Verification>(
    secp: &Secp256k1<C>,
    identity: &XOnlyPublicKey,
    nonce: &XOnlyPublicKey,
    contract_id: &[u8; 32],
    ruling: Ruling,
) -> Option<PublicKey> {
    let e = challenge(
        &nonce.serialize(),
        identity,
        &ruling_message(contract_id, ruling),
    )?;
    let weighted = identity
        .public_key(Parity::Even)
        .mul_tweak(secp, &Scalar::from(e))
        .ok()?;
    weighted.combine(&nonce.public_key(Parity::Even)).ok()
}

impl Attestation {
    /// Checks the signature and that it uses the announced nonce.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        identity: &XOnlyPublicKey,
        nonce: &XOnlyPublicKey,
        contract_id: &[u8; 32],
    ) -> Result<(), AttestError> {
        let invalid = AttestError::Invalid {
            arbiter: self.arbiter,
        };
        if self.signature.serialize()[..32] != nonce.serialize() {
            return Err(invalid);
        }
        let message = ruling_message(contract_id, self.ruling);
        statement::verify_in(secp, &message, &self.signature, identity).map_err(|_| invalid)
    }

    /// The scalar of the signature: the secret that opens what is encrypted under the ruling's point.
    pub fn secret(&self) -> Option<SecretKey> {
        SecretKey::from_slice(&self.signature.serialize()[32..]).ok()
    }
}

impl Message for Attestation {
    const KIND: Kind = kinds::ATTESTATION;

    /// Arbiter, ruling, signature; 70 bytes in all.
    fn write(&self, w: &mut Writer) {
        w.u8(self.arbiter)
            .u8(ruling_byte(self.ruling))
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Attestation, DecodeError> {
        let arbiter = r.u8("arbiter")?;
        let ruling = match r.u8("ruling")? {
            6 => Ruling::WorkerAtFault,
            7 => Ruling::VerifierAtFault,
            other => return Err(DecodeError::invalid("ruling", other)),
        };
        Ok(Attestation {
            arbiter,
            ruling,
            signature: r.signature("signature")?,
        })
    }
}

/// The identity key of an arbiter that attested two rulings of one contract: from s₁ = k + e₁·a and
/// s₂ = k + e₂·a follows a = (s₁ − s₂)/(e₁ − e₂). The key found is checked against `identity`.
pub fn extract_identity_key<C: Signing>(
    secp: &Secp256k1<C>,
    identity: &XOnlyPublicKey,
    contract_id: &[u8; 32],
    one: &Attestation,
    other: &Attestation,
) -> Result<SecretKey, AttestError> {
    let (r, r2) = (one.signature.serialize(), other.signature.serialize());
    if one.ruling == other.ruling || r[..32] != r2[..32] {
        return Err(AttestError::NoContradiction);
    }
    let mut nonce = [0u8; 32];
    nonce.copy_from_slice(&r[..32]);
    let e = |a: &Attestation| challenge(&nonce, identity, &ruling_message(contract_id, a.ruling));
    let key = || {
        let s = sub_secrets(one.secret()?, &other.secret()?)?;
        let e = sub_secrets(e(one)?, &e(other)?)?;
        s.mul_tweak(&Scalar::from(invert(&e)?)).ok()
    };
    let key = key().ok_or(AttestError::NoContradiction)?;
    let (found, parity) = key.x_only_public_key(secp);
    if found != *identity {
        return Err(AttestError::NoContradiction);
    }
    Ok(if parity == Parity::Odd {
        key.negate()
    } else {
        key
    })
}
