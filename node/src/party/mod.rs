//! What a node decides, without sockets and clock: links to its peers, offers, the jobs that they are about, and contracts from
//! their set-up to their end; and one side each of small contracts ([`narthex::small`]).
//!
//! Everything that happens is an [`Event`], or a look at the chain ([`Core::poll`]). What is to be done then are [`Action`]s, which
//! are given out by [`Core::actions`] alone, after all that they rest on is durable. A driver that ends in between and
//! starts again goes on from there: nothing was said that is not on disk.
//!
//! # Order
//!
//! * A contract has a peer's message on its disk before the link marks it as taken.
//! * Nothing new is signed in a set-up before the links to all its parties are open: before each of them has said what it
//!   holds of this node's words. Until then what comes for it waits.
//! * A message that a contract refuses is refused for good: it is noted, and taken.
//! * A peer that was seen to contradict itself is at fault in that contract; both of its heads stay in the link's log.

mod chain;
mod command;
mod contract;
mod evidence;
mod fetch;
mod fetched;
mod graph;
mod jobs;
mod kept;
mod life;
mod metrics;
mod obey;
mod offers;
mod peers;
mod policy;
mod requests;
mod serve;
mod signer;
mod small;
mod status;
mod store;
mod talk;
mod tower;
mod wallet;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use narthex::{
    bitcoin::{BlockHash, secp256k1::PublicKey},
    channel::{Logged, OpenError, StepError, log::LogError, wire::LinkError},
    job::Looked,
    regtest::AcceptedPolicy,
    wallet::WalletError,
};

use crate::transport::PeerAddress;
use contract::Contract;
use fetch::AllTravelling;
use peers::Peer;
use requests::Requests;
use small::Small;
use tower::Towers;
use wallet::WalletLog;

pub use command::{BundleStatus, Command, CommandError, NewEnding, NewOffer, Reply};
pub use evidence::{EvidenceStatus, EvidenceText};
pub use graph::{Chance, DateStatus, GraphStatus, PayStatus, TxStatus};
pub use jobs::{Jobs, Look, job_of};
pub use kept::{FileStatus, JobCommand, KeptJobStatus, NewJob, UploadError, Uploads};
pub use life::follow_anew;
pub use metrics::Figures;
pub use policy::{Part, Policy};
pub use requests::Once;
pub use signer::Own;
pub use small::{NewBank, SmallCommand, SmallStatus};
pub use status::{
    ContractStatus, DueStatus, EndingStatus, JobStatus, NodeStatus, OnChain, PeerStatus,
    ResultStatus,
};
pub use store::{AnyLog, DiskStore, MemoryStore, Store};
pub use tower::{TowerClientStatus, TowerCommand, TowerPaid, TowerPolicy, TowerStatus};

/// The time, as the driver's clocks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since whatever start; never backwards.
    pub ms: u64,
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// What comes.
#[derive(Debug)]
pub enum Event {
    /// A connection with a node stands.
    Connected(PublicKey),
    /// It has ended.
    Disconnected(PublicKey),
    /// A frame came: its type number and what is behind it.
    Frame {
        /// From whom.
        from: PublicKey,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A job was looked at, as [`Action::Look`] asks for.
    Looked {
        /// Which bundle.
        bundle: [u8; 32],
        /// What was found.
        looked: Looked,
    },
    /// Time passes.
    Tick,
}

/// What is to be done. Doing it twice does no harm, and not doing it is made good when the connection comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a frame on the connection that stands.
    Send {
        /// To whom.
        to: PublicKey,
        /// Type number and payload.
        bytes: Vec<u8>,
    },
    /// Send a chunk of a job, if there is room for it in what waits for that node; else drop it: it is asked for again. So nobody
    /// makes this node hold what it does not read.
    Serve {
        /// To whom.
        to: PublicKey,
        /// Type number and payload.
        bytes: Vec<u8>,
    },
    /// Look at a job that is on the disk, aside, and tell by [`Event::Looked`].
    Look(Look),
    /// End a connection.
    Close {
        /// With whom.
        node: PublicKey,
        /// Why, for the log.
        why: String,
    },
    /// A node is no stranger from now on.
    Know(PublicKey),
    /// Connect a node, and again whenever the connection is lost.
    Connect(PeerAddress),
    /// Something for the operator to read.
    Note(String),
}

/// Why a node ends. What is durable is whole: it starts again from that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fatal {
    /// The disk does not write, or holds what is not ours.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What the wallet has learned cannot be read, or is another wallet's.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A link cannot go on.
    #[error(transparent)]
    Link(LinkError),
    /// A machine's change is not written.
    #[error("{0}")]
    Step(String),
    /// The own key does not sign; a defect of this program.
    #[error("this node's key does not sign")]
    Key,
}

impl From<LinkError> for Fatal {
    fn from(error: LinkError) -> Fatal {
        Fatal::Link(error)
    }
}

impl Fatal {
    fn step<E: std::fmt::Display>(error: StepError<E>) -> Fatal {
        match error {
            StepError::Log(error) => Fatal::Log(error),
            other => Fatal::Step(other.to_string()),
        }
    }
}

/// What a node is made of.
pub struct Parts {
    /// Keys, seed, wallet, record of bindings.
    pub own: Own,
    /// Its logs.
    pub store: Box<dyn Store>,
    /// Jobs that its operator has, and where others are kept.
    pub jobs: Jobs,
    /// What its operator has said.
    pub policy: Policy,
    /// Hash of the first block of its chain.
    pub chain: [u8; 32],
    /// Where others reach it, `HOST:PORT`; empty if they do not.
    pub address: String,
    /// Where the chain stood when the wallet's seed was made, if that is known: nothing before is looked at.
    pub birth: Option<Birth>,
}

/// A block before which nobody can have paid a wallet.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
}

/// A node.
pub struct Core {
    me: PublicKey,
    own: Rc<RefCell<Own>>,
    store: Box<dyn Store>,
    jobs: Jobs,
    travelling: AllTravelling,
    /// Jobs that stay though no contract needs them.
    kept: Option<Logged<kept::KeptJobs, AnyLog>>,
    /// Whether the folder of jobs was swept since the node was opened, and when that was.
    is_swept: bool,
    opened_ms: u64,
    policy: Policy,
    chain: [u8; 32],
    address: String,
    peers: BTreeMap<PublicKey, Peer>,
    contracts: BTreeMap<[u8; 32], Contract>,
    small: BTreeMap<[u8; 32], Small>,
    /// What it watches for others.
    towers: Towers,
    /// Contracts for which something waits until their links are open.
    held: BTreeSet<[u8; 32]>,
    /// By fee rate in sat a kwu: that the node takes what contracts end with.
    asked: BTreeMap<u64, AcceptedPolicy>,
    /// Orders that were given under a key, once one was.
    requests: Option<Logged<Requests, AnyLog>>,
    /// What the wallet has learned.
    wallet: WalletLog,
    tip: Option<u32>,
    /// When the chain has answered last.
    looked_s: Option<u64>,
    now: Now,
    /// What contracts have done, to be told.
    journal: Rc<RefCell<Vec<String>>>,
    /// What is done once everything is durable.
    out: VecDeque<Action>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Core({}, {} contracts)", self.me, self.contracts.len())
    }
}

impl Core {
    /// The node as its logs left it.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn open(parts: Parts, now: Now) -> Result<Core, Fatal> {
        let (mut own, mut store) = (parts.own, parts.store);
        let me = own.node.id();
        let wallet = WalletLog::open(&mut *store, &mut own.wallet, parts.birth)?;
        let mut core = Core {
            me,
            own: Rc::new(RefCell::new(own)),
            store,
            jobs: parts.jobs,
            travelling: AllTravelling::new(),
            kept: None,
            is_swept: false,
            opened_ms: now.ms,
            policy: parts.policy,
            chain: parts.chain,
            address: parts.address,
            peers: BTreeMap::new(),
            contracts: BTreeMap::new(),
            small: BTreeMap::new(),
            towers: Towers::new(),
            held: BTreeSet::new(),
            asked: BTreeMap::new(),
            requests: None,
            wallet,
            tip: None,
            looked_s: None,
            now,
            journal: Rc::default(),
            out: VecDeque::new(),
        };
        core.recover()?;
        Ok(core)
    }

    /// This node's id.
    pub const fn id(&self) -> PublicKey {
        self.me
    }

    /// Takes an event.
    ///
    /// # Errors
    /// [`Fatal`]; then nothing of what was to be done is done, and the node starts again.
    pub fn take(&mut self, event: Event, now: Now) -> Result<(), Fatal> {
        self.now = now;
        match event {
            Event::Connected(node) => self.connected(node)?,
            Event::Disconnected(node) => self.disconnected(&node)?,
            Event::Frame { from, bytes } => self.frame(from, &bytes)?,
            Event::Looked { bundle, looked } => self.looked(bundle, looked)?,
            Event::Tick => self.tick()?,
        }
        self.go_on()
    }

    /// Makes durable what has happened, and gives out what is to be done.
    ///
    /// # Errors
    /// [`Fatal::Log`]; then nothing is to be done.
    pub fn actions(&mut self) -> Result<Vec<Action>, Fatal> {
        self.wallet.keep(&mut self.own.borrow_mut().wallet)?;
        self.store.commit()?;
        Ok(self.out.drain(..).collect())
    }

    /// How often something was made durable.
    pub fn commits(&self) -> u64 {
        self.store.commits()
    }

    /// The files of jobs that its operator has.
    pub fn job_paths(&self) -> impl Iterator<Item = &std::path::Path> {
        self.jobs.paths()
    }

    fn note(&mut self, words: impl std::fmt::Display) {
        self.out.push_back(Action::Note(words.to_string()));
    }
}
