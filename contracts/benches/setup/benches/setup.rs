//! `cargo bench -p narthex-setup-bench`: a table of every panel's set-up beside both floors, measured by turns,
//! then statistics of single signatures. With `NARTHEX_BENCH_ALL=1` the table has 8-of-15 too, which takes
//! minutes and 3 GB.
#![allow(missing_docs)]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use narthex::{
    bench::{Floor, Measurement, SafeFloor, Work, measure},
    game_model::Template,
};
use narthex_setup_bench::RawFloor;

/// Largest key set: three principals and fifteen arbiters.
const SIGNERS: usize = 18;

fn line(m: &Measurement) -> String {
    let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
    format!(
        "{:36} {:>9.3} {:>9} {:>9} {:>7}",
        m.name,
        m.figure,
        number(m.floor_safe),
        number(m.floor_raw),
        number(m.ratio)
    )
}

fn contracts(_: &mut Criterion) {
    let raw = RawFloor::new(SIGNERS).expect("made-up keys");
    let mut panels = vec![((3, 2), 9), ((5, 3), 5), ((7, 4), 3)];
    if std::env::var_os("NARTHEX_BENCH_ALL").is_some() {
        panels.push(((15, 8), 1));
    }
    println!(
        "{:36} {:>9} {:>9} {:>9} {:>7}",
        "seconds", "figure", "safe", "raw", "ratio"
    );
    for (panel, rounds) in panels {
        let contract = (Template::Hardened, panel);
        let lines = measure(contract, rounds, Some(&raw), &mut |_| ()).expect("example terms");
        lines.iter().for_each(|m| println!("{}", line(m)));
    }
}

fn signatures(c: &mut Criterion) {
    let safe = SafeFloor::new(SIGNERS).expect("made-up keys");
    let raw = RawFloor::new(SIGNERS).expect("made-up keys");
    let mut group = c.benchmark_group("64 signatures, one party, all cores");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));
    for signers in [3, 6, 8, 10, 18] {
        let work = [Work {
            signers,
            signs: true,
            verifies: true,
        }; 64];
        let floors: [(&str, &dyn Floor); 2] = [("safe", &safe), ("raw", &raw)];
        for (name, floor) in floors {
            group.bench_with_input(BenchmarkId::new(name, signers), &work, |b, work| {
                b.iter(|| floor.run(work))
            });
        }
    }
    group.finish();
}

criterion_group!(benches, contracts, signatures);
criterion_main!(benches);
