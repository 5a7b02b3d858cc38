//! Orders about watchtowers: what a party gives one, and a node as one.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use narthex::bitcoin::{
    hashes::{Hash as _, sha256},
    hex::{DisplayHex as _, FromHex as _},
    secp256k1::rand::{RngCore as _, rngs::OsRng},
};
use narthex_node::{
    party::{Command, Reply, TowerClientStatus, TowerCommand, TowerStatus},
    shell,
};
use zeroize::Zeroizing;

use super::{
    args::{Dir, bounded, save_new},
    shown,
    tower_send::SendArgs,
};

/// Largest bundle that is read, in bytes: what fits in an order.
const MAX_BUNDLE: u64 = 7 << 20;

/// Largest file with an attestation, in bytes.
const MAX_RULING: u64 = 1 << 10;

#[derive(Subcommand)]
pub(crate) enum TowerOrder {
    /// At the party: writes what a watchtower needs for a contract, with no secret in it. The tower learns the terms.
    Bundle(BundleArgs),
    /// At the party: draws a ticket for a watchtower, and prints the hash by which its operator admits it.
    Ticket(TicketArgs),
    /// At the party: gives a watchtower over HTTP what it needs for all contracts that live, once or from now on.
    Send(SendArgs),
    /// At the tower: watches a contract for one of its parties. What is due is published, and its fees are paid from the node's own coins; it shows no
    /// secret and gives no verdict.
    Take(TakeArgs),
    /// At the tower: an arbiter's ruling has become known.
    Ruling(RulingArgs),
    /// At the tower: lists what is watched.
    List(Dir),
    /// At the tower: shows one contract that is watched.
    Show(OfWatched),
    /// At the tower: watches a contract no more.
    Forget(OfWatched),
    /// At the tower: serves a client over HTTP from now on, or by another ticket.
    Admit(AdmitArgs),
    /// At the tower: serves a client no more. What it has given is watched to its end.
    Dismiss(NameArgs),
    /// At the tower: lists whom it serves.
    Clients(Dir),
}

#[derive(Args)]
pub(crate) struct BundleArgs {
    #[command(flatten)]
    dir: Dir,
    /// The contract's id, as `list` shows it.
    #[arg(long, value_name = "ID")]
    contract: String,
    /// Where to; what is there is not written over.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct TicketArgs {
    /// Where to, for its owner alone; what is there is not written over.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct TakeArgs {
    #[command(flatten)]
    dir: Dir,
    /// What the party has given.
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
}

#[derive(Args)]
pub(crate) struct RulingArgs {
    #[command(flatten)]
    dir: Dir,
    /// The attestation, as the arbiter has sent it.
    #[arg(long, value_name = "FILE")]
    attestation: PathBuf,
}

#[derive(Args)]
pub(crate) struct OfWatched {
    #[command(flatten)]
    dir: Dir,
    /// Its id, as `tower list` shows it.
    id: String,
}

#[derive(Args)]
pub(crate) struct AdmitArgs {
    #[command(flatten)]
    of: NameArgs,
    /// What `tower ticket` has printed at the client: the SHA-256 of its ticket's 64 hex digits.
    #[arg(value_name = "SHA256")]
    ticket: String,
}

#[derive(Args)]
pub(crate) struct NameArgs {
    #[command(flatten)]
    dir: Dir,
    /// What it is called here.
    name: String,
}

impl TowerOrder {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let client = None;
        match self {
            TowerOrder::Bundle(args) => args.run(),
            TowerOrder::Ticket(args) => args.run(),
            TowerOrder::Send(args) => args.run(),
            TowerOrder::Take(TakeArgs { dir, bundle }) => {
                let bundle = bounded(&bundle, MAX_BUNDLE)?.to_lower_hex_string();
                ask(&dir, TowerCommand::Take { bundle, client })
            }
            TowerOrder::Ruling(RulingArgs { dir, attestation }) => {
                let attestation = bounded(&attestation, MAX_RULING)?.to_lower_hex_string();
                let order = TowerCommand::Ruling {
                    attestation,
                    client,
                };
                ask(&dir, order)
            }
            TowerOrder::List(dir) => ask(&dir, TowerCommand::List { client }),
            TowerOrder::Show(OfWatched { dir, id }) => ask(&dir, TowerCommand::Show { id, client }),
            TowerOrder::Forget(OfWatched { dir, id }) => {
                ask(&dir, TowerCommand::Forget { id, client })
            }
            TowerOrder::Admit(AdmitArgs { of, ticket }) => {
                let NameArgs { dir, name } = of;
                let order = TowerCommand::Admit {
                    name,
                    ticket_sha256: ticket,
                };
                ask(&dir, order)
            }
            TowerOrder::Dismiss(NameArgs { dir, name }) => {
                ask(&dir, TowerCommand::Dismiss { name })
            }
            TowerOrder::Clients(dir) => ask(&dir, TowerCommand::Clients),
        }
    }
}

fn ask(dir: &Dir, order: TowerCommand) -> anyhow::Result<()> {
    dir.ask(&Command::Tower { order })
}

impl BundleArgs {
    fn run(self) -> anyhow::Result<()> {
        let BundleArgs { dir, contract, out } = self;
        let reply = shell::ask(&dir.dir, &Command::Bundle { id: contract })?;
        if let Reply::Bundle(status) = &reply {
            let bytes = Vec::<u8>::from_hex(&status.bundle).context("the node's answer")?;
            save_new(&out, &bytes)?;
        }
        shown::reply(&reply, dir.json)
    }
}

impl TicketArgs {
    fn run(self) -> anyhow::Result<()> {
        let mut drawn = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *drawn);
        let words = Zeroizing::new(drawn.to_lower_hex_string());
        save_new(&self.out, words.as_bytes())?;
        let hash = sha256::Hash::hash(words.as_bytes()).to_byte_array();
        writeln!(io::stdout(), "{}", hash.to_lower_hex_string())?;
        Ok(())
    }
}

/// A contract that is watched, for people.
pub(crate) fn show(out: &mut impl Write, status: &TowerStatus) -> io::Result<()> {
    let TowerStatus {
        id,
        contract,
        role,
        client,
        state,
        bytes,
        transactions,
        rulings,
        last,
        due,
        paid,
        trouble,
    } = status;
    let client = client.as_deref().unwrap_or("the operator");
    writeln!(out, "watched    {id}")?;
    writeln!(out, "contract   {contract}")?;
    writeln!(out, "for        the {role}, by {client}, {bytes} bytes")?;
    writeln!(out, "state      {state}, {rulings} rulings")?;
    writeln!(out, "has        {}", transactions.join(", "))?;
    if let Some(last) = last {
        writeln!(out, "on chain   {} at {}", last.name, last.height)?;
    }
    if let Some(due) = due {
        writeln!(out, "publishes  {}", due.name)?;
    }
    for paid in paid {
        writeln!(
            out,
            "paid       {} sat for {}, by {}",
            paid.fee_sat, paid.name, paid.by
        )?;
    }
    match trouble {
        Some(why) => writeln!(out, "trouble    {why}"),
        None => Ok(()),
    }
}

/// All of them, a line each.
pub(crate) fn list(out: &mut impl Write, all: &[TowerStatus]) -> io::Result<()> {
    for status in all {
        let TowerStatus {
            id,
            role,
            client,
            state,
            ..
        } = status;
        let client = client.as_deref().unwrap_or("-");
        writeln!(out, "{id}  {role:<9} {state:<9} {client}")?;
    }
    Ok(())
}

/// Whom a tower serves, a line each.
pub(crate) fn clients(out: &mut impl Write, all: &[TowerClientStatus]) -> io::Result<()> {
    for status in all {
        let TowerClientStatus {
            name,
            ticket_sha256,
            bundles,
            bytes,
        } = status;
        let ticket = ticket_sha256.as_deref().unwrap_or("dismissed");
        writeln!(
            out,
            "{name:<20} {bundles:>3} bundles, {bytes} bytes  {ticket}"
        )?;
    }
    Ok(())
}
