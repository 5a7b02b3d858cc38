//! What checking a sample costs beside running its steps: 300 of a million steps of the shipped
//! classifier under `wasmi`. Verification is to take at most 1.1 times the bare steps.
//!
//! The tree has 10⁶ leaves of real outputs, repeated: what a leaf holds does not change its cost.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use narthex_game_model::commitment::{
    Commitment, Domain, LeafOpening, Opening, SaltSeed, TreeBuilder, state_digest, work_leaf,
};
use narthex_game_model::computation::{Computation, Repeated};
use narthex_game_model::play::BlindDigests;
use narthex_game_model::sample;
use narthex_game_model::workload::digits;

const STEPS: u64 = 1_000_000;
const SAMPLE: u32 = 300;

fn proof(c: &mut Criterion) {
    let job = Repeated::new(digits::job(None).unwrap(), STEPS).unwrap();
    let outputs: Vec<_> = (0..job.period()).map(|i| job.step(i).unwrap()).collect();
    let digests: Vec<_> = outputs.iter().map(|output| state_digest(output)).collect();
    let digest = |index: u64| digests[(index % job.period()) as usize];
    let salts = SaltSeed::from_bytes([1; 32]);
    let seed = sample::seed(&[2; 32], &[3; 32], &[4; 32]);
    let indices = sample::draw(&seed, STEPS, SAMPLE).unwrap();
    let prove = || {
        let mut tree = TreeBuilder::proving(Domain::Work, STEPS, &indices).unwrap();
        for index in 0..STEPS {
            tree.push(work_leaf(index, &salts.salt(index), &digest(index)));
        }
        tree.finish().unwrap()
    };
    let (root, proof) = prove();
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

    let mut group = c.benchmark_group("300 of 1,000,000 steps");
    group.sample_size(10);
    group.bench_function("the bare steps", |b| {
        b.iter(|| {
            let run = |index: &u64| job.step(*index).unwrap();
            indices.iter().map(run).collect::<Vec<_>>()
        });
    });
    group.bench_function("draw, recompute, commit, check the opening", |b| {
        b.iter(|| {
            let drawn = sample::draw(&seed, STEPS, SAMPLE).unwrap();
            let blind = BlindDigests::recompute(&job, &drawn, [5; 32]).unwrap();
            let published = blind.commitment();
            let verdict = blind.verdict(&commitment, &opening).unwrap();
            assert!(verdict.approves());
            published
        });
    });
    group.bench_function("check the opening alone", |b| {
        b.iter(|| opening.verify(&commitment).unwrap());
    });
    group.bench_function("prove, hashing all leaves", |b| b.iter(prove));
    group.finish();
}

criterion_group!(benches, proof);
criterion_main!(benches);
