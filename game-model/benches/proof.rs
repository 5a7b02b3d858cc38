//! What checking a sample costs beside running its steps: 300 of a million steps of the shipped
//! classifier under `wasmi`. Verification is to take at most 1.1 times the bare steps.
//!
//! The tree has 10⁶ leaves of real outputs, repeated: what a leaf holds does not change its cost.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use narthex_game_model::commitment::{
    Boxed, Domain, Opener, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, SealedShape,
    Sealer, Sealing, TreeBuilder, WorkerSecrets, box_hash, state_digest, work_leaf,
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
    let seed = sample::seed(&[2; 32], &[3; 32], &[4; 32]);
    let indices = sample::draw(&seed, STEPS, SAMPLE).unwrap();
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes([1; 32]),
        salts: SaltSeed::from_bytes([2; 32]),
        polynomial: PolynomialSeed::from_bytes([3; 32]),
    };
    let salt = |index| secrets.salts.salt(index);
    let mut leaves = TreeBuilder::new(Domain::Work);
    for index in 0..STEPS {
        leaves.push(work_leaf(index, &salt(index), &digest(index)));
    }
    let what = Sealing {
        job: job.job(),
        root: leaves.finish().unwrap().0,
        shape: SealedShape::new(STEPS, job.output_bytes(), SAMPLE).unwrap(),
    };
    let mut sealer = Sealer::new(&what, &secrets).unwrap();
    let mut boxes = Vec::new();
    for index in 0..STEPS {
        let record = sealer.push(&outputs[(index % job.period()) as usize]);
        let sealed = record.unwrap()[SealedShape::LEAF_BYTES..].to_vec();
        boxes.push(match indices.binary_search(&index) {
            Ok(_) => Boxed::Whole(sealed),
            Err(_) => Boxed::Hash(box_hash(&sealed)),
        });
    }
    let commitment = sealer.finish().unwrap();
    let polynomial = what.polynomial(&secrets).unwrap();
    let allowed = OpeningBook::new(&commitment).allow(&indices, |_| Ok(()));
    let allowed = allowed.unwrap();
    let prove = || {
        let mut opener = Opener::new(&commitment, &allowed, &polynomial).unwrap();
        for (index, sealed) in (0..).zip(&boxes) {
            opener
                .push(salt(index), digest(index), sealed.clone())
                .unwrap();
        }
        opener.finish().unwrap()
    };
    let opening = prove();

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
    group.bench_function("check the shares alone", |b| {
        b.iter(|| {
            opening
                .points
                .check(&commitment.result, &opening.shares())
                .unwrap()
        });
    });
    group.bench_function("the shares of all steps", |b| {
        b.iter(|| polynomial.shares(0).take(STEPS as usize).count());
    });
    group.bench_function("prove, hashing all leaves", |b| b.iter(prove));
    group.finish();
}

criterion_group!(benches, proof);
criterion_main!(benches);
