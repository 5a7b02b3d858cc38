//! What the operator may ask for, and the answers: the same for a command on this machine and for whatever asks over a network later.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use narthex::{
    bitcoin::{Amount, hex::FromHex, secp256k1::PublicKey},
    contracts::{coop::Proposal, graph::NodeName, terms::Role},
    game_model::ParamsRecord,
};
use serde::{Deserialize, Serialize};

use super::{
    ArbiterStatus, ArchiveStatus, ContractStatus, IdentityStatus, NodeStatus, PeerStatus,
    ReadyStatus, ResultStatus,
    evidence::{EvidenceStatus, EvidenceText},
    graph::GraphStatus,
    kept::{JobCommand, KeptJobStatus},
    small::{SmallCommand, SmallDelivered, SmallStatus},
    tower::{TowerClientStatus, TowerCommand, TowerStatus},
};

/// A new offer, as its client states it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// The job's file, on the machine of the node, which copies it: the others fetch it from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 4096)]
    pub job: Option<PathBuf>,
    /// In its place: the id of a job that the node keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub job_id: Option<String>,
    /// The parameters.
    #[schema(value_type = Object)]
    pub params: Box<ParamsRecord>,
    /// Who is to do the work: `NODE_ID@HOST:PORT`.
    pub worker: String,
    /// Who is to recompute a sample.
    pub verifier: String,
    /// The panel, in its order.
    pub arbiters: Vec<String>,
    /// Fee rate of the funding in sat a kwu.
    pub rate_sat_kwu: u64,
    /// Seconds that each waits for the others in a phase of the set-up.
    pub patience_s: u32,
    /// Seconds from now on until which it may be accepted.
    pub open_s: u64,
    /// Blocks that a transaction lies deep before no reorganisation is reckoned with.
    pub burial: u32,
    /// Least bond in satoshi that each arbiter is to have on the chain behind its rulings, that deep; none need have one by default.
    #[serde(default)]
    #[schema(maximum = 2_100_000_000_000_000_u64)]
    pub arbiter_bond_sat: u64,
}

impl NewOffer {
    /// An offer of all steps of a job by the figures of the documentation, for regtest: any two of three or more arbiters decide, and 20
    /// steps are recomputed. `due` is the height of the delivery; the others are `NODE_ID@HOST:PORT`.
    ///
    /// # Errors
    /// [`CommandError`]: the job cannot be read, or has too few steps; more arbiters than a panel has.
    pub fn example(
        job: &Path,
        due: u32,
        [worker, verifier]: [String; 2],
        arbiters: Vec<String>,
    ) -> Result<NewOffer, CommandError> {
        const SAMPLE: u32 = 20;
        let bad = |error: &dyn std::fmt::Display| refused("bad-offer", error);
        let spec = super::job_of(job).map_err(|error| bad(&error))?;
        let panel = u8::try_from(arbiters.len()).map_err(|error| bad(&error))?;
        let params = ParamsRecord::example(panel, 2, due).for_job(spec.steps, SAMPLE);
        Ok(NewOffer {
            job: Some(job.to_owned()),
            job_id: None,
            params: Box::new(params.map_err(|error| bad(&error))?),
            worker,
            verifier,
            arbiters,
            rate_sat_kwu: 500,
            patience_s: 60,
            open_s: 3600,
            burial: 1,
            arbiter_bond_sat: 0,
        })
    }
}

/// An end that client, worker and verifier agree on: one ordinary transaction of the contract's coin where it is. What it does not pay is
/// its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnding {
    /// What the client is paid; 0 for nothing.
    pub client_sat: u64,
    /// What the worker is paid.
    pub worker_sat: u64,
    /// What the verifier is paid.
    pub verifier_sat: u64,
    /// Whether the worker, which publishes it, shows the client the key of the result with it.
    pub reveals_result: bool,
    /// Height from which on it is void, if it is not signed by then; at most 2,016 above the tip.
    pub until_height: u32,
}

impl NewEnding {
    pub(super) fn proposal(&self, spends: NodeName) -> Proposal {
        let payouts = [
            (Role::Client, self.client_sat),
            (Role::Worker, self.worker_sat),
            (Role::Verifier, self.verifier_sat),
        ];
        let paid = payouts.into_iter().filter(|(_, sat)| *sat > 0);
        Proposal {
            spends,
            payouts: paid
                .map(|(role, sat)| (role, Amount::from_sat(sat)))
                .collect(),
            reveals_result: self.reveals_result,
            attempt: 0,
            expires_height: self.until_height,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// How the node stands: [`Reply::Node`].
    Node,
    /// Whether it is ready, as far as the party knows; the process around it adds what it knows: [`Reply::Ready`].
    Ready,
    /// Takes no new contract from now on, also after a start, or takes them again; what runs goes on: [`Reply::Node`]. Of the control socket
    /// alone.
    Drain {
        /// Whether it is to.
        on: bool,
    },
    /// A fresh address of its wallet: [`Reply::Address`].
    Address,
    /// Makes an offer: [`Reply::Contract`].
    Offer(Box<NewOffer>),
    /// Takes part in a contract that was offered, once its job is here and can be taken: [`Reply::Contract`].
    Accept {
        /// Its id in hex.
        id: String,
    },
    /// Does not take part: [`Reply::Contract`].
    Decline {
        /// Its id in hex.
        id: String,
        /// Why, for the others to read.
        reason: String,
    },
    /// Leaves a set-up, as long as own witnesses have not left: [`Reply::Contract`].
    Leave {
        /// Its id in hex.
        id: String,
        /// Why, for the others to read.
        reason: String,
    },
    /// The worker goes on chain with what it has done, and waits for nobody: [`Reply::Contract`].
    Deliver {
        /// Its id in hex.
        id: String,
    },
    /// The worker admits that its work is wrong, if it may still: [`Reply::Contract`].
    Admit {
        /// Its id in hex.
        id: String,
    },
    /// Client, worker or verifier agrees to this end of a contract that lives, which comes if the two others order the same:
    /// [`Reply::Contract`].
    Agree {
        /// Its id in hex.
        id: String,
        /// Who is paid what, and until when it is to be signed.
        ending: NewEnding,
    },
    /// What the client has decrypted: [`Reply::Result`].
    Result {
        /// Its id in hex.
        id: String,
    },
    /// What a watchtower is given for this party of a contract that lives: [`Reply::Bundle`].
    Bundle {
        /// Its id in hex.
        id: String,
    },
    /// What this party has of a contract that is no secret, and somebody may have to judge by: [`Reply::Evidence`].
    Evidence {
        /// Its id in hex.
        id: String,
    },
    /// One piece of it: [`Reply::EvidenceText`].
    EvidenceText {
        /// The contract's id in hex.
        id: String,
        /// The piece's id in hex.
        item: String,
    },
    /// Figures for whoever watches the node: [`Reply::Metrics`].
    Metrics,
    /// How the node stands as an arbiter: [`Reply::Arbiter`].
    Arbiter,
    /// Makes the next offer on chain now, though it is not due: [`Reply::Arbiter`].
    RenewOffer,
    /// Who it is: [`Reply::Identity`].
    Identity,
    /// Takes no new case as an arbiter, and says so under its key, for ever: [`Reply::Identity`].
    Burn {
        /// Why, for people; up to 200 characters.
        reason: String,
    },
    /// One contract: [`Reply::Contract`].
    Show {
        /// Its id in hex.
        id: String,
    },
    /// The transactions of a contract and its dates: [`Reply::Graph`].
    Graph {
        /// Its id in hex.
        id: String,
    },
    /// All contracts that are not put away: [`Reply::Contracts`].
    List,
    /// A page of those that are: [`Reply::Archive`].
    Archive {
        /// Those with lower numbers than this; the last, if none is said.
        #[serde(default)]
        before: Option<u64>,
        /// How many at most: 100 if none is said, and never more than 500.
        #[serde(default)]
        most: Option<u32>,
    },
    /// All peers: [`Reply::Peers`].
    Peers,
    /// The operator says that nothing else is missing on this disk, and that no copy of this node runs: [`Reply::Done`].
    Clear {
        /// With which peer.
        node: PublicKey,
    },
    /// About small contracts: [`Reply::Small`], [`Reply::Smalls`] or [`Reply::SmallDelivered`].
    Small {
        /// What.
        order: SmallCommand,
    },
    /// About jobs that the node keeps: [`Reply::Job`], [`Reply::Jobs`] or [`Reply::Done`].
    Job {
        /// What.
        order: JobCommand,
    },
    /// About contracts that are watched for others: [`Reply::Tower`], [`Reply::Towers`] or [`Reply::TowerClients`].
    Tower {
        /// What.
        order: TowerCommand,
    },
    /// Ends the process: [`Reply::Done`].
    Stop,
}

impl Command {
    /// Its name, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::Node => "node",
            Command::Ready => "ready",
            Command::Drain { .. } => "drain",
            Command::Address => "address",
            Command::Offer(_) => "offer",
            Command::Accept { .. } => "accept",
            Command::Decline { .. } => "decline",
            Command::Leave { .. } => "leave",
            Command::Deliver { .. } => "deliver",
            Command::Admit { .. } => "admit",
            Command::Agree { .. } => "agree",
            Command::Result { .. } => "result",
            Command::Show { .. } => "show",
            Command::Graph { .. } => "graph",
            Command::Bundle { .. } => "bundle",
            Command::Evidence { .. } => "evidence",
            Command::EvidenceText { .. } => "evidence-text",
            Command::Metrics => "metrics",
            Command::Arbiter => "arbiter",
            Command::RenewOffer => "renew-offer",
            Command::Identity => "identity",
            Command::Burn { .. } => "burn",
            Command::List => "list",
            Command::Archive { .. } => "archive",
            Command::Peers => "peers",
            Command::Clear { .. } => "clear",
            Command::Small { order } => order.name(),
            Command::Tower { order } => order.name(),
            Command::Job { order } => order.name(),
            Command::Stop => "stop",
        }
    }

    /// Whether it changes nothing but what is shown.
    pub const fn only_asks(&self) -> bool {
        match self {
            Command::Tower { order } => return order.only_asks(),
            Command::Job { order } => return order.only_asks(),
            Command::Small { order } => return order.only_asks(),
            _ => {}
        }
        matches!(
            self,
            Command::Node
                | Command::Ready
                | Command::Result { .. }
                | Command::Show { .. }
                | Command::Graph { .. }
                | Command::Bundle { .. }
                | Command::Evidence { .. }
                | Command::EvidenceText { .. }
                | Command::Metrics
                | Command::Arbiter
                | Command::Identity
                | Command::List
                | Command::Archive { .. }
                | Command::Peers
        )
    }

    /// The contract that it is about, as it was written.
    pub fn contract(&self) -> Option<&str> {
        match self {
            Command::Accept { id }
            | Command::Decline { id, .. }
            | Command::Leave { id, .. }
            | Command::Deliver { id }
            | Command::Admit { id }
            | Command::Agree { id, .. }
            | Command::Result { id }
            | Command::Show { id }
            | Command::Graph { id }
            | Command::Evidence { id }
            | Command::EvidenceText { id, .. }
            | Command::Bundle { id } => Some(id),
            Command::Small { order } => order.contract(),
            Command::Node
            | Command::Ready
            | Command::Drain { .. }
            | Command::Metrics
            | Command::Arbiter
            | Command::RenewOffer
            | Command::Identity
            | Command::Burn { .. }
            | Command::Address
            | Command::Offer(_)
            | Command::List
            | Command::Archive { .. }
            | Command::Peers
            | Command::Clear { .. }
            | Command::Tower { .. }
            | Command::Job { .. }
            | Command::Stop => None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// How the node stands.
    Node(NodeStatus),
    /// Whether it is ready.
    Ready(ReadyStatus),
    /// An address.
    Address(String),
    /// One contract.
    Contract(Box<ContractStatus>),
    /// The transactions of one contract.
    Graph(Box<GraphStatus>),
    /// All of them that are not put away.
    Contracts(Vec<ContractStatus>),
    /// Some of those that are.
    Archive(Box<ArchiveStatus>),
    /// All peers.
    Peers(Vec<PeerStatus>),
    /// What was computed.
    Result(ResultStatus),
    /// What a watchtower is given.
    Bundle(BundleStatus),
    /// What there is of a contract to judge by.
    Evidence(Vec<EvidenceStatus>),
    /// One piece of it.
    EvidenceText(Box<EvidenceText>),
    /// Figures, as text.
    Metrics(String),
    /// How the node stands as an arbiter.
    Arbiter(Box<ArbiterStatus>),
    /// Who it is.
    Identity(Box<IdentityStatus>),
    /// One small contract.
    Small(Box<SmallStatus>),
    /// All of them.
    Smalls(Vec<SmallStatus>),
    /// What a small contract has brought.
    SmallDelivered(SmallDelivered),
    /// A job that is kept.
    Job(Box<KeptJobStatus>),
    /// All of them.
    Jobs(Vec<KeptJobStatus>),
    /// A contract that is watched for one of its parties.
    Tower(Box<TowerStatus>),
    /// Several of them.
    Towers(Vec<TowerStatus>),
    /// Whom a tower serves.
    TowerClients(Vec<TowerClientStatus>),
    /// Nothing else to say.
    Done,
}

/// What a watchtower is given for a party.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BundleStatus {
    /// For whom.
    pub role: String,
    /// Names of its transactions.
    pub transactions: Vec<String>,
    /// Its bytes in hex.
    #[schema(pattern = "^[0-9a-f]*$")]
    pub bundle: String,
}

/// Why a command is not done, and what it is about. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// A word for programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// What it is about, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

impl CommandError {
    pub(super) fn with(mut self, name: &str, value: impl std::fmt::Display) -> CommandError {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }
}

pub(super) fn refused(code: &str, message: impl std::fmt::Display) -> CommandError {
    CommandError {
        code: code.to_owned(),
        message: message.to_string(),
        values: BTreeMap::new(),
    }
}

pub(super) fn id_of(text: &str) -> Result<[u8; 32], CommandError> {
    let id = <[u8; 32]>::from_hex(text);
    id.map_err(|_| {
        refused("bad-id", format_args!("{text:?} is no id: 64 hex digits")).with("id", text)
    })
}

pub(super) type Answer = Result<Reply, CommandError>;
