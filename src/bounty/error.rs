//! Why a bounty's life cannot go on.

use narthex_contracts::{
    bounty::BountyError, funding::FundingError, setup::ceremony::CeremonyError, terms::FeeError,
};
use narthex_game_model::{
    commitment::TreeError,
    computation::StepError,
    market::{LedgerError, PolicyError, PriceError, QuoteError, SplitError},
    workload::words::{ChainError, PartitionError},
};

use crate::{
    harness::{ScenarioError, Unplayable},
    wallet::WalletError,
};

/// Why a bounty's life cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name.
    #[error("no such scenario; `narthex bounty play --list` names them")]
    UnknownStory,
    /// The scenario takes other figures.
    #[error("this scenario takes {0}")]
    Figures(&'static str),
    /// A party refuses, and says whose fault it is.
    #[error(transparent)]
    Bounty(#[from] BountyError),
    /// The ceremony stops.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// What was stored of a ceremony cannot be read back.
    #[error(transparent)]
    Restore(#[from] narthex_contracts::setup::RestoreError),
    /// A line-up that there is not.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// An audit that does not count.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A ledger that cannot be kept like this.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A recomputer's quote is out of bounds.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// No line-up is reliable enough.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The texts make no job.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The job has no tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A step of the work fails.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The work does not go on.
    #[error(transparent)]
    Chain(#[from] ChainError),
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
