//! Who plays how, under which parameters.

use serde::{Deserialize, Serialize};

use super::league::{LeaguePlay, LeaguePlayError};
use crate::commitment::TreeError;
use crate::computation::{Job, StepError, StepNeeds, StepProgram};
use crate::params::{JobMisfit, Params};
use crate::play::{Appeal, ArbiterStrategy, StrategyError, VerifierStrategy, WorkerStrategy};
use crate::tagged::tagged_hash;
use crate::workload::Records;

/// Most steps of a simulated job: each game hashes all of them.
pub const MAX_STEPS: u64 = 1_000_000;

/// What the sample is drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedRule {
    /// Root, verifier's nonce and a later block.
    #[default]
    Full,
    /// The root alone, as in the Prometheus paper: the worker can grind it.
    RootAlone,
}

/// Whether a worker is bound to one root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootRule {
    /// Whoever shows another root for the same contract is at fault (row 1 of [`crate::ruling`]), so the verifier rejects.
    #[default]
    One,
    /// The latest root that is shown counts: each draws a sample of its own.
    Latest,
}

/// What becomes of an approval that the verifier cannot back with digests of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unbacked {
    /// It stands, and the verifier's stake and reward are in an output whose key nobody has: it approved without the token.
    #[default]
    Burns,
    /// It counts for none: scheme 2, as in a contract without a token whose client looks at the digests.
    CountsAsSilence,
    /// It stands, as where nobody looks at the verifier's digests (the Prometheus paper).
    Stands,
}

/// What the settlement table does not hold: costs of work and what a result is worth, in satoshi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// z: of computing all steps.
    pub work_sat: u64,
    /// y: of recomputing the sample.
    pub verify_sat: u64,
    /// g: of running a disputed step, for each arbiter that does.
    pub arbitrate_sat: u64,
    /// B: what the worker gains outside from an accepted wrong result.
    pub outside_gain_sat: u64,
    /// m: the fewest wrong steps that give it B; with 0, as with 1, any.
    #[serde(default)]
    pub bad_steps: u64,
    /// R: what a right result is worth to the client.
    pub right_result_sat: u64,
    /// L: what a wrong result that it takes for right costs the client.
    pub wrong_result_sat: u64,
}

/// A game to be played many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Amounts, panel, number of steps and sample.
    pub params: Params,
    /// The worker.
    pub worker: WorkerStrategy,
    /// When it appeals.
    pub appeal: Appeal,
    /// The verifier.
    pub verifier: VerifierStrategy,
    /// Each arbiter of the panel.
    pub arbiters: Vec<ArbiterStrategy>,
    /// What the sample is drawn from.
    pub seed_rule: SeedRule,
    /// What becomes of an approval without work.
    pub unbacked: Unbacked,
    /// What another root is worth to a worker.
    pub roots: RootRule,
    /// One owner of worker and verifier, in a share of the games: then the worker plays in these games alone, and is honest
    /// in the others.
    pub league: Option<LeaguePlay>,
    /// Costs outside the table.
    pub costs: Costs,
}

impl Setup {
    /// Everybody honest, no costs; the hardened rules.
    pub fn honest(params: Params) -> Self {
        let arbiters = vec![ArbiterStrategy::Honest; usize::from(params.arbiters())];
        Self {
            params,
            worker: WorkerStrategy::Deliver(crate::play::Strategy::Honest),
            appeal: Appeal::default(),
            verifier: VerifierStrategy::Honest,
            arbiters,
            seed_rule: SeedRule::default(),
            unbacked: Unbacked::default(),
            roots: RootRule::default(),
            league: None,
            costs: Costs::default(),
        }
    }

    /// The cheap job of as many steps as the parameters say.
    ///
    /// # Errors
    /// [`SetupError`] if the panel does not fit or the job is too large to simulate.
    pub fn job(&self) -> Result<Job<IndexHash>, SetupError> {
        self.check()?;
        let steps = self.params.steps();
        let bytes = (0..steps).flat_map(u64::to_be_bytes).collect();
        let records = Records::from_bytes(8, bytes).map_err(|_| SetupError::Steps { steps })?;
        Job::new(IndexHash, records).map_err(SetupError::Job)
    }

    pub(super) fn check(&self) -> Result<(), SetupError> {
        let (panel, strategies) = (self.params.arbiters(), self.arbiters.len());
        if usize::from(panel) != strategies {
            return Err(SetupError::Panel { panel, strategies });
        }
        let steps = self.params.steps();
        if steps == 0 || steps > MAX_STEPS {
            return Err(SetupError::Steps { steps });
        }
        if let Some(work) = self.worker.work() {
            work.check(steps)?;
        }
        if let Some(league) = &self.league {
            league.check(self)?;
        }
        Ok(())
    }
}

/// A program whose step is one hash of its record: the cheapest that nobody can guess.
#[derive(Clone, Copy, Debug)]
pub struct IndexHash;

impl StepProgram for IndexHash {
    fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/simulation-program", b"index hash")
    }

    fn output_bytes(&self) -> usize {
        16
    }

    /// All of it: the output is a hash.
    fn entropy_bits(&self) -> u32 {
        128
    }

    /// One hash.
    fn needs(&self) -> StepNeeds {
        StepNeeds {
            fuel: 10_000,
            units: 1,
            memory_bytes: 1_000,
            program_bytes: 1_000,
        }
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let hash = tagged_hash("narthex/simulation-step", record);
        Ok(hash[..16].to_vec())
    }
}

/// Why a setup cannot be played. The caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A panel of another size.
    #[error("{strategies} strategies for a panel of {panel}")]
    Panel {
        /// Arbiters according to the parameters.
        panel: u8,
        /// Strategies given.
        strategies: usize,
    },
    /// No step, or too many.
    #[error("{steps} steps; 1 to {MAX_STEPS} are simulated")]
    Steps {
        /// N.
        steps: u64,
    },
    /// The worker's cheat is none, or on steps that there are not.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A league that cannot be played so.
    #[error(transparent)]
    League(#[from] LeaguePlayError),
    /// The job has another number of steps than the parameters say.
    #[error("a job of {job} steps under parameters for {params}")]
    OtherJob {
        /// Steps of the job.
        job: u64,
        /// Steps according to the parameters.
        params: u64,
    },
    /// The job may take more than the parameters allow.
    #[error(transparent)]
    Misfit(#[from] JobMisfit),
    /// The job makes no tree.
    #[error(transparent)]
    Job(TreeError),
}
