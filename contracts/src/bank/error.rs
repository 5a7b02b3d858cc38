//! What can go wrong with a bank, and by whose fault.

use bitcoin::{Amount, secp256k1::PublicKey};
use narthex_base::codec::DecodeError;

use super::Phase;
use crate::{binding::BindError, builder::BuilderError};

/// Why a bank does not go on. The client's role is the payer's here, the worker's the provider's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BankError {
    /// The terms are not usable. The proposer's fault.
    #[error("terms: {field}: {problem}")]
    Terms {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        problem: String,
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
    /// A message cannot be read. The sender's fault.
    #[error(transparent)]
    Wire(#[from] DecodeError),
    /// The seed does not lead to w_0 of the terms. The caller's fault.
    #[error("the seed is not that of this bank's chain")]
    WrongSeed,
    /// The message is of another bank. The sender's fault.
    #[error("a message of another bank")]
    Foreign,
    /// A penny that was given before, or lies below one. The sender's fault.
    #[error("penny {index} does not pay: {latest} are paid already")]
    Old {
        /// Its number.
        index: u32,
        /// The latest.
        latest: u32,
    },
    /// Claims that were signed before pennies that they do not count. The payer's fault, or a message that came late.
    #[error("claims on top of {base} pennies are too old: {standing} are paid already")]
    OldClaims {
        /// Pennies that they count as given.
        base: u32,
        /// Pennies that the claims before them count, with what was settled since.
        standing: u32,
    },
    /// A penny beyond the last. The sender's fault.
    #[error("penny {index} is beyond the last, {pennies}")]
    Beyond {
        /// Its number.
        index: u32,
        /// Pennies of the bank.
        pennies: u32,
    },
    /// The secret is not of the chain. The sender's fault.
    #[error("penny {index} is forged")]
    Forged {
        /// Its number.
        index: u32,
    },
    /// The penny is not enforceable enough: the payer must sign a commitment first.
    #[error(
        "penny {index} needs a commitment above {allowed_from}: only {commitment} pennies are enforceable"
    )]
    Unenforceable {
        /// Its number.
        index: u32,
        /// Best commitment at or below it.
        commitment: u32,
        /// Lowest commitment that would do.
        allowed_from: u32,
    },
    /// A commitment that the bank does not have, or out of order, or too many. The payer's fault.
    #[error("commitment {commitment}: {problem}")]
    AdaptorCommitment {
        /// Its number.
        commitment: u32,
        /// What is wrong.
        problem: &'static str,
    },
    /// More promises than the terms let be pending, or as many as prevent what was tried. The caller's or payer's fault.
    #[error("{given} promises are pending; {most} are borne")]
    Promises {
        /// How many.
        given: usize,
        /// How many there may be.
        most: u8,
    },
    /// A promise that cannot be made, kept or claimed. The fault of whoever brings it.
    #[error("the promise under {point}: {problem}")]
    Promise {
        /// Its point.
        point: PublicKey,
        /// What is wrong.
        problem: &'static str,
    },
    /// A payment that leaves the pending promises' frame behind: make another frame first. The caller's fault.
    #[error("penny {index} is {allowance} or more above {framed}, which the last frame bears")]
    Unframed {
        /// Number of the penny.
        index: u32,
        /// What the frame bears.
        framed: u32,
        /// From how many on.
        allowance: u32,
    },
    /// Not possible any more, or not yet.
    #[error("a bank that is {phase} takes no {what}")]
    Phase {
        /// Where it stands.
        phase: Phase,
        /// What was tried.
        what: &'static str,
    },
    /// The payer or a purse has not so many pennies left. The caller's fault.
    #[error("{wanted} pennies are wanted, {left} are left")]
    Spent {
        /// How many were asked for.
        wanted: u32,
        /// How many there are.
        left: u32,
    },
    /// An ending pays less than what is owed, or its fee leaves too little. The proposer's fault.
    #[error("an ending after {paid} pennies with a fee of {fee} is refused: {problem}")]
    Ending {
        /// Pennies that it pays.
        paid: u32,
        /// Its fee.
        fee: Amount,
        /// What is wrong.
        problem: &'static str,
    },
}
