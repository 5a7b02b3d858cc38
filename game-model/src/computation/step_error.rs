//! Every way in which a step can fail, by name.

use super::MachineLimit;

/// Why a step gave no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The job has no such step.
    #[error("the job has {steps} steps, no step {index}")]
    NoSuchStep {
        /// Index asked for.
        index: u64,
        /// N.
        steps: u64,
    },
    /// The record does not fit where the program takes its input.
    #[error("a record of {bytes} bytes does not fit the program's memory")]
    RecordDoesNotFit {
        /// Size of the record.
        bytes: usize,
    },
    /// The step used up its fuel.
    #[error("the step used up its {limit} units of fuel")]
    OutOfFuel {
        /// Fuel per step.
        limit: u64,
    },
    /// The step asked for more memory than allowed.
    #[error("the step asked for more than {limit} bytes of memory")]
    MemoryLimit {
        /// Memory per step in bytes.
        limit: u64,
    },
    /// The program trapped.
    #[error("the program trapped: {0}")]
    Trap(String),
    /// Bytes that are no state of the program ([`super::UnitProgram`]).
    #[error("{bytes} bytes are no state of this program: {why}")]
    NotAState {
        /// Number of bytes given.
        bytes: usize,
        /// What is wrong with them.
        why: &'static str,
    },
    /// The state after the last unit that a step may take has not ended ([`super::UnitProgram`]).
    #[error("the step has not ended after {limit} units")]
    TooManyUnits {
        /// Units per step.
        limit: u64,
    },
    /// The record is not what this program reads.
    #[error("the record is no input of this program: {why}")]
    BadRecord {
        /// What is wrong with it.
        why: &'static str,
    },
    /// What the step found does not fit into an output of the job's size.
    #[error("the step's result of {needed} bytes does not fit into the job's {limit}")]
    OutputDoesNotFit {
        /// Bytes needed.
        needed: usize,
        /// Size according to the job.
        limit: usize,
    },
    /// Two runs of the step on this machine gave different results ([`super::RunTwice`]).
    #[error("the step is not deterministic: it gave {first}, then {second}")]
    NotDeterministic {
        /// Result of the first run.
        first: String,
        /// Result of the second.
        second: String,
    },
    /// Two engines that must agree on every program do not: a defect of one of them.
    #[error("the engines differ: {ruling} under the ruling one, {other} under the other")]
    EnginesDiffer {
        /// Result under the engine that rules.
        ruling: String,
        /// Result under the other.
        other: String,
    },
    /// This machine could not give the step what its job allows it: nobody else's fault.
    #[error(transparent)]
    Machine(#[from] MachineLimit),
    /// The program gave an output of no bytes.
    #[error("the program gave no output")]
    NoOutput,
    /// The output has another size than the job says.
    #[error("output of {found} bytes, the job says {expected}")]
    WrongOutputSize {
        /// Size according to the job.
        expected: usize,
        /// Size given.
        found: usize,
    },
    /// The output is larger than any job's may be.
    #[error("output of {found} bytes, at most {limit} allowed")]
    OversizedOutput {
        /// Largest output in bytes.
        limit: usize,
        /// Size given.
        found: usize,
    },
    /// The output is said to lie where there is no memory.
    #[error("the output at {address}, {bytes} bytes, is outside the program's memory")]
    OutputOutOfBounds {
        /// Start in the program's memory.
        address: u32,
        /// Size in bytes.
        bytes: u32,
    },
}

impl StepError {
    /// An engine's failure that no program can bring about: [`MachineLimit::Engine`].
    pub fn engine(what: impl ToString) -> Self {
        Self::Machine(MachineLimit::Engine(what.to_string()))
    }

    /// Whether the step has no output, whoever runs it: nobody can commit to one, and who did is at fault.
    pub const fn is_of_the_step(&self) -> bool {
        !self.is_defect() && !matches!(self, Self::NoSuchStep { .. })
    }

    /// Whether the failure says something about this machine or its engine rather than about
    /// program and record: a third outcome beside right and wrong, on which nobody is convicted.
    pub const fn is_defect(&self) -> bool {
        matches!(
            self,
            Self::NotDeterministic { .. } | Self::EnginesDiffer { .. } | Self::Machine(_)
        )
    }
}
