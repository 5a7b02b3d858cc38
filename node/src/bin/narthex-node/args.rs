//! The command line.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use narthex::{
    bitcoin::{Amount, Network},
    game_model::{ParamsRecord, Template, game::Economics, schedule::Pace},
    judging::{CellLimits, JudgeBox, judge_in_cell, probe_cell},
};
use narthex_disk::Readers;
use narthex_node::{
    api::ApiOptions,
    party::{Command, JobCommand, NewEnding, NewOffer, Part, Policy, Reply, TowerPolicy},
    shell::{self, RunOptions, Said},
    transport::Limits,
};
use serde::de::DeserializeOwned;
use tracing_subscriber::filter::LevelFilter;

use super::{
    config::{CompletionsArgs, ConfigArgs},
    demo::DemoArgs,
    evidence::EvidenceArgs,
    job::JobOrder,
    shown,
    small::SmallOrder,
    tower::TowerOrder,
};

/// Largest result that is written to a file, in bytes.
const MAX_RESULT: u64 = 1 << 30;

/// Largest file of parameters or figures, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// One party of Narthex as a process: makes contracts with other nodes, works, checks or rules in them, and is paid. On regtest, signet and
/// testnet4; elsewhere only where --real-money says so.
#[derive(Parser)]
#[command(name = "narthex-node", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Runs a node, until `stop`. Killed at any moment it goes on when it is run again.
    #[command(args_override_self = true)]
    Run(Box<RunArgs>),
    /// Prints a file of options for `run --config`, each with what it is for.
    Config(ConfigArgs),
    /// Prints a script that completes commands and options in a shell.
    Completions(CompletionsArgs),
    /// Says how the node stands.
    Status(Dir),
    /// A fresh address of the node's wallet.
    Address(Dir),
    /// Offers a contract to nodes, as its client.
    Offer(Box<OfferArgs>),
    /// Takes part in a contract that was offered.
    Accept(OfId),
    /// Does not take part in a contract that was offered.
    Decline(Leaving),
    /// Leaves a set-up, as long as own witnesses have not left.
    Leave(Leaving),
    /// As its worker: goes on chain with what is done, and waits for nobody.
    Deliver(OfId),
    /// As its worker: admits that the work is wrong, if that is still to be done.
    Admit(OfId),
    /// As its client, worker or verifier: agrees to end a contract that lives by one transaction that pays so, if the two others order the same.
    Agree(AgreeArgs),
    /// As its client: what was computed, once it is paid for and decrypted.
    Result(ResultArgs),
    /// What this party has of a contract that somebody may have to judge by, with no secret in it: terms, what was signed and acknowledged, rulings,
    /// the case before a panel.
    Evidence(EvidenceArgs),
    /// Prints figures for whoever watches the node, in Prometheus' text format.
    Metrics(Dir),
    /// Watches contracts for parties that are away, or has them watched.
    #[command(subcommand)]
    Tower(TowerOrder),
    /// Jobs that the node keeps, to be offered by their id.
    #[command(subcommand)]
    Job(JobOrder),
    /// Small contracts with another node.
    #[command(subcommand)]
    Small(SmallOrder),
    /// Shows a contract.
    Show(OfId),
    /// Shows the transactions of a contract and its dates.
    Graph(OfId),
    /// Lists all contracts: id, role, state.
    List(Dir),
    /// Lists all peers.
    Peers(Dir),
    /// Says that nothing else is missing on this disk, and that no copy of the node runs: after a link is `rolled-back` or `forked`.
    Clear(ClearArgs),
    /// Ends the node that runs.
    Stop(Dir),
    /// Answers one question of an arbiter on standard input, in a box: the node starts it for each ruling.
    #[command(hide = true)]
    Judge(JudgeArgs),
    /// Runs six nodes and a chain of their own, from an offer to a result that is paid for and decrypted, and shows how they come there.
    Demo(DemoArgs),
}

/// Which node.
#[derive(Args)]
pub(super) struct Dir {
    /// The node's folder.
    #[arg(long)]
    pub(super) dir: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct OfId {
    #[command(flatten)]
    pub(super) dir: Dir,
    /// The offer's id, as `list` shows it.
    pub(super) id: String,
}

#[derive(Args)]
struct JudgeArgs {
    /// Most memory, in bytes of address space.
    #[arg(long)]
    memory_bytes: u64,
    /// Most time of a processor, in seconds.
    #[arg(long)]
    cpu_seconds: u64,
    /// Tries to get out of the box in place of judging.
    #[arg(long)]
    probe: bool,
    /// Somebody who listens on this machine.
    #[arg(long, requires = "probe")]
    listener: Option<SocketAddr>,
}

impl JudgeArgs {
    fn run(self) -> anyhow::Result<()> {
        let limits = CellLimits {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
        };
        let mut out = io::stdout().lock();
        match self.probe {
            false => judge_in_cell(limits, io::stdin().lock(), &mut out)?,
            true => serde_json::to_writer(&mut out, &probe_cell(limits, self.listener)?)?,
        }
        Ok(())
    }
}

#[derive(Args)]
struct ResultArgs {
    #[command(flatten)]
    of: OfId,
    /// Writes its bytes to a file in the place of saying where they are; what is there is not written over.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct Leaving {
    #[command(flatten)]
    of: OfId,
    /// Why, for the others to read; up to 200 bytes.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Args)]
struct AgreeArgs {
    #[command(flatten)]
    of: OfId,
    /// What the client is paid, in sat. What is paid to nobody is the fee.
    #[arg(long, default_value_t = 0, value_name = "SAT")]
    client: u64,
    /// What the worker is paid.
    #[arg(long, default_value_t = 0, value_name = "SAT")]
    worker: u64,
    /// What the verifier is paid.
    #[arg(long, default_value_t = 0, value_name = "SAT")]
    verifier: u64,
    /// The worker, which publishes it, shows the client the key of the result with it.
    #[arg(long)]
    reveals: bool,
    /// Height from which on it is void, if it is not signed by then; at most 2,016 above the tip.
    #[arg(long, value_name = "HEIGHT")]
    until: u32,
}

#[derive(Args)]
struct ClearArgs {
    #[command(flatten)]
    dir: Dir,
    /// The peer's id.
    node: String,
}

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

/// How fast a chain is taken to be, in blocks.
#[derive(Clone, Copy, ValueEnum)]
enum PaceArg {
    /// Six for what must last or must confirm.
    Mainnet,
    /// One for everything.
    Regtest,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    dir: Dir,
    /// Reads options from this file too, as `narthex-node config` prints one; those of the command line come after them, and take the place of values.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The network that the Bitcoin node is on: regtest, signet, testnet4, testnet or bitcoin.
    #[arg(long, default_value = "regtest")]
    network: Network,
    /// Runs on the network whose coins are money, all the same: this is research software that nobody outside has looked through.
    #[arg(long)]
    real_money: bool,
    /// What is said on standard error while it runs: off, error, warn, info, debug or trace.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log: LevelFilter,
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
    /// Most bytes of jobs that are fetched from one client, and kept.
    #[arg(long, default_value_t = Policy::PEER_JOB_BYTES, value_name = "BYTES")]
    max_client_job_bytes: u64,
    /// Most bytes of jobs that are fetched from all clients, and kept.
    #[arg(long, default_value_t = Policy::JOBS_BYTES, value_name = "BYTES")]
    max_jobs_bytes: u64,
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

/// The templates that nodes live.
#[derive(Clone, Copy, ValueEnum)]
enum TemplateArg {
    Hardened,
    Audited,
}

impl From<TemplateArg> for Template {
    fn from(template: TemplateArg) -> Template {
        match template {
            TemplateArg::Hardened => Template::Hardened,
            TemplateArg::Audited => Template::Audited,
        }
    }
}

#[derive(Args)]
struct OfferArgs {
    #[command(flatten)]
    dir: Dir,
    /// The job's file. The node copies it with all that it speaks of; the others fetch it from there.
    #[arg(long, value_name = "FILE", required_unless_present = "job_id")]
    job: Option<PathBuf>,
    /// In its place: the id of a job that the node keeps, as `job list` shows it.
    #[arg(long, value_name = "ID", conflicts_with = "job")]
    job_id: Option<String>,
    /// The parameters (JSON, as `narthex game` writes them).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["template", "panel", "deliver_in", "sample"])]
    params: Option<PathBuf>,
    /// Of the example's parameters in the place of own ones: whether the client looks for itself, and can challenge an approval.
    #[arg(long, value_enum, default_value_t = TemplateArg::Hardened)]
    template: TemplateArg,
    /// Of the example's parameters: as many arbiters decide, K/N.
    #[arg(long, value_name = "K/N", default_value = "2/3")]
    panel: String,
    /// Of the example's parameters: blocks from now on until the delivery is due.
    #[arg(long, value_name = "BLOCKS", default_value_t = 120)]
    deliver_in: u32,
    /// Of the example's parameters: steps that are recomputed.
    #[arg(long, value_name = "STEPS", default_value_t = 20)]
    sample: u32,
    /// Who is to do the work.
    #[arg(long, value_name = "ID@HOST:PORT")]
    worker: String,
    /// Who is to recompute a sample.
    #[arg(long, value_name = "ID@HOST:PORT")]
    verifier: String,
    /// A member of the panel; again for the others, in order. Drawing them from bonds is not part of this version.
    #[arg(long = "arbiter", value_name = "ID@HOST:PORT")]
    arbiters: Vec<String>,
    /// Fee rate of the funding in sat/kwu (250 are 1 sat/vB).
    #[arg(long, default_value_t = 500, value_name = "SAT/KWU")]
    rate: u64,
    /// Seconds that each waits for the others in a phase of the set-up.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    patience: u32,
    /// Seconds from now on until which the offer may be accepted.
    #[arg(long, default_value_t = 3600)]
    open: u64,
    /// Blocks that a transaction lies deep before no reorganisation is reckoned with. A node of mainnet's pace takes
    /// no fewer than 6.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    burial: u32,
}

fn json_file<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = bounded(path, MAX_FILE)?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} does not read", path.display()))
}

/// A file of at most so many bytes.
pub(super) fn bounded(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let bytes = narthex_disk::read_bounded(path, most);
    let bytes = bytes.with_context(|| format!("cannot read {shown}"))?;
    bytes.with_context(|| format!("{shown} is larger than {most} bytes"))
}

/// Writes a file where none is.
pub(super) fn save_new(out: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let shown = out.display();
    ensure!(!out.try_exists()?, "cannot make {shown}: it is there");
    narthex_disk::save(out, bytes, Readers::Owner).with_context(|| format!("cannot write {shown}"))
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.order {
            Order::Run(args) => args.run(),
            Order::Config(args) => args.run(),
            Order::Completions(args) => args.run::<Cli>(),
            Order::Judge(args) => args.run(),
            Order::Status(dir) => dir.ask(&Command::Node),
            Order::Address(dir) => dir.ask(&Command::Address),
            Order::Offer(args) => args.run(),
            Order::Accept(OfId { dir, id }) => dir.ask(&Command::Accept { id }),
            Order::Decline(Leaving { of, reason }) => {
                let id = of.id;
                of.dir.ask(&Command::Decline { id, reason })
            }
            Order::Leave(Leaving { of, reason }) => {
                let id = of.id;
                of.dir.ask(&Command::Leave { id, reason })
            }
            Order::Deliver(OfId { dir, id }) => dir.ask(&Command::Deliver { id }),
            Order::Admit(OfId { dir, id }) => dir.ask(&Command::Admit { id }),
            Order::Agree(args) => {
                let ending = NewEnding {
                    client_sat: args.client,
                    worker_sat: args.worker,
                    verifier_sat: args.verifier,
                    reveals_result: args.reveals,
                    until_height: args.until,
                };
                let id = args.of.id;
                args.of.dir.ask(&Command::Agree { id, ending })
            }
            Order::Result(args) => args.run(),
            Order::Evidence(args) => args.run(),
            Order::Metrics(dir) => dir.ask(&Command::Metrics),
            Order::Job(order) => order.run(),
            Order::Tower(order) => order.run(),
            Order::Small(order) => order.run(),
            Order::Show(OfId { dir, id }) => dir.ask(&Command::Show { id }),
            Order::Graph(OfId { dir, id }) => dir.ask(&Command::Graph { id }),
            Order::List(dir) => dir.ask(&Command::List),
            Order::Peers(dir) => dir.ask(&Command::Peers),
            Order::Clear(ClearArgs { dir, node }) => {
                let node = node.parse().context("the peer's id: 66 hex digits")?;
                dir.ask(&Command::Clear { node })
            }
            Order::Stop(dir) => dir.ask(&Command::Stop),
            Order::Demo(args) => args.run(),
        }
    }
}

impl Dir {
    pub(super) fn ask(&self, command: &Command) -> anyhow::Result<()> {
        let reply = shell::ask(&self.dir, command)?;
        shown::reply(&reply, self.json)
    }
}

impl ResultArgs {
    fn run(self) -> anyhow::Result<()> {
        let OfId { dir, id } = self.of;
        let reply = shell::ask(&dir.dir, &Command::Result { id })?;
        if let (Some(out), Reply::Result(status)) = (&self.out, &reply) {
            let file = status.file.as_ref().context("it is in no file")?;
            let bytes = narthex_disk::read_bounded(file, MAX_RESULT)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let bytes = bytes.context("it is longer than any result")?;
            save_new(out, &bytes)?;
        }
        shown::reply(&reply, dir.json)
    }
}

impl RunArgs {
    fn run(self) -> anyhow::Result<()> {
        let is_money = self.network == Network::Bitcoin;
        ensure!(
            is_money == self.real_money,
            match is_money {
                true =>
                    "on bitcoin coins are money, and this is research software: say --real-money if they may be lost",
                false => "--real-money is for --network bitcoin alone",
            }
        );
        shown::log(self.log);
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
            economics: economics.transpose()?,
            max_peer_job_bytes: self.max_client_job_bytes,
            max_jobs_bytes: self.max_jobs_bytes,
            believes_entropy: self.believe_entropy,
            tower: TowerPolicy {
                client_bundles: self.tower_client_bundles,
                client_bytes: self.tower_client_bytes,
                fee: Amount::from_sat(self.tower_max_fee),
                ..TowerPolicy::default()
            },
            judge: Some(JudgeBox::of_this_program(&["judge"])?),
            ..Policy::default()
        };
        let options = RunOptions {
            dir: self.dir.dir,
            listen: self.listen,
            address: self.address,
            node: self.node,
            cookie: self.cookie,
            network: self.network,
            follow_anew: self.follow_anew,
            jobs: jobs.collect::<Result<_, _>>()?,
            policy: match (self.pace, self.network) {
                (None, Network::Regtest) => policy,
                (Some(PaceArg::Regtest), _) => policy.paced(Pace::REGTEST),
                (Some(PaceArg::Mainnet) | None, _) => policy.paced(Pace::MAINNET),
            },
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

impl OfferArgs {
    fn run(self) -> anyhow::Result<()> {
        let job = self.job.as_ref().map(std::path::absolute).transpose()?;
        let params = match &self.params {
            Some(path) => json_file::<ParamsRecord>(path)?,
            None => self.example(job.as_deref())?,
        };
        let order = Command::Offer(Box::new(NewOffer {
            job,
            job_id: self.job_id,
            params: Box::new(params),
            worker: self.worker,
            verifier: self.verifier,
            arbiters: self.arbiters,
            rate_sat_kwu: self.rate,
            patience_s: self.patience,
            open_s: self.open,
            burial: self.burial,
        }));
        self.dir.ask(&order)
    }

    /// The example's parameters, for this job from the node's tip on.
    fn example(&self, job: Option<&Path>) -> anyhow::Result<ParamsRecord> {
        let numbers = self.panel.split_once('/');
        let numbers = numbers.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (k, n) = numbers.with_context(|| format!("{:?} is no K/N, such as 2/3", self.panel))?;
        let steps = match (job, &self.job_id) {
            (Some(job), _) => narthex_node::party::job_of(job)?.steps,
            (None, id) => self.steps(id.clone().unwrap_or_default())?,
        };
        let tip = match shell::ask(&self.dir.dir, &Command::Node)? {
            Reply::Node(status) => status.tip,
            _ => None,
        };
        let tip = tip.context("the node has not seen its chain yet")?;
        let due = tip.saturating_add(self.deliver_in);
        let example = ParamsRecord::example_of(self.template.into(), n, k, due);
        let most = u32::try_from(steps).unwrap_or(u32::MAX);
        Ok(example.for_job(steps, self.sample.min(most))?)
    }

    /// Steps of a job that the node keeps.
    fn steps(&self, id: String) -> anyhow::Result<u64> {
        let order = JobCommand::Show { id };
        let steps = match shell::ask(&self.dir.dir, &Command::Job { order })? {
            Reply::Job(status) => status.steps,
            _ => None,
        };
        steps.context("the job was not looked at yet")
    }
}
