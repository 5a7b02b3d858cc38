//! `narthex slice …`.

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    regtest::Embedded,
    slice::{SlicePlay, SliceOptions, SLICE_SCENARIOS, play_slice},
    table::HarnessOptions,
};

use super::{
    Misuse,
    harness::{Common, Drawing, OnChain, Printer, check_exact, list},
    value,
};

/// The scenario whose length is chosen.
const STREAM: &str = "stream";

/// `narthex slice …`.
#[derive(Subcommand)]
pub(crate) enum SliceCommand {
    /// Plays whole slices of work, done by several and paid for equal results, on a regtest chain.
    Play(PlayArgs),
    /// Draws the transactions of a slice with weights and values.
    Show(ShowArgs),
}

/// Figures of a slice.
#[derive(Args)]
struct Figures {
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
    #[command(flatten)]
    common: Common,
}

/// Options of `narthex slice play`.
#[derive(Args)]
pub(crate) struct PlayArgs {
    /// How it goes; `--list` names the scenarios.
    #[arg(long, default_value = "paid")]
    scenario: String,
    /// Names the scenarios and stops.
    #[arg(long, conflicts_with_all = ["scenario", "OnChain", "providers", "quorum", "price", "post_blocks", "refund_blocks", "Common", "slices"])]
    list: bool,
    /// Slices of the scenario `stream`; 3 without it. Other scenarios have one or two of their own.
    #[arg(long)]
    slices: Option<u32>,
    #[command(flatten)]
    on: OnChain,
    #[command(flatten)]
    figures: Figures,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex slice show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    figures: Figures,
    #[command(flatten)]
    drawing: Drawing,
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
            rate: common.rate,
            seed: common.seed,
            ..SliceOptions::default()
        }
    }
}

impl PlayArgs {
    fn run(self) -> anyhow::Result<()> {
        if self.list {
            let scenarios = SLICE_SCENARIOS.iter();
            return list(scenarios.map(|scenario| (scenario.name, scenario.summary)), self.json);
        }
        Misuse::unless(self.slices.is_none() || self.scenario == STREAM, || {
            let scenario = &self.scenario;
            format!("--slices is for --scenario {STREAM}: the scenario {scenario:?} has slices of its own")
        })?;
        let slices = self.slices.unwrap_or(SliceOptions::default().slices);
        let options = self.figures.options(slices, self.figures.common.options());
        let mut printer = Printer { json: self.json };
        let outcome = play_slice(self.on.kind(), &self.scenario, &options, &mut printer)?;
        check_exact(&outcome)
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        // Coins to draw with; the same seed draws the same.
        let common = self.figures.common.options_or([1; 32]);
        let options = self.figures.options(1, common);
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut gate = SlicePlay::prepare(&mut chain, &options, &mut silent)?;
        let graph = gate.client().holdings().graph();
        self.drawing.write(graph, None)
    }
}
