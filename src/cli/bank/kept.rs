//! Commands of a bank that is kept in a folder.

use std::{io::Write, path::PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use narthex::{
    bank::{KeptBank, KeptChain, KeptError},
    contracts::{depth::Depth, terms::FeeRate},
    harness::HarnessOptions,
};

use super::{super::node::NodeArgs, BankFigures};
use crate::cli::value;

/// Which bank, and on which chain.
#[derive(Args)]
pub(crate) struct KeptArgs {
    /// The bank's folder: logs, seeds and keys of both sides, for you alone.
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    /// Fee rate in sat/vB, with up to 3 decimals, 0.1 to 2500.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    /// Blocks that the bank's coin must be deep before a penny is given or taken, and what ended a bank before the bank is
    /// forgotten; 2 at least. The folder remembers it, and takes no less later; 6 unless said.
    #[arg(long, value_name = "BLOCKS")]
    depth: Option<Depth>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex bank open`.
#[derive(Args)]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    kept: KeptArgs,
    #[command(flatten)]
    figures: BankFigures,
}

/// Options of `narthex bank pay`.
#[derive(Args)]
#[command(group = ArgGroup::new("pennies").required(true))]
pub(crate) struct PayArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// So many pennies more.
    #[arg(group = "pennies")]
    count: Option<u32>,
    /// Up to so many in all: the same command twice pays once.
    #[arg(long, group = "pennies")]
    to: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Who pays.
    Payer,
    /// Who is paid.
    Provider,
}

/// Options of `narthex bank force-close`.
#[derive(Args)]
pub(crate) struct ForceCloseArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// Who stops it, and pays for that.
    #[arg(long, value_enum, default_value = "provider")]
    by: By,
}

/// Options of `narthex bank resume`.
#[derive(Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// Blocks until the payer takes back what was never force-closed of the next bank.
    #[arg(long, default_value_t = 60)]
    refund_blocks: u32,
}

/// Options of `narthex bank status`.
#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// Mines so many blocks first, on the folder's own chain.
    #[arg(long, default_value_t = 0, conflicts_with = "node", value_parser = clap::value_parser!(u32).range(..=10_000))]
    mine: u32,
}

impl KeptArgs {
    /// Does something with the bank, and says how it stands then.
    pub(super) fn run(
        self,
        act: impl FnOnce(&mut KeptBank) -> Result<(), KeptError>,
    ) -> anyhow::Result<()> {
        let chain = match self.node.connect()? {
            Some(node) => KeptChain::Node(Box::new(node)),
            None => KeptChain::own(&self.dir)?,
        };
        let mut bank = KeptBank::load(&self.dir, chain, self.fee_rate, self.depth)?;
        act(&mut bank)?;
        let standing = bank.standing()?;
        let mut out = crate::cli::output::out();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&standing)?)?);
        }
        for done in &standing.done {
            writeln!(out, "{done}")?;
        }
        writeln!(
            out,
            "bank {}, height {}: coin {}; payer {}, provider {}",
            standing.bank, standing.height, standing.coin, standing.payer, standing.provider
        )?;
        writeln!(
            out,
            "{} pennies given, {} taken, {} enforceable",
            standing.given, standing.taken, standing.enforceable
        )?;
        writeln!(
            out,
            "payer    {:>12} sat  {}",
            standing.payer_sat, standing.payer_address
        )?;
        writeln!(
            out,
            "provider {:>12} sat  {}",
            standing.provider_sat, standing.provider_address
        )?;
        for due in &standing.due {
            let until = match due.until {
                Some(height) => format!("to confirm below height {height}"),
                None => "whenever you like".into(),
            };
            writeln!(
                out,
                "DUE for the {}: `narthex bank {}`, {until}",
                due.who, due.command
            )?;
        }
        for next in &standing.next {
            let when = match (next.in_blocks, next.blocks_left, next.until) {
                (0, Some(left), Some(until)) => {
                    format!("now; {left} blocks may still hold it, below height {until}")
                }
                (0, ..) => "whenever it likes".into(),
                (blocks, Some(_), Some(until)) => format!(
                    "in {blocks} blocks, at height {}; to confirm below height {until}",
                    next.from
                ),
                (blocks, ..) => format!("in {blocks} blocks, at height {}", next.from),
            };
            let warning = if next.is_near { "SOON: " } else { "" };
            writeln!(
                out,
                "{warning}next for the {}: `narthex bank {}` {when}",
                next.who, next.command
            )?;
        }
        if standing.waits {
            writeln!(out, "waits for a block; then `narthex bank status` goes on")?;
        }
        Ok(())
    }
}

impl OpenArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // Nothing of a kept bank follows from a seed that somebody named.
        let common = HarnessOptions::default().at(self.kept.fee_rate);
        let options = self.figures.figures(common);
        self.kept.run(|bank| bank.open(&options))
    }
}

impl PayArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (count, to) = (self.count.unwrap_or(0), self.to);
        self.kept.run(|bank| match to {
            Some(to) => bank.pay_to(to),
            None => bank.pay(count),
        })
    }
}

impl ForceCloseArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.kept.run(|bank| bank.force_close(self.by == By::Payer))
    }
}

impl ResumeArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.kept.run(|bank| bank.resume(self.refund_blocks))
    }
}

impl StatusArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.kept.run(|bank| {
            if self.mine > 0 {
                bank.mine(self.mine)?;
            }
            bank.go_on();
            Ok(())
        })
    }
}
