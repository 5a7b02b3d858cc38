//! Why a job command failed, whose fault it is, and what to do next.

use std::path::PathBuf;

use narthex_game_model::{
    bundle::BundleFault,
    commitment::{BookError, KeyError, OpenError, OpenerError, SealError, TreeError},
    computation::{MachineLimit, StepError},
    play::{OpeningError, WorkError},
    sample::SampleError,
    workload::{
        ProgramError, RecordsError,
        digits::DigitsError,
        model::ModelError,
        words::{ChainError, PartitionError},
    },
};

/// Why a job command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A file or directory cannot be used.
    #[error("{doing} {path}: {source}; {}", hint(source))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than its kind may be.
    #[error("{path} has {bytes} bytes, at most {limit} are read; cut it or name another file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Largest allowed.
        limit: u64,
    },
    /// A JSON file is malformed.
    #[error("{path} is refused: {source}; {hint}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
        /// Where to get a good one.
        hint: &'static str,
    },
    /// A manifest of another version.
    #[error("{path} is a job of version {found}; this program reads version 1")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u32,
    },
    /// The program or its input is malformed.
    #[error("{what} is refused: {source}; mend it and start again")]
    Refused {
        /// Which part of the job.
        what: String,
        /// What is wrong with it.
        source: Malformed,
    },
    /// What a job travels as is no bundle: too many files or bytes.
    #[error("{0}; a job that travels is smaller")]
    Bundle(#[from] BundleFault),
    /// A bundle's job speaks of more or fewer files than there are. Whoever offers it is at fault.
    #[error("the job speaks of {named} files, and {files} come with it")]
    Bundled {
        /// Files that it speaks of.
        named: usize,
        /// Files that are there beside it.
        files: usize,
    },
    /// A bundle's job speaks of a file that is not of the bundle. Whoever offers it is at fault.
    #[error("the job speaks of {file:?}, which does not come with it")]
    Unbundled {
        /// The file.
        file: PathBuf,
    },
    /// A name that is no file's.
    #[error("{path} is no file; name one")]
    NoFile {
        /// The name.
        path: PathBuf,
    },
    /// A file has changed while it was copied.
    #[error("{path} has changed while it was read; start again once it is still")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The engine was left out when this program was built.
    #[error(
        "this program was built without wasmtime; build it with `cargo build --release --features wasmtime`, or use --engine wasmi"
    )]
    NoWasmtime,
    /// A program with units under another engine.
    #[error("programs with units run under wasmi alone; leave out --engine")]
    UnitsNeedWasmi,
    /// The state directory belongs to another job.
    #[error(
        "{path} holds the state of another job ({found}, this one is {expected}); name another directory"
    )]
    OtherJob {
        /// The directory.
        path: PathBuf,
        /// Identity found.
        found: String,
        /// Identity of this job.
        expected: String,
    },
    /// Another process works there.
    #[error("{path} is in use by another process; wait for it, or name another directory")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The state directory does not hold what its journal says.
    #[error(
        "{path}: {why}, from step {from} on; `narthex job run` with --repair computes these steps anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
        /// First step that is not known to be right.
        from: u64,
    },
    /// Nothing was run there.
    #[error("{path} holds no job; `narthex job run JOB.json --state DIR` makes one")]
    NoState {
        /// The directory.
        path: PathBuf,
    },
    /// There is nothing complete to commit to.
    #[error("stage {stage} has {done} of {steps} steps; run `narthex job run` to its end first")]
    Incomplete {
        /// The stage.
        stage: u32,
        /// Steps done.
        done: u64,
        /// N.
        steps: u64,
    },
    /// No stage was begun.
    #[error("{path} has no stage yet; run `narthex job run` to its end first")]
    NothingRun {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing was committed to in this contract.
    #[error("stage {stage} is not committed to{}; `{command}` does that", known(.others))]
    NotCommitted {
        /// The stage.
        stage: u32,
        /// What commits.
        command: String,
        /// Contracts that something was committed to for.
        others: Vec<String>,
    },
    /// The secrets of a commitment are gone.
    #[error(
        "{path} is missing, and what was committed to cannot be opened without it; restore it from a copy"
    )]
    NoSecrets {
        /// The file.
        path: PathBuf,
    },
    /// A copy of another contract's secrets.
    #[error(
        "{path} holds the secrets of the contract {of}: whoever pays there would open this result too; remove the copy"
    )]
    OthersSecrets {
        /// The file.
        path: PathBuf,
        /// The contract they are of.
        of: String,
    },
    /// The system gives no random numbers.
    #[error("this machine gives no randomness: {source}; without it there are no secrets")]
    Random {
        /// What it said.
        source: std::io::Error,
    },
    /// The outputs of a directory are not those that were committed to.
    #[error(
        "{path} or the secrets beside it are not those that were committed to: nothing is opened, as the opening would \
         prove nothing; restore them from a copy"
    )]
    OtherRoot {
        /// The file with the outputs.
        path: PathBuf,
    },
    /// Another commitment was made from here before.
    #[error(
        "{path} is another commitment to the same job: committing to two answers loses the stake; use another state directory, \
         or name another contract with --contract"
    )]
    AlreadyCommitted {
        /// The commitment.
        path: PathBuf,
    },
    /// A step has no output.
    #[error(
        "stage {stage}, step {index}: {error}; nobody can deliver this job: do not accept it, or mend program and input"
    )]
    Step {
        /// The stage.
        stage: u32,
        /// The step.
        index: u64,
        /// What went wrong.
        error: StepError,
    },
    /// A step met a limit of this machine: nothing is decided by it.
    #[error(
        "stage {stage}, step {index} is not decided: {limit}; this says nothing about the job or the worker"
    )]
    Machine {
        /// The stage.
        stage: u32,
        /// The step.
        index: u64,
        /// What the machine could not give.
        limit: MachineLimit,
    },
    /// A step shows a defect of this machine or engine.
    #[error(
        "stage {stage}, step {index}: {error}; this says nothing about the worker: check this machine, try `--engine wasmi`, and report it"
    )]
    Defect {
        /// The stage.
        stage: u32,
        /// The step.
        index: u64,
        /// What was seen.
        error: StepError,
    },
    /// A commitment to another job.
    #[error(
        "the commitment is for job {found}, stage {stage} of this one is {expected}; check that the manifest is the one agreed on, and, after the first stage, that it follows from the result before"
    )]
    ForeignCommitment {
        /// The stage.
        stage: u32,
        /// The commitment's.
        found: String,
        /// This one's.
        expected: String,
    },
    /// A commitment whose words about the job are not the job's.
    #[error(
        "the commitment to stage {stage} is for {found} {what}, the job has {expected}; the worker's commitment is not to this job: \
         ask for the right one, or reject"
    )]
    CommitmentDiffers {
        /// The stage.
        stage: u32,
        /// What it is that differs.
        what: &'static str,
        /// The commitment's number.
        found: u64,
        /// The job's.
        expected: u64,
    },
    /// There is no such stage.
    #[error("there is no stage {stage}: the job has {stages}, from 0 on")]
    NoStage {
        /// Asked for.
        stage: u32,
        /// Number of stages.
        stages: u32,
    },
    /// Outputs of a stage before the first.
    #[error("the commitment is to the first stage, which has none before it; leave out --previous")]
    NeedlessPrevious,
    /// A later stage, and nothing to derive it from.
    #[error(
        "the commitment is to stage {stage}, which follows from the result before it: name that with --previous"
    )]
    NoPrevious {
        /// The stage.
        stage: u32,
    },
    /// The worker's opening proves nothing.
    #[error(
        "stage {stage}: {source}; the worker has not answered: ask again before its window ends, then reject"
    )]
    Opening {
        /// The stage.
        stage: u32,
        /// What is wrong.
        source: OpeningError,
    },
    /// The worker handed over other bytes than it committed to.
    #[error(
        "stage {stage}: {source}; this proves nothing: ask the worker for the sealed result of its commitment"
    )]
    NotTheResult {
        /// The stage.
        stage: u32,
        /// What is wrong.
        source: OpenError,
    },
    /// The worker's sealed result is not what it committed to.
    #[error(
        "stage {stage}: {source}; with commitment, sealed result and key this convicts the worker"
    )]
    Sealed {
        /// The stage.
        stage: u32,
        /// What is wrong.
        source: OpenError,
    },
    /// The sample cannot be drawn.
    #[error("{0}; ask for 1 to N steps")]
    Sample(#[from] SampleError),
    /// Indices that are no steps, or no steps at all.
    #[error("{0}; name steps of the job, each once")]
    Indices(#[from] TreeError),
    /// The result cannot be committed to.
    #[error("{0}; a job whose result is larger must be cut in several")]
    Seal(#[from] SealError),
    /// The contract's keys cannot be made.
    #[error("{0}; the secrets or the number of openings are not of this contract")]
    Keys(#[from] KeyError),
    /// More steps than the worker may open, or none that there are.
    #[error("{0}; name steps of the job, each once, no more than the contract samples")]
    Book(#[from] BookError),
    /// What is opened is not what was committed to.
    #[error("{0}; restore the files of this contract from a copy")]
    Opener(#[from] OpenerError),
    /// The record of opened steps is of another commitment.
    #[error(
        "{path} is of another commitment; restore it from a copy: without it nobody knows what was opened"
    )]
    OthersOpened {
        /// The record.
        path: PathBuf,
    },
    /// The verifier samples more steps than the worker committed to open.
    #[error(
        "stage {stage}: the commitment allows {openings} openings, and the sample has {sample} steps; commit with \
         --sample {sample}, or audit with --sample {openings}"
    )]
    SampleTooLarge {
        /// The stage.
        stage: u32,
        /// d.
        openings: u32,
        /// Steps sampled.
        sample: u32,
    },
    /// The cheating worker of a demonstration did not come to an end.
    #[error(transparent)]
    Cheat(#[from] WorkError),
}

/// What is wrong with a program or an input.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Malformed {
    /// A WebAssembly program.
    Program(#[from] ProgramError),
    /// Records.
    Records(#[from] RecordsError),
    /// A digits job.
    Digits(#[from] DigitsError),
    /// A model.
    Model(#[from] ModelError),
    /// Texts.
    Partition(#[from] PartitionError),
    /// Rounds of merges.
    Chain(#[from] ChainError),
    /// Records that make no tree.
    Tree(#[from] TreeError),
    /// An input that is no text where text is needed.
    Utf8(#[from] narthex_game_model::text::NotText),
    /// A counter beyond 64 bits or the largest input.
    #[error("{records} counted records from {start}; at most 2^24, and no number beyond 64 bits")]
    Counter {
        /// First number.
        start: u64,
        /// Number of records.
        records: u64,
    },
    /// More entropy than an output has bits.
    #[error("{stated} bits of entropy are stated for outputs of {bytes} bytes, which have at most {}", 8 * bytes)]
    Entropy {
        /// Stated.
        stated: u32,
        /// Size of an output.
        bytes: usize,
    },
    /// Defect of the second engine.
    #[error("{0}")]
    Engine(String),
}

/// The contracts that a user may have meant.
fn known(others: &[String]) -> String {
    match others.is_empty() {
        true => String::new(),
        false => format!(" in this contract (there are: {})", others.join(", ")),
    }
}

impl JobError {
    pub(super) fn io(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn step(stage: u32, index: u64, error: StepError) -> Self {
        match error {
            StepError::Machine(limit) => Self::Machine {
                stage,
                index,
                limit,
            },
            error if error.is_defect() => Self::Defect {
                stage,
                index,
                error,
            },
            error => Self::Step {
                stage,
                index,
                error,
            },
        }
    }
}

/// What to do about a failure of the system.
fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::OutOfMemory => {
            "this machine has too little memory for it: free some, raise its limit (`ulimit -v`), or use a larger machine"
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "make room on this disk, or use another"
        }
        _ => "see that it is there and that you may use it",
    }
}
