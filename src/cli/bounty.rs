//! `narthex bounty …`.

use std::io::Write;

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    bounty::{BOUNTY_SCENARIOS, BountyPlay, BountyOptions, Prices, play_bounty, price},
    contracts::{bounty::derive, terms::FeeRate},
    game_model::market::Chance,
    regtest::Embedded,
    table::HarnessOptions,
};

use super::{
    harness::{Common, Drawing, OnChain, Printer, check_exact, list},
    value,
};

/// `narthex bounty …`.
#[derive(Subcommand)]
pub(crate) enum BountyCommand {
    /// Plays a whole life of a bounty on a regtest chain.
    Play(PlayArgs),
    /// Draws the transactions of a bounty with weights and values.
    Show(ShowArgs),
    /// Says what a bounty costs each party, ending by ending, and how likely each is.
    Price(PriceArgs),
}

/// Who is hired, and for what.
#[derive(Args)]
struct Hired {
    /// Recomputers of the line-up, 1 to 6.
    #[arg(long, default_value_t = 3)]
    recomputers: u8,
    /// Least number of equal results that are paid.
    #[arg(long, default_value_t = 2)]
    quorum: u8,
    /// What the first recomputer is paid, in sat; each next one 1,000 more.
    #[arg(long, value_name = "SAT", default_value = "20000", value_parser = value::amount)]
    amount: Amount,
}

/// Figures of a bounty.
#[derive(Args)]
struct Figures {
    #[command(flatten)]
    hired: Hired,
    /// Blocks until the layers are due.
    #[arg(long, default_value_t = 12)]
    layer_blocks: u32,
    /// Blocks of a round: for openings, for each further closing, and before the refund.
    #[arg(long, default_value_t = 4)]
    round_blocks: u16,
    #[command(flatten)]
    common: Common,
}

/// Options of `narthex bounty play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// How the bounty lives; `--list` names the scenarios.
    #[arg(long, default_value = "agree")]
    scenario: String,
    /// Names the scenarios and stops.
    #[arg(long, conflicts_with_all = ["scenario", "OnChain", "recomputers", "quorum", "amount", "layer_blocks", "round_blocks", "Common"])]
    list: bool,
    #[command(flatten)]
    on: OnChain,
    #[command(flatten)]
    figures: Figures,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex bounty show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    figures: Figures,
    #[command(flatten)]
    drawing: Drawing,
}

/// Options of `narthex bounty price`.
#[derive(Args)]
pub(crate) struct PriceArgs {
    #[command(flatten)]
    hired: Hired,
    /// Fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004; 0.1 to 2500.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    /// How reliable each recomputer is, such as 95%, 0.95 or 19/20; `narthex market` says what a ledger makes of audits.
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = value::chance)]
    reliability: Chance,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl BountyCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            BountyCommand::Play(args) => args.run(),
            BountyCommand::Show(args) => args.run(),
            BountyCommand::Price(args) => args.run(),
        }
    }
}

impl Figures {
    fn options(&self, common: HarnessOptions) -> BountyOptions {
        BountyOptions {
            recomputers: self.hired.recomputers,
            quorum: self.hired.quorum,
            amount: self.hired.amount,
            layer_blocks: self.layer_blocks,
            round_blocks: self.round_blocks,
            rate: common.rate,
            seed: common.seed,
        }
    }
}

impl PlayArgs {
    fn run(self) -> anyhow::Result<()> {
        if self.list {
            let scenarios = BOUNTY_SCENARIOS.iter();
            return list(scenarios.map(|scenario| (scenario.name, scenario.summary)), self.json);
        }
        let options = self.figures.options(self.figures.common.options());
        let mut printer = Printer { json: self.json };
        check_exact(&play_bounty(
            self.on.kind(),
            &self.scenario,
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
        let board = BountyPlay::prepare(&mut chain, &options, &mut silent)?;
        let graph = derive(board.terms())?;
        self.drawing.write(&graph, None)
    }
}

impl PriceArgs {
    fn run(self) -> anyhow::Result<()> {
        // What it costs depends neither on its blocks nor on its keys.
        let options = BountyOptions {
            recomputers: self.hired.recomputers,
            quorum: self.hired.quorum,
            amount: self.hired.amount,
            rate: self.fee_rate,
            ..BountyOptions::default()
        };
        let prices = price(&options, self.reliability)?;
        let mut out = crate::cli::output::out();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&prices)?)?);
        }
        Ok(table(&mut out, &prices)?)
    }
}

fn table(out: &mut impl Write, prices: &Prices) -> std::io::Result<()> {
    writeln!(out, "locked {} sat", prices.locked_sat)?;
    writeln!(
        out,
        "{:12} {:>5} {:>12} {:>14} {:>6} {:>8}",
        "sat", "paid", "to recomputers", "to requester", "vB", "fee"
    )?;
    for cost in &prices.costs {
        writeln!(
            out,
            "{:12} {:>5} {:>12} {:>14} {:>6} {:>8}",
            cost.transaction,
            cost.paid,
            cost.recomputers_sat,
            cost.requester_sat,
            cost.vbytes,
            cost.fee_sat
        )?;
    }
    let odds = &prices.odds;
    writeln!(
        out,
        "right {} at least, wrong {} at most, nobody {} at most",
        odds.right.percent(),
        odds.wrong.percent(),
        odds.nobody.percent()
    )
}
