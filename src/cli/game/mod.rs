//! `narthex game …`.

mod bounds;
mod plan;
mod rule;
mod schedule;
mod solve;
mod stakes;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use narthex::{
    game::Case,
    game_model::{
        Params, ParamsRecord,
        game::{ArbiterModel, Economics, Game, TimeOuts, build},
    },
};

use narthex_disk::{Readers, Saved};

use super::{PanelArg, TemplateArg, input, output};

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Exit status of an answer that is no: honest play is not the only equilibrium, or no contract makes it so. 1 and 2 are
/// taken by errors.
const NO: u8 = 3;

/// Exit status where it could not be decided.
const UNDECIDED: u8 = 4;

/// What to do with the game of a contract.
#[derive(Subcommand)]
pub(crate) enum GameCommand {
    /// Draws the tree: who moves, what it knows, what each ending pays. Honest actions are marked with `*`.
    Show(ShowArgs),
    /// Solves it exactly: whether honest play is the only equilibrium that survives elimination, or which deviation pays and
    /// how much; with conditions, the fee rate up to which they hold, leagues, the panel, harm, options and locked coins.
    ///
    /// Exit status: 0 if honest play is the only equilibrium, 3 if it is not, 4 if that could not be decided; 1 or 2 for an error.
    Solve(solve::SolveArgs),
    /// Writes it as a file for Gambit.
    Export(ExportArgs),
    /// Finds the cheapest stakes and sample for which honest play is the only equilibrium.
    ///
    /// Exit status: 0 if there are such, 3 if there are none; 1 or 2 for an error.
    Plan(plan::PlanArgs),
    /// Writes a case to start from: parameters, costs and values.
    Example(ExampleArgs),
    /// Lists every deadline of the contract, and which of them a party cannot keep.
    ///
    /// Exit status: 0 if it keeps them all, 3 if not; 1 or 2 for an error.
    Schedule(schedule::ScheduleArgs),
    /// Rules on a case as its panel must: the first row of the table that applies to terms, chain and evidence.
    Rule(rule::RuleArgs),
}

/// The contract and what it is worth to its parties.
#[derive(Args)]
pub(crate) struct CaseArgs {
    /// A case as JSON, as `narthex game example` writes it; `-` for standard input. Without it the example's.
    case: Option<PathBuf>,
    /// Template of the example.
    #[arg(long, value_enum, default_value = "hardened", conflicts_with = "case")]
    template: TemplateArg,
    /// Panel of the example, as k-of-n.
    #[arg(long, default_value = "2-of-3", conflicts_with = "case")]
    arbiters: PanelArg,
    /// Arbiters are players, not error rates; panels up to 5.
    #[arg(long)]
    strategic: bool,
    /// Arbiters are players, and a ruling is a bit: a guess counts, as the chain sees it.
    #[arg(long, conflicts_with = "strategic")]
    bits: bool,
    /// S1 pays a verifier that has signed a rejection before: a rule that no contract has, for comparison.
    #[arg(long)]
    paid_rejections: bool,
}

/// Options of `narthex game example`.
#[derive(Args)]
pub(crate) struct ExampleArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// Nothing changes by it: a case is JSON in any case.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex game show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// Graphviz source instead of text; `dot -Tsvg` makes a picture of it.
    #[arg(long)]
    dot: bool,
    /// One JSON object per node.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
}

/// Options of `narthex game export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// Gambit's extensive-form format.
    #[arg(long, required = true)]
    efg: bool,
    /// File to write; standard output if none.
    #[arg(long)]
    out: Option<PathBuf>,
    /// One JSON object with the file in it, or with its name if it is written to one.
    #[arg(long)]
    json: bool,
}

impl GameCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self {
            GameCommand::Show(args) => args.run(),
            GameCommand::Solve(args) => return args.run(),
            GameCommand::Export(args) => args.run(),
            GameCommand::Plan(args) => return args.run(),
            GameCommand::Schedule(args) => return args.run(),
            GameCommand::Rule(args) => args.run(),
            GameCommand::Example(args) => {
                let text = serde_json::to_string_pretty(&args.case.read()?)?;
                writeln!(output::out(), "{text}")?;
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl CaseArgs {
    fn read(&self) -> anyhow::Result<Case> {
        let mut case = match &self.case {
            Some(path) => read_case(path)?,
            None => {
                let PanelArg { quorum, arbiters } = self.arbiters;
                let template = self.template.into();
                let params = ParamsRecord::example_of(template, arbiters, quorum, 800_000);
                Case {
                    params,
                    economics: Economics::example(),
                }
            }
        };
        if self.strategic {
            case.economics.arbiters = ArbiterModel::Strategic;
        }
        if self.bits {
            case.economics.arbiters = ArbiterModel::Bits;
        }
        if self.paid_rejections {
            case.economics.time_outs = TimeOuts::PayRejection;
        }
        Ok(case)
    }

    fn game(&self) -> anyhow::Result<(Params, Economics, Game)> {
        let case = self.read()?;
        let params = Params::new(case.params).context("the parameters are refused")?;
        let game = build(&params, &case.economics).context("there is no such game")?;
        Ok((params, case.economics, game))
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        let (_, _, game) = self.case.game()?;
        let mut out = output::out();
        match (self.dot, self.json) {
            (true, _) => write!(out, "{}", game.to_dot())?,
            (false, false) => write!(out, "{}", game.to_text())?,
            (false, true) => solve::write_nodes(&mut out, &game)?,
        }
        Ok(())
    }
}

impl ExportArgs {
    fn run(self) -> anyhow::Result<()> {
        let (_, _, game) = self.case.game()?;
        let (efg, nodes) = (game.to_efg(), game.nodes.len());
        let line = match &self.out {
            None if self.json => serde_json::json!({ "efg": efg, "nodes": nodes }),
            None => return write_out(None, &efg),
            Some(path) => {
                write_out(Some(path), &efg)?;
                serde_json::json!({ "out": path, "nodes": nodes })
            }
        };
        if self.json {
            writeln!(output::out(), "{line}")?;
        }
        Ok(())
    }
}

/// A case, as `narthex game example` and `narthex game plan --out` write it.
pub(super) fn read_case(path: &Path) -> anyhow::Result<Case> {
    input::json(
        path,
        MAX_FILE_BYTES,
        "case; `narthex game example` writes one",
    )
}

/// Writes to a file, or to standard output.
pub(super) fn write_out(path: Option<&Path>, text: &str) -> anyhow::Result<()> {
    match path {
        None => Ok(write!(output::out(), "{text}")?),
        Some(path) => write_all(&[(path, text)]),
    }
}

/// Writes all of these files or, if one cannot be, none.
fn write_all(files: &[(&Path, &str)]) -> anyhow::Result<()> {
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    let mut prepared = Vec::new();
    for (path, text) in files {
        let saved = Saved::prepare(path, text.as_bytes(), Readers::Umask);
        prepared.push((path, saved.with_context(|| cannot(path))?));
    }
    for (path, saved) in prepared {
        saved.publish().with_context(|| cannot(path))?;
    }
    Ok(())
}
