//! What a party decides, without sockets and clock: links to its peers, offers, the jobs that they are about, and contracts from
//! their set-up to their end; and one side each of small contracts ([`narthex::small`]).
//!
//! A [`Core`] is opened from its [`Parts`]. Whoever drives it gives it what comes ([`Core::take`], an [`Event`]) and what its owner orders
//! ([`Core::command`]), makes a [`Core::turn`] with the chain in hand, and carries out the [`Action`]s that it hands out: they rest
//! on nothing that is not durable. A driver that ends in between and starts again goes on from there: nothing was said that is not
//! on disk. [`Core::next_moves`] says what is next in each contract and until when; a driver that sleeps longer than a block wakes by it.
//!
//! # Order
//!
//! * A contract has a peer's message on its disk before the link marks it as taken.
//! * Nothing new is signed in a set-up before the links to all its parties are open: before each of them has said what it
//!   holds of this node's words. Until then what comes for it waits.
//! * A message that a contract refuses is refused for good: it is noted, and taken.
//! * A peer that was seen to contradict itself is at fault in that contract; both of its heads stay in the link's log.
//! * What has come is written when something has to leave ([`Core::actions`]): a receipt waits for that.

mod arbiter;
mod archive;
mod chain;
mod command;
mod contract;
mod drain;
mod evidence;
mod fetch;
mod fetched;
mod forget;
mod graph;
mod jobs;
mod kept;
mod life;
mod metrics;
mod next;
mod note;
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
    channel::{
        Logged, OpenError, StepError,
        log::LogError,
        wire::{ACK, DECLINED, FAULT, HELLO, LinkError, RESUME, WANT},
    },
    job::Looked,
    regtest::{AcceptedPolicy, NodeAccess},
    wallet::WalletError,
};

use crate::transport::PeerAddress;
use contract::Contract;
use fetch::AllTravelling;
use metrics::Tally;
use peers::Peer;
use requests::Requests;
use small::Small;
use tower::Towers;
use wallet::{WalletLog, keep};

pub use arbiter::{
    ArbiterPolicy, ArbiterStatus, BondPolicy, BondStatus, BoundsStatus, Burned, BurnedStatus,
    CaseStatus, EndStatus, IdentityStatus, JudgeStatus, MoneyStatus, OfferStatus, OfferingStatus,
};
pub use archive::{ArchiveStatus, ArchivedStatus, fill_archive};
pub use command::{BundleStatus, Command, CommandError, NewEnding, NewOffer, Reply};
pub use drain::{ReadyStatus, UnreadyReason};
pub use evidence::{EvidenceStatus, EvidenceText};
pub use graph::{Chance, DateStatus, GraphStatus, PayStatus, TxStatus};
pub use jobs::{Jobs, Look, job_of};
pub use kept::{FileStatus, JobCommand, KeptJobStatus, NewJob, UploadError, Uploads};
pub use life::{follow_anew, go_by_peers};
pub use metrics::Figures;
pub use next::{Deadline, Move, NextMove};
pub use note::Note;
pub use policy::{Part, Policy};
pub use requests::Once;
pub use signer::Own;
pub use small::{
    NewBank, NewBounty, NewCollection, NewDelivery, NewSlice, NewStream, SmallCommand,
    SmallDelivered, SmallStatus,
};
pub use status::{
    ContractStatus, DueStatus, EndingStatus, JobStatus, NamedBond, NodeStatus, OnChain, PeerStatus,
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
    /// A connection with a node stands. If one stood before, that has ended.
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
    Note(Note),
}

/// Length of a `resume` without marks, with its number.
const EMPTY_RESUME: usize = 12;

impl Action {
    /// What it rests on, and with it when it may leave.
    fn rests_on(&self) -> Rests {
        let Action::Send { bytes, .. } = self else {
            return Rests::Nothing;
        };
        let number = bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
        match number {
            // It only tells its reader what need not be said again.
            Some(ACK) => Rests::Late,
            Some(HELLO | WANT | FAULT | DECLINED) => Rests::Nothing,
            Some(RESUME) if bytes.len() == EMPTY_RESUME => Rests::Nothing,
            Some(RESUME) => Rests::Disk,
            _ => Rests::Words,
        }
    }

    /// Whether it is of the connection with a node.
    fn is_for(&self, node: &PublicKey) -> bool {
        matches!(self, Action::Send { to, .. } | Action::Serve { to, .. } if to == node)
    }
}

/// What an action rests on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rests {
    /// It tells nobody anything that this party must know after it was killed.
    Nothing,
    /// It leaves once all that has come is durable, and nobody waits for it.
    Late,
    /// The same, and others wait for it.
    Disk,
    /// It leaves once all that was said is durable. What was said before the last write is: given again, it waits for nothing.
    Words,
}

/// Longest time, in milliseconds, that what has come stays in memory alone, and that receipts for it wait, where nothing else asks for
/// a write. A process that is killed is told it again.
pub const LINGER_MS: u64 = 15_000;

/// Receipts that wait at most: whoever says much has it written.
const MOST_WAITING: usize = 64;

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

/// What a party is made of. [`Folder::parts`](crate::shell::Folder::parts) has them from a folder.
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

/// A party.
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
    sitting: arbiter::Sitting,
    chain: [u8; 32],
    address: String,
    peers: BTreeMap<PublicKey, Peer>,
    contracts: BTreeMap<[u8; 32], Contract>,
    small: BTreeMap<[u8; 32], Small>,
    /// Contracts that are put away.
    archive: archive::Archive,
    /// What it watches for others.
    towers: Towers,
    /// Contracts of which this store may lack something, since others wrote to it or it was put back; until they live.
    doubted: BTreeSet<[u8; 32]>,
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
    /// When something was made durable at last.
    kept_ms: u64,
    /// Time has passed since the last look at the chain.
    is_ticked: bool,
    /// This party has said something since the last write.
    has_said: bool,
    /// Something must be durable with this turn: an answer to the operator waits for it, or a file that it speaks of is gone.
    must_keep: bool,
    /// What contracts have done, to be told.
    journal: Rc<RefCell<Vec<Note>>>,
    /// What is done once everything is durable.
    out: VecDeque<Action>,
    /// What is counted since the start.
    tally: Tally,
    /// Whether it takes no new contract.
    is_draining: bool,
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
            sitting: arbiter::Sitting::default(),
            chain: parts.chain,
            address: parts.address,
            peers: BTreeMap::new(),
            contracts: BTreeMap::new(),
            small: BTreeMap::new(),
            archive: archive::Archive::default(),
            towers: Towers::new(),
            doubted: BTreeSet::new(),
            held: BTreeSet::new(),
            asked: BTreeMap::new(),
            requests: None,
            wallet,
            tip: None,
            looked_s: None,
            now,
            kept_ms: now.ms,
            is_ticked: false,
            has_said: false,
            must_keep: false,
            journal: Rc::default(),
            out: VecDeque::new(),
            tally: Tally::default(),
            is_draining: false,
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
            Event::Tick => {
                self.is_ticked = true;
                self.tick()?;
            }
        }
        self.go_on()
    }

    /// What follows from all that was taken and ordered since the last turn: a look at the chain if time has passed or the party waits
    /// for one, transactions sent to it, and what else is to be done. A driver takes what has come, makes a turn, carries out its
    /// actions and gives out the answers to orders, in this order and again.
    ///
    /// # Errors
    /// [`Fatal`]; then nothing is to be done, and the party is opened again. That the chain does not answer is a note.
    pub fn turn(&mut self, chain: &mut dyn NodeAccess, now: Now) -> Result<Vec<Action>, Fatal> {
        if self.is_ticked || self.wants_poll() {
            self.poll(chain, now)?;
        }
        self.actions()
    }

    /// What is to be done, each once all that it rests on is durable. As long as nothing is to be said but receipts, nothing is written,
    /// and they wait, for [`LINGER_MS`] at most: what comes one by one, and asks for no answer, becomes durable at once with what does.
    ///
    /// # Errors
    /// [`Fatal::Log`]; then nothing is to be done.
    pub fn actions(&mut self) -> Result<Vec<Action>, Fatal> {
        let is_late =
            self.now.ms >= self.kept_ms.saturating_add(LINGER_MS) || self.out.len() > MOST_WAITING;
        let has_said = self.has_said;
        let is_due = |action: &Action| match action.rests_on() {
            Rests::Nothing | Rests::Late => false,
            Rests::Disk => true,
            Rests::Words => has_said,
        };
        if self.must_keep || is_late || self.out.iter().any(is_due) {
            return self.all_actions();
        }
        let (out, later): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.out)
            .into_iter()
            .partition(|action: &Action| action.rests_on() != Rests::Late);
        self.out = later;
        Ok(self.given(out.into()))
    }

    /// All of it, and everything durable: before a process ends.
    ///
    /// # Errors
    /// [`Fatal::Log`]; then nothing is to be done.
    pub fn all_actions(&mut self) -> Result<Vec<Action>, Fatal> {
        self.keep()?;
        self.must_keep = false;
        let out = self.out.drain(..).collect();
        Ok(self.given(out))
    }

    /// What leaves is counted.
    fn given(&mut self, out: Vec<Action>) -> Vec<Action> {
        let sent = out.iter().map(|action| match action {
            Action::Send { bytes, .. } | Action::Serve { bytes, .. } => bytes.len() as u64,
            _ => 0,
        });
        self.tally.sent_bytes = self.tally.sent_bytes.saturating_add(sent.sum());
        out
    }

    fn keep(&mut self) -> Result<(), Fatal> {
        self.kept_ms = self.now.ms;
        self.has_said = false;
        keep(&mut self.wallet, &self.own, &mut *self.store)
    }

    /// How often something was made durable.
    pub fn commits(&self) -> u64 {
        self.store.commits()
    }

    /// The files of jobs that its operator has.
    pub fn job_paths(&self) -> impl Iterator<Item = &std::path::Path> {
        self.jobs.paths()
    }
}
