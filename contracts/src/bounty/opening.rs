//! The seal, by which the requester closes an envelope for layers, and the openings, by which relays say what they
//! committed to.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{SecretKey, schnorr},
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::{BountyError, BountyTerms, Envelope, commitment, stamp};
use crate::setup::Agreement;

const SEAL_KIND: Kind = kinds::BOUNTY_SEAL;
const SEAL: &str = "narthex/bounty-seal";
const OPENING_KIND: Kind = kinds::BOUNTY_OPENING;
const OPENING: &str = "narthex/bounty-opening";

/// No layer is added any more: the requester's signature over the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// What is sealed.
    pub envelope: Envelope,
    /// By the requester's key of the call.
    pub signature: schnorr::Signature,
}

impl Seal {
    pub(super) fn new(envelope: Envelope, key: &SecretKey) -> Seal {
        let signature = stamp::sign(key, SEAL, &[envelope.hash().as_byte_array()]);
        Seal {
            envelope,
            signature,
        }
    }

    /// Checks the envelope and the requester's signature.
    pub fn verify(&self, terms: &BountyTerms) -> Result<(), BountyError> {
        self.envelope.verify(terms)?;
        let hash = self.envelope.hash();
        let key = &terms.record().call.requester;
        match stamp::verify(key, SEAL, &[hash.as_byte_array()], &self.signature) {
            true => Ok(()),
            false => Err(BountyError::Requester {
                problem: "did not sign this seal",
            }),
        }
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(SEAL_KIND);
        w.bytes(&self.envelope.to_bytes())
            .fixed(self.signature.as_ref())
            .finish()
    }

    /// From bytes; [`Seal::verify`] checks what it says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Seal, DecodeError> {
        let mut r = Reader::new(SEAL_KIND, bytes)?;
        let length = r.count("envelope", 1)?;
        let envelope = Envelope::from_bytes(r.slice("envelope", length)?)?;
        let signature = stamp::read(&mut r)?;
        r.finish()?;
        Ok(Seal {
            envelope,
            signature,
        })
    }
}

/// A relay says what its layer commits to. Signed for one sealed envelope: it counts in no other.
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
    /// By the relay's identity.
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
        let parts: [&[u8]; 5] = [terms.id(), &[seat], envelope.as_byte_array(), &root, &salt];
        Opening {
            terms: *terms.id(),
            seat,
            envelope,
            root,
            salt,
            signature: stamp::sign(identity, OPENING, &parts),
        }
    }

    /// Whether the relay signed it for this envelope and its layer commits to it. The relay's fault if not.
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
        let parts: [&[u8]; 5] = [
            &self.terms,
            &[seat],
            hash.as_byte_array(),
            &self.root,
            &self.salt,
        ];
        if !stamp::verify(&identity, OPENING, &parts, &self.signature) {
            return bad("is not signed by its relay");
        }
        let committed = commitment(terms, seat, &self.root, &self.salt)?;
        match envelope.layer(seat) {
            None => bad("is of a relay without a layer"),
            Some(layer) if layer.commitment != committed => bad("is not what the layer commits to"),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms)
            .u8(self.seat)
            .fixed(self.envelope.as_byte_array())
            .fixed(&self.root)
            .fixed(&self.salt)
            .fixed(self.signature.as_ref());
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Opening, DecodeError> {
        Ok(Opening {
            terms: r.array("terms")?,
            seat: r.u8("seat")?,
            envelope: sha256::Hash::from_byte_array(r.array("envelope")?),
            root: r.array("root")?,
            salt: r.array("salt")?,
            signature: stamp::read(r)?,
        })
    }

    /// Bytes of one in a message.
    pub(super) const BYTES: usize = 32 + 1 + 32 + 32 + 32 + 64;

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(OPENING_KIND);
        self.write(&mut w);
        w.finish()
    }

    /// From bytes; [`Opening::verify`] checks what it says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Opening, DecodeError> {
        let mut r = Reader::new(OPENING_KIND, bytes)?;
        let opening = Opening::read(&mut r)?;
        r.finish()?;
        Ok(opening)
    }
}
