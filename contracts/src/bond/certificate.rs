//! The proof that a bond stands for an identity.

use bitcoin::{
    Amount,
    secp256k1::{Keypair, Secp256k1, Signing, Verification, schnorr::Signature},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

use super::{BlockTime, BondFault, BondScript, Claim, Lock, Locked, Sighting};
use crate::wire::{ReadOutPoint, WriteOutPoint};

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
        Ok(Certificate {
            claim,
            valid_below,
            // BIP340's nonce is safe without further randomness, which this crate does not draw.
            signature: statement::sign_in(secp, &digest(&claim, valid_below), key),
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
        let digest = digest(&self.claim, self.valid_below);
        statement::verify_in(secp, &digest, &self.signature, &owner)
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
        tip: BlockTime,
        depth_wanted: u32,
    ) -> Result<Locked, BondFault> {
        self.check_signature(secp, tip.height)?;
        self.claim.check(seen, tip, depth_wanted)
    }
}

impl Message for Certificate {
    const KIND: Kind = kinds::BOND_CERTIFICATE;

    /// The claim, the end, and 64 bytes of signature, which is not checked when it is read.
    fn write(&self, w: &mut Writer) {
        write_body(w, &self.claim, self.valid_below);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Certificate, DecodeError> {
        let script = read_script(r)?;
        let outpoint = r.outpoint(["transaction", "output"])?;
        let value = r.amount("amount")?;
        if value > Amount::MAX_MONEY {
            return Err(DecodeError::invalid("amount", value));
        }
        Ok(Certificate {
            claim: Claim {
                script,
                outpoint,
                value,
                confirmed_height: r.u32("height")?,
                identity: r.key("identity")?,
            },
            valid_below: r.u32("end")?,
            signature: r.signature("signature")?,
        })
    }
}

fn read_script(r: &mut Reader<'_>) -> Result<BondScript, DecodeError> {
    let form = r.u8("form")?;
    let lock =
        |r: &mut Reader<'_>| Lock::new(r.u32("lock")?).map_err(|e| DecodeError::invalid("lock", e));
    match form {
        BIP46 => {
            let key = r.point("bond key")?;
            let lock = lock(r)?;
            BondScript::bip46(key, lock).map_err(|e| DecodeError::invalid("lock", e))
        }
        TAPROOT | TAPROOT_WITH_INTERNAL => {
            let internal = match form {
                TAPROOT => None,
                _ => Some(r.key("internal key")?),
            };
            Ok(BondScript::Taproot {
                internal,
                owner: r.key("bond key")?,
                lock: lock(r)?,
            })
        }
        other => Err(DecodeError::invalid("form", other)),
    }
}

fn write_body(w: &mut Writer, claim: &Claim, valid_below: u32) {
    match &claim.script {
        BondScript::Bip46 { key, .. } => w.u8(BIP46).point(key),
        BondScript::Taproot {
            internal: None,
            owner,
            ..
        } => w.u8(TAPROOT).key(owner),
        BondScript::Taproot {
            internal: Some(internal),
            owner,
            ..
        } => w.u8(TAPROOT_WITH_INTERNAL).key(internal).key(owner),
    };
    w.u32(claim.script.lock().to_consensus())
        .outpoint(&claim.outpoint)
        .amount(claim.value)
        .u32(claim.confirmed_height)
        .key(&claim.identity)
        .u32(valid_below);
}

/// What the bond's key signs: the message without the signature.
fn digest(claim: &Claim, valid_below: u32) -> [u8; 32] {
    let mut w = Writer::new(Certificate::KIND);
    write_body(&mut w, claim, valid_below);
    tagged_hash_parts("narthex/bond-certificate", &[&w.finish()])
}
