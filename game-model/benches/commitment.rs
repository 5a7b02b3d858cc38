//! What committing costs beside bare SHA-256, in time and memory.
//!
//! Two floors, both measured by turns with the figure in the same process:
//! - raw: SHA-256 of the same output bytes, one message for each step;
//! - blocks: one long message of as many blocks as the commitment has to compress at least (state
//!   digest, salt, leaf, node).
//!
//! `cargo bench -p narthex-game-model --bench commitment [-- LEAVES]`

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use narthex_game_model::commitment::{
    CheckpointBuilder, Checkpoints, Domain, SaltSeed, TreeBuilder, checkpoint_level, state_digest,
    work_leaf,
};
use narthex_game_model::sample;
use sha2::{Digest, Sha256};

const ROUNDS: usize = 5;

/// Compressions for a message of `bytes` after a tag's kept prefix.
fn blocks(bytes: usize) -> usize {
    (bytes + 9).div_ceil(64)
}

fn seconds(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Share of the floors' speed at states of `size` bytes.
fn throughput(size: usize) {
    let steps = (64 << 20) / (size + 256);
    let data: Vec<u8> = (0..size * 64).map(|i| (i * 31 % 251) as u8).collect();
    let states = || (0..steps).map(|i| &data[i % 64 * size..][..size]);
    let salts = SaltSeed::from_bytes([7; 32]);
    let needed = steps * (blocks(8 + size) + blocks(40) + blocks(72)) + (steps - 1) * blocks(64);
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        samples[0].push(seconds(|| {
            let mut tree = TreeBuilder::new(Domain::Work);
            for (index, state) in (0..).zip(states()) {
                tree.push(work_leaf(index, &salts.salt(index), &state_digest(state)));
            }
            std::hint::black_box(tree.finish().unwrap());
        }));
        samples[1].push(seconds(|| {
            for state in states() {
                std::hint::black_box(Sha256::digest(state));
            }
        }));
        samples[2].push(seconds(|| {
            let mut engine = Sha256::new();
            for _ in 0..needed / 64 {
                engine.update([5; 64 * 64]);
            }
            std::hint::black_box(engine.finalize());
        }));
    }
    let [figure, raw, compressions] = samples.map(median);
    let mib = (steps * size) as f64 / f64::from(1 << 20);
    println!(
        "{size:>6}-byte states: {:>7.0} ns a step, {:>6.0} MiB/s; {:>5.1} % of raw SHA-256 ({:.0} MiB/s), \
         {:>5.1} % of bare compressions ({:.1} a step)",
        figure / steps as f64 * 1e9,
        mib / figure,
        raw / figure * 100.0,
        mib / raw,
        compressions / figure * 100.0,
        needed as f64 / steps as f64,
    );
}

/// Commits to `leaves` steps and opens 300 of them, with the most memory used.
fn large(leaves: u64) {
    let salts = SaltSeed::from_bytes([7; 32]);
    let leaf = |i: u64| work_leaf(i, &salts.salt(i), &state_digest(&i.to_be_bytes()));
    println!(
        "\n{leaves} steps of 8 bytes, 300 opened; at first {} KiB held",
        peak_kib()
    );
    let mut root = [0; 32];
    let took = seconds(|| {
        let mut tree = TreeBuilder::new(Domain::Work);
        (0..leaves).for_each(|i| tree.push(leaf(i)));
        root = tree.finish().unwrap().0;
    });
    println!(
        "  root alone:                 {took:>8.3} s, peak {} KiB",
        peak_kib()
    );

    let seed = sample::seed(&root, &[1; 32], &[2; 32]);
    let indices = sample::draw(&seed, leaves, 300).unwrap();
    let mut expected = None;
    let took = seconds(|| {
        let mut tree = TreeBuilder::proving(Domain::Work, leaves, &indices).unwrap();
        (0..leaves).for_each(|i| tree.push(leaf(i)));
        expected = Some(tree.finish().unwrap().1);
    });
    println!(
        "  proof in a second pass:     {took:>8.3} s, peak {} KiB",
        peak_kib()
    );

    let level = checkpoint_level(leaves, 300);
    let mut kept = None;
    let took = seconds(|| {
        let mut tree = CheckpointBuilder::new(Domain::Work, level);
        (0..leaves).for_each(|i| tree.push(leaf(i)));
        kept = Some(tree.finish().unwrap());
    });
    let bytes = kept.unwrap().to_bytes();
    println!(
        "  with checkpoints, level {level}:  {took:>8.3} s, peak {} KiB, {} KiB kept",
        peak_kib(),
        bytes.len() >> 10
    );
    let mut asked = 0;
    let took = seconds(|| {
        let kept = Checkpoints::from_bytes(&bytes).unwrap();
        assert_eq!(*kept.root(), root);
        let proof = kept.prove(&indices, |i| {
            asked += 1;
            Ok::<_, std::convert::Infallible>(leaf(i))
        });
        assert_eq!(proof.ok(), expected);
    });
    println!("  proof from checkpoints:     {took:>8.3} s, {asked} leaves made anew");
    let claims: Vec<_> = indices.iter().map(|i| (*i, leaf(*i))).collect();
    let proof = expected.unwrap();
    let took = seconds(|| proof.verify(Domain::Work, leaves, &claims, &root).unwrap());
    println!(
        "  verification:               {took:>8.6} s, {} siblings",
        proof.siblings.len()
    );
}

/// Most memory that the process has held, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0)
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|a| a.parse().ok());
    // Before anything else has been held, so that the peak is the trees' own.
    large(asked.unwrap_or(10_000_000));
    println!();
    for size in [8, 64, 256, 1024, 4096, 16384, 65536] {
        throughput(size);
    }
}
