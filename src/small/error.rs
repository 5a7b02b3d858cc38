//! Why a side of a small contract does not go on.

use narthex_channel::{OpenError, StepError, bank::SideError, log::LogError};
use narthex_contracts::{
    bank::BankError, bounty::BountyError, builder::BuilderError, deliver::DeliverError,
    funding::FundingError, slice::SliceError, terms::FeeError,
};

use crate::{life::LifeError, wallet::WalletError};

/// Why a side of a small contract does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmallError {
    /// The order or figure is not taken, and why. The fault of whoever gives it; nothing has changed.
    #[error("{0}")]
    Refused(String),
    /// The wallet does not have the coins, or does not sign. This computer's fault.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A bank's rules do not take what this side itself does.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// A delivery's rules do not take what this side itself does.
    #[error(transparent)]
    Delivery(#[from] DeliverError),
    /// A bounty's rules do not take what this side itself does.
    #[error(transparent)]
    Bounty(#[from] BountyError),
    /// A slice's rules do not take what this side itself does.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// A step of a stream was not decided on this computer, or has no output for anybody.
    #[error(transparent)]
    Step(narthex_game_model::computation::StepError),
    /// What was signed does not fit.
    #[error(transparent)]
    Builder(#[from] BuilderError),
    /// The funding cannot be put together.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A fee that is taken for a mistake.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// The chain cannot be read, or takes nothing.
    #[error(transparent)]
    Chain(#[from] LifeError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An earlier write failed, and it is not known how far the log goes.
    #[error("an earlier write of a small contract failed; it is opened again")]
    Uncertain,
    /// Something that is not there; a defect of this program.
    #[error("{0} is missing")]
    Order(&'static str),
}

impl SmallError {
    /// A refusal in words.
    pub fn refused(why: impl std::fmt::Display) -> SmallError {
        SmallError::Refused(why.to_string())
    }
}

impl From<StepError<SideError>> for SmallError {
    fn from(error: StepError<SideError>) -> SmallError {
        SmallError::of_step(error)
    }
}

impl From<StepError<DeliverError>> for SmallError {
    fn from(error: StepError<DeliverError>) -> SmallError {
        SmallError::of_step(error)
    }
}

impl From<StepError<BountyError>> for SmallError {
    fn from(error: StepError<BountyError>) -> SmallError {
        SmallError::of_step(error)
    }
}

impl From<StepError<SliceError>> for SmallError {
    fn from(error: StepError<SliceError>) -> SmallError {
        SmallError::of_step(error)
    }
}

impl SmallError {
    pub(super) fn of_step<E: std::fmt::Display>(error: StepError<E>) -> SmallError {
        match error {
            StepError::Refused(error) => SmallError::refused(error),
            StepError::Log(error) => SmallError::Log(error),
            StepError::Uncertain => SmallError::Uncertain,
        }
    }
}
