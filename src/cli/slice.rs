//! `narthex slice …`.

use std::sync::Arc;

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    contracts::graph::TxGraph,
    harness::HarnessOptions,
    regtest::Embedded,
    slice::{SliceOptions, SlicePlay},
};

use super::{
    Misuse,
    scenario::{NoMore, PlayArgs, PlayFigures, ShowArgs, ShowFigures},
    value,
};

/// The scenario whose length is chosen.
const STREAM: &str = "stream";

/// `narthex slice …`.
#[derive(Subcommand)]
pub(crate) enum SliceCommand {
    /// Plays whole slices of work, done by several and paid for equal results, on a regtest chain.
    Play(PlayArgs<Lives>),
    /// Draws the transactions of a slice with weights and values.
    Show(ShowArgs<Figures>),
}

/// Figures of a slice.
#[derive(Args)]
pub(crate) struct Figures {
    /// How many do the same work, 2 to 10.
    #[arg(long, default_value_t = 3)]
    providers: u8,
    /// How many must have the same result.
    #[arg(long, default_value_t = 2)]
    quorum: u8,
    /// What each earns by a slice, in sat.
    #[arg(long, value_name = "SAT", default_value = "20000", value_parser = value::amount)]
    price: Amount,
    /// Blocks after the funding in which results are committed to, unless all have been before.
    #[arg(long, default_value_t = 6)]
    post_blocks: u16,
    /// Blocks after the funding in which only a provider can have its price.
    #[arg(long, default_value_t = 24)]
    refund_blocks: u16,
}

/// Figures of slices that are played.
#[derive(Args)]
pub(crate) struct Lives {
    /// Slices of the scenario `stream`; 3 without it. Other scenarios have one or two of their own.
    #[arg(long)]
    slices: Option<u32>,
    #[command(flatten)]
    figures: Figures,
}

impl SliceCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            SliceCommand::Play(args) => args.run(),
            SliceCommand::Show(args) => args.run(),
        }
    }
}

impl Figures {
    fn options(&self, slices: u32, common: HarnessOptions) -> SliceOptions {
        SliceOptions {
            providers: self.providers,
            quorum: self.quorum,
            slices,
            price: self.price,
            post_blocks: self.post_blocks,
            refund_blocks: self.refund_blocks,
            common,
            ..SliceOptions::default()
        }
    }
}

impl PlayFigures for Lives {
    type Options = SliceOptions;
    const DEFAULT: &'static str = "paid";

    fn options(&self, scenario: &str, common: HarnessOptions) -> anyhow::Result<SliceOptions> {
        Misuse::unless(self.slices.is_none() || scenario == STREAM, || {
            format!(
                "--slices is for --scenario {STREAM}: the scenario {scenario:?} has slices of its own"
            )
        })?;
        let slices = self.slices.unwrap_or(SliceOptions::default().slices);
        Ok(self.figures.options(slices, common))
    }
}

impl ShowFigures for Figures {
    type More = NoMore;

    fn graph(&self, common: HarnessOptions, _: &NoMore) -> anyhow::Result<Arc<TxGraph>> {
        let (mut chain, mut silent) = (Embedded::new(), ());
        let play = SlicePlay::prepare(&mut chain, &self.options(1, common), &mut silent)?;
        Ok(play.client()?.holdings().graph().clone())
    }
}
