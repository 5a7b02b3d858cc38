//! The proof that a bond stands for an identity.

use bitcoin::{
    Amount, OutPoint, Txid,
    hashes::Hash,
    key::XOnlyPublicKey,
    secp256k1::{
        Keypair, Message, PublicKey, Secp256k1, Signing, Verification, schnorr::Signature,
    },
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;

use super::{BondFault, BondScript, Claim, Lock, Locked, Moment, Sighting};

const KIND: Kind = kinds::BOND_CERTIFICATE;
const BIP46: u8 = 0;
const TAPROOT: u8 = 1;
const TAPROOT_WITH_INTERNAL: u8 = 2;

/// A claim signed by the bond's key (BIP340), for both forms of bond.
///
/// It binds identity, outpoint, amount, height of confirmation, the lock (through the script) and its own end. The
/// key of the bond need not be where the identity is used: it may stay offline between certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    claim: Claim,
    valid_below: u32,
    signature: Signature,
}

impl Certificate {
    /// Signs with the bond's key; `ForeignSignature` if it is another's. `valid_below` is the first height at which
    /// the certificate does not hold any more. What could never count is not signed: `Null`, `NeverValid`,
    /// `NeverLocked`, `Script`.
    pub fn sign<C: Signing + Verification>(
        secp: &Secp256k1<C>,
        claim: Claim,
        valid_below: u32,
        key: &Keypair,
    ) -> Result<Certificate, BondFault> {
        let owner = claim.script.owner();
        if key.x_only_public_key().0 != owner {
            return Err(BondFault::ForeignSignature { owner });
        }
        claim.check_sense(valid_below)?;
        let message = Message::from_digest(digest(&claim, valid_below));
        Ok(Certificate {
            claim,
            valid_below,
            // BIP340's nonce is safe without further randomness, which this crate does not draw.
            signature: secp.sign_schnorr_no_aux_rand(&message, key),
        })
    }

    /// What is claimed.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// First height at which it does not hold any more.
    pub fn valid_below(&self) -> u32 {
        self.valid_below
    }

    /// Whether the bond's key signed it and it still holds: all that can be said without looking at the bond.
    pub fn check_signature<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        tip_height: u32,
    ) -> Result<(), BondFault> {
        let owner = self.claim.script.owner();
        let message = Message::from_digest(digest(&self.claim, self.valid_below));
        secp.verify_schnorr(&self.signature, &message, &owner)
            .map_err(|_| BondFault::ForeignSignature { owner })?;
        let confirmed_height = self.claim.confirmed_height;
        if tip_height < confirmed_height {
            return Err(BondFault::AboveTip {
                confirmed_height,
                tip_height,
            });
        }
        if tip_height >= self.valid_below {
            return Err(BondFault::CertificateExpired {
                valid_below: self.valid_below,
                tip_height,
            });
        }
        Ok(())
    }

    /// Whether it is signed, holds, and says what the chain shows.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        seen: &Sighting,
        tip: Moment,
        depth_wanted: u32,
    ) -> Result<Locked, BondFault> {
        self.check_signature(secp, tip.height)?;
        self.claim.check(seen, tip, depth_wanted)
    }

    /// The claim, the end, and 64 bytes of signature.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = statement(&self.claim, self.valid_below);
        bytes.extend_from_slice(self.signature.as_ref());
        bytes
    }

    /// From bytes; the signature is not checked here.
    pub fn from_bytes(bytes: &[u8]) -> Result<Certificate, DecodeError> {
        let mut r = Reader::new(KIND, bytes)?;
        let script = read_script(&mut r)?;
        let outpoint = OutPoint {
            txid: Txid::from_byte_array(r.array("transaction")?),
            vout: r.u32("output")?,
        };
        let value = Amount::from_sat(r.u64("amount")?);
        if value > Amount::MAX_MONEY {
            return Err(DecodeError::invalid("amount", value));
        }
        let confirmed_height = r.u32("height")?;
        let identity = read_key(&mut r, "identity")?;
        let valid_below = r.u32("end")?;
        let signature = Signature::from_slice(r.slice("signature", 64)?)
            .map_err(|e| DecodeError::invalid("signature", e))?;
        r.finish()?;
        Ok(Certificate {
            claim: Claim {
                script,
                outpoint,
                value,
                confirmed_height,
                identity,
            },
            valid_below,
            signature,
        })
    }
}

fn read_key(r: &mut Reader<'_>, field: &'static str) -> Result<XOnlyPublicKey, DecodeError> {
    XOnlyPublicKey::from_slice(r.slice(field, 32)?).map_err(|e| DecodeError::invalid(field, e))
}

fn read_script(r: &mut Reader<'_>) -> Result<BondScript, DecodeError> {
    let form = r.u8("form")?;
    let lock =
        |r: &mut Reader<'_>| Lock::new(r.u32("lock")?).map_err(|e| DecodeError::invalid("lock", e));
    match form {
        BIP46 => {
            let key = PublicKey::from_slice(r.slice("bond key", 33)?)
                .map_err(|e| DecodeError::invalid("bond key", e))?;
            let lock = lock(r)?;
            BondScript::bip46(key, lock).map_err(|e| DecodeError::invalid("lock", e))
        }
        TAPROOT | TAPROOT_WITH_INTERNAL => {
            let internal = match form {
                TAPROOT => None,
                _ => Some(read_key(r, "internal key")?),
            };
            Ok(BondScript::Taproot {
                internal,
                owner: read_key(r, "bond key")?,
                lock: lock(r)?,
            })
        }
        other => Err(DecodeError::invalid("form", other)),
    }
}

fn statement(claim: &Claim, valid_below: u32) -> Vec<u8> {
    let mut w = Writer::new(KIND);
    match &claim.script {
        BondScript::Bip46 { key, .. } => w.u8(BIP46).fixed(&key.serialize()),
        BondScript::Taproot {
            internal: None,
            owner,
            ..
        } => w.u8(TAPROOT).fixed(&owner.serialize()),
        BondScript::Taproot {
            internal: Some(internal),
            owner,
            ..
        } => w
            .u8(TAPROOT_WITH_INTERNAL)
            .fixed(&internal.serialize())
            .fixed(&owner.serialize()),
    };
    w.u32(claim.script.lock().to_consensus())
        .fixed(claim.outpoint.txid.as_byte_array())
        .u32(claim.outpoint.vout)
        .u64(claim.value.to_sat())
        .u32(claim.confirmed_height)
        .fixed(&claim.identity.serialize())
        .u32(valid_below)
        .finish()
}

fn digest(claim: &Claim, valid_below: u32) -> [u8; 32] {
    tagged_hash_parts(
        "narthex/bond-certificate",
        &[&statement(claim, valid_below)],
    )
}
