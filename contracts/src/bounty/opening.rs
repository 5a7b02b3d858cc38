//! The seal, by which the requester closes an envelope for layers, and the openings, by which recomputers say what they
//! committed to.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{SecretKey, schnorr},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

use super::{BountyError, BountyTerms, Envelope, commitment};
use crate::setup::Agreement;

/// No layer is added any more: the requester's signature over the envelope. [`Seal::verify`] checks what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// What is sealed.
    pub envelope: Envelope,
    /// By the requester's key of the call.
    pub signature: schnorr::Signature,
}

impl Seal {
    pub(super) fn new(envelope: Envelope, key: &SecretKey) -> Seal {
        let signature = statement::sign_by(&sealing(&envelope), key);
        Seal {
            envelope,
            signature,
        }
    }

    /// Checks the envelope and the requester's signature.
    pub fn verify(&self, terms: &BountyTerms) -> Result<(), BountyError> {
        self.envelope.verify(terms)?;
        let requester = &terms.record().call.requester;
        let problem = "did not sign this seal";
        statement::verify(&sealing(&self.envelope), &self.signature, requester)
            .map_err(|_| BountyError::Requester { problem })
    }
}

impl Message for Seal {
    const KIND: Kind = kinds::BOUNTY_SEAL;

    fn write(&self, w: &mut Writer) {
        w.message(&self.envelope).signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Seal, DecodeError> {
        Ok(Seal {
            envelope: r.message("envelope")?,
            signature: r.signature("signature")?,
        })
    }
}

/// A recomputer says what its layer commits to. Signed for one sealed envelope: it counts in no other. [`Opening::verify`]
/// checks what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Which bounty.
    pub terms: [u8; 32],
    /// Whose.
    pub seat: u8,
    /// Hash of the sealed envelope.
    pub envelope: sha256::Hash,
    /// Commitment to the result ([`BountyTerms::root`]).
    pub root: [u8; 32],
    /// What hid it.
    pub salt: [u8; 32],
    /// By the recomputer's identity.
    pub signature: schnorr::Signature,
}

impl Opening {
    pub(super) fn new(
        terms: &BountyTerms,
        seat: u8,
        envelope: sha256::Hash,
        (root, salt): ([u8; 32], [u8; 32]),
        identity: &SecretKey,
    ) -> Opening {
        let terms = *terms.id();
        let digest = opening(&terms, seat, envelope, (&root, &salt));
        Opening {
            terms,
            seat,
            envelope,
            root,
            salt,
            signature: statement::sign_by(&digest, identity),
        }
    }

    /// Whether the recomputer signed it for this envelope and its layer commits to it. The recomputer's fault if not.
    pub fn verify(&self, terms: &BountyTerms, envelope: &Envelope) -> Result<(), BountyError> {
        let (seat, hash) = (self.seat, envelope.hash());
        let bad = |problem| Err(BountyError::Opening { seat, problem });
        if self.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let identity = terms.identity(seat)?;
        if self.envelope != hash {
            return bad("is of another envelope");
        }
        let digest = opening(&self.terms, seat, hash, (&self.root, &self.salt));
        if statement::verify(&digest, &self.signature, &identity).is_err() {
            return bad("is not signed by its recomputer");
        }
        let committed = commitment(terms, seat, &self.root, &self.salt)?;
        match envelope.layer(seat) {
            None => bad("is of a recomputer without a layer"),
            Some(layer) if layer.commitment != committed => bad("is not what the layer commits to"),
            Some(_) => Ok(()),
        }
    }

    /// Bytes of one in a message.
    pub(super) const BYTES: usize = 32 + 1 + 32 + 32 + 32 + 64;
}

impl Message for Opening {
    const KIND: Kind = kinds::BOUNTY_OPENING;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.seat)
            .fixed(self.envelope.as_byte_array())
            .fixed(&self.root)
            .fixed(&self.salt)
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Opening, DecodeError> {
        Ok(Opening {
            terms: r.array("terms")?,
            seat: r.u8("seat")?,
            envelope: sha256::Hash::from_byte_array(r.array("envelope")?),
            root: r.array("root")?,
            salt: r.array("salt")?,
            signature: r.signature("signature")?,
        })
    }
}

/// What the requester signs to seal.
fn sealing(envelope: &Envelope) -> [u8; 32] {
    tagged_hash_parts("narthex/bounty-seal", &[envelope.hash().as_byte_array()])
}

/// What a recomputer signs to open its layer.
fn opening(
    terms: &[u8; 32],
    seat: u8,
    envelope: sha256::Hash,
    (root, salt): (&[u8; 32], &[u8; 32]),
) -> [u8; 32] {
    let parts: [&[u8]; 5] = [terms, &[seat], envelope.as_byte_array(), root, salt];
    tagged_hash_parts("narthex/bounty-opening", &parts)
}
