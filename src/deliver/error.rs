//! Why a delivery cannot go on.

use narthex_contracts::{deliver::DeliverError, terms::FeeError};

use crate::{
    table::{TableError, Unplayable},
    wallet::WalletError,
};

/// Why a delivery cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// No story of this name.
    #[error("no such story; `narthex deliver play --list` names them")]
    UnknownStory,
    /// Too few agents for the story.
    #[error("{given} agents; this story needs {least}")]
    Agents {
        /// Number given.
        given: u8,
        /// Number needed.
        least: u8,
    },
    /// A party refuses, and says whose fault it is.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// A wallet or a chain that does not take a move.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A record that does not survive being written and read.
    #[error("a record cannot be written or read: {0}")]
    Record(#[from] serde_json::Error),
}

impl PostError {
    /// Something that the story relies on does not hold.
    pub(super) fn broken(what: impl Into<String>) -> PostError {
        TableError::Broken(what.into()).into()
    }
}

impl From<WalletError> for PostError {
    fn from(error: WalletError) -> PostError {
        TableError::from(error).into()
    }
}

impl From<narthex_regtest::Error> for PostError {
    fn from(error: narthex_regtest::Error) -> PostError {
        TableError::from(error).into()
    }
}

impl From<Unplayable> for PostError {
    fn from(error: Unplayable) -> PostError {
        TableError::from(error).into()
    }
}

impl From<FeeError> for PostError {
    fn from(error: FeeError) -> PostError {
        TableError::from(error).into()
    }
}
