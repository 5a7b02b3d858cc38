//! `narthex slice …`.

use bitcoin::Amount;
use clap::{Args, Subcommand};
use narthex::{
    regtest::Embedded,
    slice::{Gate, GateOptions, SLICE_STORIES, play_slice},
    table::TableOptions,
};

use super::{
    Misuse,
    table::{Common, Drawing, OnChain, Printer, check_exact, list},
    value,
};

/// The story whose length is chosen.
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
    /// How it goes; `--list` names the stories.
    #[arg(long, default_value = "paid")]
    story: String,
    /// Names the stories and stops.
    #[arg(long, conflicts_with_all = ["story", "OnChain", "providers", "quorum", "price", "post_blocks", "refund_blocks", "Common", "slices"])]
    list: bool,
    /// Slices of the story `stream`; 3 without it. Other stories have one or two of their own.
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
    fn options(&self, slices: u32, common: TableOptions) -> GateOptions {
        GateOptions {
            providers: self.providers,
            quorum: self.quorum,
            slices,
            price: self.price,
            post_blocks: self.post_blocks,
            refund_blocks: self.refund_blocks,
            rate: common.rate,
            seed: common.seed,
            ..GateOptions::default()
        }
    }
}

impl PlayArgs {
    fn run(self) -> anyhow::Result<()> {
        if self.list {
            let stories = SLICE_STORIES.iter();
            return list(stories.map(|story| (story.name, story.summary)), self.json);
        }
        Misuse::unless(self.slices.is_none() || self.story == STREAM, || {
            let story = &self.story;
            format!("--slices is for --story {STREAM}: the story {story:?} has slices of its own")
        })?;
        let slices = self.slices.unwrap_or(GateOptions::default().slices);
        let options = self.figures.options(slices, self.figures.common.options());
        let mut printer = Printer { json: self.json };
        let outcome = play_slice(self.on.kind(), &self.story, &options, &mut printer)?;
        check_exact(&outcome)
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        // Coins to draw with; the same seed draws the same.
        let common = self.figures.common.options_or([1; 32]);
        let options = self.figures.options(1, common);
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut gate = Gate::prepare(&mut chain, &options, &mut silent)?;
        let graph = gate.client().holdings().graph();
        self.drawing.write(graph, None)
    }
}
