//! Why a party of a contract does not go on.

use std::io;

use narthex_base::codec::DecodeError;
use narthex_channel::{
    StepError,
    contract::{ContractSeatError, Unfit},
    follow::FollowError,
    log::LogError,
};
use narthex_contracts::{setup::SignaturesError, terms::TermsError};
use narthex_game_model::{
    JobMisfit, commitment::ReceiptError, play::WorkError, sample::SampleError, token::SealError,
};

use crate::{job::JobError, wallet::WalletError};

/// Why a party of a contract does not go on. Nothing of it is a peer's fault, and nothing of it a verdict about anybody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// The wallet does not have the coins, or does not sign.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The chain cannot be asked, or takes nothing.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// The chain is none that can be followed from what was read of it.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// What was read of the chain cannot be read back.
    #[error(transparent)]
    Sight(#[from] narthex_channel::OpenError),
    /// It is not known how far the log of what was read goes, since an earlier write failed.
    #[error("an earlier write of what was read of the chain failed; it is opened again")]
    Uncertain,
    /// What was signed does not complete this.
    #[error(transparent)]
    Signatures(#[from] SignaturesError),
    /// The terms have no such key.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The job cannot be run by this machine.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The work cannot be done or committed to.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The job is not the one that the parameters were made for.
    #[error(transparent)]
    Misfit(#[from] JobMisfit),
    /// No sample can be drawn.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// This machine cannot derive the key of a seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The own stake cannot be taken back.
    #[error(transparent)]
    Stake(#[from] narthex_contracts::template::ReclaimError),
    /// A receipt cannot be signed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The case cannot be judged.
    #[error(transparent)]
    Silent(#[from] narthex_arbiter::Silent),
    /// The record of what was bound does not take the ruling.
    #[error("the ruling: {0}")]
    Ruling(#[from] narthex_contracts::attest::RulingError),
    /// An ending that is agreed on cannot be signed.
    #[error("the ending: {0}")]
    Ending(#[from] narthex_contracts::coop::CoopError),
    /// What was kept cannot be read or written.
    #[error("a file of the contract: {0}")]
    Blob(#[from] io::Error),
    /// Own bytes that do not read back.
    #[error("what was kept cannot be read: {0}")]
    Own(#[from] DecodeError),
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The contract is not one that machines play.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The seat fails.
    #[error("{0}")]
    Seat(Box<ContractSeatError<LifeError>>),
    /// The machine asked for something out of order; a defect of this program.
    #[error("{0} was asked for before there was what it rests on")]
    Order(&'static str),
}

impl From<ContractSeatError<LifeError>> for LifeError {
    fn from(error: ContractSeatError<LifeError>) -> LifeError {
        match error {
            ContractSeatError::Signer(error) => error,
            other => LifeError::Seat(Box::new(other)),
        }
    }
}

impl From<StepError<FollowError>> for LifeError {
    fn from(error: StepError<FollowError>) -> LifeError {
        match error {
            StepError::Refused(error) => LifeError::Follow(error),
            StepError::Log(error) => LifeError::Log(error),
            StepError::Uncertain => LifeError::Uncertain,
        }
    }
}
