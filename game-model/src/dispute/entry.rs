//! Moves, their signatures, and the entries of a transcript.

use narthex_base::{codec::Writer, statement};
use secp256k1::{Keypair, XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};

use super::codec;
use crate::commitment::Multiproof;
use crate::tagged::TaggedHasher;

/// A party to a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Defends the digest it committed to.
    Worker,
    /// Disputes it: the verifier, or whoever has a bond on it.
    Challenger,
}

impl Side {
    /// Who makes move `number`: the sides alternate, and the worker begins.
    pub const fn of(number: u32) -> Self {
        if number.is_multiple_of(2) {
            Self::Worker
        } else {
            Self::Challenger
        }
    }

    /// The other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Worker => Self::Challenger,
            Self::Challenger => Self::Worker,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Worker => "worker",
            Self::Challenger => "challenger",
        })
    }
}

/// What a party does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Move {
    /// The worker claims the states at the cuts of the interval.
    Post {
        /// Digests in the order of [`super::Interval::cuts`].
        #[serde(with = "narthex_base::hex::list")]
        digests: Vec<[u8; 32]>,
    },
    /// The challenger names the first part whose end it does not share.
    Choose {
        /// Number of the part, from 0.
        part: u32,
    },
    /// The worker shows the agreed point before the last transition.
    Reveal(Reveal),
}

/// What the agreed point is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reveal {
    /// Point 0.
    Record {
        /// The step's input record.
        #[serde(with = "narthex_base::hex")]
        record: Vec<u8>,
        /// Proof that it is the job's.
        proof: Multiproof,
    },
    /// A live state.
    State {
        /// Its bytes.
        #[serde(with = "narthex_base::hex")]
        state: Vec<u8>,
    },
    /// The step had failed before.
    Failed,
}

impl Move {
    /// What kind of move this is, for humans.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Post { .. } => "post",
            Self::Choose { .. } => "choice",
            Self::Reveal(_) => "reveal",
        }
    }
}

/// A move with its place in the dispute, signed by the side whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedMove {
    /// Number of the move, from 0.
    pub number: u32,
    /// What the move before signed ([`Self::message`]); of the first move, the dispute's identity.
    /// It covers all moves before, and nothing that a reorganisation can change.
    #[serde(with = "narthex_base::hex::array")]
    pub previous: [u8; 32],
    /// The move.
    #[serde(rename = "move")]
    pub action: Move,
    /// BIP340 signature over [`Self::message`] by the key of [`Side::of`] the number.
    pub signature: schnorr::Signature,
}

impl SignedMove {
    /// Signs a move. An honest party signs one move after each predecessor in its life, so
    /// [`super::MoveBook`] alone signs.
    pub(super) fn sign(
        keypair: &Keypair,
        dispute: &[u8; 32],
        (number, previous): (u32, [u8; 32]),
        action: Move,
        aux: &[u8; 32],
    ) -> Self {
        let digest = message(dispute, number, &previous, &action);
        Self {
            number,
            previous,
            action,
            signature: statement::sign_with(&digest, keypair, aux),
        }
    }

    /// The hash that is signed: tagged `narthex/dispute-move`, over the dispute's identity, number,
    /// predecessor and the move's canonical bytes. The next move names it as its predecessor;
    /// signatures are left out, since BIP340 allows many for one message.
    pub fn message(&self, dispute: &[u8; 32]) -> [u8; 32] {
        message(dispute, self.number, &self.previous, &self.action)
    }

    /// Whether `key` signed this move for this dispute.
    pub fn is_signed_by(&self, dispute: &[u8; 32], key: &XOnlyPublicKey) -> bool {
        statement::verify(&self.message(dispute), &self.signature, key).is_ok()
    }

    /// Size in a transcript, in bytes.
    pub fn encoded_bytes(&self) -> usize {
        self.to_bytes().len()
    }
}

fn message(dispute: &[u8; 32], number: u32, previous: &[u8; 32], action: &Move) -> [u8; 32] {
    let mut w = Writer::default();
    codec::write_move(&mut w, action);
    TaggedHasher::new("narthex/dispute-move")
        .fixed(dispute)
        .number(u64::from(number))
        .fixed(previous)
        .sized(&w.finish())
        .finish()
}

/// Two moves by one signer after the same predecessor: proof that it plays two games at once.
///
/// Moves after different predecessors prove nothing. A side that plays two games makes the other
/// one answer both, and a reorganisation may put now this one on record and now that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// One.
    pub first: SignedMove,
    /// The other.
    pub second: SignedMove,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A party moved.
    Moved(SignedMove),
    /// Somebody showed that a party had moved twice.
    Equivocated(Equivocation),
}

/// An event with its date: the height of the block that records it.
///
/// Dates are signed by nobody. They are read from the chain, and they change with it until they are
/// [`super::DisputeTerms::date_depth`] blocks deep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Height in blocks.
    pub height: u32,
    /// What was recorded.
    pub event: Event,
}

impl Event {
    /// Whether two events say the same, whatever their signatures.
    pub(super) fn says_the_same(&self, other: &Self, dispute: &[u8; 32]) -> bool {
        let said =
            |one: &SignedMove, other: &SignedMove| one.message(dispute) == other.message(dispute);
        match (self, other) {
            (Self::Moved(one), Self::Moved(other)) => said(one, other),
            (Self::Equivocated(one), Self::Equivocated(other)) => {
                said(&one.first, &other.first) && said(&one.second, &other.second)
            }
            _ => false,
        }
    }
}
