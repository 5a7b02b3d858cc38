//! An arbiter's commitment to a contract: its nonce point, with proof that it knows the nonce.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, SecretKey, Signing, Verification, schnorr},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    statement,
    tagged::tagged_hash_parts,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::{Attestation, BoundRuling, RulingError};
use crate::{attest::attestation::ruling_message, musig::sign_with_nonce};

/// Why an announcement is not accepted. The arbiter's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The nonce point is not proved to be known: it may be chosen to cancel other arbiters' points.
    #[error("no valid proof of knowledge of the announced nonce {nonce}")]
    NonceProof {
        /// The nonce point.
        nonce: XOnlyPublicKey,
    },
    /// The identity key did not sign this announcement for this contract.
    #[error("the announcement is not signed by {identity} for this contract")]
    Signature {
        /// The arbiter's identity key.
        identity: XOnlyPublicKey,
    },
}

/// The secret nonce of one contract. It remembers the contract's id and signs for no other; neither `Clone` nor
/// `Serialize`. An [`Attester`](super::Attester) signs with it, and nothing else does.
pub struct AttestationNonce {
    secret: SecretKey,
    contract_id: [u8; 32],
}

impl AttestationNonce {
    /// Derives the nonce of a contract from the identity key. Deterministic, so that an arbiter restored from a
    /// backup has the nonce of its case again; what it may attest is in its record ([`BoundRuling`]). The id hashes
    /// everything that the parties agreed on before nonces were announced, so contracts that differ in anything have
    /// different nonces, whatever became of the arbiter's salt.
    pub fn derive(identity: &SecretKey, contract_id: &[u8; 32]) -> Option<AttestationNonce> {
        let mut bytes = tagged_hash_parts(
            "narthex/attestation-nonce",
            &[&identity.secret_bytes(), contract_id],
        );
        let secret = SecretKey::from_slice(&bytes).ok();
        bytes.zeroize();
        Some(AttestationNonce {
            secret: secret?,
            contract_id: *contract_id,
        })
    }

    /// The public nonce point.
    pub fn point<C: Signing>(&self, secp: &Secp256k1<C>) -> XOnlyPublicKey {
        self.secret.x_only_public_key(secp).0
    }

    /// What hides a ruling in its digest from everybody who has not the nonce.
    pub(super) fn blinding(&self) -> [u8; 32] {
        let mut secret = self.secret.secret_bytes();
        let parts: [&[u8]; 2] = [&secret, &self.contract_id];
        let blinding = tagged_hash_parts("narthex/ruling-blinding", &parts);
        secret.zeroize();
        blinding
    }

    /// Attests a ruling of the contract that the nonce was derived for. The nonce is gone afterwards. Derived again, it
    /// gives the same signature for the same ruling.
    ///
    /// # Errors
    /// [`RulingError::OtherCase`] if the ruling was bound for another contract, or another key than `identity`;
    /// [`RulingError::Degenerate`].
    pub(crate) fn attest<C: Signing>(
        self,
        secp: &Secp256k1<C>,
        identity: &SecretKey,
        arbiter: u8,
        ruling: BoundRuling,
    ) -> Result<Attestation, RulingError> {
        if !ruling.is_of(&self.contract_id, &identity.x_only_public_key(secp).0) {
            return Err(RulingError::OtherCase);
        }
        let ruling = ruling.ruling();
        let signature = sign_with_nonce(
            secp,
            identity,
            &self.secret,
            &ruling_message(&self.contract_id, ruling),
        )
        .ok_or(RulingError::Degenerate)?;
        Ok(Attestation {
            arbiter,
            ruling,
            signature,
        })
    }
}

impl Drop for AttestationNonce {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

impl std::fmt::Debug for AttestationNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttestationNonce(..)")
    }
}

/// An arbiter's nonce point for one contract, with proof that it knows the nonce and that it is the arbiter's.
///
/// An arbiter that could announce the difference between a point that it knows and the sum of its colleagues' points
/// would open their settlement alone. Nothing but the proof of knowledge stands in its way: the points of colleagues are
/// known before the last one announces (`docs/adr/0035-one-salt-one-contract.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// Nonce point of the contract.
    pub nonce: XOnlyPublicKey,
    /// BIP340 signature by the nonce as key.
    pub nonce_proof: schnorr::Signature,
    /// BIP340 signature by the identity key.
    pub signature: schnorr::Signature,
}

impl Announcement {
    /// Announces `nonce` for the contract that it was derived for.
    pub fn new<C: Signing>(
        secp: &Secp256k1<C>,
        identity: &Keypair,
        nonce: &AttestationNonce,
    ) -> Announcement {
        let point = nonce.point(secp);
        let identity_key = identity.x_only_public_key().0;
        let digest = |tag| digest(tag, &nonce.contract_id, &identity_key, &point);
        Announcement {
            nonce: point,
            nonce_proof: statement::sign_by(&digest(NONCE_TAG), &nonce.secret),
            signature: statement::sign_in(secp, &digest(IDENTITY_TAG), identity),
        }
    }

    /// Checks both proofs: of the nonce, and by the key that the terms name for this arbiter.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        identity: &XOnlyPublicKey,
        contract_id: &[u8; 32],
    ) -> Result<(), AnnounceError> {
        let digest = |tag| digest(tag, contract_id, identity, &self.nonce);
        statement::verify_in(secp, &digest(NONCE_TAG), &self.nonce_proof, &self.nonce)
            .map_err(|_| AnnounceError::NonceProof { nonce: self.nonce })?;
        statement::verify_in(secp, &digest(IDENTITY_TAG), &self.signature, identity)
            .map_err(|e| AnnounceError::Signature { identity: e.signer })
    }
}

impl Message for Announcement {
    const KIND: Kind = kinds::NONCE_ANNOUNCED;

    /// Nonce (32), its proof (64), the identity's signature (64).
    fn write(&self, w: &mut Writer) {
        w.key(&self.nonce)
            .signature(&self.nonce_proof)
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Announcement, DecodeError> {
        Ok(Announcement {
            nonce: r.key("nonce")?,
            nonce_proof: r.signature("proof of the nonce")?,
            signature: r.signature("signature of the identity")?,
        })
    }
}

const NONCE_TAG: &str = "narthex/announce/nonce";
const IDENTITY_TAG: &str = "narthex/announce/identity";

/// What nonce and identity sign, each under its tag.
fn digest(
    tag: &str,
    contract_id: &[u8; 32],
    identity: &XOnlyPublicKey,
    nonce: &XOnlyPublicKey,
) -> [u8; 32] {
    let parts: [&[u8]; 3] = [contract_id, &identity.serialize(), &nonce.serialize()];
    tagged_hash_parts(tag, &parts)
}
