//! `narthex market`.

mod calibrate;
mod ledger;
mod price;

use clap::Subcommand;

/// `narthex market …`.
#[derive(Subcommand)]
pub(crate) enum MarketCommand {
    /// Prices of reliabilities, one or a table.
    Price(price::PriceArgs),
    /// The cheapest line-up that is reliable enough.
    Choose(price::ChooseArgs),
    /// Audits of recomputers and what they say.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Simulates a market and compares predictions with what happens.
    Calibrate(calibrate::CalibrateArgs),
}

impl MarketCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            MarketCommand::Price(args) => args.run(),
            MarketCommand::Choose(args) => args.run(),
            MarketCommand::Ledger(command) => command.run(),
            MarketCommand::Calibrate(args) => args.run(),
        }
    }
}
