//! `narthex play`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use narthex::{
    game_model::Template,
    harness::{HarnessOptions, Outcome, Scenario},
    play::{DecryptedResult, JobFile, PlayOptions, Settled},
};

use narthex_disk::{self as disk, Readers};

use super::{
    PanelArg, TemplateArg,
    scenario::{PlayFigures, Told, balances},
};

/// Figures of a computational contract.
#[derive(Args)]
pub(crate) struct ContractFigures {
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
    /// Plays the contract even if honest play does not pay, as it never does in the paper's template.
    #[arg(long)]
    research: bool,
    /// Parameters to play, and costs and values by which the parties check that honest play pays, as `narthex game plan --out`
    /// writes them; its heights and its fund's script become those of the chain that is played on.
    #[arg(long)]
    case: Option<PathBuf>,
}

impl PlayFigures for ContractFigures {
    type Options = PlayOptions;
    const DEFAULT: &'static str = "normal";

    fn options(&self, _: &str, common: HarnessOptions) -> anyhow::Result<PlayOptions> {
        let mut options = PlayOptions::default();
        options.template = self.template.into();
        options.quorum = self.arbiters.quorum;
        options.arbiters = self.arbiters.arbiters;
        options.input = self.input.clone();
        let job = self.job.as_ref();
        options.job = job.map(|path| JobFile::new(path, self.stage));
        options.common = common;
        options.research = self.research;
        match &self.case {
            None => Ok(options),
            Some(path) => {
                let case = super::game::read_case(path)?;
                let shown = path.display();
                (options.with_case(case)).with_context(|| format!("{shown} is refused"))
            }
        }
    }

    fn template(scenario: &Scenario<PlayOptions>) -> Option<(&'static str, &'static str)> {
        Some(match scenario.needs {
            Template::Hardened => ("hardened", ""),
            Template::Audited => ("audited", "--template audited "),
            Template::Paper => ("paper", "--template paper --research "),
        })
    }

    fn keep(&self, outcome: &Outcome<Settled>) -> anyhow::Result<()> {
        match &self.result {
            None => Ok(()),
            Some(path) => save(path, outcome.figures.result.as_ref()),
        }
    }
}

/// Writes what the client decrypted.
fn save(path: &Path, result: Option<&DecryptedResult>) -> anyhow::Result<()> {
    let shown = path.display();
    let result = result.with_context(|| {
        format!("this scenario reveals no result: there is nothing to write to {shown}")
    })?;
    disk::save(path, &result.to_file(), Readers::Owner)
        .with_context(|| format!("cannot write {shown}"))
}

impl Told for Settled {
    fn tell(o: &Outcome<Settled>, out: &mut impl Write) -> std::io::Result<()> {
        let end = &o.figures;
        let scheme = end
            .scheme
            .map_or("by agreement".to_owned(), |s| format!("scheme {s}"));
        writeln!(
            out,
            "\n{} ({}, {}, {}): {scheme} in {} transactions ({}), {} vB, settled {} blocks after the funding",
            o.scenario,
            end.template,
            o.chain,
            end.arbiters,
            o.transactions.len(),
            o.transactions.join(" → "),
            o.vbytes,
            end.settled_at.saturating_sub(end.funded_at),
        )?;
        balances(out, &o.balances)?;
        if let Some(result) = &end.result {
            writeln!(out, "decrypted result: {result}")?;
        } else {
            writeln!(out, "no result was revealed")?;
        }
        writeln!(out, "seed {}", o.seed)
    }
}
