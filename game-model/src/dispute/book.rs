//! What a party has signed, written down before it is sent.

use secp256k1::Keypair;

use super::entry::{Move, Side, SignedMove};
use super::machine::{Dispute, Duty};

/// The moves that one party has signed in one dispute: at most one after each predecessor, so that
/// whoever signs through it is never convicted of two. Nothing else signs moves.
///
/// **What a book signs must be durable before it leaves**: a party that sent a move and forgot it would sign
/// another one after a restart. So [`Self::sign`] hands a move out only after `keep` has written it down, and
/// [`Self::moves`] holds no other. After a restart the book is made again from what was kept
/// ([`Self::restore`]); a party makes a new one ([`Self::new`]) once in the life of a dispute. It
/// can't be copied, since two books don't know of each other:
///
/// ```
/// fn copied<T: Clone>() {}
/// copied::<narthex_game_model::dispute::SignedMove>();
/// ```
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_game_model::dispute::MoveBook>();
/// ```
///
/// A move in it stays valid whatever happens to the chain: on a branch that lacks it, it is sent
/// again; on a branch where the other side moved differently, another one is signed, and after the
/// next reorganisation either may be the one that counts.
#[derive(Debug, PartialEq, Eq)]
pub struct MoveBook {
    dispute: [u8; 32],
    moves: Vec<SignedMove>,
    /// Signed, but perhaps not kept: nobody else has seen these, and nothing else is signed in their place.
    unkept: Vec<SignedMove>,
}

impl MoveBook {
    /// An empty book of a party to this dispute, which has not signed anything in it yet.
    pub const fn new(dispute: &Dispute) -> Self {
        Self {
            dispute: *dispute.id(),
            moves: Vec::new(),
            unkept: Vec::new(),
        }
    }

    /// The book as it was, from everything that was kept, in any order. The same move may come twice: it was kept
    /// again by a party that did not know whether it had been.
    ///
    /// # Errors
    /// [`BookError::NotOurs`] for a move that neither side signed for this dispute, and
    /// [`BookError::TwoMoves`] for two that follow one: what was kept is damaged, or not of one book. Nothing is
    /// signed from such.
    pub fn restore(
        dispute: &Dispute,
        kept: impl IntoIterator<Item = SignedMove>,
    ) -> Result<Self, BookError> {
        let mut book = Self::new(dispute);
        for signed in kept {
            let number = signed.number;
            let key = dispute.terms().key(Side::of(number));
            if !signed.is_signed_by(&book.dispute, key) {
                return Err(BookError::NotOurs { number });
            }
            match at(&book.moves, (number, signed.previous)) {
                None => book.moves.push(signed),
                Some(known) if known.action == signed.action => {}
                Some(_) => return Err(BookError::TwoMoves { number }),
            }
        }
        Ok(book)
    }

    /// Every move that was signed and kept, on whatever branch. All of them may be sent at any time.
    pub fn moves(&self) -> &[SignedMove] {
        &self.moves
    }

    /// The move that was signed and kept where the dispute stands.
    pub fn written(&self, dispute: &Dispute) -> Option<&SignedMove> {
        at(&self.moves, dispute.place())
    }

    /// The move that is due: the one signed before, whatever `action` is, or else `action`, signed now. `keep` writes
    /// it down durably ([`SignedMove::to_bytes`]) and is asked only for a move that it has not confirmed yet. `aux` is
    /// auxiliary randomness (BIP340), which may be zero.
    ///
    /// # Errors
    /// [`BookError`]; nothing may be sent. After [`BookError::NotKept`] the same move comes again, and is kept again:
    /// it may have been written or not.
    pub fn sign(
        &mut self,
        keypair: &Keypair,
        dispute: &Dispute,
        action: Move,
        aux: &[u8; 32],
        keep: impl FnOnce(&SignedMove) -> Result<(), String>,
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
        let place = dispute.place();
        let signed = match at(&self.unkept, place) {
            Some(signed) => signed.clone(),
            None => {
                let signed = SignedMove::sign(keypair, &self.dispute, place, action, aux);
                self.unkept.push(signed.clone());
                signed
            }
        };
        keep(&signed).map_err(|why| BookError::NotKept { number, why })?;
        self.unkept
            .retain(|other| (other.number, other.previous) != place);
        self.moves.push(signed.clone());
        Ok(signed)
    }
}

fn at(moves: &[SignedMove], place: (u32, [u8; 32])) -> Option<&SignedMove> {
    let is_there = |signed: &&SignedMove| (signed.number, signed.previous) == place;
    moves.iter().find(is_there)
}

/// Why a book signs no move, or is none. Whoever asked is at fault, but for [`BookError::NotKept`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// It could not be written down, or perhaps it could. The fault of this machine.
    #[error("move {number} could not be written down, so it is not sent: {why}")]
    NotKept {
        /// Number of the move.
        number: u32,
        /// What whoever keeps moves says.
        why: String,
    },
    /// What was kept holds a move that was not signed for this dispute.
    #[error("move {number} in what was kept is not signed for this dispute")]
    NotOurs {
        /// Number of the move.
        number: u32,
    },
    /// What was kept holds two moves after one predecessor: signed by two books, and enough to lose the dispute.
    #[error("what was kept has two moves of number {number} after one predecessor; send neither")]
    TwoMoves {
        /// Number of both moves.
        number: u32,
    },
}
