//! Why a small contract cannot go on in the play.

use narthex_contracts::{funding::FundingError, terms::FeeError};

use super::Unplayable;
use crate::{bindings::BindingsError, wallet::WalletError};

/// Why a small contract cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
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
    /// Something that the scenario relies on does not hold; a defect of this program.
    #[error("broken expectation: {0}")]
    Broken(String),
}
