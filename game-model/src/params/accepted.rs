//! Jobs that somebody has compared with the bounds of its contract. Nobody binds itself to another, or judges one.

use super::{JobBounds, Params, Template};
use crate::computation::{Job, JobSpec, StepNeeds, StepProgram};
use crate::token::entropy::{self, Guessable};

/// A job that keeps within bounds. Only a check makes one ([`Params::accepts_job`] and its kin), so whoever asks for
/// one by type is never bound to a job that it cannot judge in time, and never rules on one:
///
/// ```
/// fn copied<T: Copy>() {}
/// copied::<narthex_game_model::params::AcceptedJob>();
/// ```
/// ```compile_fail
/// fn read<T: serde::de::DeserializeOwned>() {}
/// read::<narthex_game_model::params::AcceptedJob>();
/// ```
///
/// It is checked again after a restart: what was accepted once under other bounds is not accepted under these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedJob {
    spec: JobSpec,
    bounds: JobBounds,
    record_bytes: u64,
    /// What its outputs' entropy is compared with again, for a contract.
    entropy_bits: u32,
    step_fuel: u128,
}

impl AcceptedJob {
    /// The job's public description.
    pub const fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// Identity of the job ([`JobSpec::id`]).
    pub fn id(&self) -> [u8; 32] {
        self.spec.id()
    }

    /// What it was compared with. Whoever takes an accepted job for a contract compares these with the contract's.
    pub const fn bounds(&self) -> &JobBounds {
        &self.bounds
    }

    /// Size of an input record in bytes, as it was when the job was accepted.
    pub const fn record_bytes(&self) -> u64 {
        self.record_bytes
    }
}

impl JobBounds {
    /// Accepts a job whose input is at hand.
    ///
    /// # Errors
    /// [`JobMisfit`] with both values; who proposed the job is at fault.
    pub fn accepts_job<P: StepProgram>(&self, job: &Job<P>) -> Result<AcceptedJob, JobMisfit> {
        self.accepts(job.spec(), job.program(), job.records().width() as u64)
    }

    /// Accepts a job of which only the description and the program are at hand, as an arbiter has them that is sent a
    /// record when it is to judge. Records larger than `record_bytes` are then no evidence.
    ///
    /// # Errors
    /// [`JobMisfit`] with both values; who proposed the job is at fault.
    pub fn accepts<P: StepProgram + ?Sized>(
        &self,
        spec: &JobSpec,
        program: &P,
        record_bytes: u64,
    ) -> Result<AcceptedJob, JobMisfit> {
        if program.id() != spec.program {
            return Err(JobMisfit::OtherProgram);
        }
        self.holds_program(&program.needs())?;
        within("bytes a record", record_bytes, self.record_bytes)?;
        within("bytes an output", spec.output_bytes, self.output_bytes)?;
        Ok(AcceptedJob {
            spec: *spec,
            bounds: *self,
            record_bytes,
            entropy_bits: program.entropy_bits(),
            step_fuel: program.needs().step_fuel(),
        })
    }

    /// Whether a program keeps within these bounds, its input and output aside.
    ///
    /// # Errors
    /// [`JobMisfit::Exceeds`].
    pub(crate) fn holds_program(&self, needs: &StepNeeds) -> Result<(), JobMisfit> {
        within("fuel for a unit", needs.fuel, self.fuel)?;
        within("units", needs.units, self.units)?;
        within(
            "bytes of memory for a step",
            needs.memory_bytes,
            self.memory_bytes,
        )?;
        within("bytes of program", needs.program_bytes, self.program_bytes)
    }
}

impl Params {
    /// Accepts a job that these parameters were made for. Whoever binds itself to a contract asks this first; a job
    /// that does not fit may be one that nobody can judge in time, and one whose digests can be guessed seals no token.
    ///
    /// # Errors
    /// [`JobMisfit`] with both values; who proposed the job is at fault.
    pub fn accepts_job<P: StepProgram>(&self, job: &Job<P>) -> Result<AcceptedJob, JobMisfit> {
        self.has_steps(job.spec())?;
        self.for_tokens(self.job_bounds().accepts_job(job)?)
    }

    /// The same for a job of which only the description and the program are at hand ([`JobBounds::accepts`]).
    ///
    /// # Errors
    /// [`JobMisfit`] with both values; who proposed the job is at fault.
    pub fn accepts<P: StepProgram + ?Sized>(
        &self,
        spec: &JobSpec,
        program: &P,
        record_bytes: u64,
    ) -> Result<AcceptedJob, JobMisfit> {
        self.has_steps(spec)?;
        self.for_tokens(self.job_bounds().accepts(spec, program, record_bytes)?)
    }

    /// Whether a job was accepted under these very parameters, and not under others. Bounds alone say nothing about
    /// samples, so the entropy of its digests is asked again.
    ///
    /// # Errors
    /// [`JobMisfit::Steps`], [`JobMisfit::OtherBounds`] or [`JobMisfit::Guessable`]; whoever hands it in is at fault.
    pub fn has_accepted(&self, job: &AcceptedJob) -> Result<(), JobMisfit> {
        self.has_steps(&job.spec)?;
        match job.bounds == self.job_bounds() {
            true => self.for_tokens(*job).map(|_| ()),
            false => Err(JobMisfit::OtherBounds),
        }
    }

    fn for_tokens(&self, job: AcceptedJob) -> Result<AcceptedJob, JobMisfit> {
        self.seals(job.entropy_bits, job.step_fuel)?;
        Ok(job)
    }

    /// Whether the digests of this program's steps can seal a token in this contract ([`entropy::check`]). What accepts jobs
    /// asks it of each; the `paper` template has no token.
    ///
    /// # Errors
    /// [`Guessable`]; whoever proposed the job is at fault.
    pub fn seals_tokens<P: StepProgram + ?Sized>(&self, program: &P) -> Result<(), Guessable> {
        self.seals(program.entropy_bits(), program.needs().step_fuel())
    }

    fn seals(&self, bits: u32, step_fuel: u128) -> Result<(), Guessable> {
        match self.template() {
            Template::Hardened | Template::Audited => {
                entropy::check(bits, self.sample(), step_fuel)
            }
            Template::Paper => Ok(()),
        }
    }

    fn has_steps(&self, spec: &JobSpec) -> Result<(), JobMisfit> {
        let (job, params) = (spec.steps, self.steps());
        match job == params {
            true => Ok(()),
            false => Err(JobMisfit::Steps { job, params }),
        }
    }
}

pub(crate) fn within(what: &'static str, job: u64, bound: u64) -> Result<(), JobMisfit> {
    match job <= bound {
        true => Ok(()),
        false => Err(JobMisfit::Exceeds { what, job, bound }),
    }
}

/// Why a job is not one for these parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobMisfit {
    /// Another number of steps.
    #[error("the job has {job} steps, the contract's parameters say {params}")]
    Steps {
        /// Of the job.
        job: u64,
        /// Of the parameters.
        params: u64,
    },
    /// It may take more than the parameters allow.
    #[error("the job may take {job} {what}, the contract's parameters allow {bound}")]
    Exceeds {
        /// What it is, with its unit.
        what: &'static str,
        /// Of the job.
        job: u64,
        /// Of the parameters.
        bound: u64,
    },
    /// Its digests are too easy to guess for the contract's token.
    #[error(transparent)]
    Guessable(#[from] Guessable),
    /// The program at hand is not the one that the description names.
    #[error("the program at hand is not that of the job")]
    OtherProgram,
    /// The job was accepted for a contract with other bounds.
    #[error("the job was accepted under other bounds than the contract's")]
    OtherBounds,
}
