//! What can go wrong with a bank, and by whose fault.

use bitcoin::Amount;

use super::Phase;
use crate::{
    funding::FundingError,
    graph::GraphError,
    musig::{AdaptorError, KeySetError, PointError, SessionError},
    role::Role,
    terms::ContributionError,
    wire::WireError,
};

/// Why a bank does not go on. The client's role is the payer's here, the worker's the provider's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BankError {
    /// The terms are not usable. The proposer's fault.
    #[error("terms: {field}: {problem}")]
    Terms {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The payer's coins do not fit. The payer's fault.
    #[error(transparent)]
    Contribution(#[from] ContributionError),
    /// A transaction breaks a law of the engine.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Keys that cannot sign together.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// A point that is none.
    #[error(transparent)]
    Point(#[from] PointError),
    /// A script cannot be built.
    #[error("a script of the bank cannot be built: {0}")]
    Script(String),
    /// The graph lacks what the template put there; a template's fault.
    #[error("the bank has no {0}")]
    Missing(&'static str),
    /// The key is not the one that the terms name. The caller's fault.
    #[error("the secret key is not that of {role} in these terms")]
    WrongKey {
        /// Whose key it should be.
        role: Role,
    },
    /// The randomness is broken. The caller's fault.
    #[error("the random source yields zeros")]
    Randomness,
    /// A signing session failed; the error names the signer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A signature does not verify. The signer's fault.
    #[error("the signature of {signer} on {what} does not verify")]
    Signature {
        /// Who signed.
        signer: Role,
        /// What is signed.
        what: &'static str,
    },
    /// An adaptor signature cannot be completed.
    #[error(transparent)]
    Adaptor(#[from] AdaptorError),
    /// The funding cannot be built or extracted.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A message cannot be read. The sender's fault.
    #[error(transparent)]
    Wire(#[from] WireError),
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
    /// The penny is not enforceable enough: the payer must sign a rung first.
    #[error("penny {index} needs a rung above {allowed_from}: only {rung} pennies are enforceable")]
    Unenforceable {
        /// Its number.
        index: u32,
        /// Best rung at or below it.
        rung: u32,
        /// Lowest rung that would do.
        allowed_from: u32,
    },
    /// A rung that the bank does not have, or out of order, or too many. The payer's fault.
    #[error("rung {rung}: {problem}")]
    Rung {
        /// Its number.
        rung: u32,
        /// What is wrong.
        problem: &'static str,
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
