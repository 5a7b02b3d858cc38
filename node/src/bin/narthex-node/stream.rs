//! Orders about streams, and a live display of one.

use std::{
    io::{IsTerminal as _, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use narthex::{
    bitcoin::hex::DisplayHex as _,
    game_model::computation::StepProgram as _,
    job::{Plan, Running},
};
use narthex_base::codec::Message as _;
use narthex_node::{
    party::{Command, NewStream, Reply, SmallCommand, SmallStatus},
    shell,
};

use super::{args::Dir, small::OfSmall};

/// How often whoever follows a stream looks.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct StreamArgs {
    #[command(flatten)]
    of: OfSmall,
    /// The job, as `narthex job example` writes one: its last stage is cut into slices.
    #[arg(long, value_name = "FILE")]
    job: PathBuf,
    /// Number of slices, of as many steps each.
    #[arg(long)]
    slices: u32,
    /// Pennies for a slice.
    #[arg(long)]
    price: u32,
}

impl StreamArgs {
    pub(crate) fn order(self) -> anyhow::Result<(Dir, SmallCommand)> {
        let OfSmall { dir, id } = self.of;
        let plan = Plan::load(&self.job, &Running::default())?;
        let stage = plan.stages().saturating_sub(1);
        let job = plan.into_stage(stage)?;
        let (spec, slices) = (job.spec(), u64::from(self.slices));
        ensure!(
            slices > 0 && spec.steps.is_multiple_of(slices),
            "{} steps are not cut into {slices} slices of as many each",
            spec.steps
        );
        let program = job.program().portable();
        let program = program.context("a program that does not travel")?;
        let new = NewStream {
            id,
            price: self.price,
            slices: self.slices,
            steps: u32::try_from(spec.steps / slices)?,
            output_bytes: u32::try_from(spec.output_bytes)?,
            width: u32::try_from(job.records().width())?,
            program: program.to_bytes().to_lower_hex_string(),
            records: job
                .records()
                .iter()
                .collect::<Vec<_>>()
                .concat()
                .to_lower_hex_string(),
        };
        Ok((dir, SmallCommand::Stream(new)))
    }
}

/// Shows a stream until it ends: whatever is new on a line of its own, on a terminal in one line.
pub(crate) fn follow(of: &OfSmall) -> anyhow::Result<()> {
    let OfSmall { dir, id } = of;
    let mut out = std::io::stdout();
    let is_live = out.is_terminal() && !dir.json;
    let mut last = String::new();
    loop {
        let order = SmallCommand::Show { id: id.clone() };
        let reply = shell::ask(&dir.dir, &Command::Small { order })?;
        let Reply::Small(status) = reply else {
            bail!("another answer than was asked for");
        };
        let line = match dir.json {
            true => json(&status),
            false => words(&status),
        };
        if line != last {
            match is_live {
                true => write!(out, "\r\x1b[K{line}")?,
                false => writeln!(out, "{line}")?,
            }
            out.flush()?;
            last = line;
        }
        let goes_on = |state: &str| !matches!(state, "done" | "stopped" | "false");
        if status.state != "joined" || !status.stream.as_deref().is_none_or(goes_on) {
            if is_live {
                writeln!(out)?;
            }
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

/// What of its figures are the stream's, without what is in front of their names.
fn figures(status: &SmallStatus) -> impl Iterator<Item = (&str, u64)> {
    let all = status.figures.iter();
    all.filter_map(|(name, figure)| Some((name.strip_prefix("stream_")?, *figure)))
}

fn json(status: &SmallStatus) -> String {
    let mut line = serde_json::Map::new();
    line.insert("id".to_owned(), status.id.clone().into());
    line.insert("stream".to_owned(), status.stream.clone().into());
    line.insert("stopped".to_owned(), status.stream_stopped.clone().into());
    line.extend(figures(status).map(|(name, figure)| (name.to_owned(), figure.into())));
    serde_json::Value::Object(line).to_string()
}

fn words(status: &SmallStatus) -> String {
    let Some(stream) = &status.stream else {
        return "no stream yet".to_owned();
    };
    let figure = |of| {
        figures(status)
            .find(|(name, _)| *name == of)
            .map(|(_, n)| n)
    };
    let all = figure("slices").unwrap_or(0);
    let mut line = format!("{stream:<8} of {all} slices:");
    for name in ["made", "paid", "opened", "exposure"] {
        if let Some(count) = figure(name) {
            line.push_str(&format!("  {name} {count}"));
        }
    }
    if let Some(why) = &status.stream_stopped {
        line.push_str(&format!("  ({why})"));
    }
    line
}
