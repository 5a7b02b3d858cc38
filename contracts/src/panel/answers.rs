//! Arbiters' answers to a draw, and the sets of them that parties show each other.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, Signing, Verification, schnorr},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

use crate::terms::Role;

/// Most answers that one party may show: no draw asks so many arbiters.
pub const MAX_ANSWERS: usize = 4096;

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
            signature: statement::sign_in(secp, &digest(draw, &key), identity),
        }
    }

    /// Whether the identity signed this draw.
    pub fn verify<C: Verification>(&self, secp: &Secp256k1<C>, draw: &[u8; 32]) -> bool {
        let digest = digest(draw, &self.identity);
        statement::verify_in(secp, &digest, &self.signature, &self.identity).is_ok()
    }
}

impl Message for Willingness {
    const KIND: Kind = kinds::WILLINGNESS;

    /// Identity (32), signature (64).
    fn write(&self, w: &mut Writer) {
        w.key(&self.identity).signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Willingness, DecodeError> {
        Ok(Willingness {
            identity: r.key("identity")?,
            signature: r.signature("signature")?,
        })
    }
}

/// All answers that one party shows the two others. Their order does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSet {
    /// Client, worker or verifier.
    pub by: Role,
    /// Answers that it collected.
    pub answers: Vec<Willingness>,
}

impl Message for AnswerSet {
    const KIND: Kind = kinds::ANSWERS;

    /// 96 bytes for each answer.
    fn write(&self, w: &mut Writer) {
        w.u8(self.by.index() as u8)
            .list(&self.answers, |w, answer| answer.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<AnswerSet, DecodeError> {
        let by = r.u8("party")?;
        Ok(AnswerSet {
            by: Role::PRINCIPALS
                .get(usize::from(by))
                .copied()
                .ok_or_else(|| DecodeError::invalid("party", by))?,
            answers: r.list_up_to("answers", 96, MAX_ANSWERS, Willingness::read)?,
        })
    }
}

/// What an arbiter signs to take a seat.
fn digest(draw: &[u8; 32], identity: &XOnlyPublicKey) -> [u8; 32] {
    tagged_hash_parts("narthex/panel-willing", &[draw, &identity.serialize()])
}
