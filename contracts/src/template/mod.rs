//! Templates: from terms to a transaction graph. One file each, and one line in [`derive()`].

mod arbitration;
mod audited;
mod bundle;
mod common;
mod delivery;
mod exit;
mod hardened;
mod host;
mod paper;
mod party;
mod reserve;
mod root;
mod stake;
mod words;

use narthex_game_model::{SettlementError, Template};

pub use crate::terms::stake_unlock_height;
pub use bundle::{BundleError, MAX_BUNDLE_BYTES, NotGiven, TowerBundle, TowerPace};
pub use exit::{Exit, PaperExit};
pub use host::{HostError, HostOutputs, check_host, derive_on, host_outputs};
pub use party::PartyError;
pub use reserve::{Missing, Reserve};
pub use root::{Hasty, NoRecord, RootRecord, root_coin};
pub use stake::{
    ReclaimError, reclaim_stake, reclaim_stake_coin, stake_output, stake_wallet_descriptor,
};
pub use words::{Accusation, ContractSecret, Rulings, stage};

use crate::{
    graph::{GraphError, TxGraph},
    musig::{KeySetError, PointError},
    terms::{Terms, TermsError},
};

/// Why a graph cannot be derived from terms that passed their own checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A transaction breaks a law of the engine.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A settlement cannot be computed.
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    /// Keys that cannot sign together.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// Adaptor points that cancel each other.
    #[error(transparent)]
    Point(#[from] PointError),
    /// Terms that do not name what the template needs.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The contract has no output to begin with; a template's fault.
    #[error("the contract has no output to begin with")]
    NoOutput,
    /// A stake's script tree cannot be built.
    #[error("the script of a stake cannot be built: {0}")]
    Script(String),
}

/// Derives the graph of these terms by the template that their template names. Of a contract that another transaction
/// hosts it is derived on what the terms say of that transaction; whoever has not compared them derives it with
/// [`derive_on`].
pub fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    match terms.template() {
        Template::Hardened => hardened::derive(terms),
        Template::Paper => paper::derive(terms),
        Template::Audited => audited::derive(terms),
    }
}
