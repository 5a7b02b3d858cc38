//! `narthex simulate schedules`.

use std::io::Write;

use anyhow::bail;
use clap::Args;
use narthex::schedules::{self, Outcome, Plan, Report};

use super::super::{bar::bar, output, value};

/// Options of `narthex simulate schedules`.
#[derive(Args)]
pub(crate) struct SchedulesArgs {
    /// Schedules to play.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// 64 hex digits: the same seed plays the same schedules; zeros without it.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
    /// Plays the one schedule of this seed, as a report names it, and shows its last events.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["schedules", "seed"], value_parser = value::bytes32)]
    replay: Option<[u8; 32]>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl SchedulesArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let plan = Plan::default();
        if let Some(seed) = self.replay {
            return replay(&schedules::play(&seed, &plan), self.json);
        }
        let style = "{bar:30} {pos}/{len} schedules, {per_sec}, {elapsed}";
        let bar = bar(self.schedules, style, !self.json);
        let seed = self.seed.unwrap_or_default();
        let report = schedules::run(&seed, (self.schedules, &plan), |done| {
            bar.set_position(done)
        });
        bar.finish_and_clear();
        let mut out = output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            false => print(&mut out, &report)?,
        }
        if !report.is_clean() {
            bail!(
                "something happened that must not; `narthex simulate schedules --replay SEED` plays a schedule again"
            );
        }
        Ok(())
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
    if json {
        let shown = serde_json::json!({
            "is_live": outcome.is_live,
            "attempts": outcome.attempts,
            "kills": outcome.kills,
            "messages": outcome.messages,
            "kinds": outcome.kinds,
            "strategy": outcome.strategy,
            "violations": violations,
            "last": outcome.last,
        });
        writeln!(out, "{shown}")?;
    } else {
        for event in &outcome.last {
            writeln!(out, "{event}")?;
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
