//! Why a delivery cannot go on.

use narthex_contracts::{deliver::DeliverError, terms::FeeError};

use crate::{
    harness::{ScenarioError, Unplayable},
    wallet::WalletError,
};

/// Why a delivery cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name.
    #[error("no such scenario; `narthex deliver play --list` names them")]
    UnknownStory,
    /// Too few agents for the scenario.
    #[error("{given} agents; this scenario needs {least}")]
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
