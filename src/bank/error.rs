//! Why a bank's life cannot go on.

use narthex_channel::{
    bank::{BankerError, MeterError},
    ptlc::PtlcError,
};
use narthex_contracts::{
    bank::{BankError, ChooseError},
    builder::BuilderError,
    funding::FundingError,
    terms::FeeError,
};

use crate::{
    harness::{ScenarioError, Unplayable},
    wallet::WalletError,
};

/// Why a bank's life cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name.
    #[error("no such scenario; `narthex bank play --list` names them")]
    UnknownStory,
    /// A party refuses, and says whose fault it is.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// A banker, or a payment through bankers, that does not go on, and says whose fault it is.
    #[error(transparent)]
    Banker(#[from] BankerError),
    /// Signing together failed, and says whose fault it is.
    #[error(transparent)]
    Pact(#[from] BuilderError),
    /// A service that was not paid for.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// A set of candidates that is not relied on.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// A wallet or a chain that does not take a move.
    #[error(transparent)]
    Table(#[from] ScenarioError),
    /// A record that does not survive being written and read.
    #[error("a record cannot be written or read: {0}")]
    Record(#[from] serde_json::Error),
}

impl ScenarioError {
    /// Something that the scenario relies on does not hold.
    pub(super) fn broken(what: impl Into<String>) -> ScenarioError {
        ScenarioError::Broken(what.into()).into()
    }
}

impl From<PtlcError> for ScenarioError {
    fn from(error: PtlcError) -> ScenarioError {
        BankerError::from(error).into()
    }
}

impl From<FundingError> for ScenarioError {
    fn from(error: FundingError) -> ScenarioError {
        ScenarioError::from(error).into()
    }
}

impl From<WalletError> for ScenarioError {
    fn from(error: WalletError) -> ScenarioError {
        ScenarioError::from(error).into()
    }
}

impl From<narthex_regtest::Error> for ScenarioError {
    fn from(error: narthex_regtest::Error) -> ScenarioError {
        ScenarioError::from(error).into()
    }
}

impl From<Unplayable> for ScenarioError {
    fn from(error: Unplayable) -> ScenarioError {
        ScenarioError::from(error).into()
    }
}

impl From<FeeError> for ScenarioError {
    fn from(error: FeeError) -> ScenarioError {
        ScenarioError::from(error).into()
    }
}
