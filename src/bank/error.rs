//! Why a bank's life cannot go on.

use narthex_contracts::{
    bank::{BankError, ChooseError, MeterError},
    funding::FundingError,
    pact::PactError,
};

use crate::wallet::WalletError;

/// Why a bank's life cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No story of this name.
    #[error("no such story; `narthex bank play --list` names them")]
    UnknownStory,
    /// A party refuses, and says whose fault it is.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// Signing together failed, and says whose fault it is.
    #[error(transparent)]
    Pact(#[from] PactError),
    /// A service that was not paid for.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// A set of candidates that is not relied on.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// A funding that cannot be built.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A wallet that cannot pay or sign.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A chain that does not answer or does not take a move.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// A record that does not survive being written and read.
    #[error("a record cannot be written or read: {0}")]
    Record(#[from] serde_json::Error),
    /// Something that the story relies on does not hold; a defect of this program.
    #[error("broken expectation: {0}")]
    Broken(String),
}
