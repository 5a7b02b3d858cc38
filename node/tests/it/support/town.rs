//! Nodes without sockets: what one sends another takes, in the order that the test has it.

mod asked;
mod disk;

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
};

use narthex::{
    bitcoin::{
        ScriptBuf,
        hashes::Hash as _,
        secp256k1::{
            PublicKey,
            rand::{Rng, rngs::StdRng},
        },
    },
    channel::log::{Identity, Log as _},
    contracts::terms::Role,
    game_model::Template,
    regtest::{ChainSource, Embedded, Miner, mine_coins},
    wallet::PartyWallet,
};
use narthex_base::secret::Secret;
use narthex_node::{
    NodeKey,
    party::{
        Action, Command, ContractStatus, Core, Event, Jobs, MemoryStore, Now, Own, Part, Parts,
        Policy, Reply, Store as _,
    },
};
use tempfile::TempDir;

use super::result_of;
use disk::{Mirror, Noted};
pub use disk::{SharedBindings, Written};

pub const ARBITERS: u8 = 3;

/// A node, and what it has when it starts again.
pub struct Resident {
    pub core: Option<Core>,
    pub id: PublicKey,
    pub store: MemoryStore,
    pub bindings: SharedBindings,
    pub written: Written,
    pub notes: Vec<String>,
    pub closed: Vec<PublicKey>,
    mirror: Mirror,
    byte: u8,
    policy: Policy,
}

impl Resident {
    /// Its store as it is, in a copy.
    pub fn snapshot(&self) -> MemoryStore {
        let mut to = MemoryStore::default();
        for ((machine, id), entries) in &*self.mirror.borrow() {
            let whose = Identity::new(machine.clone(), *id);
            to.open(&whose).unwrap().append(0, entries).unwrap();
        }
        // What is away is away in the copy.
        let (mut from, known) = (self.store.clone(), self.store.clone().known().unwrap());
        for (machine, id) in self.mirror.borrow().keys() {
            let whose = Identity::new(machine.clone(), *id);
            if from.has(&whose).unwrap() && !known.contains(&whose) {
                to.put_away(&whose, true).unwrap();
            }
        }
        to
    }

    /// From the next start on it has this policy.
    pub fn decide_by(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// From the next start on its operator decides about offers.
    pub fn decide_by_hand(&mut self) {
        self.policy = Policy {
            is_aside: false,
            ..Policy::default()
        };
    }
}

impl Town {
    /// From the next start on a node counts on this pace.
    pub fn pace(&mut self, at: usize, pace: narthex::game_model::schedule::Pace) {
        let node = &mut self.nodes[at];
        node.policy = node.policy.clone().paced(pace);
    }
}
/// A job of shipped images.
pub const DIGITS: &str = r#"{"narthex_job": 1, "work": {"kind": "digits-wasm"}}"#;

pub struct Town {
    pub chain: Embedded,
    pub nodes: Vec<Resident>,
    pub now: Now,
    /// Pairs that are connected.
    pub wires: BTreeSet<(PublicKey, PublicKey)>,
    /// What is on its way to somebody who is no node of this town.
    pub abroad: VecDeque<(PublicKey, PublicKey, Vec<u8>)>,
    /// Of which template contracts are that are offered here.
    pub template: Template,
    folder: TempDir,
    pub job: PathBuf,
}

pub fn secret(byte: u8) -> Secret {
    Secret::from_bytes([byte; 32])
}

/// Coins of each: for six contracts at once, with two each that pay fees, and three that are staked.
const COINS: u32 = 18;

fn miner() -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x51, 0x20][..], &[7; 32]].concat())
}

pub fn everything() -> Policy {
    Policy {
        accept: BTreeSet::from([Part::Worker, Part::Verifier, Part::Arbiter]),
        max_stake: narthex::bitcoin::Amount::MAX_MONEY,
        // A test repeats itself.
        is_aside: false,
        ..Policy::default()
    }
}

impl Town {
    /// Client, worker, verifier and three arbiters, who accept whatever is offered; all of them are connected.
    pub fn new() -> Town {
        Town::with_job(DIGITS, &[])
    }

    /// The same about a job of these files, which the client alone has.
    pub fn with_job(manifest: &str, files: &[(&str, &[u8])]) -> Town {
        let folder = TempDir::new().unwrap();
        let job = folder.path().join("job.json");
        std::fs::write(&job, manifest).unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let mut town = Town {
            chain: Embedded::new(),
            nodes: Vec::new(),
            now: Now {
                ms: 0,
                unix_s: 1_800_000_000,
            },
            wires: BTreeSet::new(),
            abroad: VecDeque::new(),
            template: Template::Hardened,
            folder,
            job,
        };
        for role in Role::all(ARBITERS) {
            town.settle(role.index() as u8 + 1, everything());
        }
        for at in 0..town.nodes.len() {
            for other in 0..at {
                town.connect(at, other);
            }
        }
        town.pump();
        town
    }

    /// One more node, with coins.
    pub fn settle(&mut self, byte: u8, policy: Policy) -> usize {
        let mut wallet = PartyWallet::new("node", &[byte; 32]).unwrap();
        mine_coins(&mut self.chain, COINS, &wallet.fresh_script(), &miner()).unwrap();
        self.settle_poor(byte, policy)
    }

    /// One more node, without any.
    pub fn settle_poor(&mut self, byte: u8, policy: Policy) -> usize {
        let id = NodeKey::new(secret(byte)).unwrap().id();
        self.nodes.push(Resident {
            core: None,
            id,
            store: MemoryStore::default(),
            bindings: SharedBindings::default(),
            written: Written::default(),
            notes: Vec::new(),
            closed: Vec::new(),
            mirror: Mirror::default(),
            byte,
            policy,
        });
        let at = self.nodes.len() - 1;
        self.start(at);
        at
    }

    /// Where a node has jobs that travel.
    pub fn bundles(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("bundles-{at}"))
    }

    /// Starts a node, as its store has it.
    pub fn start(&mut self, at: usize) {
        self.begin(at);
        let core = self.nodes[at].core.as_mut().unwrap();
        core.poll(&mut self.chain, self.now).unwrap();
    }

    /// Starts a node that has not looked at its chain yet.
    pub fn begin(&mut self, at: usize) {
        let bundles = self.bundles(at);
        let jobs = Jobs::new(bundles);
        let node = &mut self.nodes[at];
        let own = Own {
            seed: secret(node.byte + 100),
            node: NodeKey::new(secret(node.byte)).unwrap(),
            wallet: PartyWallet::new("node", &[node.byte; 32]).unwrap(),
            bindings: Box::new(node.bindings.clone()),
        };
        let parts = Parts {
            birth: None,
            own,
            store: Box::new(Noted(
                node.store.clone(),
                node.written.clone(),
                node.mirror.clone(),
            )),
            jobs,
            policy: node.policy.clone(),
            chain: self.chain.block_hash(0).unwrap().to_byte_array(),
            address: format!("127.0.0.1:{}", 9_000 + u16::from(node.byte)),
        };
        node.core = Some(Core::open(parts, self.now).unwrap());
    }

    /// As a process that is killed: what it had in memory is gone, and its connections end.
    pub fn kill(&mut self, at: usize) {
        let id = self.nodes[at].id;
        self.nodes[at].core = None;
        for other in 0..self.nodes.len() {
            self.cut(id, other);
        }
        self.wires.retain(|(a, b)| *a != id && *b != id);
    }

    /// Nobody reaches it any more, and it nobody; it sees its chain.
    pub fn isolate(&mut self, at: usize) {
        let id = self.nodes[at].id;
        for other in 0..self.nodes.len() {
            self.cut(id, other);
            let there = self.nodes[other].id;
            let was = self.wires.contains(&(id, there)) || self.wires.contains(&(there, id));
            if was && let Some(core) = &mut self.nodes[at].core {
                core.take(Event::Disconnected(there), self.now).unwrap();
            }
        }
        self.wires.retain(|(a, b)| *a != id && *b != id);
    }

    fn cut(&mut self, id: PublicKey, other: usize) {
        let there = self.nodes[other].id;
        let was = self.wires.contains(&(id, there)) || self.wires.contains(&(there, id));
        if was && let Some(core) = &mut self.nodes[other].core {
            core.take(Event::Disconnected(id), self.now).unwrap();
        }
    }

    pub fn connect(&mut self, a: usize, b: usize) {
        let (first, second) = (self.nodes[a].id, self.nodes[b].id);
        self.wires.insert((first, second));
        for (at, other) in [(a, second), (b, first)] {
            let core = self.nodes[at].core.as_mut().unwrap();
            core.take(Event::Connected(other), self.now).unwrap();
        }
    }

    /// It is killed, and starts again.
    pub fn restart(&mut self, at: usize) {
        self.kill(at);
        self.start(at);
        self.connect_all(at);
    }

    pub fn connect_all(&mut self, at: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            self.connect(at, other);
        }
    }

    pub fn genesis(&mut self) -> [u8; 32] {
        self.chain.block_hash(0).unwrap().to_byte_array()
    }

    fn are_connected(&self, a: &PublicKey, b: &PublicKey) -> bool {
        self.wires.contains(&(*a, *b)) || self.wires.contains(&(*b, *a))
    }

    /// Carries out what one node wants; whether there was anything.
    pub fn act(&mut self, at: usize) -> bool {
        let Some(core) = &mut self.nodes[at].core else {
            return false;
        };
        if core.wants_poll() {
            core.poll(&mut self.chain, self.now).unwrap();
        }
        let (actions, from) = (core.actions().unwrap(), self.nodes[at].id);
        let did = !actions.is_empty();
        for action in actions {
            match action {
                Action::Send { to, bytes } | Action::Serve { to, bytes } => {
                    self.carry(from, to, bytes);
                }
                Action::Look(look) => {
                    let core = self.nodes[at].core.as_mut().unwrap();
                    core.take(look.done(), self.now).unwrap();
                }
                Action::Note(note) => self.nodes[at].notes.push(note.words),
                Action::Close { node, .. } => self.nodes[at].closed.push(node),
                // Who is connected is the test's.
                Action::Know(_) | Action::Connect(_) => {}
            }
        }
        did
    }

    fn carry(&mut self, from: PublicKey, to: PublicKey, bytes: Vec<u8>) {
        let is_wired = self.are_connected(&from, &to);
        let here = |node: &&mut Resident| node.id == to && node.core.is_some();
        let core = self.nodes.iter_mut().find(here);
        match core.and_then(|node| node.core.as_mut()) {
            Some(core) if is_wired => core.take(Event::Frame { from, bytes }, self.now).unwrap(),
            Some(_) => {}
            None => self.abroad.push_back((from, to, bytes)),
        }
    }

    /// Until nothing happens any more.
    pub fn pump(&mut self) {
        loop {
            let mut did = false;
            for at in 0..self.nodes.len() {
                did |= self.act(at);
            }
            if !did {
                return;
            }
        }
    }

    /// Some steps, of nodes that chance names.
    pub fn some(&mut self, steps: u32, rng: &mut StdRng) {
        for _ in 0..steps {
            let at = rng.gen_range(0..self.nodes.len());
            self.act(at);
        }
    }

    /// Seconds pass for everybody.
    pub fn pass(&mut self, seconds: u64) {
        self.now.ms += seconds * 1000;
        self.now.unix_s += seconds;
        for node in &mut self.nodes {
            if let Some(core) = &mut node.core {
                core.take(Event::Tick, self.now).unwrap();
                core.poll(&mut self.chain, self.now).unwrap();
            }
        }
        self.pump();
    }

    pub fn mine(&mut self, count: u32) {
        self.mine_only(count);
        self.pass(1);
    }

    /// Blocks that nobody has seen yet.
    pub fn mine_only(&mut self, count: u32) {
        self.chain.mine(count, &miner()).unwrap();
    }

    /// A block without what waits.
    pub fn mine_empty(&mut self) {
        self.chain.mine_exactly(&[], &miner()).unwrap();
    }

    /// The last blocks are not on the chain any more; longer, empty ones are.
    pub fn take_back(&mut self, count: u32) {
        self.chain.reorg(count, &miner()).unwrap();
    }

    /// What the job's result is.
    pub fn right(&self) -> Vec<u8> {
        result_of(&self.job)
    }

    pub fn ask(&mut self, at: usize, command: Command) -> Result<Reply, String> {
        let core = self.nodes[at].core.as_mut().unwrap();
        let answer = core.command(command, self.now).unwrap();
        answer.map_err(|error| error.to_string())
    }
}

pub fn id_of(status: &ContractStatus) -> [u8; 32] {
    use narthex::bitcoin::hex::FromHex as _;
    <[u8; 32]>::from_hex(&status.id).unwrap()
}
