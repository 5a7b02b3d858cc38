//! Orders about watchtowers: what a party gives one, and one as a process.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, Subcommand};
use narthex::bitcoin::{FeeRate, hex::FromHex as _};
use narthex_node::{
    party::{Command, Reply},
    shell::{self, Said, WatchOptions},
};
use tracing_subscriber::filter::LevelFilter;

use super::{
    args::{Dir, save_new},
    shown,
};

#[derive(Subcommand)]
pub(crate) enum TowerOrder {
    /// At the party: writes what a watchtower needs for a contract, with no secret in it. The tower learns the terms.
    Bundle(BundleArgs),
    /// At the tower: publishes what is due for the parties whose bundles it has, and pays the fees from its own coins. It shows no secret and gives no
    /// verdict. Ends when all of it is over.
    Watch(WatchArgs),
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
pub(crate) struct WatchArgs {
    #[command(flatten)]
    dir: Dir,
    /// JSON-RPC of an own Bitcoin node, such as http://127.0.0.1:18443.
    #[arg(long)]
    node: String,
    /// The file that opens it: the node's .cookie, or one with user:password.
    #[arg(long)]
    cookie: PathBuf,
    /// What a party has given; again for others.
    #[arg(long = "bundle", value_name = "FILE", required = true)]
    bundles: Vec<PathBuf>,
    /// A folder with rulings that have become known, as arbiters send them, one a file. It is looked through again and again.
    #[arg(long, value_name = "DIR")]
    attestations: Option<PathBuf>,
    /// Fee rate to begin with, in sat a kwu.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(250..=25_000_000))]
    rate: u64,
    /// Most that is paid, in sat a kwu, whatever is at stake.
    #[arg(long, default_value_t = 25_000, value_parser = clap::value_parser!(u64).range(250..=25_000_000))]
    max_rate: u64,
    /// Milliseconds between two looks at the chain.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    tick_ms: u64,
    /// Looks once and ends.
    #[arg(long)]
    once: bool,
}

impl TowerOrder {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            TowerOrder::Bundle(args) => args.run(),
            TowerOrder::Watch(args) => args.run(),
        }
    }
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

impl WatchArgs {
    fn run(self) -> anyhow::Result<()> {
        let options = WatchOptions {
            dir: self.dir.dir,
            node: self.node,
            cookie: self.cookie,
            bundles: self.bundles,
            attestations: self.attestations,
            rate: FeeRate::from_sat_per_kwu(self.rate),
            max_rate: FeeRate::from_sat_per_kwu(self.max_rate),
            tick: Duration::from_millis(self.tick_ms),
            once: self.once,
        };
        let json = self.dir.json;
        shown::log(LevelFilter::INFO);
        let tell = |said: Said<'_>| drop(shown::said(said, json));
        Ok(shell::watch(&options, &tell)?)
    }
}
