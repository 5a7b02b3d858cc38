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
    table::{TableError, Unplayable},
    wallet::WalletError,
};

/// Why a bank's life cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// No story of this name.
    #[error("no such story; `narthex bank play --list` names them")]
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
    Table(#[from] TableError),
    /// A record that does not survive being written and read.
    #[error("a record cannot be written or read: {0}")]
    Record(#[from] serde_json::Error),
}

impl DeskError {
    /// Something that the story relies on does not hold.
    pub(super) fn broken(what: impl Into<String>) -> DeskError {
        TableError::Broken(what.into()).into()
    }
}

impl From<PtlcError> for DeskError {
    fn from(error: PtlcError) -> DeskError {
        BankerError::from(error).into()
    }
}

impl From<FundingError> for DeskError {
    fn from(error: FundingError) -> DeskError {
        TableError::from(error).into()
    }
}

impl From<WalletError> for DeskError {
    fn from(error: WalletError) -> DeskError {
        TableError::from(error).into()
    }
}

impl From<narthex_regtest::Error> for DeskError {
    fn from(error: narthex_regtest::Error) -> DeskError {
        TableError::from(error).into()
    }
}

impl From<Unplayable> for DeskError {
    fn from(error: Unplayable) -> DeskError {
        TableError::from(error).into()
    }
}

impl From<FeeError> for DeskError {
    fn from(error: FeeError) -> DeskError {
        TableError::from(error).into()
    }
}
