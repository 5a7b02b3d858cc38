//! A dispute inside a step of a real job: played for demonstration, or replayed from a file.

use std::path::Path;

use bitcoin::{
    hex::DisplayHex,
    secp256k1::{Keypair, Secp256k1},
};
use narthex_channel::{
    Logged, OpenError, StepError as InputError,
    dispute::{DisputeError, DisputeInput, DisputeMachine},
    log::{Identity, Log, LogError, MemoryLog},
};
use narthex_game_model::{
    commitment::{Commitment, Opening, ResultSecret, SaltSeed, TreeError},
    computation::{Computation, Job, StepError, StepProgram, UnitProgram},
    dispute::{
        ContestError, Dispute, DisputeTerms, Duty, Event, FallsSilent, HonestPlayer, LyingPlayer,
        Move, MoveCost, MoveError, Player, ReplayError, SearchPlan, Side, Standing, TermsError,
        Transcript, cheapest_fan_out, contest, plan,
    },
    params::JobBounds,
    play::{Finding, Strategy, Work, WorkError, WorkerSecrets},
    tagged::tagged_hash,
};
use serde::{Deserialize, Serialize};

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

/// How a demonstration is played.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// The disputed step.
    pub index: u64,
    /// Who is wrong: the worker about its output, or the challenger that disputes a right one.
    pub liar: Side,
    /// Unit from which on the liar's states are made up, at most one more than those that count (then the output alone is);
    /// without it, after half of them.
    pub from_unit: Option<u64>,
    /// First move that the liar does not make; one that would be its to make.
    pub silent_from: Option<u32>,
    /// n; without it, the cheapest for `cost`.
    pub fan_out: Option<u32>,
    /// Cost of recording moves.
    pub cost: MoveCost,
    /// Blocks for each answer.
    pub response_blocks: u16,
    /// How many blocks must lie above a date before it counts for a ruling.
    pub date_depth: u16,
    /// Blocks that each answer takes.
    pub answer_blocks: u32,
    /// Height at which the dispute is opened.
    pub opened_at: u32,
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

/// Plays a dispute between an honest party and a liar. The keys are made up and the worker's other leaves empty: the
/// dispute looks at none of them.
pub fn demonstrate<P: StepProgram>(
    job: &Job<P>,
    options: &DemoOptions,
) -> Result<DisputeFile, JobDisputeError> {
    let program = job.program().units().ok_or(JobDisputeError::NoUnits)?;
    let (commitment, opening) = commit_to_step(job, options)?;
    let keys = [key("worker")?, key("challenger")?];
    let max_units = program.max_units();
    let bounds = JobBounds::around(
        &job.program().needs(),
        job.records().width() as u64,
        job.spec().output_bytes,
        JobBounds::default().fuel_per_second,
    );
    let fan_out = options
        .fan_out
        .unwrap_or_else(|| cheapest_fan_out(max_units, options.cost).fan_out);
    let terms = DisputeTerms {
        contract: tagged_hash("narthex/demonstration", b"contract"),
        job: *job.spec(),
        bounds,
        commitment,
        index: options.index,
        opening,
        worker: keys[0].x_only_public_key().0,
        challenger: keys[1].x_only_public_key().0,
        max_units,
        fan_out,
        response_blocks: options.response_blocks,
        date_depth: options.date_depth,
    };
    let (record, proof) = job.prove_record(options.index)?;
    let honest = || HonestPlayer::new(program, record.clone(), proof.clone());
    let units = running_units(program, &record)?;
    let from = 1 + match options.from_unit {
        Some(unit) if unit > units => return Err(JobDisputeError::NoSuchUnit { unit, units }),
        Some(unit) => unit,
        None => units / 2,
    };
    let liar = FallsSilent {
        before: LyingPlayer::new(honest(), from),
        from_move: options.silent_from.unwrap_or(u32::MAX),
    };
    let mut liar = Asked {
        player: liar,
        last: None,
    };
    let mut honest = honest();
    let players: [&mut dyn Player; 2] = match options.liar {
        Side::Worker => [&mut liar, &mut honest],
        Side::Challenger => [&mut honest, &mut liar],
    };
    let [worker, challenger] = players;
    let seats = [(worker, &keys[0]), (challenger, &keys[1])];
    let transcript = contest(
        program,
        &terms,
        options.opened_at,
        seats,
        options.answer_blocks,
    )?;
    if let Some(from) = options.silent_from
        && liar.last.is_none_or(|last| last < from)
    {
        return Err(JobDisputeError::NeverSilent { from });
    }
    Ok(DisputeFile { terms, transcript })
}

/// A player, and the last move that it was asked for.
struct Asked<T> {
    player: T,
    last: Option<u32>,
}

impl<T: Player> Player for Asked<T> {
    fn play(&mut self, dispute: &Dispute, side: Side) -> Option<Move> {
        self.last = Some(dispute.place().0);
        self.player.play(dispute, side)
    }

    fn defect(&self) -> Option<&StepError> {
        self.player.defect()
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

/// A job of which one step was computed.
struct OneStep<'a, P> {
    job: &'a Job<P>,
    index: u64,
}

impl<P: StepProgram> Computation for OneStep<'_, P> {
    fn job(&self) -> [u8; 32] {
        self.job.job()
    }

    fn steps(&self) -> u64 {
        self.job.steps()
    }

    fn output_bytes(&self) -> usize {
        self.job.output_bytes()
    }

    fn step(&self, index: u64) -> Result<Vec<u8>, StepError> {
        match index == self.index {
            true => self.job.step(index),
            false => Ok(vec![0; self.output_bytes()]),
        }
    }
}

fn commit_to_step<P: StepProgram>(
    job: &Job<P>,
    options: &DemoOptions,
) -> Result<(Commitment, Opening), JobDisputeError> {
    let (index, steps) = (options.index, job.steps());
    if index >= steps {
        return Err(JobDisputeError::NoSuchStep { index, steps });
    }
    job.step(index).map_err(|error| match error.is_defect() {
        true => JobDisputeError::Defect(error),
        false => JobDisputeError::StepFails { index, error },
    })?;
    let strategy = match options.liar {
        Side::Worker => Strategy::Target {
            steps: [index].into(),
        },
        Side::Challenger => Strategy::Honest,
    };
    let secret = |what: &[u8]| tagged_hash("narthex/demonstration", what);
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes(secret(b"result secret")),
        salts: SaltSeed::from_bytes(secret(b"salts")),
    };
    let work = Work::perform(&OneStep { job, index }, &strategy, &secrets)?;
    let opening = work.open(&[index])?;
    Ok((*work.commitment(), opening))
}

/// Number of units before the machine stays where it is; a record on which it fails ends there.
fn running_units(program: &dyn UnitProgram, record: &[u8]) -> Result<u64, JobDisputeError> {
    let defect = |error: StepError| match error.is_defect() {
        true => Err(JobDisputeError::Defect(error)),
        false => Ok(None),
    };
    let Some(mut state) = program.start(record).map_or_else(defect, |s| Ok(Some(s)))? else {
        return Ok(0);
    };
    for unit in 0..program.max_units() {
        let next = program
            .advance(&state)
            .map_or_else(defect, |s| Ok(Some(s)))?;
        match next {
            Some(next) if next != state => state = next,
            _ => return Ok(unit),
        }
    }
    Ok(program.max_units())
}

fn key(of: &str) -> Result<Keypair, bitcoin::secp256k1::Error> {
    let secret = tagged_hash("narthex/demonstration-key", of.as_bytes());
    Keypair::from_seckey_slice(&Secp256k1::signing_only(), &secret)
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
