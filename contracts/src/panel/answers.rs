//! Arbiters' answers to a draw, and the sets of them that parties show each other.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Message, Secp256k1, Signing, Verification, schnorr},
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;

use crate::role::Role;

/// Most answers that one party may show: no draw asks so many arbiters.
pub const MAX_ANSWERS: usize = 4096;

const WILLING: Kind = kinds::WILLINGNESS;
const ANSWERS: Kind = kinds::ANSWERS;

/// An arbiter's signed word that it takes a seat in this draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Willingness {
    /// Who answers.
    pub identity: XOnlyPublicKey,
    /// BIP340 signature by the identity key on the draw.
    pub signature: schnorr::Signature,
}

impl Willingness {
    /// Accepts a seat. `draw` is [`Order::id`](super::Order::id): an answer to one draw is none to another, not
    /// even to another draw of the same contract.
    pub fn sign<C: Signing>(
        secp: &Secp256k1<C>,
        identity: &Keypair,
        draw: &[u8; 32],
    ) -> Willingness {
        let key = identity.x_only_public_key().0;
        Willingness {
            identity: key,
            signature: secp.sign_schnorr_no_aux_rand(&message(draw, &key), identity),
        }
    }

    /// Whether the identity signed this draw.
    pub fn verify<C: Verification>(&self, secp: &Secp256k1<C>, draw: &[u8; 32]) -> bool {
        secp.verify_schnorr(
            &self.signature,
            &message(draw, &self.identity),
            &self.identity,
        )
        .is_ok()
    }

    /// As bytes: kind (4), identity (32), signature (64).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(WILLING);
        self.write(&mut w);
        w.finish()
    }

    /// From bytes; says nothing yet about validity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Willingness, DecodeError> {
        let mut r = Reader::new(WILLING, bytes)?;
        let answer = Willingness::read(&mut r)?;
        r.finish()?;
        Ok(answer)
    }

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.identity.serialize())
            .fixed(&self.signature.serialize());
    }

    fn read(r: &mut Reader<'_>) -> Result<Willingness, DecodeError> {
        Ok(Willingness {
            identity: XOnlyPublicKey::from_slice(r.slice("identity", 32)?)
                .map_err(|e| DecodeError::invalid("identity", e))?,
            signature: schnorr::Signature::from_slice(r.slice("signature", 64)?)
                .map_err(|e| DecodeError::invalid("signature", e))?,
        })
    }
}

fn message(draw: &[u8; 32], identity: &XOnlyPublicKey) -> Message {
    Message::from_digest(tagged_hash_parts(
        "narthex/panel-willing",
        &[draw, &identity.serialize()],
    ))
}

/// All answers that one party shows the two others. Their order does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSet {
    /// Client, worker or verifier.
    pub by: Role,
    /// Answers that it collected.
    pub answers: Vec<Willingness>,
}

impl AnswerSet {
    /// As bytes, 96 per answer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(ANSWERS);
        w.u8(self.by.index() as u8).u32(self.answers.len() as u32);
        for answer in &self.answers {
            answer.write(&mut w);
        }
        w.finish()
    }

    /// From bytes; says nothing yet about the signatures.
    pub fn from_bytes(bytes: &[u8]) -> Result<AnswerSet, DecodeError> {
        let mut r = Reader::new(ANSWERS, bytes)?;
        let by = r.u8("party")?;
        let by = Role::PRINCIPALS
            .get(usize::from(by))
            .copied()
            .ok_or_else(|| DecodeError::invalid("party", by))?;
        let count = r.count("answers", 96)?;
        if count > MAX_ANSWERS {
            return Err(DecodeError::invalid("answers", count));
        }
        let answers = (0..count)
            .map(|_| Willingness::read(&mut r))
            .collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(AnswerSet { by, answers })
    }
}
