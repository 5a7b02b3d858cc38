//! Six nodes as processes, with a bitcoind of their own.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use narthex::{
    bitcoin::{Address, Network, ScriptBuf, Txid},
    contracts::terms::Role,
    regtest::{Bitcoind, Miner, mine_coins},
};
use narthex_base::secret::Secret;
use narthex_node::NodeKey;
use serde_json::Value;
use tempfile::TempDir;

pub use super::started::{Doom, Process};
use super::{
    http::Client,
    kill::{doom, killer},
    result_of,
    started::{Starting, anywhere, last_words},
};

/// Longest time that anything may take.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub const ARBITERS: u8 = 3;
/// Coins of each: of every contract one that is staked and two that pay fees, for three contracts at once.
const COINS: u32 = 9;

/// The program under test.
pub(super) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_narthex-node"))
}

/// Nodes, their chain and their job.
pub struct House {
    pub chain: Bitcoind,
    pub nodes: Vec<Process>,
    folder: TempDir,
    job: PathBuf,
    /// Where a node of this house listens that was nowhere yet.
    anywhere: String,
    /// What all of them are run with, beside what each is.
    words: Vec<String>,
    /// Other replicas of nodes, which wait for their turn.
    pub(super) standbys: BTreeMap<usize, Starting>,
    /// Whether what a node says on standard error goes to a file beside its folder.
    pub(super) keeps_logs: bool,
    /// The library that kills, once it is built.
    killer: Option<PathBuf>,
}

/// A job of shipped images.
pub(super) const DIGITS: &str = r#"{"narthex_job": 1, "work": {"kind": "digits-wasm"}}"#;

fn miner() -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51, 0x20][..], &[7; 32]].concat())
}

impl House {
    /// The client alone, without a coin.
    pub fn of_one() -> House {
        House::start(&[Role::Client])
    }

    /// Two with coins, as client and worker are called here.
    pub fn of_pair() -> House {
        House::of_pair_with(&[])
    }

    /// The same, with further options.
    pub fn of_pair_with(words: &[&str]) -> House {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let roles = [Role::Client, Role::Worker];
        let mut house = House::begun((TempDir::new().unwrap(), DIGITS), &roles, words);
        house.endow();
        house
    }

    /// Everybody with coins. Arbiters accept by themselves, within bounds; the others are asked.
    pub fn new() -> House {
        let roles: Vec<_> = Role::all(ARBITERS).collect();
        let mut house = House::start(&roles);
        house.endow();
        house
    }

    /// The same with further options, and with what they log in files.
    pub fn logged(words: &[&str]) -> House {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let roles: Vec<_> = Role::all(ARBITERS).collect();
        let folder = TempDir::new().unwrap();
        let mut house = House::built((folder, DIGITS), &roles, (words, true));
        house.endow();
        house
    }

    /// What a node has logged, of a house that keeps that.
    pub fn log(&self, at: usize) -> PathBuf {
        self.nodes[at].dir.with_extension("log")
    }

    /// Client and worker, with coins, about a job whose other file is a hole of so many bytes: it takes no room on the client's disk before it
    /// is offered.
    pub fn of_two(manifest: &str, hole: (&str, u64), words: &[&str]) -> House {
        let folder = TempDir::new().unwrap();
        let file = std::fs::File::create(folder.path().join(hole.0)).unwrap();
        file.set_len(hole.1).unwrap();
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let mut house = House::begun((folder, manifest), &[Role::Client, Role::Worker], words);
        house.endow();
        house
    }

    fn start(roles: &[Role]) -> House {
        House::begun((TempDir::new().unwrap(), DIGITS), roles, Vec::new())
    }

    fn begun(founded: (TempDir, &str), roles: &[Role], words: Vec<String>) -> House {
        House::built(founded, roles, (words, false))
    }

    fn built(
        founded: (TempDir, &str),
        roles: &[Role],
        (words, keeps_logs): (Vec<String>, bool),
    ) -> House {
        let mut house = House::founded(founded, words);
        house.keeps_logs = keeps_logs;
        // Starts are slow (a wallet, a job): all at once.
        let mut started = Vec::new();
        for role in roles {
            started.push(house.begin(*role, &house.dir(*role), (None, None)));
        }
        house.nodes = started.into_iter().map(Starting::ready).collect();
        house
    }

    /// A chain and a job, and nobody yet.
    pub(super) fn founded((folder, manifest): (TempDir, &str), words: Vec<String>) -> House {
        let chain = Bitcoind::start().unwrap();
        let job = folder.path().join("job.json");
        std::fs::write(&job, manifest).unwrap();
        House {
            chain,
            nodes: Vec::new(),
            folder,
            job,
            anywhere: anywhere(),
            words,
            standbys: BTreeMap::new(),
            keeps_logs: false,
            killer: None,
        }
    }

    pub(super) fn endow(&mut self) {
        self.endow_from(0);
    }

    /// One more node, in a folder of this name, with coins and with these options.
    pub fn hire(&mut self, name: &str, words: &[&str]) -> usize {
        let at = self.nodes.len();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let dir = self.folder.path().join(name);
        let started = self.begin_with((Role::Client, &dir, &words), (None, None));
        self.nodes.push(started.ready());
        self.nodes[at].words = words;
        self.endow_from(at);
        at
    }

    /// Kills one for good.
    pub fn bury(&mut self, at: usize) {
        self.nodes[at].kill();
        self.nodes[at].is_gone = true;
    }

    fn endow_from(&mut self, first: usize) {
        let house = self;
        for at in first..house.nodes.len() {
            let address = house.ask(at, &["address"])["address"].clone();
            house.pay(address.as_str().unwrap());
        }
        for at in first..house.nodes.len() {
            house.wait(
                &format!("{} sees its coins", house.nodes[at].role),
                |house| {
                    let node = &house.ask(at, &["status"])["node"];
                    node["spare_sat"].as_u64().unwrap() > 0
                },
            );
        }
    }

    /// An address gets coins.
    pub fn pay(&mut self, address: &str) {
        let address: Address<_> = address.parse().unwrap();
        let script = address
            .require_network(Network::Regtest)
            .unwrap()
            .script_pubkey();
        mine_coins(&mut self.chain, COINS, &script, &miner()).unwrap();
    }

    /// A node's API.
    pub fn client(&self, at: usize) -> Client {
        let Process { dir, api, .. } = &self.nodes[at];
        let token = std::fs::read_to_string(dir.join("api.token")).unwrap();
        Client {
            at: api.clone(),
            token: token.trim().to_owned(),
        }
    }

    /// A file of the test's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the job's result is.
    pub fn right(&self) -> Vec<u8> {
        result_of(&self.job)
    }

    pub(super) fn dir(&self, role: Role) -> PathBuf {
        self.folder.path().join(role.to_string())
    }

    pub(super) fn begin(
        &self,
        role: Role,
        dir: &Path,
        (listen, end): (Option<&str>, Option<Doom>),
    ) -> Starting {
        let (url, cookie) = self.chain.rpc();
        let mut command = program();
        let log = dir.with_extension("log");
        let errors = match self.keeps_logs {
            false => Stdio::inherit(),
            true => std::fs::File::options()
                .create(true)
                .append(true)
                .open(log)
                .unwrap()
                .into(),
        };
        // A folder that `arbiter init` has made says the rest itself.
        let is_made = dir.join("node.toml").exists();
        match is_made {
            true => command.args(["arbiter", "serve"]),
            false => command.args(["run", "--research"]),
        };
        command
            .args(["--json", "--tick-ms", "100", "--dir"])
            .arg(dir)
            .args(["--listen", listen.unwrap_or(&self.anywhere)])
            .args(["--api", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(errors);
        if !is_made {
            command
                .args(["--node", &url, "--cookie"])
                .arg(cookie)
                .args(&self.words);
        }
        if matches!(role, Role::Arbiter(_)) && !is_made {
            command.args(["--accept-role", "arbiter", "--max-stake", "100000000"]);
        }
        if let (Some((at, when)), Some(killer)) = (end, &self.killer) {
            doom(&mut command, killer, at, when);
            // What it says to its Bitcoin node, its peers do not hear.
            let (_, port) = url.rsplit_once(':').unwrap();
            command.env("KILL_NOT_PORT", port);
        }
        Starting::begin(&mut command, role, dir)
    }

    /// Starts a node again that was killed, at its place. One that is doomed may die over it, and is started again then.
    pub fn again(&mut self, at: usize) {
        let killer = (self.killer.is_none() && self.nodes[at].deaths_left() > 0)
            .then(|| killer(self.folder.path()));
        self.killer = self.killer.take().or(killer);
        if let Some(standby) = self.standbys.remove(&at) {
            return self.takes_over(at, standby);
        }
        loop {
            let end = self.nodes[at].dooms.pop();
            let node = &self.nodes[at];
            let (role, words) = (node.role, node.words.clone());
            let (dir, address) = (node.dir.clone(), node.address.clone());
            let started = self.begin_with((role, &dir, &words), (Some(&address), end));
            match started.try_ready() {
                Ok(mut again) => {
                    let before = &mut self.nodes[at];
                    assert_eq!(again.id, before.id);
                    again.words = words;
                    again.dooms = std::mem::take(&mut before.dooms);
                    *before = again;
                    return;
                }
                Err(mut child) => {
                    let signal = child.wait().unwrap().signal();
                    assert!(
                        end.is_some() && signal == Some(9),
                        "{role} has ended: {signal:?}: {}",
                        last_words(&dir)
                    );
                }
            }
        }
    }

    /// Begins a process with further options.
    pub(super) fn begin_with(
        &mut self,
        (role, dir, words): (Role, &Path, &[String]),
        how: (Option<&str>, Option<Doom>),
    ) -> Starting {
        let before = self.words.len();
        self.words.extend_from_slice(words);
        let started = self.begin(role, dir, how);
        self.words.truncate(before);
        started
    }

    /// Starts again whoever was killed; how many these are.
    pub fn revive(&mut self) -> usize {
        let mut dead = Vec::new();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let Some(status) = node.child.try_wait().unwrap() else {
                continue;
            };
            let is_killed = status.signal() == Some(9);
            let words = last_words(&node.dir);
            assert!(
                is_killed,
                "{} has ended: {:?}: {words}",
                node.role,
                node.said()
            );
            if !node.is_gone {
                dead.push(at);
            }
        }
        dead.iter().for_each(|at| self.again(*at));
        dead.len()
    }

    /// Asks a node, as its operator does.
    pub fn ask(&self, at: usize, words: &[&str]) -> Value {
        self.try_ask(at, words).unwrap()
    }

    /// Asks a node about what it watches.
    pub fn ask_tower(&self, at: usize, words: &[&str]) -> Value {
        let output = program()
            .args(["tower", words[0], "--json", "--dir"])
            .arg(&self.nodes[at].dir)
            .args(&words[1..])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Height of the chain.
    pub fn height(&self) -> u64 {
        self.chain.call("getblockcount", &[]).unwrap()
    }

    pub fn try_ask(&self, at: usize, words: &[&str]) -> Result<Value, String> {
        let output = program()
            .arg(words[0])
            .args(["--json", "--dir"])
            .arg(&self.nodes[at].dir)
            .args(&words[1..])
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The client offers a contract to all of them; its id.
    pub fn offer(&self) -> String {
        self.offer_of(&["--job", self.job.to_str().unwrap()])
            .unwrap()
    }

    /// The same of a client that may die over it, until there is one offer.
    pub fn offer_at_last(&mut self) -> String {
        loop {
            self.revive();
            // It may have gone through, and the answer be lost.
            if let Ok(list) = self.try_ask(0, &["list"]) {
                match &list["contracts"][0]["id"] {
                    Value::String(id) => return id.clone(),
                    _ => drop(self.offer_of(&["--job", self.job.to_str().unwrap()])),
                }
            }
        }
    }

    /// The same of a job that the client keeps.
    pub fn offer_kept(&self, id: &str) -> String {
        self.offer_of(&["--job-id", id]).unwrap()
    }

    /// The same of its job, with further options.
    pub fn offer_with(&self, words: &[&str]) -> String {
        let job = ["--job", self.job.to_str().unwrap()];
        self.offer_of(&[&job, words].concat()).unwrap()
    }

    fn offer_of(&self, job: &[&str]) -> Result<String, String> {
        let place = |at: usize| format!("{}@{}", self.nodes[at].id, self.nodes[at].address);
        let mut places: Vec<_> = (0..self.nodes.len()).map(place).collect();
        // Whoever is not here is nobody's.
        for byte in places.len() as u8..ARBITERS + 3 {
            let key = NodeKey::new(Secret::from_bytes([200 + byte; 32])).unwrap();
            places.push(format!("{}@127.0.0.1:9", key.id()));
        }
        let mut words = vec!["offer", "--panel", "2/3", "--patience", "30"];
        words.extend(job);
        words.extend(["--worker", &places[1], "--verifier", &places[2]]);
        for place in &places[3..] {
            words.extend(["--arbiter", place]);
        }
        let reply = self.try_ask(0, &words)?;
        Ok(reply["contract"]["id"].as_str().unwrap().to_owned())
    }

    /// A contract as a node knows it.
    pub fn show(&self, at: usize, id: &str) -> Value {
        match self.try_ask(at, &["show", id]) {
            Ok(reply) => reply["contract"].clone(),
            // It has not come yet, or the node starts.
            Err(_) => Value::Null,
        }
    }

    pub fn state(&self, at: usize, id: &str) -> String {
        let state = &self.show(at, id)["state"];
        state.as_str().unwrap_or("unknown").to_owned()
    }

    /// Worker and verifier accept, once the offer has come.
    pub fn accept(&mut self, id: &str) {
        for at in [1, 2] {
            self.wait("the offer comes", |house| house.state(at, id) == "asked");
            self.ask(at, &["accept", id]);
        }
    }

    /// What was waited for has not come: what the nodes said stands before the panic.
    pub fn in_vain(&self, what: &str) -> ! {
        for node in &self.nodes {
            println!("--- {}", node.role);
            node.said().iter().for_each(|line| println!("{line}"));
        }
        panic!("in vain: {what}");
    }

    /// Waits until something is so. What the nodes said stands in the panic.
    pub fn wait(&mut self, what: &str, is_so: impl Fn(&House) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            if start.elapsed() > PATIENCE {
                self.in_vain(what);
            }
            self.revive();
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Ids of what waits in the mempool.
    pub fn waiting(&self) -> Vec<Txid> {
        self.chain.call("getrawmempool", &[]).unwrap()
    }

    pub fn mine(&mut self, count: u32) {
        self.chain.mine(count, &miner()).unwrap();
    }
}
