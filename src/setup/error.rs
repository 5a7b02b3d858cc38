//! Why a party's signer stops.

use narthex_contracts::{
    binding::BindError,
    funding::FundingError,
    setup::{RestoreError, SetupError},
    template::PartyError,
    terms::{AssemblyError, TermsError},
};

use crate::wallet::WalletError;

/// Why a signer cannot go on. Nothing of it is a peer's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The wallet does not have the coins, or does not sign.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The record of what was bound cannot be written, or has this salt already.
    #[error(transparent)]
    Bindings(#[from] BindError),
    /// The terms cannot be signed by this party.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The parts make no terms.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The party does not begin to sign.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// The ceremony stops by an own fault.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// What was stored is not of this contract.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The funding cannot be signed or put together.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// Own bytes that do not read back.
    #[error("what was written down cannot be read: {0}")]
    Own(#[from] narthex_base::codec::DecodeError),
    /// The machine asked for something out of order; a defect of this program.
    #[error("{0} was asked for before there was what it rests on")]
    Order(&'static str),
}
