//! Orders about small contracts with other nodes.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use narthex::small::SmallOrder as Doing;
use narthex_node::party::{Command, NewBank, OnChain, SmallCommand, SmallStatus};

use super::args::Dir;

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
    /// Ends one by agreement, if the other node is there.
    Close(OfSmall),
    /// Stops one alone. What each side may take back or claim then it publishes by itself.
    ForceClose(OfSmall),
    /// Shows one.
    Show(OfSmall),
    /// Lists all: id, family, side, state.
    List(Dir),
}

#[derive(Args)]
pub(crate) struct OfSmall {
    #[command(flatten)]
    dir: Dir,
    /// Its id, as `small list` shows it.
    id: String,
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
            SmallOrder::Close(of) => doing(of, Doing::Close),
            SmallOrder::ForceClose(of) => doing(of, Doing::ForceClose),
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

/// One of them, for people.
pub(crate) fn show(out: &mut impl Write, status: &SmallStatus) -> io::Result<()> {
    let SmallStatus {
        id,
        family,
        state,
        peer,
        reason,
        role,
        standing,
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
    let lines = [
        ("reason    ", reason.clone()),
        ("as        ", role.clone()),
        ("stands    ", standing.clone()),
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
