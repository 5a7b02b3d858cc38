//! A dispute played for demonstration, between an honest party and a liar.

use bitcoin::secp256k1::{Keypair, Secp256k1};
use narthex_game_model::{
    commitment::{Commitment, Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed},
    computation::{Computation, Job, StepError, StepProgram, UnitProgram},
    dispute::{
        Dispute, DisputeTerms, FallsSilent, HonestPlayer, LyingPlayer, Move, MoveCost, Player,
        Side, cheapest_fan_out, contest,
    },
    params::JobBounds,
    play::{Strategy, Work, WorkerSecrets},
    tagged::tagged_hash,
};

use super::{DisputeFile, JobDisputeError};

/// How a demonstration is played.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
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

impl DemoOptions {
    /// About this step, with this side in the wrong from half way on. Both answer in the next block until the dispute is
    /// over; recording a move costs 150 and 1 for each byte, and the fan-out is the cheapest at that.
    pub const fn new(index: u64, liar: Side) -> Self {
        Self {
            index,
            liar,
            from_unit: None,
            silent_from: None,
            fan_out: None,
            cost: MoveCost {
                per_move: 150,
                per_byte: 1,
            },
            response_blocks: 6,
            date_depth: 2,
            answer_blocks: 1,
            opened_at: 800_000,
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
        polynomial: PolynomialSeed::from_bytes(secret(b"polynomial")),
    };
    let work = Work::perform(&OneStep { job, index }, &strategy, &secrets, 1)?;
    // A demonstration's commitment: nothing of it is for sale.
    let allowed = OpeningBook::new(work.commitment()).allow(&[index], |_| Ok(()))?;
    let opening = work.open(&allowed)?;
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
