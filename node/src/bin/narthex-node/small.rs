//! Orders about small contracts with other nodes.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use narthex::{
    bitcoin::{
        Txid,
        hashes::{Hash as _, sha256},
        hex::{DisplayHex as _, FromHex as _},
        secp256k1::PublicKey,
    },
    channel::delivery::MAX_DELIVERED,
    small::SmallOrder as Doing,
};
use narthex_node::party::{
    Command, NewBank, NewCollection, NewDelivery, OnChain, SmallCommand, SmallDelivered,
    SmallStatus,
};

use super::{
    args::Dir,
    stream::StreamArgs,
    works::{BountyArgs, SliceArgs, WorkArgs},
};

#[derive(Subcommand)]
pub(crate) enum SmallOrder {
    /// Asks a node for a penny bank: many tiny payments to it, out of one coin of this node's.
    Bank(BankArgs),
    /// Takes what another node asks for. Nothing is locked by that but coins that pay for exits.
    Take(TakeArgs),
    /// Does not take it.
    Decline(DeclineArgs),
    /// As the payer of a bank: pays up to this penny.
    Pay(PayArgs),
    /// As the payer of a bank: orders work in slices, each paid for when it is there.
    Stream(StreamArgs),
    /// As the provider of a bank: serves the stream that its payer has ordered.
    Serve(OfSmall),
    /// As the provider of a bank: keeps pennies that were given for a request. May be repeated, as debit and release may.
    Reserve(MeterArgs),
    /// As the provider of a bank: says how many of these the request has used.
    Debit(MeterArgs),
    /// As the provider of a bank: frees what the request did not use.
    Release(ReleaseArgs),
    /// Goes no further with the stream of a bank. What is paid for is still opened.
    Stop(OfSmall),
    /// Shows the stream of a bank as it goes on, until it ends: a line for whatever is new.
    Follow(OfSmall),
    /// Ends one by agreement, if the other node is there.
    Close(OfSmall),
    /// Stops one alone. What each side may take back or claim then it publishes by itself.
    ForceClose(OfSmall),
    /// Has a message delivered by agents: whichever of them brings it to its recipient is paid.
    Deliver(DeliverArgs),
    /// Asks agents for a delivery to this node.
    Collect(CollectArgs),
    /// As the recipient of a delivery: accepts another agent that has served its copy.
    Next(OfSmall),
    /// Asks recomputers for a result of a job: those that come to the same are paid, if they are so many as are to agree.
    Bounty(BountyArgs),
    /// Asks providers for a gated slice: the same work done by all of them, each paid if so many come to the same as are to.
    #[command(visible_alias = "slices")]
    Slice(SliceArgs),
    /// As a recomputer of a bounty or a provider of a slice: gives the result that this node has come to.
    Work(WorkArgs),
    /// As the client of a slice: waits no longer for what a provider was paid for and showed to those only who paid it.
    GiveUp(GiveUpArgs),
    /// What was delivered, or what a bounty or a slice has paid for: prints it as it is.
    Read(OfSmall),
    /// Shows one.
    Show(OfSmall),
    /// Lists all: id, family, side, state.
    List(Dir),
}

#[derive(Args)]
pub(crate) struct OfSmall {
    #[command(flatten)]
    pub(crate) dir: Dir,
    /// Its id, as `small list` shows it.
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct BankArgs {
    #[command(flatten)]
    dir: Dir,
    /// Who is to be paid.
    #[arg(long, value_name = "ID@HOST:PORT")]
    with: String,
    /// Number of pennies.
    #[arg(long, default_value_t = 1000)]
    pennies: u32,
    /// What one is worth, in satoshi.
    #[arg(long, default_value_t = 100, value_name = "SAT")]
    penny_sat: u64,
    /// Blocks from now on until the payer may take all of it back, if nothing was force-closed.
    #[arg(long, default_value_t = 1008, value_name = "BLOCKS")]
    refund_blocks: u32,
    /// Blocks after a force close in which only the provider can claim.
    #[arg(long, default_value_t = 144, value_name = "BLOCKS")]
    claim_blocks: u16,
    /// Pennies that may be given without being enforced; worth an output.
    #[arg(long, default_value_t = 10, value_name = "PENNIES")]
    step: u32,
    /// The same as a part of what is enforced: its 2^SHIFT-th.
    #[arg(long, default_value_t = 4)]
    shift: u8,
    /// Fee rate of the funding in sat/kwu (250 are 1 sat/vB).
    #[arg(long, default_value_t = 500, value_name = "SAT/KWU")]
    rate: u64,
    /// Blocks that the coin lies deep before a penny is given.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
    /// Seconds from now on until which it may be taken.
    #[arg(long, default_value_t = 3600)]
    open: u64,
}

#[derive(Args)]
pub(crate) struct TakeArgs {
    #[command(flatten)]
    of: OfSmall,
    /// Blocks that a coin lies deep before anything is given for it.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
}

#[derive(Args)]
pub(crate) struct DeclineArgs {
    #[command(flatten)]
    of: OfSmall,
    /// Why, for the other to read; up to 200 bytes.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Args)]
pub(crate) struct PayArgs {
    #[command(flatten)]
    of: OfSmall,
    /// Number of the last penny that is given then: may be repeated.
    #[arg(long)]
    to: u32,
}

#[derive(Args)]
pub(crate) struct MeterArgs {
    #[command(flatten)]
    of: ReleaseArgs,
    /// How many pennies.
    #[arg(long)]
    pennies: u32,
}

#[derive(Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    of: OfSmall,
    /// Of the request, in hex; drawn by whoever makes it.
    #[arg(long, value_name = "HASH")]
    key: sha256::Hash,
}

#[derive(Args)]
pub(crate) struct DeliverArgs {
    #[command(flatten)]
    dir: Dir,
    /// Who is to keep it for the recipient; for several agents, once for each.
    #[arg(long, value_name = "ID@HOST:PORT", required = true)]
    with: Vec<String>,
    /// The recipient's key, as `status` of its node shows it.
    #[arg(long, value_name = "KEY")]
    to: PublicKey,
    /// A file with the message, up to 256 KiB.
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// What the agent that brings it gets, less the fee of its claim, in satoshi.
    #[arg(long, default_value_t = 20_000, value_name = "SAT")]
    amount: u64,
    /// Blocks from now on until this node may take it back.
    #[arg(long, default_value_t = 1008, value_name = "BLOCKS")]
    refund_blocks: u32,
    /// Blocks before that in which no agent is accepted any more.
    #[arg(long, default_value_t = 36, value_name = "BLOCKS")]
    claim_blocks: u16,
    /// Fee rate of the funding in sat/kwu (250 are 1 sat/vB).
    #[arg(long, default_value_t = 500, value_name = "SAT/KWU")]
    rate: u64,
    /// Blocks that a spend of the coin lies deep before it is over.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
    /// Seconds from now on until which it may be taken.
    #[arg(long, default_value_t = 3600)]
    open: u64,
}

#[derive(Args)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    dir: Dir,
    /// Who keeps it; for several agents, once for each.
    #[arg(long, value_name = "ID@HOST:PORT", required = true)]
    with: Vec<String>,
    /// The transaction that funds it.
    #[arg(long, value_name = "TXID")]
    funding: Txid,
    /// The first height that may hold it.
    #[arg(long, value_name = "HEIGHT")]
    since: u32,
    /// Blocks that the coin lies deep before an agent is accepted.
    #[arg(long, default_value_t = 6, value_name = "BLOCKS")]
    depth: u32,
    /// Seconds from now on until which agents may serve it.
    #[arg(long, default_value_t = 604_800)]
    open: u64,
}

#[derive(Args)]
pub(crate) struct GiveUpArgs {
    #[command(flatten)]
    of: OfSmall,
    /// Whose post, by its number from 1.
    #[arg(long)]
    provider: u8,
}

impl SmallOrder {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let doing = |of: OfSmall, what| (of.dir, SmallCommand::Order { id: of.id, what });
        let (dir, order) = match self {
            SmallOrder::Bank(args) => args.order(),
            SmallOrder::Take(TakeArgs { of, depth }) => {
                (of.dir, SmallCommand::Take { id: of.id, depth })
            }
            SmallOrder::Decline(DeclineArgs { of, reason }) => {
                (of.dir, SmallCommand::Decline { id: of.id, reason })
            }
            SmallOrder::Pay(PayArgs { of, to }) => doing(of, Doing::Pay { to }),
            SmallOrder::Stream(args) => args.order()?,
            SmallOrder::Serve(of) => doing(of, Doing::Serve),
            SmallOrder::Stop(of) => doing(of, Doing::Stop),
            SmallOrder::Reserve(MeterArgs { of, pennies }) => {
                let key = of.key.to_byte_array();
                doing(of.of, Doing::Reserve { key, pennies })
            }
            SmallOrder::Debit(MeterArgs { of, pennies }) => {
                let key = of.key.to_byte_array();
                doing(of.of, Doing::Debit { key, pennies })
            }
            SmallOrder::Release(ReleaseArgs { of, key }) => {
                let key = key.to_byte_array();
                doing(of, Doing::Release { key })
            }
            SmallOrder::Follow(of) => return super::stream::follow(&of),
            SmallOrder::Close(of) => doing(of, Doing::Close),
            SmallOrder::ForceClose(of) => doing(of, Doing::ForceClose),
            SmallOrder::Deliver(args) => args.order()?,
            SmallOrder::Collect(args) => args.order(),
            SmallOrder::Next(of) => doing(of, Doing::Next),
            SmallOrder::Bounty(args) => args.order(),
            SmallOrder::Slice(args) => args.order(),
            SmallOrder::GiveUp(GiveUpArgs { of, provider }) => {
                doing(of, Doing::GiveUp { provider })
            }
            SmallOrder::Work(args) => args.order()?,
            SmallOrder::Read(of) => (of.dir, SmallCommand::Read { id: of.id }),
            SmallOrder::Show(of) => (of.dir, SmallCommand::Show { id: of.id }),
            SmallOrder::List(dir) => (dir, SmallCommand::List),
        };
        dir.ask(&Command::Small { order })
    }
}

impl BankArgs {
    fn order(self) -> (Dir, SmallCommand) {
        let new = NewBank {
            with: self.with,
            pennies: self.pennies,
            penny_sat: self.penny_sat,
            refund_blocks: self.refund_blocks,
            claim_blocks: self.claim_blocks,
            step: self.step,
            shift: self.shift,
            rate_sat_kwu: self.rate,
            depth: self.depth,
            open_s: self.open,
        };
        (self.dir, SmallCommand::Bank(new))
    }
}

impl DeliverArgs {
    fn order(self) -> anyhow::Result<(Dir, SmallCommand)> {
        let message = bytes_of(&self.message, MAX_DELIVERED.into())?;
        let new = NewDelivery {
            with: self.with,
            to: self.to,
            message: message.to_lower_hex_string(),
            amount_sat: self.amount,
            refund_blocks: self.refund_blocks,
            claim_blocks: self.claim_blocks,
            rate_sat_kwu: self.rate,
            depth: self.depth,
            open_s: self.open,
        };
        Ok((self.dir, SmallCommand::Deliver(new)))
    }
}

/// What stands in a file, up to so many bytes.
pub(crate) fn bytes_of(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let bytes = narthex_disk::read_bounded(path, most);
    let bytes = bytes.with_context(|| format!("{}", path.display()))?;
    bytes.with_context(|| format!("{} is longer than {most} bytes", path.display()))
}

impl CollectArgs {
    fn order(self) -> (Dir, SmallCommand) {
        let new = NewCollection {
            with: self.with,
            funding: self.funding,
            since: self.since,
            depth: self.depth,
            open_s: self.open,
        };
        (self.dir, SmallCommand::Collect(new))
    }
}

/// What was delivered: a message or result as it is, evidence in hex.
pub(crate) fn delivered(out: &mut impl Write, delivered: &SmallDelivered) -> io::Result<()> {
    match (delivered.what.as_str(), Vec::<u8>::from_hex(&delivered.hex)) {
        ("message" | "result", Ok(message)) => out.write_all(&message),
        (what, _) => writeln!(out, "{what}  {}", delivered.hex),
    }
}

/// One of them, for people.
pub(crate) fn show(out: &mut impl Write, status: &SmallStatus) -> io::Result<()> {
    let SmallStatus {
        id,
        family,
        state,
        peer,
        peers,
        named_at,
        reason,
        at_fault,
        next,
        role,
        standing,
        stream,
        stream_stopped,
        figures,
        acts_at,
        path,
        due,
        trouble,
        expires_s,
    } = status;
    writeln!(out, "small      {id}")?;
    writeln!(out, "family     {family}")?;
    writeln!(out, "state      {state}")?;
    writeln!(out, "peer       {peer}")?;
    for other in peers.iter().filter(|other| *other != peer) {
        writeln!(out, "           {other}")?;
    }
    let lines = [
        ("named at  ", named_at.clone()),
        ("reason    ", reason.clone()),
        ("at fault  ", at_fault.clone()),
        ("next      ", next.clone()),
        ("as        ", role.clone()),
        ("stands    ", standing.clone()),
        ("stream    ", stream.clone()),
        ("stopped   ", stream_stopped.clone()),
        ("acts at   ", acts_at.map(|height| height.to_string())),
        ("trouble   ", trouble.clone()),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name} {value}")?;
        }
    }
    for (name, figure) in figures {
        writeln!(out, "figure     {name} {figure}")?;
    }
    for OnChain { name, txid, height } in path {
        writeln!(out, "on chain   {name} at {height}, {txid}")?;
    }
    if !due.is_empty() {
        writeln!(out, "publishes  {}", due.join(", "))?;
    }
    writeln!(out, "expires    {expires_s} (seconds since 1970)")
}

/// A line for each.
pub(crate) fn list(out: &mut impl Write, all: &[SmallStatus]) -> io::Result<()> {
    for status in all {
        let SmallStatus {
            id,
            family,
            state,
            role,
            ..
        } = status;
        let role = role.as_deref().unwrap_or("-");
        writeln!(out, "{id}  {family:<9} {role:<9} {state}")?;
    }
    Ok(())
}
