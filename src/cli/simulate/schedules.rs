//! `narthex simulate schedules`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use narthex::{
    regtest::script_checks,
    schedules::{self, FaultKind, Less, LifePlan, Outcome, Plan, Pool, Report},
};
use narthex_disk::{Readers, make_folder, save};

use super::super::{bar::bar, output, value};

/// Who signs, and so what is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SignerArg {
    /// Mocks: set-ups of contracts
    Toy,
    /// Real keys and real scripts: lives of contracts that were set up before, once, and are kept in the user's cache
    Cached,
    /// The same, each with a ceremony of its own
    Real,
}

/// Options of `narthex simulate schedules`.
#[derive(Args)]
pub(crate) struct SchedulesArgs {
    /// Schedules to play.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Who signs: mocks (toy), for set-ups; real keys, for lives of contracts that are kept in the user's cache (cached) or set up each for
    /// itself (real).
    #[arg(long, value_enum, default_value_t = SignerArg::Toy)]
    signer: SignerArg,
    /// Writes what was found into this folder, a file for each sort, as tests/seeds has them.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// 64 hex digits: the same seed plays the same schedules; zeros without it.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
    /// These disturbances in every schedule, no others: `all`, or names as a report has them, with commas between; without it each seed
    /// draws half of them.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = disturbance)]
    disturbances: Vec<Disturbance>,
    /// Plays the one schedule of this seed, as a report names it, and shows its last events.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["schedules", "seed"], value_parser = value::bytes32)]
    replay: Option<[u8; 32]>,
    /// Shows so many of the last events.
    #[arg(long, value_name = "EVENTS", requires = "replay")]
    events: Option<usize>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// A disturbance that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disturbance {
    All,
    One(FaultKind),
}

/// A kind by the name that reports have for it.
fn disturbance(name: &str) -> Result<Disturbance, String> {
    if name == "all" {
        return Ok(Disturbance::All);
    }
    let kind = serde_json::from_value(serde_json::Value::from(name));
    kind.map(Disturbance::One)
        .map_err(|error| format!("{error}, or `all`"))
}

impl SchedulesArgs {
    /// The kinds that were asked for, if any were; one that this signer's schedules do not have would have no effect.
    fn kinds(&self) -> anyhow::Result<Option<Vec<FaultKind>>> {
        let known: &[FaultKind] = match self.signer {
            SignerArg::Toy => &FaultKind::SETUP,
            SignerArg::Cached | SignerArg::Real => &FaultKind::LIFE,
        };
        let mut kinds = Vec::new();
        for asked in &self.disturbances {
            match asked {
                Disturbance::All => kinds.extend(known),
                Disturbance::One(kind) if known.contains(kind) => kinds.push(*kind),
                Disturbance::One(kind) => {
                    bail!("{kind:?} disturbs lives only: choose it with --signer cached or real")
                }
            }
        }
        Ok((!kinds.is_empty()).then_some(kinds))
    }

    pub(crate) fn run(self) -> anyhow::Result<()> {
        let kinds = self.kinds()?;
        if let Some(folder) = &self.keep {
            // Before minutes of play, not behind them.
            make_folder(folder, Readers::Umask)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let plan = Plan {
            events: self.events,
            kinds: kinds.clone(),
            ..Plan::default()
        };
        let pool = match self.signer {
            SignerArg::Toy => None,
            SignerArg::Real => Some(Pool::none()),
            SignerArg::Cached => {
                let style = "{bar:30} {pos}/{len} contracts to begin with, {elapsed}";
                let bar = bar(Pool::USUAL.into(), style, !self.json);
                let pool = Pool::open(Pool::USUAL, |made| bar.set_position(made.into()))?;
                bar.finish_and_clear();
                Some(pool)
            }
        };
        let life = LifePlan {
            events: self.events,
            less: Less {
                kinds,
                ..Less::default()
            },
            ..LifePlan::default()
        };
        if let Some(seed) = self.replay {
            let outcome = match &pool {
                None => schedules::play(&seed, &plan),
                Some(pool) => schedules::live(&seed, pool, &life),
            };
            return replay(&outcome, self.json);
        }
        let style = "{bar:30} {pos}/{len} schedules, {per_sec}, {elapsed}";
        let bar = bar(self.schedules, style, !self.json);
        let seed = self.seed.unwrap_or_default();
        let done = |done| bar.set_position(done);
        let before = script_checks();
        let report = match &pool {
            None => schedules::run(&seed, (self.schedules, &plan), done),
            Some(pool) => schedules::run_lives(&seed, (self.schedules, pool, &life), done),
        };
        let (elapsed, after) = (bar.elapsed(), script_checks());
        bar.finish_and_clear();
        if let Some(folder) = &self.keep {
            keep(folder, self.signer, &report)?;
        }
        let mut out = output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            false => {
                print(&mut out, &report)?;
                let checks = after.time.saturating_sub(before.time);
                print_pace(&report, (elapsed, checks));
            }
        }
        if !report.is_clean() {
            bail!(
                "something happened that must not; `narthex simulate schedules --replay SEED` plays a schedule again"
            );
        }
        Ok(())
    }
}

/// Writes each sort of violation into a file of its own.
fn keep(folder: &Path, signer: SignerArg, report: &Report) -> anyhow::Result<()> {
    for (sort, found) in &report.violations {
        let kept = serde_json::json!({
            "signer": format!("{signer:?}").to_lowercase(),
            "sort": sort,
            "seed": found.seed,
            "less": found.shrunk,
            "found": found.found,
            "last": found.last,
        });
        let name = format!("{}-{}.json", sort.replace(' ', "-"), &found.seed[..8]);
        let mut bytes = serde_json::to_vec_pretty(&kept)?;
        bytes.push(b'\n');
        let path = folder.join(name);
        save(&path, &bytes, Readers::Umask)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// How fast it was, beside script checks alone. On standard error like all progress: it is of this machine and hour, and
/// what is printed on standard output follows from the seed.
fn print_pace(report: &Report, (elapsed, checks): (Duration, Duration)) {
    let cores = narthex::threads::cores();
    let busy = elapsed.as_secs_f64() * cores as f64;
    let schedules = report.schedules as f64;
    output::note(format_args!(
        "{:.1} schedules a second and core, on {cores} cores",
        schedules / busy.max(f64::EPSILON)
    ));
    if report.blocks > 0 {
        output::note(format_args!(
            "{:.0} messages and {:.0} blocks a second and core; script checks alone would allow {:.0} schedules",
            report.messages as f64 / busy,
            report.blocks as f64 / busy,
            schedules / checks.as_secs_f64().max(f64::EPSILON)
        ));
    }
}

fn print(out: &mut impl Write, report: &Report) -> anyhow::Result<()> {
    let Report {
        schedules, live, ..
    } = report;
    writeln!(out, "{schedules} schedules, seed {}", report.seed)?;
    writeln!(
        out,
        "  {live} ended with a contract; {} attempts, {} processes killed, {} messages",
        report.attempts, report.kills, report.messages
    )?;
    for (name, count) in &report.tried {
        writeln!(out, "  {name:24} {count:>10}")?;
    }
    if report.blocks > 0 {
        let shown = |of: &std::collections::BTreeMap<String, u64>| {
            let all = of.iter().map(|(name, count)| format!("{name} {count}"));
            all.collect::<Vec<_>>().join(", ")
        };
        writeln!(out, "  ended by: {}", shown(&report.exits))?;
        writeln!(out, "  ruled by row: {}", shown(&report.rows))?;
        match report.uncovered.len() {
            0 => writeln!(out, "  every row of the machines' tables was come by")?,
            missing => {
                writeln!(
                    out,
                    "  {missing} transitions of the machines' tables were not:"
                )?;
                for row in &report.uncovered {
                    writeln!(out, "    {row}")?;
                }
            }
        }
    }
    for (sort, found) in &report.violations {
        writeln!(
            out,
            "  VIOLATION {sort}: {} schedules\n    {}\n    seed {}\n    still with {:?} and {:?} alone",
            found.schedules, found.found, found.seed, found.shrunk, found.strategy
        )?;
    }
    if report.unrepeatable > 0 {
        writeln!(
            out,
            "  {} schedules came out otherwise when played again",
            report.unrepeatable
        )?;
    }
    Ok(())
}

fn replay(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    let mut out = output::out();
    let violations = outcome.violations.iter().map(ToString::to_string);
    let violations = violations.collect::<Vec<_>>();
    let rulings = outcome.life.as_ref().map(|life| life.rulings.as_slice());
    let rulings = rulings.unwrap_or_default();
    if json {
        let shown = serde_json::json!({
            "is_live": outcome.is_live,
            "attempts": outcome.attempts,
            "kills": outcome.kills,
            "messages": outcome.messages,
            "kinds": outcome.kinds,
            "strategy": outcome.strategy,
            "rulings": rulings,
            "violations": violations,
            "last": outcome.last,
        });
        writeln!(out, "{shown}")?;
    } else {
        for told in outcome.last.iter().chain(rulings) {
            writeln!(out, "{told}")?;
        }
        let end = if outcome.is_live {
            "a contract"
        } else {
            "no contract"
        };
        writeln!(
            out,
            "{end} after {} attempts, {} kills; disturbed by {:?}, adversary {:?}",
            outcome.attempts, outcome.kills, outcome.kinds, outcome.strategy
        )?;
        for violation in &violations {
            writeln!(out, "VIOLATION {violation}")?;
        }
    }
    match violations.is_empty() {
        true => Ok(()),
        false => bail!("something happened that must not"),
    }
}
