//! What a machine could not give a step: never a verdict about a job or a party.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::StepError;

/// A limit of the machine that ran a step. The step is not decided by it: on another machine it may
/// have an output, or another failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineLimit {
    /// The system did not give the memory that the step may use.
    #[error(
        "this machine gave no {needed} bytes of memory for {what}; free memory, raise its limit (`ulimit -v`), or use a larger machine"
    )]
    Memory {
        /// What it is for.
        what: &'static str,
        /// Bytes that were needed in one piece.
        needed: u64,
    },
    /// The step took longer than whoever runs it allowed.
    #[error(
        "the step used {fuel} of its {limit} units of fuel within {}; allow more time, or use a faster machine: a judge that states a rate must keep it", Seconds(*allowed)
    )]
    Time {
        /// Time allowed.
        allowed: Duration,
        /// Fuel used by then.
        fuel: u64,
        /// Fuel that it may use.
        limit: u64,
    },
    /// The system gave no thread.
    #[error(
        "this machine gave no thread for {what}: {why}; raise its limit (`ulimit -u`, `ulimit -v`)"
    )]
    Thread {
        /// What it is for.
        what: &'static str,
        /// What the system said.
        why: String,
    },
    /// The engine failed in a way that no program can bring about.
    #[error("the engine failed: {0}; report it")]
    Engine(String),
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// A clock of the shell; this crate has none.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Time since a fixed moment; it never goes back.
    fn now(&self) -> Duration;
}

/// How long a step may take on this machine, by the shell's clock.
#[derive(Clone, Debug)]
pub struct TimeBudget {
    clock: Arc<dyn Clock>,
    per_step: Duration,
}

impl TimeBudget {
    /// `per_step` for each step, or for each unit that is run alone.
    pub fn new(clock: Arc<dyn Clock>, per_step: Duration) -> Self {
        Self { clock, per_step }
    }

    /// Longest time for a step.
    pub const fn per_step(&self) -> Duration {
        self.per_step
    }

    /// Starts to count: for an engine, when it begins a step.
    pub fn start(&self) -> Deadline<'_> {
        Deadline {
            budget: self,
            begun: self.clock.now(),
        }
    }
}

/// A step that is being timed. The engine asks it between portions of fuel, since nothing stops a step from outside.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<'a> {
    budget: &'a TimeBudget,
    begun: Duration,
}

impl Deadline<'_> {
    /// Whether time is left, to an engine that has used `fuel` of the `limit` that the step may use.
    ///
    /// # Errors
    /// [`MachineLimit::Time`], once the time is up.
    pub fn check(&self, fuel: u64, limit: u64) -> Result<(), StepError> {
        let allowed = self.budget.per_step;
        let taken = self.budget.clock.now().saturating_sub(self.begun);
        if taken <= allowed {
            return Ok(());
        }
        Err(StepError::Machine(MachineLimit::Time {
            allowed,
            fuel,
            limit,
        }))
    }
}

/// Whether the system has this much memory in one piece; it is given back at once. On a system that
/// promises more than it has, later growth can still fail, and is then the machine's limit too.
///
/// # Errors
/// [`MachineLimit::Memory`].
pub fn reserve(what: &'static str, needed: u64) -> Result<(), MachineLimit> {
    let mut probe: Vec<u8> = Vec::new();
    let got = usize::try_from(needed).is_ok_and(|bytes| probe.try_reserve_exact(bytes).is_ok());
    // The compiler may not take the allocation away.
    std::hint::black_box(&probe);
    match got {
        true => Ok(()),
        false => Err(MachineLimit::Memory { what, needed }),
    }
}

/// `bytes` zeros, or the machine's limit.
///
/// # Errors
/// [`MachineLimit::Memory`].
pub fn zeros(what: &'static str, bytes: usize) -> Result<Vec<u8>, MachineLimit> {
    let mut buffer = Vec::new();
    let needed = bytes as u64;
    buffer
        .try_reserve_exact(bytes)
        .map_err(|_| MachineLimit::Memory { what, needed })?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}
