//! `narthex bounty …`.

use std::{io::Write, sync::Arc};

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    bounty::{BountyOptions, BountyPlay, Prices, price},
    contracts::{bounty::derive, graph::TxGraph, terms::FeeRate},
    game_model::market::Chance,
    harness::HarnessOptions,
    regtest::Embedded,
};

use super::{
    scenario::{NoMore, PlayArgs, PlayFigures, ShowArgs, ShowFigures},
    value,
};

/// `narthex bounty …`.
#[derive(Subcommand)]
pub(crate) enum BountyCommand {
    /// Plays a whole life of a bounty on a regtest chain.
    Play(PlayArgs<Figures>),
    /// Draws the transactions of a bounty with weights and values.
    Show(ShowArgs<Figures>),
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
pub(crate) struct Figures {
    #[command(flatten)]
    hired: Hired,
    /// Blocks until the layers are due.
    #[arg(long, default_value_t = 12)]
    layer_blocks: u32,
    /// Blocks of a round: for openings, for each further closing, and before the refund.
    #[arg(long, default_value_t = 4)]
    round_blocks: u16,
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

impl PlayFigures for Figures {
    type Options = BountyOptions;
    const DEFAULT: &'static str = "agree";

    fn options(&self, _: &str, common: HarnessOptions) -> anyhow::Result<BountyOptions> {
        Ok(BountyOptions {
            recomputers: self.hired.recomputers,
            quorum: self.hired.quorum,
            amount: self.hired.amount,
            layer_blocks: self.layer_blocks,
            round_blocks: self.round_blocks,
            common,
        })
    }
}

impl ShowFigures for Figures {
    type More = NoMore;

    fn graph(&self, common: HarnessOptions, _: &NoMore) -> anyhow::Result<Arc<TxGraph>> {
        let (mut chain, mut silent) = (Embedded::new(), ());
        let options = self.options(Self::DEFAULT, common)?;
        let play = BountyPlay::prepare(&mut chain, &options, &mut silent)?;
        Ok(Arc::new(derive(play.terms())?))
    }
}

impl PriceArgs {
    fn run(self) -> anyhow::Result<()> {
        // What it costs depends neither on its blocks nor on its keys.
        let options = BountyOptions {
            recomputers: self.hired.recomputers,
            quorum: self.hired.quorum,
            amount: self.hired.amount,
            common: HarnessOptions::default().at(self.fee_rate),
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
