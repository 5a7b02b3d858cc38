//! One game after the other, by the real protocol.

mod delivery;
mod payoff;
mod roots;
mod verdict;

use super::dice::Dice;
use super::league::LeagueGame;
use super::setup::{RootRule, SeedRule, Setup, SetupError};
use super::tally::{Sums, Tally};
use crate::commitment::{BookError, Commitment, OpenerError, TreeError};
use crate::computation::{Computation, Job, StepError, StepProgram};
use crate::params::AcceptedJob;
use crate::params::settlement::{Outcome, SettlementError};
use crate::play::{
    BlindDigests, EvidenceError, Strategy, VerifierStrategy, WorkError, WorkerStrategy,
};
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
    /// Roots that the worker showed after its first.
    pub other_roots: u32,
    /// For another root the panel would find against the worker (row 1 of [`crate::ruling`]).
    pub by_record: bool,
    /// Whether worker and verifier had one owner, and what the client's audit came to; `None` where nobody asks.
    pub league: Option<LeagueGame>,
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
        if let Some(league) = &self.setup.league {
            return self.play_against_league(league.roll(dice), dice);
        }
        let worker = &self.setup.worker;
        let Some(mut delivery) = self.deliver(worker, dice)? else {
            let checked = verdict::Checked::ended(Outcome::WorkerTimedOut);
            return self.settled(&checked, None, None);
        };
        let mut seed = self.sample_seed(&delivery.commitment, dice);
        let mut checked = self.check(&delivery, &seed, dice)?;
        let mut roots = 1;
        let most_roots = match worker {
            WorkerStrategy::Redraw { most_roots, .. } => *most_roots,
            _ => 1,
        };
        while checked.detected && roots < most_roots {
            let Some(other) = self.another_root(&delivery, roots, dice)? else {
                break;
            };
            roots += 1;
            match self.setup.roots {
                RootRule::One => {
                    checked = self.another_root_shown((&delivery, &other), dice)?;
                    break;
                }
                RootRule::Latest => {
                    seed = self.sample_seed(&other.commitment, dice);
                    checked = self.check(&other, &seed, dice)?;
                    delivery = other;
                }
            }
        }
        let game = self.settled(&checked, Some(&delivery), Some(seed))?;
        let other_roots = roots - 1;
        Ok(Game {
            other_roots,
            ..game
        })
    }

    /// A game in which the client may challenge an approval, and worker and verifier may have one owner.
    fn play_against_league(
        &self,
        league: LeagueGame,
        dice: &Dice,
    ) -> Result<Game, SimulationError> {
        let honest = WorkerStrategy::Deliver(Strategy::Honest);
        let worker = match league.cheats {
            true => &self.setup.worker,
            false => &honest,
        };
        let delivery = self.deliver(worker, dice)?;
        let delivery = delivery.ok_or(SimulationError::Broken("a league that delivers nothing"))?;
        let seed = self.sample_seed(&delivery.commitment, dice);
        // A verifier in league approves what its worker tells it to.
        let verifier = match league.cheats {
            true => None,
            false => Some(VerifierStrategy::Honest),
        };
        let mut checked = match verifier {
            Some(_) => self.check(&delivery, &seed, dice)?,
            None => verdict::Checked::ended(Outcome::Normal),
        };
        let upheld = league.audited && self.audit_finds(&delivery, dice)?;
        checked.league = Some(LeagueGame { upheld, ..league });
        self.settled(&checked, Some(&delivery), Some(seed))
    }

    /// Whether the client, that draws a sample of its own when it has the result, finds something in it.
    fn audit_finds(
        &self,
        delivery: &delivery::Delivery,
        dice: &Dice,
    ) -> Result<bool, SimulationError> {
        let sample = self.draw(&dice.bytes("audit", 0))?;
        let digests = BlindDigests::recompute(self.job, &sample, [0; 32])?;
        let opening = self.open(delivery, &sample)?;
        let verdict = opening.map(|opening| digests.verdict(&delivery.commitment, &opening));
        Ok(!matches!(verdict, Some(Ok(verdict)) if verdict.approves()))
    }

    /// The nonce was drawn once; a later block or another root gives another seed.
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
