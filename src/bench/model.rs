//! What committing, checking, storing, solving and simulating cost, each beside its floor where it has one.
//!
//! The criterion benchmarks of `game-model` measure the same at more sizes.

use std::{hint::black_box, io::Cursor, time::Instant};

use anyhow::Context;
use bitcoin::secp256k1;
use narthex_game_model::{
    Params, ParamsRecord, Ratio,
    commitment::{
        Boxed, Commitment, Domain, KeyPolynomial, Opener, Opening, OpeningBook, PolynomialSeed,
        ResultSecret, SaltSeed, SealedShape, Sealer, Sealing, TreeBuilder, WorkerSecrets, box_hash,
        state_digest, work_leaf,
    },
    computation::{Computation, Repeated, StepError},
    game::{ArbiterModel, Economics, build, solve},
    play::BlindDigests,
    retrieval::{Shape, encode},
    sample,
    simulation::{Arena, Dice, Setup},
    workload::digits,
};

use super::{Measurement, median};
use crate::schedules::{Plan, play};

/// Steps and sample of the check that is measured.
const STEPS: u64 = 1_000_000;
const SAMPLE: u32 = 300;
/// Bytes of a state in the commitment that is measured, and how many there are.
const STATE_BYTES: usize = 4096;
const STATES: usize = 8192;
/// Bytes of the file that is encoded.
const FILE_BYTES: usize = 64 << 20;
/// Memory for coding it, in bytes.
const CODING_BYTES: usize = 32 << 20;
/// Schedules that are played.
const SCHEDULES: u8 = 200;
/// Games of the simulation.
const GAMES: u64 = 200;

/// Measures everything `rounds` times; medians are reported. `progress` is told what begins.
pub fn run(rounds: usize, mut progress: impl FnMut(&str)) -> anyhow::Result<Vec<Measurement>> {
    let rounds = rounds.max(1);
    let mut all = Vec::new();
    progress("committing");
    all.push(committing(rounds)?);
    progress("sealing, and checking a sample");
    all.extend(checking(rounds)?);
    progress("storing");
    all.push(storing(rounds)?);
    progress("solving");
    all.extend(solving(rounds)?);
    progress("simulating");
    all.push(simulating(rounds)?);
    all.push(scheduling(rounds));
    Ok(all)
}

fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64(), result)
}

/// Medians of figure and floor, and of their ratio.
fn measurement(name: String, pairs: &[(f64, Option<f64>)]) -> Measurement {
    let floors = pairs
        .iter()
        .filter_map(|(_, floor)| *floor)
        .collect::<Vec<_>>();
    let with_floor = floors.len() == pairs.len();
    let ratios = pairs
        .iter()
        .filter_map(|(figure, floor)| Some(figure / (*floor)?));
    let ratio = with_floor.then(|| median(ratios.collect()));
    Measurement {
        name,
        figure: median(pairs.iter().map(|(figure, _)| *figure).collect()),
        floor_safe: with_floor.then(|| median(floors)),
        floor_raw: None,
        ratio,
    }
}

/// A commitment to states of 4 KiB, beside SHA-256 of the same bytes.
fn committing(rounds: usize) -> anyhow::Result<Measurement> {
    let states = (0..STATES * STATE_BYTES)
        .map(|i| (i * 31 % 251) as u8)
        .collect::<Vec<_>>();
    let salts = SaltSeed::from_bytes([7; 32]);
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let (figure, root) = timed(|| {
            let mut tree = TreeBuilder::new(Domain::Work);
            for (index, state) in (0..).zip(states.chunks_exact(STATE_BYTES)) {
                tree.push(work_leaf(index, &salts.salt(index), &state_digest(state)));
            }
            tree.finish()
        });
        black_box(root?);
        let (floor, ()) = timed(|| {
            use bitcoin::hashes::{Hash, sha256};
            for state in states.chunks_exact(STATE_BYTES) {
                black_box(sha256::Hash::hash(state));
            }
        });
        pairs.push((figure, Some(floor)));
    }
    Ok(measurement(
        format!("commit to {STATES} states of {STATE_BYTES} bytes, floor: SHA-256"),
        &pairs,
    ))
}

/// A worker's commitment to repeated outputs, and what it needs to open some of them.
struct Sealed {
    commitment: Commitment,
    polynomial: KeyPolynomial,
    salts: SaltSeed,
    /// Of each step, with the boxes of the sampled ones.
    boxes: Vec<Boxed>,
}

impl Sealed {
    /// Commits to these outputs over and over; keeps the boxes of `sampled`.
    fn new(outputs: &[Vec<u8>], openings: u32, sampled: &[u64]) -> anyhow::Result<Self> {
        let secrets = WorkerSecrets {
            result: ResultSecret::from_bytes([1; 32]),
            salts: SaltSeed::from_bytes([2; 32]),
            polynomial: PolynomialSeed::from_bytes([3; 32]),
        };
        let width = outputs.first().map_or(0, Vec::len);
        let shape = SealedShape::new(STEPS, width, openings).context("outputs of nothing")?;
        let output = |index: u64| &outputs[(index % outputs.len() as u64) as usize];
        let mut leaves = TreeBuilder::new(Domain::Work);
        for index in 0..STEPS {
            let digest = state_digest(output(index));
            leaves.push(work_leaf(index, &secrets.salts.salt(index), &digest));
        }
        let (root, _) = leaves.finish()?;
        let job = [4; 32];
        let what = Sealing { job, root, shape };
        let mut sealer = Sealer::new(&what, &secrets)?;
        let mut boxes = Vec::new();
        for index in 0..STEPS {
            let record = sealer.push(output(index))?;
            let sealed = &record[SealedShape::LEAF_BYTES..];
            boxes.push(match sampled.binary_search(&index) {
                Ok(_) => Boxed::Whole(sealed.to_vec()),
                Err(_) => Boxed::Hash(box_hash(sealed)),
            });
        }
        Ok(Self {
            commitment: sealer.finish()?,
            polynomial: what.polynomial(&secrets)?,
            salts: secrets.salts,
            boxes,
        })
    }

    /// Opens these steps in a second pass over all of them.
    fn open(&self, digest: impl Fn(u64) -> [u8; 32], sampled: &[u64]) -> anyhow::Result<Opening> {
        let allowed = OpeningBook::new(&self.commitment).allow(sampled, |_| Ok(()))?;
        let mut opener = Opener::new(&self.commitment, &allowed, &self.polynomial)?;
        for (index, sealed) in (0..).zip(&self.boxes) {
            opener.push(self.salts.salt(index), digest(index), sealed.clone())?;
        }
        Ok(opener.finish()?)
    }
}

/// Sealing 10⁶ steps for 300 openings, beside doing so for one, where the keys cost nothing; checking 300 of them, beside
/// running these 300; the shares in that, beside as many multiplications as points; and proving the 300 in a second pass.
fn checking(rounds: usize) -> anyhow::Result<Vec<Measurement>> {
    let job = Repeated::new(digits::job(None)?, STEPS).context("the shipped job has no steps")?;
    let outputs = (0..job.period()).map(|i| job.step(i));
    let outputs = outputs.collect::<Result<Vec<_>, StepError>>()?;
    let digests: Vec<_> = outputs.iter().map(|output| state_digest(output)).collect();
    let digest = |index: u64| digests[(index % job.period()) as usize];
    let indices = sample::draw(&sample::seed(&[2; 32], &[3; 32], &[4; 32]), STEPS, SAMPLE)?;
    let (mut seals, mut shares) = (Vec::new(), Vec::new());
    let (mut proofs, mut checks) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (figure, sealed) = timed(|| Sealed::new(&outputs, SAMPLE, &indices));
        let (floor, one) = timed(|| Sealed::new(&outputs, 1, &indices));
        black_box(one?);
        seals.push((figure, Some(floor)));
        let sealed = sealed?;
        let (proved, opening) = timed(|| sealed.open(digest, &indices));
        let opening = opening?;
        let (figure, verdict) = timed(|| {
            let blind = BlindDigests::recompute(&job, &indices, [5; 32])?;
            anyhow::Ok(blind.verdict(&sealed.commitment, &opening)?)
        });
        anyhow::ensure!(verdict?.approves(), "an honest sample was rejected");
        let (floor, ran) = timed(|| indices.iter().try_for_each(|i| job.step(*i).map(|_| ())));
        ran?;
        checks.push((figure, Some(floor)));
        proofs.push((proved, None));
        let (figure, checked) = timed(|| {
            opening
                .points
                .check(&sealed.commitment.result, &opening.shares())
        });
        anyhow::ensure!(checked.is_ok(), "honest shares were rejected");
        let (floor, ()) = timed(|| multiplied(&sealed.commitment.result, SAMPLE + 1));
        shares.push((figure, Some(floor)));
    }
    Ok(vec![
        measurement(
            format!("seal {STEPS} steps for {SAMPLE} openings, floor: for one"),
            &seals,
        ),
        measurement(
            format!("check {SAMPLE} of {STEPS} steps, floor: running them"),
            &checks,
        ),
        measurement(
            format!(
                "check {SAMPLE} key shares, floor: {} points multiplied",
                SAMPLE + 1
            ),
            &shares,
        ),
        measurement(
            format!("prove {SAMPLE} of {STEPS} steps in a second pass"),
            &proofs,
        ),
    ])
}

/// A point multiplied so often by large numbers.
fn multiplied(point: &secp256k1::PublicKey, times: u32) {
    let secp = secp256k1::Secp256k1::verification_only();
    for number in 0..times {
        let mut factor = [0x5a; 32];
        factor[..4].copy_from_slice(&number.to_be_bytes());
        let factor = secp256k1::Scalar::from_be_bytes(factor);
        black_box(factor.map(|factor| point.mul_tweak(&secp, &factor)).ok());
    }
}

/// Coding a file so that any two thirds of its chunks recover it, beside SHA-256 of the file.
fn storing(rounds: usize) -> anyhow::Result<Measurement> {
    let file = (0..FILE_BYTES)
        .map(|i| (i * 17 % 241) as u8)
        .collect::<Vec<_>>();
    let shape = Shape::surviving(FILE_BYTES as u64, Ratio::new(1, 3)?)?;
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let mut store = Cursor::new(Vec::new());
        let (figure, archive) = timed(|| {
            encode(
                shape,
                file.as_slice(),
                &mut store,
                CODING_BYTES,
                &mut |_, _| (),
            )
        });
        black_box(archive?);
        let (floor, _) = timed(|| {
            use bitcoin::hashes::{Hash, sha256};
            black_box(sha256::Hash::hash(&file))
        });
        pairs.push((figure, Some(floor)));
    }
    Ok(measurement(
        format!("encode a file of {} MiB, floor: SHA-256", FILE_BYTES >> 20),
        &pairs,
    ))
}

/// One game, built and solved.
fn solving(rounds: usize) -> anyhow::Result<Vec<Measurement>> {
    let players = Economics {
        arbiters: ArbiterModel::Strategic,
        ..Economics::example()
    };
    let cases = [
        ("error rates", 3, 2, Economics::example()),
        ("3 arbiters play", 3, 2, players.clone()),
        ("5 arbiters play", 5, 3, players),
    ];
    let mut all = Vec::new();
    for (name, n, k, economics) in cases {
        let params = Params::new(ParamsRecord::example(n, k, 800_000))?;
        let mut pairs = Vec::new();
        for _ in 0..rounds.max(5) {
            let (figure, verdict) =
                timed(|| build(&params, &economics).map(|game| solve(&game).verdict));
            anyhow::ensure!(verdict?.honest_play_pays(), "the example does not pay");
            pairs.push((figure, None));
        }
        all.push(measurement(format!("solve a game, {name}"), &pairs));
    }
    Ok(all)
}

/// Whole games of an honest worker with 1,000 steps, a sample of 100.
fn simulating(rounds: usize) -> anyhow::Result<Measurement> {
    let params = Params::new(ParamsRecord::example(3, 2, 800_000))?;
    let setup = Setup::honest(params);
    let job = setup.job()?;
    let arena = Arena::new(&setup, &job)?;
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let (figure, played) =
            timed(|| (0..GAMES).try_for_each(|g| arena.play(&Dice::new([1; 32], g)).map(|_| ())));
        played?;
        pairs.push((figure / GAMES as f64, None));
    }
    Ok(measurement(
        "simulate a game of 1,000 steps".to_owned(),
        &pairs,
    ))
}

/// Set-ups with everything that disturbs them, by mock signatures: `narthex simulate schedules` on one core.
fn scheduling(rounds: usize) -> Measurement {
    let mut pairs = Vec::new();
    for _ in 0..rounds {
        let (figure, ()) = timed(|| {
            for number in 0..SCHEDULES {
                black_box(play(&[number; 32], &Plan::default()));
            }
        });
        pairs.push((figure / f64::from(SCHEDULES), None));
    }
    measurement("play a schedule of a set-up".to_owned(), &pairs)
}
