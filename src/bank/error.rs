//! Why a bank does not go on.

use std::path::PathBuf;

use narthex_channel::{OpenError, StepError, bank::SideError, log::LogError};
use narthex_contracts::{bank::BankError, builder::BuilderError, terms::FeeError};

use crate::{bindings::BindingsError, harness::ScenarioError, wallet::WalletError};

/// Why a bank that is driven by its machines does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// The rules of banks, a wallet or a chain refuse.
    #[error(transparent)]
    Contract(Box<ScenarioError>),
    /// The payer's or the provider's machine refuses.
    #[error("the {who} refuses: {error}")]
    Side {
        /// Which side.
        who: &'static str,
        /// Why.
        error: StepError<SideError>,
    },
    /// The node does not take what a bank ends with, or it could not be found out: nothing is funded.
    #[error(transparent)]
    Probe(Box<narthex_regtest::ProbeError>),
    /// A log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A log does not give its machine back.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record of bindings cannot be opened.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
    /// A file of the folder's.
    #[error("{} cannot be read or written: {error}", path.display())]
    File {
        /// Its name.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Not as it stands.
    #[error("{0}")]
    State(String),
}

impl From<ScenarioError> for KeptError {
    fn from(error: ScenarioError) -> KeptError {
        KeptError::Contract(Box::new(error))
    }
}

impl From<narthex_regtest::ProbeError> for KeptError {
    fn from(error: narthex_regtest::ProbeError) -> KeptError {
        KeptError::Probe(Box::new(error))
    }
}

macro_rules! through_contract {
    ($($error:ty),*) => {$(
        impl From<$error> for KeptError {
            fn from(error: $error) -> KeptError {
                ScenarioError::from(error).into()
            }
        }
    )*};
}
through_contract!(
    BankError,
    BuilderError,
    WalletError,
    FeeError,
    narthex_regtest::Error,
    narthex_contracts::funding::FundingError
);

impl From<KeptError> for ScenarioError {
    /// What is not the machines' own is said as it was.
    fn from(error: KeptError) -> ScenarioError {
        match error {
            KeptError::Contract(error) => *error,
            other => ScenarioError::Refused(Box::new(other)),
        }
    }
}
