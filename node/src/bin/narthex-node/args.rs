//! The command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use narthex::{
    bitcoin::Amount,
    game_model::{ParamsRecord, Template},
};
use narthex_disk::Readers;
use narthex_node::{
    party::{Command, JobCommand, NewEnding, NewOffer, Reply},
    shell,
};
use serde::de::DeserializeOwned;

use super::{
    arbiter::ArbiterOrder,
    bench::BenchArgs,
    config::{CompletionsArgs, ConfigArgs},
    demo::DemoArgs,
    evidence::EvidenceArgs,
    job::JobOrder,
    judge::JudgeArgs,
    run::RunArgs,
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
    /// Makes an arbiter's folder, and runs the node of it.
    #[command(subcommand)]
    Arbiter(ArbiterOrder),
    /// Prints a file of options for `run --config`, each with what it is for.
    Config(ConfigArgs),
    /// Prints a script that completes commands and options in a shell.
    Completions(CompletionsArgs),
    /// Says how the node stands.
    Status(Dir),
    /// Says whether the node does what it is there for, and what speaks against it; fails where something does.
    Ready(Dir),
    /// Takes no new contract from now on, also after a start: offers are turned away, and what runs goes on.
    Drain(DrainArgs),
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
    /// Lists all contracts that are not put away: id, role, state.
    List(Dir),
    /// Lists contracts that are over, and put away, the last first: number, id, role, end.
    Archive(ArchiveArgs),
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
    /// Measures what a party costs: durable steps, messages, whole contracts between six nodes, schedules, beside what disk, sockets and signatures alone cost in the same run.
    Bench(BenchArgs),
}

#[derive(Args)]
pub(crate) struct ArchiveArgs {
    #[command(flatten)]
    dir: Dir,
    /// Those with lower numbers than this, as the page before says.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    most: u32,
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
struct DrainArgs {
    #[command(flatten)]
    dir: Dir,
    /// Takes new contracts again.
    #[arg(long)]
    off: bool,
}

#[derive(Args)]
struct ClearArgs {
    #[command(flatten)]
    dir: Dir,
    /// The peer's id.
    node: String,
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["template", "panel", "deliver_in", "sample", "retainer"])]
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
    /// Of the example's parameters: what each arbiter gets for standing by, in satoshi.
    #[arg(long, value_name = "SAT", default_value_t = 0)]
    retainer: u64,
    /// Who is to do the work.
    #[arg(long, value_name = "ID@HOST:PORT")]
    worker: String,
    /// Who is to recompute a sample.
    #[arg(long, value_name = "ID@HOST:PORT")]
    verifier: String,
    /// A member of the panel; again for the others, in order. Who has an offer on chain rules by its bond's key; they are named, and not drawn.
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
    /// Least bond that each arbiter is to have on the chain behind its rulings, that deep, in satoshi.
    #[arg(long, value_name = "SAT", default_value_t = 0)]
    arbiter_bond: u64,
}

pub(super) fn json_file<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
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
            Order::Arbiter(order) => order.run(),
            Order::Config(args) => args.run(),
            Order::Completions(args) => args.run::<Cli>(),
            Order::Judge(args) => args.run(),
            Order::Status(dir) => dir.ask(&Command::Node),
            Order::Ready(dir) => dir.ready(),
            Order::Drain(DrainArgs { dir, off }) => dir.ask(&Command::Drain { on: !off }),
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
            Order::Archive(ArchiveArgs { dir, before, most }) => {
                let most = Some(most);
                dir.ask(&Command::Archive { before, most })
            }
            Order::Peers(dir) => dir.ask(&Command::Peers),
            Order::Clear(ClearArgs { dir, node }) => {
                let node = node.parse().context("the peer's id: 66 hex digits")?;
                dir.ask(&Command::Clear { node })
            }
            Order::Stop(dir) => dir.ask(&Command::Stop),
            Order::Demo(args) => args.run(),
            Order::Bench(args) => args.run(),
        }
    }
}

impl Dir {
    pub(super) fn ask(&self, command: &Command) -> anyhow::Result<()> {
        let reply = shell::ask(&self.dir, command)?;
        shown::reply(&reply, self.json)
    }

    /// For whoever watches it: the exit says it too.
    fn ready(&self) -> anyhow::Result<()> {
        let reply = shell::ask(&self.dir, &Command::Ready)?;
        shown::reply(&reply, self.json)?;
        match reply {
            Reply::Ready(status) if !status.ready => anyhow::bail!("the node is not ready"),
            _ => Ok(()),
        }
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
            arbiter_bond_sat: self.arbiter_bond,
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
        let example = ParamsRecord {
            retainer: Amount::from_sat(self.retainer),
            ..ParamsRecord::example_of(self.template.into(), n, k, due)
        };
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
