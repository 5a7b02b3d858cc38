//! What changes hands between closing and settlement: the result, encrypted to the sum of the set's secrets; the
//! requester's signature; the secrets themselves.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey, schnorr},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::market::LayerSet;

use super::{BountyError, BountyTerms, RecomputerSeed, settlement};
use crate::{
    builder::{BuilderError, Task},
    graph::TxGraph,
    musig::AdaptorSignature,
    seal::Sealed,
    setup::Agreement,
};

/// Largest result in bytes; larger ones go another way, encrypted under a key that is delivered here.
pub const MAX_RESULT_BYTES: usize = 1 << 20;

/// A member's result for the requester, to be read with what the settlement of the set reveals.
///
/// Every member of the set gets it too: none can be left out as if it had sent nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which bounty.
    pub terms: [u8; 32],
    /// Whose.
    pub seat: u8,
    /// Whose settlement reveals the key.
    pub set: LayerSet,
    /// The result, encrypted.
    pub sealed: Sealed,
    /// By the recomputer's identity.
    pub signature: schnorr::Signature,
}

impl Delivery {
    pub(super) fn new(
        terms: &BountyTerms,
        (seat, set): (u8, LayerSet),
        seed: &RecomputerSeed,
        result: &[u8],
        identity: &SecretKey,
    ) -> Result<Delivery, BountyError> {
        let context = context(terms, seat, set);
        let ephemeral = &seed.ephemeral(&context, result)?;
        let point = terms.point_of(set)?.to_public_key();
        let point = point.map_err(BuilderError::from)?;
        let bytes = result.len();
        let too_large = BountyError::Result { bytes };
        if bytes > MAX_RESULT_BYTES {
            return Err(too_large);
        }
        let sealed = Sealed::with(ephemeral, &point, &context, result).map_err(|_| too_large)?;
        let digest = digest(&context, &sealed);
        Ok(Delivery {
            terms: *terms.id(),
            seat,
            set,
            sealed,
            signature: statement::sign_by(&digest, identity),
        })
    }

    /// Whether its recomputer signed it. What is inside is seen when it is paid for.
    pub fn verify(&self, terms: &BountyTerms) -> Result<(), BountyError> {
        let seat = self.seat;
        let bad = |problem| Err(BountyError::Delivery { seat, problem });
        if self.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let identity = terms.identity(seat)?;
        if !self.set.contains(seat.into()) || terms.point(seat, self.set).is_none() {
            return bad("is for a set that it is not in");
        }
        let digest = digest(&context(terms, seat, self.set), &self.sealed);
        statement::verify(&digest, &self.signature, &identity)
            .or_else(|_| bad("is not signed by its recomputer"))
    }

    /// The result inside, read with the sum of the set's secrets. An error convicts the recomputer, which signed it.
    pub fn open(&self, terms: &BountyTerms, sum: &SecretKey) -> Result<Vec<u8>, BountyError> {
        let (seat, context) = (self.seat, context(terms, self.seat, self.set));
        let problem = "does not decrypt";
        let opened = self.sealed.open(sum, &context);
        let opened = opened.ok_or(BountyError::Delivery { seat, problem })?;
        Ok(opened.to_vec())
    }
}

impl Message for Delivery {
    const KIND: Kind = kinds::BOUNTY_DELIVERY;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms).u8(self.seat).u8(self.set.mask());
        self.sealed.write(w);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Delivery, DecodeError> {
        Ok(Delivery {
            terms: r.array("terms")?,
            seat: r.u8("seat")?,
            set: read_set(r)?,
            sealed: Sealed::read(r, "result", MAX_RESULT_BYTES)?,
            signature: r.signature("signature")?,
        })
    }
}

fn context(terms: &BountyTerms, seat: u8, set: LayerSet) -> [u8; 32] {
    let parts: [&[u8]; 2] = [terms.id(), &[seat, set.mask()]];
    tagged_hash_parts("narthex/bounty-delivery-context", &parts)
}

/// What a recomputer signs: what it is, and what is sealed.
fn digest(context: &[u8; 32], sealed: &Sealed) -> [u8; 32] {
    let ciphertext = sha256::Hash::hash(&sealed.ciphertext);
    let ephemeral = sealed.ephemeral.serialize();
    let parts: [&[u8]; 3] = [context, &ephemeral, ciphertext.as_byte_array()];
    tagged_hash_parts("narthex/bounty-delivery", &parts)
}

fn read_set(r: &mut Reader<'_>) -> Result<LayerSet, DecodeError> {
    let mask = r.u8("set")?;
    LayerSet::new(mask).ok_or_else(|| DecodeError::invalid("set", mask))
}

/// The requester's consent to a settlement: the signature of all, still under the point of the set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Which bounty.
    pub terms: [u8; 32],
    /// Who is paid.
    pub set: LayerSet,
    /// Becomes a signature with the sum of the set's secrets, and reveals this sum.
    pub signature: AdaptorSignature,
}

// With the settlement's signature it gives the sum of the secrets: logs do not show it.
impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}

impl Grant {
    /// Whether the secrets of the set, and nothing else, complete it. The requester's fault if not.
    pub fn verify(&self, terms: &BountyTerms, graph: &TxGraph) -> Result<(), BountyError> {
        if self.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let task = Task::new(graph, settlement(terms, self.set)?, 0)?;
        let point = terms.point_of(self.set)?;
        let verified = task.verify(&self.signature, Some(&point));
        verified.map_err(|_| BountyError::Requester {
            problem: "grants by a signature that does not verify",
        })
    }
}

impl Message for Grant {
    const KIND: Kind = kinds::BOUNTY_GRANT;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.set.mask())
            .fixed(&self.signature.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Grant, DecodeError> {
        Ok(Grant {
            terms: r.array("terms")?,
            set: read_set(r)?,
            signature: AdaptorSignature(r.array("signature")?),
        })
    }
}

/// A recomputer's secret for one set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which bounty.
    pub terms: [u8; 32],
    /// Whose.
    pub seat: u8,
    /// For which settlement; the empty set gives everything back.
    pub set: LayerSet,
    /// The secret.
    pub secret: SecretKey,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Share")
            .field("seat", &self.seat)
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}

impl Share {
    /// Whether it is the secret of the recomputer's point. The recomputer's fault if not.
    pub fn verify(&self, terms: &BountyTerms) -> Result<(), BountyError> {
        if self.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &self.secret);
        match terms.point(self.seat, self.set) == Some(point) {
            true => Ok(()),
            false => Err(BountyError::Share { seat: self.seat }),
        }
    }
}

impl Message for Share {
    const KIND: Kind = kinds::BOUNTY_SHARE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.seat)
            .u8(self.set.mask())
            .scalar(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Share, DecodeError> {
        Ok(Share {
            terms: r.array("terms")?,
            seat: r.u8("seat")?,
            set: read_set(r)?,
            secret: r.scalar("secret")?,
        })
    }
}
