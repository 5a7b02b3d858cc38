//! One game after the other, by the real protocol.

mod delivery;
mod payoff;
mod verdict;

use super::dice::Dice;
use super::setup::{SeedRule, Setup, SetupError};
use super::tally::{Sums, Tally};
use crate::commitment::{BookError, Commitment, OpenerError, TreeError};
use crate::computation::{Computation, Job, StepError, StepProgram};
use crate::params::AcceptedJob;
use crate::params::settlement::{Outcome, SettlementError};
use crate::play::{EvidenceError, WorkError};
use crate::sample::{self, SampleError};

/// A setup with its job, ready to be played.
#[derive(Debug)]
pub struct Arena<'a, P> {
    setup: &'a Setup,
    job: &'a Job<P>,
    accepted: AcceptedJob,
}

/// How a game went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Game {
    /// How it ended.
    pub outcome: Outcome,
    /// Seed of its sample; `None` without a delivery.
    pub sample_seed: Option<[u8; 32]>,
    /// The delivery holds a wrong output.
    pub wrong_delivery: bool,
    /// The sample has a wrong step.
    pub sampled: bool,
    /// The verifier's own digests showed a difference.
    pub detected: bool,
    /// The client paid for a wrong result.
    pub wrong_accepted: bool,
    /// The worker had no opening that answers the sample.
    pub unopened: bool,
    /// The verifier approved and could not back it.
    pub unbacked_approval: bool,
    /// Arbiters that attested both rulings.
    pub equivocations: u8,
    /// What a grinder did.
    pub grinding: Option<Grinding>,
    /// What the settlement moved, against the deposits.
    pub transfers: Sums,
    /// The same with costs and what the result is worth.
    pub payoffs: Sums,
}

/// What a grinder did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grinding {
    /// Trees that it made.
    pub tries: u32,
    /// Whether the sample that it predicted misses its bad steps.
    pub found: bool,
}

impl<'a, P: StepProgram> Arena<'a, P> {
    /// Puts setup and job together.
    ///
    /// # Errors
    /// [`SetupError`] if they do not fit.
    pub fn new(setup: &'a Setup, job: &'a Job<P>) -> Result<Self, SetupError> {
        setup.check()?;
        let (job_steps, params) = (job.steps(), setup.params.steps());
        if job_steps != params {
            let job = job_steps;
            return Err(SetupError::OtherJob { job, params });
        }
        let accepted = setup.params.accepts_job(job)?;
        Ok(Self {
            setup,
            job,
            accepted,
        })
    }

    /// Plays games 0 to `games` − 1 of a run.
    ///
    /// # Errors
    /// [`SimulationError`] of the first game that has one.
    pub fn run(&self, seed: [u8; 32], games: u64) -> Result<Tally, SimulationError> {
        let mut tally = Tally::default();
        for game in 0..games {
            tally.add(&self.play(&Dice::new(seed, game))?);
        }
        Ok(tally)
    }

    /// Plays one game.
    ///
    /// # Errors
    /// [`SimulationError`]: a step that fails, or a table that does not pay this outcome.
    pub fn play(&self, dice: &Dice) -> Result<Game, SimulationError> {
        let Some(delivery) = self.deliver(dice)? else {
            let checked = verdict::Checked::ended(Outcome::WorkerTimedOut);
            return self.settled(&checked, None, None);
        };
        let seed = self.sample_seed(&delivery.commitment, dice);
        let checked = self.check(&delivery, &seed, dice)?;
        self.settled(&checked, Some(&delivery), Some(seed))
    }

    fn sample_seed(&self, commitment: &Commitment, dice: &Dice) -> [u8; 32] {
        match self.setup.seed_rule {
            SeedRule::RootAlone => seed_from_root(commitment),
            SeedRule::Full => {
                let [nonce, block] = ["nonce", "block"].map(|part| dice.bytes(part, 0));
                sample::seed(&commitment.id(), &nonce, &block)
            }
        }
    }

    fn draw(&self, seed: &[u8; 32]) -> Result<Vec<u64>, SampleError> {
        sample::draw(seed, self.job.steps(), self.setup.params.sample())
    }
}

/// The Prometheus paper's seed: nothing but the root, so everybody knows it at once.
fn seed_from_root(commitment: &Commitment) -> [u8; 32] {
    sample::seed(&commitment.id(), &[0; 32], &[0; 32])
}

/// Why a game could not be played to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The worker could not commit.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A sampled step fails.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The parameters sample more steps than there are.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A tree could not be built.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A worker would have opened more than it may.
    #[error(transparent)]
    Book(#[from] BookError),
    /// A worker could not open its own work.
    #[error(transparent)]
    Open(#[from] OpenerError),
    /// The panel was given evidence of something else.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The table does not pay this outcome.
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    /// A defect of this program.
    #[error("a defect of the simulation: {0}")]
    Broken(&'static str),
}
