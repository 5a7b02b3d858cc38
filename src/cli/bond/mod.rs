//! `narthex bond …`.

mod args;
mod certificate;
mod draw;
mod play;
mod script;
mod select;
mod snapshot;
mod spend;
mod value;

use clap::Subcommand;

/// What to do with fidelity bonds: coins locked until a date, which make an identity costly.
#[derive(Subcommand)]
pub(crate) enum BondCommand {
    /// Where to pay for a bond: address, script, descriptor. BIP46 below an account key, or Taproot.
    Address(script::AddressArgs),
    /// What a bond weighs in a draw.
    Value(value::ValueArgs),
    /// Signs with the bond's key that it stands for an identity.
    Prove(certificate::ProveArgs),
    /// Reads such a certificate, checks its signature and asks a node whether the bond counts.
    Check(certificate::CheckArgs),
    /// Asks a node which of many certificates' bonds count: what `select` draws from.
    Snapshot(snapshot::SnapshotArgs),
    /// The transaction that spends a bond when its lock is over.
    Withdraw(spend::WithdrawArgs),
    /// The transaction that locks a bond anew when its lock is over.
    Roll(spend::RollArgs),
    /// Draws identities by their bonds, a share of the draws without looking at bonds.
    Select(select::SelectArgs),
    /// Draws a contract's panel, or its verifier, again from a file, and holds the contract to it.
    Draw(draw::DrawArgs),
    /// Lives a bond's whole life on a regtest chain: locked, verified, drawn by, rolled over, withdrawn.
    Play(play::PlayArgs),
}

impl BondCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            BondCommand::Address(args) => args.run(),
            BondCommand::Value(args) => args.run(),
            BondCommand::Prove(args) => args.run(),
            BondCommand::Check(args) => args.run(),
            BondCommand::Snapshot(args) => args.run(),
            BondCommand::Withdraw(args) => args.run(),
            BondCommand::Roll(args) => args.run(),
            BondCommand::Select(args) => args.run(),
            BondCommand::Draw(args) => args.run(),
            BondCommand::Play(args) => args.run(),
        }
    }
}
