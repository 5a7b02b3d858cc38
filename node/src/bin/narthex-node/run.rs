//! `narthex-node run`.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use anyhow::ensure;
use clap::{Args, ValueEnum};
use narthex::{
    bitcoin::{Amount, Network},
    game_model::{game::Economics, schedule::Pace},
    judging::JudgeBox,
};
use narthex_node::{
    api::ApiOptions,
    party::{ArbiterPolicy, Part, Policy, TowerPolicy},
    shell::{self, RunOptions, Said},
    transport::Limits,
};
use tracing_subscriber::filter::LevelFilter;

use super::{
    arbiter::BoundsArgs,
    args::{Dir, json_file},
    bond::{self, BondArgs},
    database::DatabaseArgs,
    shown,
};

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Worker,
    Verifier,
    Arbiter,
}

impl From<Role> for Part {
    fn from(role: Role) -> Part {
        match role {
            Role::Worker => Part::Worker,
            Role::Verifier => Part::Verifier,
            Role::Arbiter => Part::Arbiter,
        }
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// How fast a chain is taken to be, in blocks.
#[derive(Clone, Copy, ValueEnum)]
enum PaceArg {
    /// Six for what must last or must confirm.
    Mainnet,
    /// One for everything.
    Regtest,
}

/// Whose coins.
#[derive(Args)]
pub(super) struct MoneyArgs {
    /// The network that the Bitcoin node is on: regtest, signet, testnet4, testnet or bitcoin.
    #[arg(long, default_value = "regtest")]
    network: Network,
    /// Runs on the network whose coins are money, all the same: this is research software that nobody outside has looked through.
    #[arg(long)]
    real_money: bool,
}

impl MoneyArgs {
    /// The network.
    pub(super) const fn network(&self) -> Network {
        self.network
    }

    /// Coins that are money are risked by nobody who did not say so.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let is_money = self.network == Network::Bitcoin;
        ensure!(
            is_money == self.real_money,
            match is_money {
                true =>
                    "on bitcoin coins are money, and this is research software: say --real-money if they may be lost",
                false => "--real-money is for --network bitcoin alone",
            }
        );
        Ok(())
    }
}

/// What a node counts on that was told nothing else.
pub(super) const fn usual_pace(network: Network) -> Pace {
    match network {
        Network::Regtest => Pace::REGTEST,
        _ => Pace::MAINNET,
    }
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    dir: Dir,
    /// Reads options from this file too, as `narthex-node config` prints one; those of the command line come after them, and take the place of values.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    money: MoneyArgs,
    /// What is said on standard error while it runs: off, error, warn, info, debug or trace.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log: LevelFilter,
    /// How that is written: lines for people, or a JSON object a line, in which the id of the contract that a line is about is a field.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Where to take connections of other nodes, HOST:PORT; port 0 is any that is free. Without it this node connects others, and nobody connects it.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where others reach it, if that is elsewhere.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// JSON-RPC of an own Bitcoin node, such as http://127.0.0.1:18443.
    #[arg(long)]
    node: String,
    /// The file that opens it: the node's .cookie, or one with user:password.
    #[arg(long)]
    cookie: PathBuf,
    /// A job file that its operator has; again for others. Jobs that it does not have are fetched from the client who offers them.
    #[arg(long = "job", value_name = "FILE")]
    jobs: Vec<PathBuf>,
    /// Reads the chain again from before each contract's funding: after the Bitcoin node was on a wrong chain for more than 144 blocks.
    #[arg(long)]
    follow_anew: bool,
    /// Takes part in no contract of which a party of this pace could not keep every deadline. Without it this is mainnet's
    /// pace on any other network than regtest; there windows of any length are taken, as blocks come when somebody wants them.
    #[arg(long, value_enum)]
    pace: Option<PaceArg>,
    /// Roles in which offers are accepted without asking, within the bounds below; again for others.
    #[arg(long, value_enum)]
    accept_role: Vec<Role>,
    /// Accepts in every role.
    #[arg(long)]
    auto_accept: bool,
    /// Most that is deposited in a contract that is accepted without asking, in satoshi.
    #[arg(long, default_value_t = 0, value_name = "SAT")]
    max_stake: u64,
    /// Takes part only where each arbiter has a bond of this on the chain behind its rulings, in satoshi.
    #[arg(long, default_value_t = 0, value_name = "SAT")]
    min_arbiter_bond: u64,
    #[command(flatten)]
    bounds: BoundsArgs,
    #[command(flatten)]
    bond: BondArgs,
    /// Most bytes of jobs that are fetched from one client, and kept.
    #[arg(long, default_value_t = Policy::PEER_JOB_BYTES, value_name = "BYTES")]
    max_client_job_bytes: u64,
    /// Most bytes of jobs that are fetched from all clients, and kept.
    #[arg(long, default_value_t = Policy::JOBS_BYTES, value_name = "BYTES")]
    max_jobs_bytes: u64,
    /// Blocks that a contract's end lies deep before it is put away: no start reads it then, and `narthex-node archive` lists it. Fewer than 144 are 144.
    #[arg(long, default_value_t = Policy::ARCHIVE_BLOCKS, value_name = "BLOCKS")]
    archive_blocks: u32,
    /// Believes clients what their jobs state of how hard outputs are to guess. Without it a job that does not say so by its program is not
    /// accepted, unless its file is given by --job.
    #[arg(long)]
    believe_entropy: bool,
    /// As a watchtower: most contracts of one client that are watched at a time.
    #[arg(long, default_value_t = TowerPolicy::default().client_bundles, value_name = "COUNT")]
    tower_client_bundles: usize,
    /// As a watchtower: most bytes of what one client has given, of which one bundle has a MiB at most.
    #[arg(long, default_value_t = TowerPolicy::default().client_bytes, value_name = "BYTES")]
    tower_client_bytes: usize,
    /// As a watchtower: most that is paid for one transaction of others, beyond what relays take at least.
    #[arg(long, default_value_t = TowerPolicy::default().fee.to_sat(), value_name = "SAT")]
    tower_max_fee: u64,
    /// Own costs and values (JSON, as of `narthex game`): terms are signed only if honest play is the only equilibrium with them.
    #[arg(long, value_name = "FILE", required_unless_present = "research")]
    economics: Option<PathBuf>,
    /// Signs whether honest play pays or not: for research, on coins that may be lost.
    #[arg(long, conflicts_with = "economics")]
    research: bool,
    /// Takes orders over HTTP and serves the page there, HOST:PORT on this machine; port 0 is any that is free. The token that opens
    /// it is in the file api.token of the folder.
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<String>,
    /// A host by which requests from elsewhere call it, NAME or NAME:PORT, through a proxy that encrypts; then --api may be any
    /// address. Again for others.
    #[arg(long, value_name = "HOST", requires = "api")]
    api_host: Vec<String>,
    /// Milliseconds between two looks at the clock and the chain.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    tick_ms: u64,
}

impl RunArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.money.check()?;
        let network = self.money.network();
        shown::log(self.log, self.log_format);
        let mut accept: BTreeSet<Part> =
            self.accept_role.iter().map(|role| (*role).into()).collect();
        if self.auto_accept {
            accept.extend([Part::Worker, Part::Verifier, Part::Arbiter]);
        }
        let economics = self.economics.as_deref().map(json_file::<Economics>);
        let jobs = self.jobs.iter().map(std::path::absolute);
        let policy = Policy {
            accept,
            max_stake: Amount::from_sat(self.max_stake),
            min_arbiter_bond: Amount::from_sat(self.min_arbiter_bond),
            economics: economics.transpose()?,
            max_peer_job_bytes: self.max_client_job_bytes,
            max_jobs_bytes: self.max_jobs_bytes,
            archive_blocks: self.archive_blocks,
            believes_entropy: self.believe_entropy,
            tower: TowerPolicy {
                client_bundles: self.tower_client_bundles,
                client_bytes: self.tower_client_bytes,
                fee: Amount::from_sat(self.tower_max_fee),
                ..TowerPolicy::default()
            },
            arbiter: self.bounds.within(ArbiterPolicy::default()),
            bond: self.bond.policy(self.max_stake),
            judge: Some(JudgeBox::of_this_program(&["judge"])?),
            ..Policy::default()
        };
        let policy = match (self.pace, network) {
            (None, Network::Regtest) => policy,
            (Some(PaceArg::Regtest), _) => policy.paced(Pace::REGTEST),
            (Some(PaceArg::Mainnet) | None, _) => policy.paced(Pace::MAINNET),
        };
        bond::check(&policy)?;
        let options = RunOptions {
            dir: self.dir.dir,
            database: self.database.options(),
            listen: self.listen,
            address: self.address,
            node: self.node,
            cookie: self.cookie,
            network,
            follow_anew: self.follow_anew,
            jobs: jobs.collect::<Result<_, _>>()?,
            policy,
            tick: Duration::from_millis(self.tick_ms),
            limits: Limits::default(),
            api: self.api.map(|listen| ApiOptions {
                listen,
                hosts: self.api_host,
            }),
        };
        let json = self.dir.json;
        // Whoever read what it says may be gone; the node is not.
        let tell = move |said: Said<'_>| drop(shown::said(said, json));
        Ok(shell::run(options, tell)?)
    }
}
