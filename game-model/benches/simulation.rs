//! How many games a second the simulation plays.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use narthex_game_model::play::{Strategy, VerifierStrategy, WorkerStrategy};
use narthex_game_model::simulation::{Arena, Dice, Setup, detection_by_seeds};
use narthex_game_model::{Params, ParamsRecord, Ratio};

fn setup(worker: WorkerStrategy, steps: u64, sample: u32) -> Setup {
    let record = ParamsRecord::example(3, 2, 800_000);
    let params = Params::new(record.for_job(steps, sample).unwrap()).unwrap();
    Setup {
        worker,
        ..Setup::honest(params)
    }
}

fn games(c: &mut Criterion) {
    let mut group = c.benchmark_group("games");
    group.throughput(Throughput::Elements(1));
    let bad = |fraction: &str| Strategy::Falsify {
        fraction: fraction.parse::<Ratio>().unwrap(),
        seed: 0,
    };
    let honest = WorkerStrategy::Deliver(Strategy::Honest);
    let cases = [
        ("honest", honest.clone(), VerifierStrategy::Honest),
        (
            "falsify",
            WorkerStrategy::Deliver(bad("1/10")),
            VerifierStrategy::Honest,
        ),
        ("accused", honest, VerifierStrategy::BlindAccuse),
        ("copy", WorkerStrategy::Copy, VerifierStrategy::Honest),
    ];
    for (name, worker, verifier) in cases {
        for steps in [100, 1_000] {
            let setup = Setup {
                verifier,
                ..setup(worker.clone(), steps, 10)
            };
            let job = setup.job().unwrap();
            let arena = Arena::new(&setup, &job).unwrap();
            let mut game = 0;
            group.bench_function(BenchmarkId::new(name, steps), |b| {
                b.iter(|| {
                    game += 1;
                    arena.play(&Dice::new([1; 32], game)).unwrap()
                });
            });
        }
    }
    group.finish();
}

fn samples(c: &mut Criterion) {
    let mut group = c.benchmark_group("samples");
    let bad = (0..10_000).map(|i| i * 100).collect();
    for count in [100, 300, 460] {
        group.throughput(Throughput::Elements(1));
        let mut run = 0u64;
        group.bench_function(BenchmarkId::new("of a million steps", count), |b| {
            b.iter(|| {
                run += 1;
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&run.to_be_bytes());
                detection_by_seeds(seed, 1, 1_000_000, count, &bad).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, games, samples);
criterion_main!(benches);
