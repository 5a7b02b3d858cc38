//! What committing, checking, storing, solving and simulating cost, each beside its floor where it has one.
//!
//! The criterion benchmarks of `game-model` measure the same at more sizes.

use std::{hint::black_box, io::Cursor, time::Instant};

use anyhow::Context;
use narthex_game_model::{
    Params, ParamsRecord, Ratio,
    commitment::{
        Commitment, Domain, LeafOpening, Opening, SaltSeed, TreeBuilder, state_digest, work_leaf,
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
/// Games of the simulation.
const GAMES: u64 = 200;

/// Measures everything `rounds` times; medians are reported. `progress` is told what begins.
pub fn run(rounds: usize, mut progress: impl FnMut(&str)) -> anyhow::Result<Vec<Measurement>> {
    let rounds = rounds.max(1);
    let mut all = Vec::new();
    progress("committing");
    all.push(committing(rounds)?);
    progress("checking a sample");
    all.extend(checking(rounds)?);
    progress("storing");
    all.push(storing(rounds)?);
    progress("solving");
    all.extend(solving(rounds)?);
    progress("simulating");
    all.push(simulating(rounds)?);
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

/// Checking 300 of 10⁶ steps, beside running these 300; and proving them in a second pass over the leaves.
fn checking(rounds: usize) -> anyhow::Result<Vec<Measurement>> {
    let job = Repeated::new(digits::job(None)?, STEPS).context("the shipped job has no steps")?;
    let digests = (0..job.period())
        .map(|i| Ok(state_digest(&job.step(i)?)))
        .collect::<Result<Vec<_>, StepError>>()?;
    let digest = |index: u64| digests[(index % job.period()) as usize];
    let salts = SaltSeed::from_bytes([1; 32]);
    let indices = sample::draw(&sample::seed(&[2; 32], &[3; 32], &[4; 32]), STEPS, SAMPLE)?;
    let mut proofs = Vec::new();
    let mut checks = Vec::new();
    for _ in 0..rounds {
        let (proved, made) = timed(|| {
            let mut tree = TreeBuilder::proving(Domain::Work, STEPS, &indices)?;
            for index in 0..STEPS {
                tree.push(work_leaf(index, &salts.salt(index), &digest(index)));
            }
            tree.finish()
        });
        let (root, proof) = made?;
        let leaf = |index: &u64| LeafOpening {
            index: *index,
            salt: salts.salt(*index),
            digest: digest(*index),
        };
        let opening = Opening {
            leaves: indices.iter().map(leaf).collect(),
            proof,
        };
        let commitment = Commitment {
            job: job.job(),
            steps: STEPS,
            root,
            ciphertext_hash: [0; 32],
            plaintext_hash: [0; 32],
        };
        let (figure, verdict) = timed(|| {
            let blind = BlindDigests::recompute(&job, &indices, [5; 32])?;
            anyhow::Ok(blind.verdict(&commitment, &opening)?)
        });
        anyhow::ensure!(verdict?.approves(), "an honest sample was rejected");
        let (floor, ran) = timed(|| indices.iter().try_for_each(|i| job.step(*i).map(|_| ())));
        ran?;
        checks.push((figure, Some(floor)));
        proofs.push((proved, None));
    }
    Ok(vec![
        measurement(
            format!("check {SAMPLE} of {STEPS} steps, floor: running them"),
            &checks,
        ),
        measurement(
            format!("prove {SAMPLE} of {STEPS} steps in a second pass"),
            &proofs,
        ),
    ])
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
