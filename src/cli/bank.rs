//! `narthex bank …`.

mod kept;

use std::io::Write;

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    bank::{BANK_STORIES, BANKER_STORIES, Desk, DeskOptions, measure, play_bank},
    regtest::Embedded,
    table::TableOptions,
};

use super::{
    table::{Common, Drawing, OnChain, Printer, check_exact, list},
    value,
};

/// `narthex bank …`.
#[derive(Subcommand)]
pub(crate) enum BankCommand {
    /// Plays a whole life of a penny bank on a regtest chain.
    Play(PlayArgs),
    /// Draws the transactions of a bank with weights and values.
    Show(ShowArgs),
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

/// Figures of a bank that is played.
#[derive(Args)]
struct Figures {
    #[command(flatten)]
    bank: BankFigures,
    #[command(flatten)]
    common: Common,
}

/// Figures of a bank.
#[derive(Args)]
struct BankFigures {
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

/// Options of `narthex bank play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// How the bank lives; `--list` names the stories.
    #[arg(long, default_value = "claim")]
    story: String,
    /// Names the stories and stops.
    #[arg(long, conflicts_with_all = ["story", "OnChain", "pennies", "value", "step", "shift", "refund_blocks", "claim_blocks", "Common"])]
    list: bool,
    #[command(flatten)]
    on: OnChain,
    #[command(flatten)]
    figures: Figures,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex bank show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    figures: Figures,
    /// The claim by this commitment and an agreed close after as many pennies are drawn too.
    #[arg(long, default_value_t = 1_000)]
    commitment: u32,
    #[command(flatten)]
    drawing: Drawing,
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

impl Figures {
    fn options(&self, common: TableOptions) -> DeskOptions {
        self.bank.options(common)
    }
}

impl BankFigures {
    fn options(&self, common: TableOptions) -> DeskOptions {
        DeskOptions {
            pennies: self.pennies,
            value: self.value,
            step: self.step,
            shift: self.shift,
            refund_blocks: self.refund_blocks,
            claim_blocks: self.claim_blocks,
            rate: common.rate,
            seed: common.seed,
        }
    }
}

impl PlayArgs {
    fn run(self) -> anyhow::Result<()> {
        if self.list {
            let banks = BANK_STORIES.iter().map(|story| (story.name, story.summary));
            let bankers = BANKER_STORIES
                .iter()
                .map(|story| (story.name, story.summary));
            return list(banks.chain(bankers), self.json);
        }
        let options = self.figures.options(self.figures.common.options());
        let mut printer = Printer { json: self.json };
        check_exact(&play_bank(
            self.on.kind(),
            &self.story,
            &options,
            &mut printer,
        )?)
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        // Coins to draw with; the same seed draws the same.
        let common = self.figures.common.options_or([1; 32]);
        let options = self.figures.options(common);
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut desk = Desk::prepare(&mut chain, &options, &mut silent)?;
        let bank = desk.payer().bank();
        let graph = bank.picture(self.commitment, Amount::from_sat(500))?;
        self.drawing.write(&graph, None)
    }
}

impl BenchArgs {
    fn run(self) -> anyhow::Result<()> {
        let pace = measure(&DeskOptions {
            pennies: self.pennies,
            ..DeskOptions::default()
        })?;
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
