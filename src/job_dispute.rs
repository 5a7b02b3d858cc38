//! A dispute inside a step of a real job: played for demonstration, or replayed from a file.

mod demo;

use std::path::Path;

use bitcoin::hex::DisplayHex;
use narthex_channel::{
    Logged, OpenError, StepError as InputError,
    dispute::{DisputeError, DisputeInput, DisputeMachine},
    log::{Identity, Log, LogError, MemoryLog},
};
use narthex_game_model::{
    commitment::{BookError, OpenerError, TreeError},
    computation::{Computation, Job, StepError, StepProgram, UnitProgram},
    dispute::{
        ContestError, DisputeTerms, Duty, Event, MoveError, ReplayError, SearchPlan, Side,
        Standing, TermsError, Transcript, plan,
    },
    play::{Finding, WorkError},
};
use serde::{Deserialize, Serialize};

pub use demo::{DemoOptions, demonstrate};

/// Largest dispute file in bytes.
pub const MAX_DISPUTE_BYTES: u64 = 64 << 20;

/// A dispute as a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeFile {
    /// What it is about. Whoever judges compares this with contract and record.
    pub terms: DisputeTerms,
    /// What happened.
    pub transcript: Transcript,
}

/// One recorded move, for showing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownMove {
    /// Number of the move.
    pub number: u32,
    /// Who made it.
    pub side: Side,
    /// What it says.
    pub says: String,
    /// Size in bytes.
    pub bytes: usize,
    /// Height at which it was recorded; below that of the move before if a reorganisation put it there.
    pub height: u32,
    /// Last height at which it would have counted.
    pub deadline: u32,
    /// First and last point of what was left to search when it was made.
    pub interval: (u64, u64),
}

/// A dispute, looked at move by move.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// Identity of the dispute, hex.
    pub dispute: String,
    /// The disputed step.
    pub step: u64,
    /// M.
    pub max_units: u64,
    /// The longest search there could have been.
    pub plan: SearchPlan,
    /// Blocks that it could have taken, from the opening to a ruling.
    pub most_blocks: u64,
    /// How many blocks lie above a date that counts for a ruling.
    pub date_depth: u16,
    /// Its moves.
    pub moves: Vec<ShownMove>,
    /// How it stands.
    pub standing: Standing,
}

/// Why there is no dispute to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobDisputeError {
    /// The job's program has no units.
    #[error(
        "this job's steps cannot be cut into units; `narthex job example digits-units` or `digits-model` writes one whose steps can"
    )]
    NoUnits,
    /// There is no such step.
    #[error("the job has {steps} steps, no step {index}; name one with --step")]
    NoSuchStep {
        /// Asked for.
        index: u64,
        /// N.
        steps: u64,
    },
    /// There is no such unit.
    #[error(
        "the step ends after {units} units: nothing can be made up from unit {unit} on; name one up to {units}"
    )]
    NoSuchUnit {
        /// Asked for.
        unit: u64,
        /// Those that count.
        units: u64,
    },
    /// The silence that was asked for came too late to be noticed.
    #[error(
        "the dispute is over before a move from {from} on is the liar's to make: it never falls silent"
    )]
    NeverSilent {
        /// Asked for.
        from: u32,
    },
    /// The step has no output, so there is nothing right to say about it.
    #[error(
        "step {index} has no output ({error}): nobody can be right about it; name another with --step"
    )]
    StepFails {
        /// The step.
        index: u64,
        /// Why.
        error: StepError,
    },
    /// This machine gives no dependable answer.
    #[error("nothing is decided on this machine: {0}; nobody is at fault")]
    Defect(#[source] StepError),
    /// A commitment to another job.
    #[error(
        "the dispute is about another job than {job}; check that the manifest is the one agreed on"
    )]
    OtherJob {
        /// The manifest's job, hex.
        job: String,
    },
    /// The terms open no dispute.
    #[error("{0}; take the terms from the contract again")]
    Terms(#[from] TermsError),
    /// The demonstration's own terms open no dispute: the options do not fit the job.
    #[error("no such dispute can be played: {0}")]
    Options(#[source] TermsError),
    /// No transcript of this dispute.
    #[error("the transcript is refused: {0}")]
    Replay(#[source] ReplayError),
    /// An entry that counted does not count.
    #[error(transparent)]
    Move(MoveError),
    /// The demonstration's worker cannot commit.
    #[error(transparent)]
    Work(WorkError),
    /// No such leaf.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No such step in the book of opened ones.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The demonstration's worker cannot open its own work.
    #[error(transparent)]
    Opener(#[from] OpenerError),
    /// A defect of this program: entries before the opening.
    #[error(transparent)]
    NotOpened(DisputeError),
    /// The log cannot be read, or is of something else.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log does not give the dispute back.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A write failed before: it is not known how far the log goes.
    #[error("an earlier write to the log failed; start again")]
    Uncertain,
    /// A demonstration key is no key.
    #[error(transparent)]
    Key(#[from] bitcoin::secp256k1::Error),
}

impl From<ReplayError> for JobDisputeError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Entry {
                error: MoveError::Defect(error),
                ..
            } => Self::Defect(error),
            error => Self::Replay(error),
        }
    }
}

impl From<MoveError> for JobDisputeError {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Defect(error) => Self::Defect(error),
            error => Self::Move(error),
        }
    }
}

impl From<InputError<DisputeError>> for JobDisputeError {
    fn from(error: InputError<DisputeError>) -> Self {
        match error {
            InputError::Refused(DisputeError::Move(error)) => error.into(),
            InputError::Refused(error) => Self::NotOpened(error),
            InputError::Log(error) => Self::Log(error),
            InputError::Uncertain => Self::Uncertain,
        }
    }
}

impl From<ContestError> for JobDisputeError {
    fn from(error: ContestError) -> Self {
        match error {
            ContestError::Terms(error) => Self::Options(error),
            ContestError::Defect(error) => Self::Defect(error),
        }
    }
}

impl From<WorkError> for JobDisputeError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Step { error, .. } if error.is_defect() => Self::Defect(error),
            error => Self::Work(error),
        }
    }
}

/// Replays a dispute and tells its moves.
pub fn account<P: StepProgram>(
    job: &Job<P>,
    file: &DisputeFile,
) -> Result<Account, JobDisputeError> {
    let program = program_of(job, file)?;
    let terms = &file.terms;
    // It is judged first: what is shown then is known to count.
    let standing = file.transcript.replay(terms, program)?;
    let machine = DisputeMachine::new(terms.clone(), program)?;
    let mut driven = Logged::open(machine, MemoryLog::forgetful())?;
    let opened_at = file.transcript.opened_at;
    driven.step(&DisputeInput::Opened { opened_at })?;
    let mut moves = Vec::new();
    for entry in &file.transcript.entries {
        let dispute = driven.machine().dispute();
        let interval = dispute
            .interval()
            .map_or((0, 0), |i| (i.agreed, i.disputed));
        if let (Event::Moved(signed), Duty::Move { side, deadline, .. }) =
            (&entry.event, dispute.duty())
        {
            moves.push(ShownMove {
                number: signed.number,
                side,
                says: signed.action.to_string(),
                bytes: signed.encoded_bytes(),
                height: entry.height,
                deadline,
                interval,
            });
        }
        driven.step(&DisputeInput::Entry(Box::new(entry.clone())))?;
    }
    Ok(Account {
        dispute: driven.machine().dispute().id().to_lower_hex_string(),
        step: terms.index,
        max_units: terms.max_units,
        plan: plan(terms.max_units, terms.fan_out),
        most_blocks: terms.most_blocks(),
        date_depth: terms.date_depth,
        moves,
        standing,
    })
}

/// Brings the log of a dispute to where its file stands: what is new is judged and written down entry by entry, each
/// durable before the next is read. Killed at any of them, it goes on there. Entries that the file has otherwise, as after a
/// reorganisation, are read again.
pub fn keep<P: StepProgram, L: Log>(
    job: &Job<P>,
    file: &DisputeFile,
    log: L,
) -> Result<(), JobDisputeError> {
    let program = program_of(job, file)?;
    let transcript = &file.transcript;
    let opened_at = transcript.opened_at;
    let machine = DisputeMachine::new(file.terms.clone(), program)?;
    let mut driven = Logged::open(machine, log)?;
    let known = driven.machine().transcript().filter(|known| {
        known.opened_at == opened_at && transcript.entries.starts_with(&known.entries)
    });
    let read = known.map_or(0, |known| known.entries.len());
    if known.is_none() {
        driven.step(&DisputeInput::Opened { opened_at })?;
    }
    for entry in transcript.entries.iter().skip(read) {
        driven.step(&DisputeInput::Entry(Box::new(entry.clone())))?;
    }
    let height = transcript.complete_to;
    driven.step(&DisputeInput::Tip { height })?;
    Ok(())
}

/// Whose log a dispute's is.
pub fn log_of(file: &DisputeFile) -> Result<Identity, JobDisputeError> {
    Ok(Identity::new("dispute", file.terms.id()?))
}

fn program_of<'j, P: StepProgram>(
    job: &'j Job<P>,
    file: &DisputeFile,
) -> Result<&'j dyn UnitProgram, JobDisputeError> {
    let program = job.program().units().ok_or(JobDisputeError::NoUnits)?;
    if file.terms.job != *job.spec() {
        let job = job.job().to_lower_hex_string();
        return Err(JobDisputeError::OtherJob { job });
    }
    // Whatever the file says, nothing is ruled about a job that its contract does not allow.
    let terms = &file.terms;
    let accepted = terms.bounds.accepts_job(job).map_err(TermsError::from)?;
    terms.check_accepted(&accepted)?;
    terms.check(program)?;
    Ok(program)
}

impl Account {
    /// The ruling, if there is one.
    pub fn finding(&self) -> Option<&Finding> {
        match &self.standing {
            Standing::Ruled(finding) => Some(finding),
            Standing::Pending { .. } | Standing::Shallow { .. } => None,
        }
    }
}

impl DisputeFile {
    /// Reads a dispute as `narthex job dispute --out` writes it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        use anyhow::Context;
        let shown = path.display();
        let hint = "`narthex job dispute --out FILE` writes one";
        let bytes = crate::disk::read_bounded(path, MAX_DISPUTE_BYTES)
            .with_context(|| format!("cannot read a dispute from {shown}; {hint}"))?
            .with_context(|| {
                format!("{shown} is larger than any dispute ({MAX_DISPUTE_BYTES} bytes)")
            })?;
        narthex_game_model::text::parsed(&bytes, serde_json::from_str)
            .with_context(|| format!("{shown} is no dispute; {hint}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
