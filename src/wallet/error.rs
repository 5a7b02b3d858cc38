//! Why a wallet cannot do what is asked.

use narthex_contracts::{
    funding::ChildError,
    template::Missing,
    terms::{ContributionError, FeeError},
};

/// Why a wallet cannot do what is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// Not enough coins for what is to be paid.
    #[error("the wallet of {owner} cannot pay: {reason}")]
    Funds {
        /// Whose wallet.
        owner: String,
        /// What it lacks.
        reason: String,
    },
    /// Too few coins to pay for what may have to be published; nothing was locked.
    #[error("the wallet of {owner} holds no reserve for fees: {missing}")]
    Reserve {
        /// Whose wallet.
        owner: String,
        /// What it lacks.
        missing: Missing,
    },
    /// A fee that is taken for a mistake.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// The coins it would bring do not fit the contract.
    #[error(transparent)]
    Contribution(#[from] ContributionError),
    /// A fee-paying child cannot be made.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// Signing failed, or the result is not complete.
    #[error("the wallet of {owner} cannot sign: {reason}")]
    Sign {
        /// Whose wallet.
        owner: String,
        /// Why.
        reason: String,
    },
    /// A key or descriptor is not valid.
    #[error("the wallet of {owner} cannot be set up: {reason}")]
    Setup {
        /// Whose wallet.
        owner: String,
        /// Why.
        reason: String,
    },
    /// The blocks given do not connect.
    #[error("block {height} does not connect to the wallet of {owner}")]
    Disconnected {
        /// Height of the block.
        height: u32,
        /// Whose wallet.
        owner: String,
    },
}
