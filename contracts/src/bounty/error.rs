//! What can go wrong with a bounty, and by whose fault.

use narthex_base::codec::DecodeError;
use narthex_game_model::market::{LayerSet, SplitError};

use crate::{
    binding::BindError, builder::BuilderError, depth::Shallow, funding::FundingError,
    setup::SetupError, setup::SignaturesError,
};

/// Why a bounty does not go on. The client's role is the requester's here, arbiter i's that of recomputer i + 1; seats
/// count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BountyError {
    /// The terms are not usable. The proposer's fault.
    #[error("terms: {field}: {problem}")]
    Terms {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A recomputer's offer is not usable. That recomputer's fault.
    #[error("the offer for seat {seat} {problem}")]
    Offer {
        /// Which seat.
        seat: u8,
        /// What is wrong.
        problem: &'static str,
    },
    /// No secret follows from the seed. The caller takes another.
    #[error("the seed gives no secret; draw another")]
    Seed,
    /// The terms do not say of this recomputer what it offered, or the identity is not its. The proposer's fault, or the
    /// caller's.
    #[error("the terms do not hold what seat {seat} offered")]
    NotOffered {
        /// Own seat.
        seat: u8,
    },
    /// The contract cannot be built or signed.
    #[error(transparent)]
    Pact(#[from] BuilderError),
    /// The salt is not that of these terms. The caller's fault.
    #[error("the salt is not that of these terms")]
    OtherSalt,
    /// What signs these terms has signed before, or the record of that cannot be written. Nothing was sent.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The ceremony stopped.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The funding transaction cannot be made.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A signature is not held.
    #[error(transparent)]
    ContractSignatures(#[from] SignaturesError),
    /// A message cannot be read. The sender's fault.
    #[error(transparent)]
    Wire(#[from] DecodeError),
    /// The quorum does not fit; terms that were checked have none of these.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The message is of another bounty. The sender's fault.
    #[error("a message of another bounty")]
    Foreign,
    /// There is no such seat. The sender's fault.
    #[error("there is no seat {seat}")]
    Seat {
        /// Which.
        seat: u8,
    },
    /// No settlement pays this set. The sender's fault.
    #[error("no settlement pays just {set}")]
    NoSet {
        /// Which.
        set: LayerSet,
    },
    /// A layer does not hold. The fault of that seat, or of whoever took something off below it.
    #[error("the layer of seat {seat} {problem}")]
    Layer {
        /// Whose.
        seat: u8,
        /// What is wrong.
        problem: &'static str,
    },
    /// An opening does not hold. That recomputer's fault.
    #[error("the opening of seat {seat} {problem}")]
    Opening {
        /// Whose.
        seat: u8,
        /// What is wrong.
        problem: &'static str,
    },
    /// A delivery does not hold. That recomputer's fault.
    #[error("the delivery of seat {seat} {problem}")]
    Delivery {
        /// Whose.
        seat: u8,
        /// What is wrong.
        problem: &'static str,
    },
    /// A share is not the secret of its recomputer's point. That recomputer's fault.
    #[error("the share of seat {seat} is not the secret of its point")]
    Share {
        /// Whose.
        seat: u8,
    },
    /// The requester says something that does not hold. Its fault.
    #[error("the requester {problem}")]
    Requester {
        /// What it does.
        problem: &'static str,
    },
    /// A closing leaves out a recomputer that did its part: this recomputer has the proof. The requester's fault.
    #[error("the closing leaves out seat {seat}, which did its part")]
    LeftOut {
        /// Whom.
        seat: u8,
    },
    /// Before its time, or too late. The sender's fault, or the caller's.
    #[error("{what} at height {height}: {bound}")]
    Time {
        /// What was tried.
        what: &'static str,
        /// Height of the chain.
        height: u32,
        /// What bounds it.
        bound: &'static str,
    },
    /// The coin may still be reorganised away, and with it the pay for what would be shown.
    #[error("the coin: {0}")]
    Shallow(#[from] Shallow),
    /// Funded now, the coin would be deep enough only when the time of the openings is over.
    #[error(
        "the coin would be deep enough at height {deep_at}; layers are opened below {open_height}"
    )]
    Late {
        /// First tip at which it could be so deep.
        deep_at: u32,
        /// From this height the requester closes without openings.
        open_height: u32,
    },
    /// Not possible yet, or any more. The caller's fault.
    #[error("{what} is not possible: {why}")]
    Phase {
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// The result is larger than is delivered here. The recomputer's fault.
    #[error("a result of {bytes} bytes")]
    Result {
        /// Its size.
        bytes: usize,
    },
    /// The transaction settles nothing of this bounty.
    #[error("the transaction {found} settles nothing of this bounty")]
    NotASettlement {
        /// Its id.
        found: bitcoin::Txid,
    },
    /// A record does not belong to these terms, or was changed.
    #[error("the stored record does not fit: {0}")]
    Damaged(&'static str),
}
