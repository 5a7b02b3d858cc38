//! `narthex bank …`.

mod kept;

use std::{io::Write, sync::Arc};

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    bank::{BankOptions, BankPlay, BankersOptions, measure},
    contracts::graph::TxGraph,
    harness::{ChainKind, HarnessOptions, Outcome, Playable as _, play},
    regtest::Embedded,
};

use super::{
    scenario::{Listed, PlayArgs, PlayFigures, Printer, ShowArgs, ShowFigures, listed},
    value,
};

/// `narthex bank …`.
#[derive(Subcommand)]
pub(crate) enum BankCommand {
    /// Plays a whole life of a penny bank on a regtest chain.
    Play(PlayArgs<BankFigures>),
    /// Draws the transactions of a bank with weights and values.
    Show(ShowArgs<BankFigures>),
    /// Opens a bank that is kept in a folder: both sides of it, on a node's regtest chain or one of the folder's own.
    Open(kept::OpenArgs),
    /// Gives pennies to the provider.
    Pay(kept::PayArgs),
    /// Stops the bank: the provider can claim, and both can go on in another.
    #[command(alias = "freeze")]
    ForceClose(kept::ForceCloseArgs),
    /// The provider takes what it was paid out of the force-closed coin.
    Claim(kept::KeptArgs),
    /// The payer takes back what is its own: above the refund height, or when a force-closed bank was not claimed from.
    Refund(kept::KeptArgs),
    /// The force-closed coin goes on in another bank of what is left.
    Resume(kept::ResumeArgs),
    /// Both agree on the end: one transaction that pays its own fee.
    Close(kept::KeptArgs),
    /// Says how a kept bank stands, and carries out what a killed command left.
    Status(kept::StatusArgs),
    /// Measures opening, paying and checking, beside the bare hash of a penny.
    Bench(BenchArgs),
}

/// Figures of a bank.
#[derive(Args)]
pub(crate) struct BankFigures {
    /// Number of pennies.
    #[arg(long, default_value_t = 100_000)]
    pennies: u32,
    /// What one is worth, in sat.
    #[arg(long, value_name = "SAT", default_value = "2", value_parser = value::amount)]
    value: Amount,
    /// Pennies that may be given without a commitment that enforces them…
    #[arg(long, default_value_t = 500)]
    step: u32,
    /// …or the 2^SHIFT-th part of what is enforced, if that is more.
    #[arg(long, default_value_t = 5)]
    shift: u8,
    /// Blocks from the opening until the payer takes back what was never force-closed.
    #[arg(long, default_value_t = 60)]
    refund_blocks: u32,
    /// Blocks after a force close in which only the provider can claim.
    #[arg(long, default_value_t = 12)]
    claim_blocks: u16,
}

/// Figures of a bank that is drawn.
#[derive(Args)]
pub(crate) struct Drawn {
    /// The claim by this commitment and an agreed close after as many pennies are drawn too.
    #[arg(long, default_value_t = 1_000)]
    commitment: u32,
}

/// Options of `narthex bank bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Number of pennies.
    #[arg(long, default_value_t = 1_000_000)]
    pennies: u32,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl BankCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            BankCommand::Play(args) => args.run(),
            BankCommand::Show(args) => args.run(),
            BankCommand::Bench(args) => args.run(),
            BankCommand::Open(args) => args.run(),
            BankCommand::Pay(args) => args.run(),
            BankCommand::ForceClose(args) => args.run(),
            BankCommand::Claim(args) => args.run(|bank| bank.claim()),
            BankCommand::Refund(args) => args.run(|bank| bank.refund()),
            BankCommand::Resume(args) => args.run(),
            BankCommand::Close(args) => args.run(|bank| bank.close()),
            BankCommand::Status(args) => args.run(),
        }
    }
}

impl BankFigures {
    fn figures(&self, common: HarnessOptions) -> BankOptions {
        let mut options = BankOptions::default();
        options.pennies = self.pennies;
        options.value = self.value;
        options.step = self.step;
        options.shift = self.shift;
        options.refund_blocks = self.refund_blocks;
        options.claim_blocks = self.claim_blocks;
        options.common = common;
        options
    }
}

impl PlayFigures for BankFigures {
    type Options = BankOptions;
    const DEFAULT: &'static str = "claim";

    fn options(&self, _: &str, common: HarnessOptions) -> anyhow::Result<BankOptions> {
        Ok(self.figures(common))
    }

    /// Those of one bank, and those of customers with bankers between them.
    fn scenarios() -> Vec<Listed> {
        (listed::<BankOptions>().chain(listed::<BankersOptions>())).collect()
    }

    fn play(
        &self,
        (kind, scenario): (ChainKind, &str),
        common: HarnessOptions,
        printer: &mut Printer,
    ) -> anyhow::Result<Outcome> {
        let options = self.figures(common);
        let bankers = BankersOptions::from(options.clone());
        Ok(match bankers.scenario(scenario) {
            Ok(_) => play(kind, scenario, &bankers, printer)?,
            Err(_) => play(kind, scenario, &options, printer)?,
        })
    }
}

impl ShowFigures for BankFigures {
    type More = Drawn;

    fn graph(&self, common: HarnessOptions, more: &Drawn) -> anyhow::Result<Arc<TxGraph>> {
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut play = BankPlay::prepare(&mut chain, &self.figures(common), &mut silent)?;
        let bank = play.payer()?.bank();
        Ok(Arc::new(
            bank.picture(more.commitment, Amount::from_sat(500))?,
        ))
    }
}

impl BenchArgs {
    fn run(self) -> anyhow::Result<()> {
        let mut options = BankOptions::default();
        options.pennies = self.pennies;
        let pace = measure(&options)?;
        let mut out = crate::cli::output::out();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&pace)?)?);
        }
        writeln!(out, "{} pennies", pace.pennies)?;
        writeln!(out, "opened in          {:>12.3} s", pace.open_s)?;
        writeln!(out, "revealed           {:>12.0} /s", pace.revealed_per_s)?;
        writeln!(
            out,
            "verified           {:>12.0} /s, floor of one hash each {:.0} /s, ratio {:.2}",
            pace.verified_per_s,
            pace.floor_per_s,
            pace.floor_per_s / pace.verified_per_s
        )?;
        writeln!(
            out,
            "commitments              {:>12} in {:.3} s",
            pace.commitments, pace.commitments_s
        )?;
        writeln!(
            out,
            "held at most       {:>12} secrets, {} commitments",
            pace.secrets_held, pace.commitments_held
        )?;
        Ok(())
    }
}
