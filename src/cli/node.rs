//! `narthex node …`, and the options of commands that ask a node of the user's.

use std::{
    ffi::OsString, io::Write, os::unix::process::CommandExt, path::PathBuf, process::Command,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use narthex::regtest::Node;
use narthex::{contracts::terms::FeeRate, regtest};

use super::value;

/// Which node.
#[derive(Args)]
pub(super) struct NodeArgs {
    /// JSON-RPC of an own Bitcoin node, such as http://127.0.0.1:8332.
    #[arg(long, requires = "cookie")]
    node: Option<String>,
    /// The file that opens it: the node's .cookie, or one with user:password.
    #[arg(long, requires = "node")]
    cookie: Option<PathBuf>,
}

impl NodeArgs {
    /// A connection, if a node was named.
    pub(super) fn connect(&self) -> anyhow::Result<Option<Node>> {
        let (Some(url), Some(cookie)) = (&self.node, &self.cookie) else {
            return Ok(None);
        };
        super::secret::warn_if_others_read(cookie);
        // The error names the node, and says nothing of an address with a password in it.
        let node = Node::connect(url, cookie).context(
            "cannot ask the node; is it running, with -server, and is this its cookie file?",
        )?;
        Ok(Some(node))
    }

    /// A connection, for commands that can do nothing without.
    pub(super) fn needed(&self) -> anyhow::Result<Node> {
        self.connect()?
            .context("this asks the chain: name a node with --node URL --cookie FILE")
    }
}

/// What to ask a node. `run`, `offer`, `accept`, `list` and the others of `narthex-node --help` are given to that program.
#[derive(Subcommand)]
pub(crate) enum NodeCommand {
    /// Whether the node takes what contracts end with: a parent without fee, of version 3, with an anchor of no value,
    /// and the child that pays. Asked without a signature: nothing is spent or sent.
    Check(CheckArgs),
    /// Everything else is an order for `narthex-node`, a program of its own that speaks to other nodes.
    #[command(external_subcommand)]
    Program(Vec<OsString>),
}

/// Which node, and how.
#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Fee rate of parent and child together in sat/vB, with up to 3 decimals, 0.1 to 2500.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::play_fee_rate)]
    fee_rate: FeeRate,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl NodeCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            NodeCommand::Check(args) => args.run(),
            NodeCommand::Program(words) => program(&words),
        }
    }
}

/// What speaks to other nodes. It is a program of its own, so that this one builds without its libraries.
const PROGRAM: &str = "narthex-node";

/// Runs it in the place of this process: the one beside this one, else the first on the path.
pub(super) fn program(words: &[OsString]) -> anyhow::Result<()> {
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|own| Some(own.parent()?.join(PROGRAM)));
    let beside = beside.filter(|path| path.is_file());
    let program = beside.unwrap_or_else(|| PROGRAM.into());
    // It does not return, unless there is no such program.
    let error = Command::new(&program).args(words).exec();
    let order = words
        .first()
        .map(|word| word.to_string_lossy())
        .unwrap_or_default();
    Err(error).with_context(|| {
        format!(
            "`narthex node {order}` needs the program {PROGRAM}, beside this one or on the path: `cargo install --path node` (or `cargo build -p {PROGRAM}`) in a checkout makes it; `narthex node check` needs none"
        )
    })
}

impl CheckArgs {
    fn run(self) -> anyhow::Result<()> {
        let mut node = self.node.needed()?;
        let rate = bitcoin::FeeRate::from_sat_per_kwu(self.fee_rate.to_sat_per_kwu());
        let accepted = regtest::probe(&mut node, rate, None)?;
        let policy = accepted.node();
        let least = policy.least_now.max(policy.least_relay);
        let least_sat_kvb = least.to_sat_per_kwu().saturating_mul(4);
        let mut out = super::output::out();
        if self.json {
            let line = serde_json::json!({
                "accepts": true, "agent": policy.agent, "version": policy.version,
                "truc_policy": policy.truc, "least_sat_per_kvb": least_sat_kvb,
            });
            writeln!(out, "{line}")?;
        } else {
            let agent = &policy.agent;
            writeln!(
                out,
                "{agent} takes what contracts end with, from {least_sat_kvb} sat/kvB on"
            )?;
        }
        Ok(())
    }
}
