//! What a party has signed, written down.

use secp256k1::Keypair;
use serde::{Deserialize, Serialize};

use super::entry::{Move, Side, SignedMove};
use super::machine::{Dispute, Duty};

/// The moves that one party has signed in one dispute: at most one after each predecessor, so that
/// whoever signs through it is never convicted of two.
///
/// It is written down before a move is sent. A move in it stays valid whatever happens to the chain:
/// on a branch that lacks it, it is sent again; on a branch where the other side moved differently,
/// another one is signed, and after the next reorganisation either may be the one that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveBook {
    #[serde(with = "narthex_base::hex::array")]
    dispute: [u8; 32],
    moves: Vec<SignedMove>,
}

impl MoveBook {
    /// An empty book of a party to this dispute.
    pub const fn new(dispute: &Dispute) -> Self {
        Self {
            dispute: *dispute.id(),
            moves: Vec::new(),
        }
    }

    /// Every move signed, on whatever branch. All of them may be sent at any time.
    pub fn moves(&self) -> &[SignedMove] {
        &self.moves
    }

    /// The move that was signed where the dispute stands.
    pub fn written(&self, dispute: &Dispute) -> Option<&SignedMove> {
        let place = dispute.place();
        let is_here = |signed: &&SignedMove| (signed.number, signed.previous) == place;
        self.moves.iter().find(is_here)
    }

    /// The move that is due: the one written down, whatever `action` is, or else `action`, signed and
    /// added. `aux` is auxiliary randomness (BIP340), which may be zero.
    ///
    /// # Errors
    /// [`BookError`]; nothing is signed.
    pub fn sign(
        &mut self,
        keypair: &Keypair,
        dispute: &Dispute,
        action: Move,
        aux: &[u8; 32],
    ) -> Result<SignedMove, BookError> {
        if self.dispute != *dispute.id() {
            return Err(BookError::OtherDispute);
        }
        let Duty::Move { side, number, .. } = dispute.duty() else {
            return Err(BookError::Ended);
        };
        if keypair.x_only_public_key().0 != *dispute.terms().key(side) {
            return Err(BookError::OtherTurn { side, number });
        }
        if let Some(written) = self.written(dispute) {
            return Ok(written.clone());
        }
        let signed = SignedMove::sign(keypair, &self.dispute, dispute.place(), action, aux);
        self.moves.push(signed.clone());
        Ok(signed)
    }
}

/// Why a book signs no move. Whoever asked is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The book is of another dispute.
    #[error("the book of signed moves is of another dispute")]
    OtherDispute,
    /// Nobody is to move.
    #[error("the dispute has ended")]
    Ended,
    /// The key is not that of the side whose turn it is.
    #[error("move {number} is for the {side} to make, with its own key")]
    OtherTurn {
        /// Whose turn it is.
        side: Side,
        /// Number of the move.
        number: u32,
    },
}
