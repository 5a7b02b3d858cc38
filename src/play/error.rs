//! Why a play cannot go on.

use narthex_contracts::{
    depth::Shallow,
    funding::FundingError,
    setup::{SetupError, SignaturesError, ceremony::CeremonyError},
    template::{Hasty, PartyError, ReclaimError, TemplateError},
    terms::TermsError,
};
use narthex_game_model::{
    ParamsError, RatioError, SettlementError, game::Unprofitable, params::JobMisfit,
};

use crate::{
    harness::refusals,
    job::JobError,
    setup::{MeetingError, SignerError},
    wallet::WalletError,
};

/// Why a play cannot go on. Each message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// A party that lives by its machine does not go on.
    #[error(transparent)]
    Life(Box<crate::life::LifeError>),
    /// The input cannot be read.
    #[error("the input cannot be used: {0}")]
    Input(String),
    /// The case cannot be played.
    #[error("the case cannot be played: {0}")]
    Case(String),
    /// A job file that cannot be used, a step of the job without output, or one that this machine could not decide.
    #[error(transparent)]
    JobFile(#[from] JobError),
    /// More steps than a play computes.
    #[error(
        "the job cannot be played: it has {steps} steps, and at most {most} are played; give it less input, or leave it to `narthex job run`"
    )]
    TooManySteps {
        /// Of the job, or of its stage that is played.
        steps: u64,
        /// Most that are played.
        most: u64,
    },
    /// A job that the parameters were not made for.
    #[error(
        "{misfit}; `narthex game plan {wanted} --out CASE` plans a contract for such a job, and `narthex play --case CASE` plays it"
    )]
    Misfit {
        /// What does not fit, with both values.
        misfit: JobMisfit,
        /// Options of the planner that make room.
        wanted: String,
    },
    /// The job's outputs are too easy to guess: no token is sealed under their digests.
    #[error("the job does not suit a contract with a token: {0}")]
    Guessable(narthex_game_model::token::entropy::Guessable),
    /// A cheat that comes to the right result, so that the scenario cannot be told with this job.
    #[error(
        "the job cannot be played in this scenario: {0}; play another scenario, or a job whose outputs are not all zeros"
    )]
    NoCheat(&'static str),
    /// The job fails.
    #[error("the job fails: {0}")]
    Job(String),
    /// The panel cannot be drawn.
    #[error("the panel cannot be drawn: {0}")]
    Panel(String),
    /// Parameters that no contract can have.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A contract under which honest play is not the only equilibrium.
    #[error(
        "{0}. Nobody should sign this; `--research` plays it all the same, `narthex game solve` tells more"
    )]
    Unprofitable(#[from] Unprofitable),
    /// A sampled share that cannot be written as a fraction.
    #[error(transparent)]
    Ratio(#[from] RatioError),
    /// A settlement that cannot be computed.
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    /// No folder for the records of what the parties bind.
    #[error("no temporary folder for the records of what the parties bind: {0}")]
    Folder(std::io::Error),
    /// An arbiter that may not attest what it is asked to.
    #[error(transparent)]
    Ruling(#[from] narthex_contracts::attest::RulingError),
    /// A party's record of what it has bound.
    #[error(transparent)]
    Bindings(#[from] crate::bindings::BindingsError),
    /// Terms that the parties refuse.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// A graph that cannot be derived.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A setup that fails.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// There is no such ending to agree on.
    #[error(transparent)]
    Ending(#[from] crate::life::NoEnding),
    /// A party that stops the setup.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A party does not begin to sign.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// A transaction that cannot be completed.
    #[error(transparent)]
    ContractSignatures(#[from] SignaturesError),
    /// A funding that cannot be completed.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A stake that cannot be taken back.
    #[error(transparent)]
    Reclaim(#[from] ReclaimError),
    /// A wallet that cannot pay or sign.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A node that refuses what the contract ends with: nothing is funded.
    #[error(transparent)]
    Probe(#[from] narthex_regtest::ProbeError),
    /// A chain that does not answer or does not take a move.
    #[error(transparent)]
    Chain(#[from] narthex_regtest::Error),
    /// What is shown would rest on a block that may be reorganised away.
    #[error("too early: {0}")]
    Shallow(#[from] Shallow),
    /// Windows that leave no time to wait for the depth.
    #[error(transparent)]
    Hasty(#[from] Hasty),
    /// The chain took a move before its time.
    #[error("the chain took {transaction} at height {height}, one block before its time")]
    TooEarly {
        /// Name of the transaction.
        transaction: String,
        /// Height of the block that would have held it.
        height: u32,
    },
    /// A set-up that stops.
    #[error(transparent)]
    Meeting(Box<MeetingError<SignerError>>),
    /// Something that the scenarios rely on does not hold; a defect of this program.
    #[error("broken expectation: {0}")]
    Broken(String),
}

impl From<MeetingError<SignerError>> for PlayError {
    fn from(error: MeetingError<SignerError>) -> PlayError {
        PlayError::Meeting(Box::new(error))
    }
}

refusals!(PlayError);
