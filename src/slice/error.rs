//! Why slices cannot go on.

use narthex_contracts::{
    funding::FundingError, setup::ceremony::CeremonyError, slice::SliceError, terms::FeeError,
};
use narthex_game_model::{
    commitment::TreeError,
    computation::StepError,
    workload::{RecordsError, words::PartitionError},
};

use crate::{
    harness::{ScenarioError, Unplayable},
    wallet::WalletError,
};

/// Why slices cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name.
    #[error("no such scenario; `narthex slice play --list` names them")]
    UnknownStory,
    /// The text has fewer slices than asked for.
    #[error("slice {number} of a text that has {slices}")]
    NoSlice {
        /// Number asked for, from 0.
        number: u32,
        /// How many there are.
        slices: u64,
    },
    /// A party refuses, and says whose fault it is.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// The ceremony stopped.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// The text cannot be cut.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The slice cannot be cut out.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The work has nothing in it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The work fails, for everybody.
    #[error(transparent)]
    Step(#[from] StepError),
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
