//! `narthex-node demo`: six nodes as processes, with a chain of their own, from an offer to the result, paid for and
//! decrypted. The client alone has the job.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use narthex::{
    bitcoin::{Address, Network, ScriptBuf, WScriptHash, address::NetworkUnchecked, hashes::Hash},
    contracts::terms::Role,
    game_model::{ParamsRecord, Template},
    job::Manifest,
    regtest::{Bitcoind, ChainSource, Miner, mine_coins},
};
use narthex_disk::{Readers, temporary_folder};
use narthex_node::{
    party::{Command, ContractStatus, NewOffer, Reply, job_of},
    shell::{self, ControlError},
};

/// Arbiters of the panel, and how many of them decide.
const PANEL: (u8, u8) = (3, 2);
/// Coins of each node: one to stake, two that pay fees, and one to spare.
const COINS: u32 = 4;
/// Longest time for one step of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Looks without news after which the next block comes.
const QUIET_LOOKS: u32 = 20;

/// Blocks until the delivery is due.
const DELIVERY_BLOCKS: u32 = 120;
/// Steps that are recomputed.
const SAMPLE: u32 = 20;

/// Options of `narthex-node demo`.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Kills nodes, and starts them again: the worker while what it has drawn is in its memory alone (if it had not signed, the attempt is void, and comes again), the verifier once the contract is funded, the client before it has passed the settlement on.
    #[arg(long)]
    kill: bool,
    /// As JSON: an object for each contract as a node knows it, whenever it changes.
    #[arg(long)]
    json: bool,
}

/// A node, killed when dropped.
struct Node {
    child: Child,
    role: Role,
    dir: PathBuf,
    place: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn start((role, dir): (Role, &Path), chain: &Bitcoind, listen: &str) -> anyhow::Result<Node> {
        let (url, cookie) = chain.rpc();
        let mut child = Process::new(std::env::current_exe()?)
            .args([
                "run",
                "--json",
                "--research",
                "--auto-accept",
                "--tick-ms",
                "100",
            ])
            .args([
                "--max-stake",
                "100000000",
                "--listen",
                listen,
                "--node",
                &url,
            ])
            .arg("--dir")
            .arg(dir)
            .arg("--cookie")
            .arg(cookie)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().context("a node without a voice")?;
        let mut lines = BufReader::new(said).lines();
        let ready = lines
            .next()
            .with_context(|| format!("{role} has not started"))??;
        let ready: serde_json::Value = serde_json::from_str(&ready)?;
        // What it says is read, so that it can go on; here its answers are shown in the place of it.
        std::thread::spawn(move || lines.for_each(drop));
        let field = |name: &str| ready.get(name).and_then(|value| value.as_str());
        let (node, address) = (field("node"), field("address"));
        let place = node
            .zip(address)
            .map(|(node, address)| format!("{node}@{address}"));
        Ok(Node {
            child,
            role,
            dir: dir.to_owned(),
            place: place.context("a node that does not say where it is")?,
        })
    }

    fn ask(&self, command: &Command) -> Result<Reply, ControlError> {
        shell::ask(&self.dir, command)
    }
}

/// The nodes, with what was shown of each.
struct Demo {
    json: bool,
    chain: Bitcoind,
    job: PathBuf,
    nodes: Vec<Node>,
    shown: BTreeMap<Role, String>,
}

impl DemoArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let folder = temporary_folder("narthex-demo-", None)?;
        let job = folder.path().join("job.json");
        let manifest = Manifest::example("digits-wasm", &[]).context("the example's job")?;
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        narthex_disk::replace(&job, &manifest, Readers::Owner)?;
        let mut demo = Demo {
            json: self.json,
            chain: Bitcoind::start()?,
            job,
            nodes: Vec::new(),
            shown: BTreeMap::new(),
        };
        for role in Role::all(PANEL.0) {
            let dir = folder.path().join(role.to_string());
            demo.begin(role, &dir)?;
        }
        demo.see_coins()?;
        let id = demo.offer()?;
        if self.kill {
            demo.until(&id, |states| states.iter().any(is_signing))?;
            demo.kill(Role::Worker)?;
        }
        let states = demo.until(&id, |states| is_everybody(states, "committed"))?;
        let funding = states.first().and_then(|status| status.funding.clone());
        demo.say(&format!("funding   {}", funding.unwrap_or_default()))?;
        demo.chain.mine(1, &miner())?;
        let states = demo.until(&id, |states| is_everybody(states, "live"))?;
        let contract = states.first().and_then(|status| status.contract.clone());
        demo.say(&format!("contract  {}", contract.unwrap_or_default()))?;
        if self.kill {
            // Whatever it has computed is gone, and is computed again, to the same.
            demo.kill(Role::Verifier)?;
        }
        let result = demo.live(&id, self.kill)?;
        demo.say(&format!("result    {result}"))
    }
}

fn is_everybody(states: &[ContractStatus], state: &str) -> bool {
    states.len() == Role::all(PANEL.0).count() && states.iter().all(|status| status.state == state)
}

/// Whether it is the worker, with something drawn for an attempt that is not signed yet.
fn is_signing(status: &ContractStatus) -> bool {
    status.role == "worker"
        && matches!(status.state.as_str(), "proposing" | "agreed" | "announcing")
}

fn miner() -> ScriptBuf {
    // Nobody's.
    ScriptBuf::new_p2wsh(&WScriptHash::all_zeros())
}

impl Demo {
    fn say(&self, words: &str) -> anyhow::Result<()> {
        if !self.json {
            writeln!(std::io::stdout(), "{words}")?;
        }
        Ok(())
    }

    /// Starts a node, which gets coins.
    fn begin(&mut self, role: Role, dir: &Path) -> anyhow::Result<()> {
        let node = Node::start((role, dir), &self.chain, "127.0.0.1:0")?;
        self.say(&format!("{:<9} {}", role.to_string(), node.place))?;
        let Reply::Address(address) = node.ask(&Command::Address)? else {
            bail!("no address");
        };
        let address = address.parse::<Address<NetworkUnchecked>>()?;
        let script = address.require_network(Network::Regtest)?.script_pubkey();
        mine_coins(&mut self.chain, COINS, &script, &miner())?;
        self.nodes.push(node);
        Ok(())
    }

    fn see_coins(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        for node in &self.nodes {
            loop {
                match node.ask(&Command::Node)? {
                    Reply::Node(status) if status.spare_sat > 0 => break,
                    _ => pause(start)?,
                }
            }
        }
        Ok(())
    }

    /// The client's offer to the others; its id.
    fn offer(&mut self) -> anyhow::Result<String> {
        let spec = job_of(&self.job)?;
        let due = self.chain.height()?.saturating_add(DELIVERY_BLOCKS);
        let params = ParamsRecord::example_of(Template::Hardened, PANEL.0, PANEL.1, due);
        let params = params.for_job(spec.steps, SAMPLE)?;
        let place = |at: usize| {
            self.nodes
                .get(at)
                .map(|node| node.place.clone())
                .unwrap_or_default()
        };
        let order = Command::Offer(Box::new(NewOffer {
            job: Some(self.job.clone()),
            job_id: None,
            params: Box::new(params),
            worker: place(1),
            verifier: place(2),
            arbiters: (3..self.nodes.len()).map(place).collect(),
            rate_sat_kwu: 500,
            patience_s: 60,
            open_s: 3600,
            burial: 1,
        }));
        let client = self.nodes.first().context("no client")?;
        match client.ask(&order)? {
            Reply::Contract(status) => {
                self.say(&format!("offer     {}", status.id))?;
                Ok(status.id)
            }
            _ => bail!("no offer"),
        }
    }

    /// Shows what changes, until something is so.
    fn until(
        &mut self,
        id: &str,
        is_so: impl Fn(&[ContractStatus]) -> bool,
    ) -> anyhow::Result<Vec<ContractStatus>> {
        let start = Instant::now();
        loop {
            let mut states = Vec::new();
            for node in &self.nodes {
                // It has not come yet, or the node starts.
                if let Ok(Reply::Contract(status)) = node.ask(&Command::Show { id: id.to_owned() })
                {
                    states.push((node.role, *status));
                }
            }
            for (role, status) in &states {
                self.show(*role, status)?;
            }
            let states: Vec<_> = states.into_iter().map(|(_, status)| status).collect();
            if is_so(&states) {
                return Ok(states);
            }
            if let Some(over) = states.iter().find(|status| status.state == "dropped") {
                bail!(
                    "{} has given up: {}",
                    over.role,
                    over.cause.clone().unwrap_or_default()
                );
            }
            pause(start)?;
        }
    }

    fn show(&mut self, role: Role, status: &ContractStatus) -> anyhow::Result<()> {
        let line = match self.json {
            true => serde_json::to_string(status)?,
            false => {
                let attempt = status.attempt.filter(|attempt| *attempt > 0);
                let attempt = attempt.map(|attempt| format!(", attempt {attempt}"));
                // Once it lives: where it stands in it, and which of its transactions is on chain.
                let state = status.standing.clone();
                let state = state.unwrap_or_else(|| status.state.clone());
                // The client alone has the job's files; the others fetch them before they take part.
                let job = (status.state == "asked")
                    .then(|| format!(", job {} ({} bytes)", status.job.state, status.job.bytes));
                let last = status.path.last().filter(|last| last.name != "Tx0");
                let last = last.map(|last| format!(", {} in block {}", last.name, last.height));
                format!(
                    "{:<9} {state}{}{}{}",
                    status.role,
                    job.unwrap_or_default(),
                    attempt.unwrap_or_default(),
                    last.unwrap_or_default(),
                )
            }
        };
        if self.shown.get(&role) != Some(&line) {
            writeln!(std::io::stdout(), "{line}")?;
            self.shown.insert(role, line);
        }
        Ok(())
    }

    /// Mines until the client has its result, and everybody has what it is paid; what the result says.
    fn live(&mut self, id: &str, kills: bool) -> anyhow::Result<String> {
        let mut kills = kills;
        for _ in 0..DELIVERY_BLOCKS {
            let states = self.quiet(id)?;
            let client = states.iter().find(|status| status.role == "client");
            if let Some(result) = client.and_then(|status| status.result.as_ref()) {
                let file = result.file.as_ref().context("a result in no file")?;
                let bytes = std::fs::read(file)?;
                return Ok(format!("{} bytes, sha256 {}", bytes.len(), result.sha256));
            }
            let is_served = |status: &ContractStatus| status.standing.as_deref() == Some("served");
            if kills && client.is_some_and(is_served) {
                self.kill(Role::Client)?;
                kills = false;
            }
            self.chain.mine(1, &miner())?;
        }
        bail!("no result after {DELIVERY_BLOCKS} blocks")
    }

    /// Shows what changes until nobody has anything more to say about the last block.
    fn quiet(&mut self, id: &str) -> anyhow::Result<Vec<ContractStatus>> {
        let everybody = Role::all(PANEL.0).count();
        let (mut last, mut quiet) = (self.shown.clone(), 0);
        loop {
            let states = self.until(id, |states| states.len() == everybody)?;
            quiet = match self.shown == last {
                true => quiet + 1,
                false => 0,
            };
            if quiet >= QUIET_LOOKS {
                return Ok(states);
            }
            last = self.shown.clone();
            std::thread::park_timeout(LOOK);
        }
    }

    fn kill(&mut self, role: Role) -> anyhow::Result<()> {
        let node = self.nodes.iter_mut().find(|node| node.role == role);
        let node = node.with_context(|| format!("no {role}"))?;
        node.child.kill()?;
        node.child.wait()?;
        let listen = node.place.split_once('@').map_or("", |(_, listen)| listen);
        let again = Node::start((role, &node.dir), &self.chain, listen)?;
        *node = again;
        self.say(&format!(
            "{:<9} was killed, and is started again",
            role.to_string()
        ))
    }
}

fn pause(start: Instant) -> anyhow::Result<()> {
    ensure!(start.elapsed() < PATIENCE, "it takes too long");
    std::thread::park_timeout(LOOK);
    Ok(())
}
