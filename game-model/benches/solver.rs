//! Time of building and solving one game.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use narthex_game_model::game::{ArbiterModel, Economics, build, solve};
use narthex_game_model::{Params, ParamsRecord};

fn games(c: &mut Criterion) {
    let mut group = c.benchmark_group("solver");
    group.sample_size(20);
    let rates = Economics::example();
    let players = Economics {
        arbiters: ArbiterModel::Strategic,
        ..Economics::example()
    };
    let example = |n, k| ParamsRecord::example(n, k, 800_000);
    let cases = [
        ("hardened, error rates", example(3, 2), &rates),
        ("hardened, 3 arbiters play", example(3, 2), &players),
        ("hardened, 5 arbiters play", example(5, 3), &players),
        (
            "paper, error rates",
            ParamsRecord::paper_example(3, 2, 800_000),
            &rates,
        ),
    ];
    for (name, record, economics) in cases {
        let params = Params::new(record).unwrap();
        group.bench_function(format!("build, {name}"), |b| {
            b.iter(|| build(&params, economics).unwrap());
        });
        let game = build(&params, economics).unwrap();
        group.bench_function(format!("solve, {name}"), |b| b.iter(|| solve(&game)));
    }
    group.finish();
}

criterion_group!(benches, games);
criterion_main!(benches);
