//! `narthex-node bench`: what a party costs, beside the floors of disk, sockets and signatures in the same run.
//!
//! Figures depend on the machine and on what else it does. The ratio to the floor does so much less: both are measured by turns, and
//! the least of all rounds counts, of the figure and of the floor alike.

mod arbiter;
mod http;
mod lives;
mod rulings;
mod schedules;
mod store;
mod wire;

use std::io::Write;

use clap::{Args, ValueEnum};
use narthex_disk::temporary_folder;
use serde::Serialize;

/// Options of `narthex-node bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// What to measure, and may be given more than once; everything without it.
    #[arg(long, value_enum)]
    what: Vec<What>,
    /// How often each is measured. The least is printed, of the floor's too.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Commits of a round of `store`.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    commits: u32,
    /// Messages of a round of `wire`.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    messages: u32,
    /// Requests of a round of `http`. It starts a node and a bitcoind.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    requests: u32,
    /// Contracts that `lives` lives, each set up alone and all lived at once. It starts six nodes and a bitcoind.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    contracts: u32,
    /// Cases that `rulings` rules on in a round, 50 in a commit.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rulings: u32,
    /// Cases that are open at once in `arbiter`, by which a thousand are reckoned: two nodes have no more in their set-up at once. It starts six nodes
    /// and a bitcoind.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=56))]
    open_cases: u32,
    /// Cases that are over in `arbiter`, beside which a node starts. It starts six nodes and a bitcoind, and writes about 5 kB for each.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    closed_cases: u32,
    /// Schedules of `schedules`.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    schedules: u32,
    /// One JSON object per measurement.
    #[arg(long)]
    json: bool,
}

/// Groups of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Durable steps, beside bare commits of SQLite.
    Store,
    /// Messages over BOLT 8, beside TCP.
    Wire,
    /// Requests to a node over HTTP, beside a bare route.
    Http,
    /// Whole contracts between six processes: set-up, commits, bytes, time of processors, memory, start.
    Lives,
    /// Rulings of an arbiter from what its judge has found to its attestation, beside commits of as many rows.
    Rulings,
    /// A node as an arbiter: memory with open cases, and its start with cases that are over.
    Arbiter,
    /// Schedules of the simulator.
    Schedules,
}

/// What a figure is to keep, if something was said of it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Bar {
    /// Of which number: `figure` or `ratio`.
    of: &'static str,
    /// Most that it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
    /// Least that it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<f64>,
    /// Whether it was kept in this run.
    is_kept: bool,
}

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    /// Such as `store: 1 entry a commit`.
    name: String,
    /// What was measured, in this unit.
    figure: f64,
    /// Such as `s`, `1/s`, `bytes`, `commits`.
    unit: &'static str,
    /// What the same costs without the program: bare commits, bare sockets, bare signatures. None where there is nothing to compare with.
    floor: Option<f64>,
    /// How many times the floor is better.
    ratio: Option<f64>,
    /// None where none was said.
    bar: Option<Bar>,
}

impl Measured {
    /// A figure without a floor.
    fn plain(name: impl Into<String>, figure: f64, unit: &'static str) -> Measured {
        Measured {
            name: name.into(),
            figure,
            unit,
            floor: None,
            ratio: None,
            bar: None,
        }
    }

    /// A time and that of its floor, in seconds.
    fn time(name: impl Into<String>, figure: f64, floor: f64) -> Measured {
        Measured {
            floor: Some(floor),
            ratio: quotient(figure, floor),
            ..Self::plain(name, figure, "s")
        }
    }

    /// So many of something in a time, and the floor's for as many: both as a rate.
    fn rate(name: impl Into<String>, count: f64, (figure, floor): (f64, f64)) -> Measured {
        Measured {
            floor: quotient(count, floor),
            ratio: quotient(figure, floor),
            ..Self::plain(name, quotient(count, figure).unwrap_or_default(), "1/s")
        }
    }

    fn most(mut self, of: &'static str, most: f64) -> Measured {
        let is_kept = self.number(of).is_some_and(|number| number <= most);
        self.bar = Some(Bar {
            of,
            most: Some(most),
            least: None,
            is_kept,
        });
        self
    }

    fn least(mut self, of: &'static str, least: f64) -> Measured {
        let is_kept = self.number(of).is_some_and(|number| number >= least);
        self.bar = Some(Bar {
            of,
            most: None,
            least: Some(least),
            is_kept,
        });
        self
    }

    fn number(&self, of: &str) -> Option<f64> {
        match of {
            "ratio" => self.ratio,
            _ => Some(self.figure),
        }
    }

    fn line(&self) -> String {
        let number = |number: Option<f64>| number.map_or("-".to_owned(), shown);
        let bar = self.bar.map_or(String::new(), |bar| {
            let (word, bound) = match (bar.most, bar.least) {
                (Some(most), _) => ("at most", most),
                (None, least) => ("at least", least.unwrap_or_default()),
            };
            let kept = if bar.is_kept { "kept" } else { "NOT KEPT" };
            format!("  bar: {} {word} {}, {kept}", bar.of, shown(bound))
        });
        format!(
            "{:58} {:>12} {:7} floor {:>12} ratio {:>7}{bar}",
            self.name,
            shown(self.figure),
            self.unit,
            number(self.floor),
            number(self.ratio),
        )
    }
}

/// With as many digits as say something.
fn shown(number: f64) -> String {
    match number.abs() {
        size if size >= 1_000.0 || number.fract() == 0.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

fn quotient(a: f64, b: f64) -> Option<f64> {
    (b > 0.0).then(|| a / b)
}

/// The least of so many rounds of two that are measured by turns, in seconds.
fn by_turns(
    rounds: u32,
    mut figure: impl FnMut() -> anyhow::Result<f64>,
    mut floor: impl FnMut() -> anyhow::Result<f64>,
) -> anyhow::Result<(f64, f64)> {
    let mut least = (f64::MAX, f64::MAX);
    for _ in 0..rounds {
        least = (least.0.min(figure()?), least.1.min(floor()?));
    }
    Ok(least)
}

impl BenchArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let wants = |what| self.what.is_empty() || self.what.contains(&what);
        let mut out = std::io::stdout();
        let mut print = |all: Vec<Measured>| -> anyhow::Result<()> {
            for one in all {
                match self.json {
                    true => writeln!(out, "{}", serde_json::to_string(&one)?)?,
                    false => writeln!(out, "{}", one.line())?,
                }
            }
            Ok(())
        };
        if wants(What::Store) {
            // On the disk that nodes write to by default in this folder, and not in a file system of memory.
            let here = std::env::current_dir()?;
            let folder = temporary_folder("narthex-bench-", Some(&here))?;
            print(store::run(folder.path(), self.rounds, self.commits)?)?;
        }
        if wants(What::Wire) {
            print(wire::run(self.rounds, self.messages)?)?;
        }
        if wants(What::Http) {
            print(http::run(self.rounds, self.requests)?)?;
        }
        if wants(What::Schedules) {
            print(schedules::run(self.rounds, self.schedules))?;
        }
        if wants(What::Rulings) {
            let here = std::env::current_dir()?;
            let folder = temporary_folder("narthex-bench-", Some(&here))?;
            print(rulings::run(folder.path(), self.rounds, self.rulings)?)?;
        }
        if wants(What::Arbiter) {
            print(arbiter::open(self.open_cases)?)?;
            print(arbiter::closed(self.closed_cases)?)?;
        }
        if wants(What::Lives) {
            print(lives::run(self.rounds, self.contracts)?)?;
        }
        Ok(())
    }
}
