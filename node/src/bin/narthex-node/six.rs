//! Six nodes as processes, with a chain of their own, that make contracts of the example's job.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use narthex::{
    bitcoin::{
        Address, Amount, Network, ScriptBuf, WScriptHash, address::NetworkUnchecked, hashes::Hash,
    },
    contracts::terms::Role,
    job::Manifest,
    regtest::{Bitcoind, ChainSource, Miner, mine_coins},
};
use narthex_disk::{Readers, temporary_folder};
use narthex_node::{
    party::{Command, ContractStatus, NewOffer, Reply},
    shell::{self, ControlError, Folder},
};

use super::config::FILE;

/// Arbiters of the panel, any two of whom decide.
pub(super) const ARBITERS: u8 = 3;
/// Longest time for one step of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// Most that any of them stakes, in satoshi.
const MAX_STAKE: &str = "100000000";
/// Blocks until the delivery is due.
pub(super) const DELIVERY_BLOCKS: u32 = 120;

/// A node, killed when dropped.
pub(super) struct Node {
    child: Child,
    pub(super) role: Role,
    pub(super) dir: PathBuf,
    pub(super) place: String,
    /// Where it takes HTTP and has its pages, if it does.
    pub(super) api: Option<SocketAddr>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    pub(super) fn start(
        who: (Role, &Path),
        chain: &Bitcoind,
        listen: &str,
    ) -> anyhow::Result<Node> {
        Node::start_with(who, chain, (listen, &[]))
    }

    /// The same with further options.
    pub(super) fn start_with(
        (role, dir): (Role, &Path),
        chain: &Bitcoind,
        (listen, words): (&str, &[&str]),
    ) -> anyhow::Result<Node> {
        let (url, cookie) = chain.rpc();
        let mut command = Process::new(std::env::current_exe()?);
        match dir.join(FILE).try_exists()? {
            // An arbiter's folder says the rest itself.
            true => command.args(["arbiter", "serve", "--api", "127.0.0.1:0"]),
            false => command
                .args(["run", "--research", "--auto-accept"])
                .args(["--max-stake", MAX_STAKE, "--node", &url])
                .arg("--cookie")
                .arg(cookie),
        };
        let mut child = command
            .args(["--json", "--tick-ms", "100", "--log", "warn"])
            .args(["--listen", listen])
            .args(words)
            .arg("--dir")
            .arg(dir)
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
            api: field("api").and_then(|api| api.parse().ok()),
        })
    }

    /// As if its computer lost power.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Number of its process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn ask(&self, command: &Command) -> Result<Reply, ControlError> {
        shell::ask(&self.dir, command)
    }
}

/// The nodes in canonical order, and their chain.
pub(super) struct Six {
    pub(super) chain: Bitcoind,
    pub(super) nodes: Vec<Node>,
    /// What each arbiter gets for standing by.
    pub(super) retainer: Amount,
    job: PathBuf,
    /// Further options of nodes that begin from now on.
    pub(super) words: &'static [&'static str],
    /// Removed when dropped.
    folder: Box<dyn AsRef<Path>>,
}

impl Six {
    /// A chain, and no node yet. Everything is in a folder that is gone with it.
    pub(super) fn new() -> anyhow::Result<Six> {
        let folder = temporary_folder("narthex-six-", None)?;
        let job = folder.path().join("job.json");
        let manifest = Manifest::example("digits-wasm", &[]).context("the example's job")?;
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        narthex_disk::replace(&job, &manifest, Readers::Owner)?;
        Ok(Six {
            chain: Bitcoind::start()?,
            nodes: Vec::new(),
            retainer: Amount::ZERO,
            job,
            words: &[],
            folder: Box::new(folder),
        })
    }

    fn dir(&self, role: Role) -> PathBuf {
        (*self.folder).as_ref().join(role.to_string())
    }

    /// Makes the folders of the panel, as their operators do, and the verifier's with a key by which it connects nobody of the others: of two
    /// that are no clients the one with the lower key connects the other. Client and worker have begun.
    pub(super) fn make_panel(&self) -> anyhow::Result<()> {
        let (url, cookie) = self.chain.rpc();
        let place = |node: &Node| node.place.split_once('@').map(|(id, _)| id.to_owned());
        let mut ids: Vec<_> = self.nodes.iter().filter_map(place).collect();
        for seat in 0..ARBITERS {
            let made = Process::new(std::env::current_exe()?)
                .args(["arbiter", "init", "--json", "--research"])
                .args(["--max-stake", MAX_STAKE, "--node", &url, "--dir"])
                .arg(self.dir(Role::Arbiter(seat)))
                .arg("--cookie")
                .arg(&cookie)
                .output()?;
            let made: serde_json::Value = serde_json::from_slice(&made.stdout)?;
            let id = made.get("node").and_then(|id| id.as_str());
            ids.push(id.context("no arbiter's folder")?.to_owned());
        }
        let (dir, highest) = (self.dir(Role::Verifier), ids.into_iter().max());
        loop {
            let id = Folder::open(&dir)?.key()?.id().to_string();
            if Some(id) > highest {
                return Ok(());
            }
            std::fs::remove_dir_all(&dir)?;
        }
    }

    /// Starts a node again where nobody finds it.
    pub(super) fn cut_off(&mut self, role: Role) -> anyhow::Result<()> {
        self.again(role, |_| "127.0.0.1:0")
    }

    /// Starts the node of a role, which gets so many coins.
    pub(super) fn begin(&mut self, role: Role, coins: u32) -> anyhow::Result<&Node> {
        let dir = self.dir(role);
        let how = ("127.0.0.1:0", self.words);
        let node = Node::start_with((role, &dir), &self.chain, how)?;
        let Reply::Address(address) = node.ask(&Command::Address)? else {
            bail!("no address");
        };
        let address = address.parse::<Address<NetworkUnchecked>>()?;
        let script = address.require_network(Network::Regtest)?.script_pubkey();
        mine_coins(&mut self.chain, coins, &script, &miner())?;
        self.nodes.push(node);
        self.nodes.last().context("no node")
    }

    /// Waits until all have seen their coins.
    pub(super) fn see_coins(&self) -> anyhow::Result<()> {
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
    pub(super) fn offer(&mut self) -> anyhow::Result<String> {
        let due = self.chain.height()?.saturating_add(DELIVERY_BLOCKS);
        let place = |at: usize| {
            let node = self.nodes.get(at);
            node.map(|node| node.place.clone()).unwrap_or_default()
        };
        let arbiters = (3..self.nodes.len()).map(place).collect();
        let mut offer = NewOffer::example(&self.job, due, [place(1), place(2)], arbiters)?;
        offer.params.retainer = self.retainer;
        let order = Command::Offer(Box::new(offer));
        let client = self.nodes.first().context("no client")?;
        match client.ask(&order)? {
            Reply::Contract(status) => Ok(status.id),
            _ => bail!("no offer"),
        }
    }

    /// How a contract stands with those that know it.
    pub(super) fn states(&self, id: &str) -> Vec<(Role, ContractStatus)> {
        let ask = |node: &Node| {
            let id = id.to_owned();
            // It has not come yet, or the node starts.
            match node.ask(&Command::Show { id }) {
                Ok(Reply::Contract(status)) => Some((node.role, *status)),
                _ => None,
            }
        };
        self.nodes.iter().filter_map(ask).collect()
    }

    pub(super) fn mine(&mut self) -> anyhow::Result<()> {
        self.chain.mine(1, &miner())?;
        Ok(())
    }

    /// Kills a node, and starts it again.
    pub(super) fn kill(&mut self, role: Role) -> anyhow::Result<()> {
        self.again(role, |place| {
            place.split_once('@').map_or("", |(_, listen)| listen)
        })
    }

    fn again(&mut self, role: Role, listen: impl Fn(&str) -> &str) -> anyhow::Result<()> {
        let node = self.nodes.iter_mut().find(|node| node.role == role);
        let node = node.with_context(|| format!("no {role}"))?;
        node.end()?;
        let how = (listen(&node.place), self.words);
        let again = Node::start_with((role, &node.dir), &self.chain, how)?;
        *node = again;
        Ok(())
    }
}

fn miner() -> ScriptBuf {
    // Nobody's.
    ScriptBuf::new_p2wsh(&WScriptHash::all_zeros())
}

/// Until the next look, as long as there is time.
pub(super) fn pause(start: Instant) -> anyhow::Result<()> {
    ensure!(start.elapsed() < PATIENCE, "it takes too long");
    std::thread::park_timeout(LOOK);
    Ok(())
}

/// Whether all of them know it, and are in this state.
pub(super) fn is_everybody<'a>(
    states: impl IntoIterator<Item = &'a ContractStatus>,
    state: &str,
) -> bool {
    let so = states
        .into_iter()
        .take_while(|status| status.state == state);
    so.count() == Role::all(ARBITERS).count()
}

/// What whoever waits for others gives up at: one of them has.
pub(super) fn gave_up<'a>(
    states: impl IntoIterator<Item = &'a ContractStatus>,
) -> anyhow::Result<()> {
    let mut states = states.into_iter();
    match states.find(|status| status.state == "dropped") {
        None => Ok(()),
        Some(over) => bail!(
            "{} has given up: {}",
            over.role,
            over.cause.clone().unwrap_or_default()
        ),
    }
}
