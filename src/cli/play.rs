//! `narthex play`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use narthex::{
    contracts::terms::FeeRate,
    game_model::Template,
    play::{
        ChainKind, DecryptedResult, Event, JobFile, Outcome, PlayOptions, Reporter, STORIES, play,
    },
};

use narthex_disk::{self as disk, Readers};

use super::{PanelArg, TemplateArg, value};

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum ChainArg {
    /// In this process; nothing to install.
    Embedded,
    /// A bitcoind on regtest, found or built.
    Bitcoind,
}

impl From<ChainArg> for ChainKind {
    fn from(arg: ChainArg) -> Self {
        match arg {
            ChainArg::Embedded => ChainKind::Embedded,
            ChainArg::Bitcoind => ChainKind::Bitcoind,
        }
    }
}

/// Options of `narthex play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// How the contract ends; `--list` names the stories.
    #[arg(long, default_value = "normal")]
    story: String,
    /// Names the stories and stops.
    #[arg(long, conflicts_with_all = ["case", "input", "job", "stage", "result", "research", "story", "chain", "template", "arbiters", "fee_rate", "seed"])]
    list: bool,
    /// Chain to play on.
    #[arg(long, value_enum, default_value = "embedded")]
    chain: ChainArg,
    /// Template of the contract.
    #[arg(long, value_enum, default_value = "hardened", conflicts_with = "case")]
    template: TemplateArg,
    /// Panel, as k-of-n.
    #[arg(long, default_value = "2-of-3", conflicts_with = "case")]
    arbiters: PanelArg,
    /// CSV of own images to read, 64 pixel values of 0 to 16 a row.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Plays this job, as `narthex job example` writes one, in place of reading digits. A job with several stages has a
    /// contract for each: the results before the stage that is played are computed first.
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    job: Option<PathBuf>,
    /// Stage of the job that the contract is about, from 0; without it the last, whose result is the job's.
    #[arg(long, requires = "job")]
    stage: Option<u32>,
    /// Writes the decrypted result, a digit a line; of a --job all outputs, as `narthex job run` writes them.
    #[arg(long)]
    result: Option<PathBuf>,
    /// Fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004; 0.1 to 2500.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    /// Everything random follows from this seed: 64 hex digits, as a former play printed it.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
    /// Plays the contract even if honest play does not pay, as it never does in the paper's template.
    #[arg(long)]
    research: bool,
    /// Parameters to play, and costs and values by which the parties check that honest play pays, as `narthex game plan --out`
    /// writes them; its heights and its fund's script become those of the chain that is played on.
    #[arg(long)]
    case: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

impl PlayArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.list {
            return list(self.json);
        }
        let options = PlayOptions {
            story: self.story,
            template: self.template.into(),
            chain: self.chain.into(),
            quorum: self.arbiters.quorum,
            arbiters: self.arbiters.arbiters,
            input: self.input,
            job: self.job.map(|path| JobFile {
                path,
                stage: self.stage,
            }),
            rate: self.fee_rate,
            seed: self.seed,
            case: None,
            research: self.research,
            probe_early: false,
            ..PlayOptions::default()
        };
        let options = match &self.case {
            None => options,
            Some(path) => {
                let case = super::game::read_case(path)?;
                let shown = path.display();
                (options.with_case(case)).with_context(|| format!("{shown} is refused"))?
            }
        };
        let outcome = match self.json {
            true => play(&options, &mut Json)?,
            false => play(&options, &mut Human::default())?,
        };
        let inexact = outcome
            .balances
            .iter()
            .filter(|b| !b.is_exact())
            .map(|b| b.party.as_str())
            .collect::<Vec<_>>();
        anyhow::ensure!(
            inexact.is_empty(),
            "the balances of {} are not what the settlement table says; run again with --seed {} and report it",
            inexact.join(", "),
            outcome.seed
        );
        match &self.result {
            None => Ok(()),
            Some(path) => save(path, outcome.result.as_ref()),
        }
    }
}

/// Writes what the client decrypted.
fn save(path: &Path, result: Option<&DecryptedResult>) -> anyhow::Result<()> {
    let shown = path.display();
    let result = result.with_context(|| {
        format!("this story reveals no result: there is nothing to write to {shown}")
    })?;
    disk::save(path, &result.to_file(), Readers::Owner)
        .with_context(|| format!("cannot write {shown}"))
}

fn list(json: bool) -> anyhow::Result<()> {
    let mut out = crate::cli::output::out();
    for story in STORIES {
        let template = story.layout_name();
        if json {
            let line = serde_json::json!({ "template": template, "story": story.name, "summary": story.summary });
            writeln!(out, "{line}")?;
        } else {
            let flag = if story.template == Template::Paper {
                "--template paper --research "
            } else {
                ""
            };
            writeln!(
                out,
                "{:46} {}",
                format!("{flag}--story {}", story.name),
                story.summary
            )?;
        }
    }
    Ok(())
}

/// One JSON object a line.
struct Json;

impl Reporter for Json {
    fn report(&mut self, event: &Event) {
        // A reader that went away needs no report.
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(crate::cli::output::out(), "{line}");
        }
    }
}

/// For people.
#[derive(Default)]
struct Human {
    bar: Option<ProgressBar>,
}

impl Reporter for Human {
    fn report(&mut self, event: &Event) {
        let mut out = crate::cli::output::out();
        // A reader that went away needs no report.
        let _ = match event {
            Event::Step(s) => super::table::step(&mut out, s),
            Event::Transaction(t) => super::table::transaction(&mut out, t),
            Event::Outcome(o) => outcome(&mut out, o),
        };
    }

    fn progress(&mut self, what: &str, done: u32, total: u32) {
        if done >= total {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total.into());
            // The template is a literal; if it were wrong, the default bar would do.
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}")
            {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(done.into());
        bar.set_message(what.to_owned());
    }
}

fn outcome(out: &mut impl Write, o: &Outcome) -> std::io::Result<()> {
    let scheme = o
        .scheme
        .map_or("by agreement".to_owned(), |s| format!("scheme {s}"));
    writeln!(
        out,
        "\n{} ({}, {}, {}): {scheme} in {} transactions ({}), {} vB, settled {} blocks after the funding",
        o.story,
        o.template,
        o.chain,
        o.arbiters,
        o.transactions.len(),
        o.transactions.join(" → "),
        o.vbytes,
        o.settled_at.saturating_sub(o.funded_at),
    )?;
    super::table::balances(out, &o.balances)?;
    if let Some(result) = &o.result {
        writeln!(out, "decrypted result: {result}")?;
    } else {
        writeln!(out, "no result was revealed")?;
    }
    writeln!(out, "seed {}", o.seed)
}
