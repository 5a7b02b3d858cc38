//! Why a scenario does not go on.

use std::error::Error;

use narthex_base::codec::DecodeError;
use narthex_contracts::{funding::FundingError, terms::FeeError};

use super::Unplayable;
use crate::{bindings::BindingsError, wallet::WalletError};

/// Why a scenario does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name. The fault of who named it.
    #[error("no such scenario{among}; `narthex {command} --list` names them")]
    Unknown {
        /// Where it was looked for, if a contract has several lists.
        among: String,
        /// The command that plays them.
        command: &'static str,
    },
    /// The scenario takes other figures. The fault of who named them.
    #[error("this scenario takes {0}")]
    Figures(&'static str),
    /// The scenario takes more participants. The fault of who named their number.
    #[error("{given} {what}; this scenario needs {least}")]
    Few {
        /// Who they are.
        what: &'static str,
        /// Number given.
        given: u8,
        /// Number needed.
        least: u8,
    },
    /// It went wrong while it was played. The same seed repeats it.
    #[error("{error}; `--scenario {scenario} --seed {seed}` repeats it")]
    Failed {
        /// Name of the scenario.
        scenario: &'static str,
        /// Its seed, hex.
        seed: String,
        /// What went wrong.
        error: Box<ScenarioError>,
    },
    /// A side of the contract refuses, and says whose fault it is: see [`ScenarioError::refusal`].
    #[error(transparent)]
    Refused(Box<dyn Error + Send + Sync>),
    /// A message that is read as something else than was sent.
    #[error("{from} sends {to} what cannot be read: {error}")]
    Message {
        /// Who sent it.
        from: String,
        /// Who reads it.
        to: String,
        /// What is wrong.
        error: DecodeError,
    },
    /// A fee that is taken for a mistake.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// An option that no scenario can be played with.
    #[error(transparent)]
    Figure(#[from] Unplayable),
    /// A funding that cannot be built.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A wallet that cannot pay or sign.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A node that refuses what the contract ends with: nothing is funded.
    #[error(transparent)]
    Probe(#[from] narthex_regtest::ProbeError),
    /// A chain that does not answer or does not take a move.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// A party's record of what it has bound cannot be opened.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
    /// No folder for the parties' records. The fault of this machine.
    #[error("no folder for the parties' records: {0}")]
    Folder(#[source] std::io::Error),
    /// A record that does not survive being written and read.
    #[error("a record cannot be written or read: {0}")]
    Record(#[from] serde_json::Error),
    /// Something that the scenario relies on does not hold; a defect of this program.
    #[error("broken expectation: {0}")]
    Broken(String),
}

/// An error of a contract's own, by which a side refuses: it becomes a [`ScenarioError::Refused`] and keeps its words.
pub(crate) trait Refusal: Error + Send + Sync + 'static {}

impl<E: Refusal> From<E> for ScenarioError {
    fn from(error: E) -> ScenarioError {
        ScenarioError::Refused(Box::new(error))
    }
}

/// Errors by which sides of a contract refuse.
macro_rules! refusals {
    ($($error:ty),* $(,)?) => {$(
        impl $crate::harness::Refusal for $error {}
    )*};
}
pub(crate) use refusals;

// Several contracts sign in ceremonies, and run jobs for what they pay for.
refusals!(
    narthex_contracts::setup::ceremony::CeremonyError,
    narthex_game_model::commitment::TreeError,
    narthex_game_model::computation::StepError,
    narthex_game_model::workload::words::PartitionError,
);

impl ScenarioError {
    /// Something that the scenario relies on does not hold.
    pub(crate) fn broken(what: impl Into<String>) -> ScenarioError {
        ScenarioError::Broken(what.into())
    }

    /// By which error of its own a side of the contract refused, if it is of this type.
    pub fn refusal<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            ScenarioError::Refused(error) => error.downcast_ref(),
            ScenarioError::Failed { error, .. } => error.refusal(),
            _ => None,
        }
    }
}

/// Fails with what the scenario relies on, unless it holds.
pub(crate) fn expect(holds: bool, what: impl Into<String>) -> Result<(), ScenarioError> {
    match holds {
        true => Ok(()),
        false => Err(ScenarioError::broken(what)),
    }
}

/// Whether a side refused so.
pub(crate) fn is_refused<T, E: Error + 'static>(
    result: &Result<T, ScenarioError>,
    so: impl FnOnce(&E) -> bool,
) -> bool {
    let refusal = result.as_ref().err().and_then(ScenarioError::refusal::<E>);
    refusal.is_some_and(so)
}
