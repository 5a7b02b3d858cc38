//! Orders about work that several nodes do, and are paid for if they come to the same: bounties and gated slices.

use std::path::PathBuf;

use clap::Args;
use narthex::{
    bitcoin::{hashes::sha256, hex::DisplayHex as _},
    channel::bounty::MAX_BOUNTY_RESULT,
};
use narthex_node::party::{NewBounty, NewSlice, SmallCommand};

use super::{
    args::Dir,
    small::{OfSmall, bytes_of},
};

#[derive(Args)]
pub(crate) struct BountyArgs {
    #[command(flatten)]
    dir: Dir,
    /// Who is to recompute, once for each, in the order in which they sign; 1 to 6.
    #[arg(long, value_name = "ID@HOST:PORT", required = true)]
    with: Vec<String>,
    /// The job, by its id.
    #[arg(long, value_name = "HASH")]
    job: sha256::Hash,
    /// Fewest equal results that are paid.
    #[arg(long, default_value_t = 2)]
    quorum: u8,
    /// What each recomputer of those is paid, in satoshi.
    #[arg(long, default_value_t = 20_000, value_name = "SAT")]
    amount: u64,
    /// Blocks from now on until which results are committed to.
    #[arg(long, default_value_t = 144, value_name = "BLOCKS")]
    layer_blocks: u32,
    /// Blocks for the openings, and for each further round.
    #[arg(long, default_value_t = 12, value_name = "BLOCKS")]
    round_blocks: u16,
    /// Fee rate of the funding in sat/kwu (250 are 1 sat/vB).
    #[arg(long, default_value_t = 500, value_name = "SAT/KWU")]
    rate: u64,
    /// Blocks that what spends the coin lies deep before it is over.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
    /// Seconds from now on until which it may be taken.
    #[arg(long, default_value_t = 3600)]
    open: u64,
}

#[derive(Args)]
pub(crate) struct SliceArgs {
    #[command(flatten)]
    dir: Dir,
    /// Who is to do it, once for each; 2 to 10.
    #[arg(long, value_name = "ID@HOST:PORT", required = true)]
    with: Vec<String>,
    /// The job, by its id: program, input and number of the slice.
    #[arg(long, value_name = "HASH")]
    job: sha256::Hash,
    /// How many must come to the same, the one that is paid counted.
    #[arg(long, default_value_t = 2)]
    quorum: u8,
    /// What each provider of those is paid, in satoshi.
    #[arg(long, default_value_t = 20_000, value_name = "SAT")]
    price: u64,
    /// Blocks from now on until which it is to be funded: later nobody works for it.
    #[arg(long, default_value_t = 36, value_name = "BLOCKS")]
    fund_blocks: u32,
    /// Blocks after the funding in which results are committed to.
    #[arg(long, default_value_t = 72, value_name = "BLOCKS")]
    post_blocks: u16,
    /// Blocks after the funding from which on this node takes back what nobody claimed.
    #[arg(long, default_value_t = 144, value_name = "BLOCKS")]
    refund_blocks: u16,
    /// Fee rate of the funding in sat/kwu (250 are 1 sat/vB).
    #[arg(long, default_value_t = 500, value_name = "SAT/KWU")]
    rate: u64,
    /// Blocks that what spends the coins lies deep before it is over.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
    /// Seconds from now on until which it may be taken.
    #[arg(long, default_value_t = 3600)]
    open: u64,
}

#[derive(Args)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    of: OfSmall,
    /// A file with the result, up to 256 KiB; of a slice 16 KiB.
    #[arg(long, value_name = "FILE")]
    result: PathBuf,
    /// Of a slice: a commitment to the whole computation, the same for everybody who did it right. Without one a guess of the result is paid.
    #[arg(long, value_name = "HASH")]
    commitment: Option<sha256::Hash>,
}

impl BountyArgs {
    pub(crate) fn order(self) -> (Dir, SmallCommand) {
        let new = NewBounty {
            with: self.with,
            job: self.job,
            quorum: self.quorum,
            amount_sat: self.amount,
            layer_blocks: self.layer_blocks,
            round_blocks: self.round_blocks,
            rate_sat_kwu: self.rate,
            depth: self.depth,
            open_s: self.open,
        };
        (self.dir, SmallCommand::Bounty(new))
    }
}

impl SliceArgs {
    pub(crate) fn order(self) -> (Dir, SmallCommand) {
        let new = NewSlice {
            with: self.with,
            job: self.job,
            quorum: self.quorum,
            price_sat: self.price,
            fund_blocks: self.fund_blocks,
            post_blocks: self.post_blocks,
            refund_blocks: self.refund_blocks,
            rate_sat_kwu: self.rate,
            depth: self.depth,
            open_s: self.open,
        };
        (self.dir, SmallCommand::Slice(new))
    }
}

impl WorkArgs {
    pub(crate) fn order(self) -> anyhow::Result<(Dir, SmallCommand)> {
        let OfSmall { dir, id } = self.of;
        let result = bytes_of(&self.result, MAX_BOUNTY_RESULT as u64)?;
        let work = SmallCommand::Work {
            id,
            result: result.to_lower_hex_string(),
            commitment: self.commitment,
        };
        Ok((dir, work))
    }
}
