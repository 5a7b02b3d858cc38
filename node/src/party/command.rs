//! What the operator may ask for, and the answers: the same for a command on this machine and for whatever asks over a network later.

use std::{collections::BTreeMap, path::PathBuf};

use narthex::{
    bitcoin::{
        Amount, FeeRate,
        hex::FromHex,
        secp256k1::{
            PublicKey,
            rand::{RngCore, rngs::OsRng},
        },
    },
    channel::{
        contract::Order,
        offer::{Decline, Invited, Offer, OfferInput, Offering},
        setup::{SetupInput, Timing},
    },
    contracts::{
        coop::Proposal,
        graph::NodeName,
        party::PartyId,
        terms::{Role, deposit},
    },
    game_model::{Params, ParamsRecord, bundle::Bundle, computation::JobSpec},
};
use serde::{Deserialize, Serialize};

use super::{
    ContractStatus, Core, Fatal, NodeStatus, PeerStatus, ResultStatus,
    contract::{Contract, Took},
    graph::GraphStatus,
    offers::{is_lived, travels},
};
use crate::transport::PeerAddress;

/// A new offer, as its client states it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// The job's file, on the machine of the node, which copies it: the others fetch it from there.
    #[schema(value_type = String, max_length = 4096)]
    pub job: PathBuf,
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
    fn proposal(&self, spends: NodeName) -> Proposal {
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
    /// All contracts: [`Reply::Contracts`].
    List,
    /// All peers: [`Reply::Peers`].
    Peers,
    /// The operator says that nothing else is missing on this disk, and that no copy of this node runs: [`Reply::Done`].
    Clear {
        /// With which peer.
        node: PublicKey,
    },
    /// Ends the process: [`Reply::Done`].
    Stop,
}

impl Command {
    /// Its name, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::Node => "node",
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
            Command::List => "list",
            Command::Peers => "peers",
            Command::Clear { .. } => "clear",
            Command::Stop => "stop",
        }
    }

    /// Whether it changes nothing but what is shown.
    pub const fn only_asks(&self) -> bool {
        matches!(
            self,
            Command::Node
                | Command::Result { .. }
                | Command::Show { .. }
                | Command::Graph { .. }
                | Command::Bundle { .. }
                | Command::List
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
            | Command::Bundle { id } => Some(id),
            Command::Node
            | Command::Address
            | Command::Offer(_)
            | Command::List
            | Command::Peers
            | Command::Clear { .. }
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
    /// An address.
    Address(String),
    /// One contract.
    Contract(Box<ContractStatus>),
    /// The transactions of one contract.
    Graph(Box<GraphStatus>),
    /// All of them.
    Contracts(Vec<ContractStatus>),
    /// All peers.
    Peers(Vec<PeerStatus>),
    /// What was computed.
    Result(ResultStatus),
    /// What a watchtower is given.
    Bundle(BundleStatus),
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
    fn with(mut self, name: &str, value: impl std::fmt::Display) -> CommandError {
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

impl Core {
    /// Does what the operator asks for. [`Command::Stop`] is the driver's to do.
    ///
    /// # Errors
    /// [`Fatal`]. A command that is refused changes nothing.
    pub fn command(&mut self, command: Command, now: super::Now) -> Result<Answer, Fatal> {
        self.now = now;
        let answer = self.obey(command)?;
        self.go_on()?;
        Ok(answer)
    }

    fn obey(&mut self, command: Command) -> Result<Answer, Fatal> {
        Ok(match command {
            Command::Node => Ok(Reply::Node(self.status())),
            Command::Address => self.fresh_address(),
            Command::Offer(new) => return self.offer(&new),
            Command::Accept { id } => return self.accept_ordered(&id),
            Command::Decline { id, reason } => return self.decline(&id, &reason),
            Command::Leave { id, reason } => return self.leave(&id, &reason),
            Command::Deliver { id } => return self.order(&id, Order::Deliver),
            Command::Admit { id } => return self.order(&id, Order::Admit),
            Command::Agree { id, ending } => return self.agree(&id, &ending),
            Command::Result { id } => id_of(&id).and_then(|id| {
                let status = self.contract_status(&id);
                let status = status.ok_or_else(|| refused("unknown", "there is no such contract"));
                let result = status?.result.map(Reply::Result);
                result.ok_or_else(|| refused("none", "nothing is decrypted here"))
            }),
            Command::Bundle { id } => id_of(&id).and_then(|id| self.bundle(&id)),
            Command::Show { id } => id_of(&id).and_then(|id| self.shown(&id)),
            Command::Graph { id } => return self.graph(&id),
            Command::List => {
                let ids: Vec<_> = self.contracts.keys().copied().collect();
                let all = ids.iter().filter_map(|id| self.contract_status(id));
                Ok(Reply::Contracts(all.collect()))
            }
            Command::Peers => Ok(Reply::Peers(self.peer_statuses())),
            Command::Clear { node } => return self.clear(&node),
            Command::Stop => Ok(Reply::Done),
        })
    }

    fn fresh_address(&mut self) -> Answer {
        let wallet = &mut self.own.borrow_mut().wallet;
        let (script, network) = (wallet.fresh_script(), wallet.network());
        let address = narthex::bitcoin::Address::from_script(&script, network);
        let address = address.map_err(|error| refused("wallet", error))?;
        Ok(Reply::Address(address.to_string()))
    }

    /// The job, copied; of an order that is refused nothing is left.
    fn packed_plan(&mut self, new: &NewOffer) -> Result<Offer, CommandError> {
        let bad =
            |error: &dyn std::fmt::Display| refused("bad-offer", format_args!("the job: {error}"));
        if !new.job.is_file() {
            // A pipe would keep this node waiting for ever.
            return Err(bad(&format_args!("{} is no file", new.job.display())));
        }
        let packed = self.jobs.pack(&new.job);
        let (bundle, job) = packed.map_err(|error| bad(&error))?;
        let id = bundle.id();
        let offer = self.plan(new, bundle, job);
        if offer.is_err()
            && !self.travelling.contains_key(&id)
            && let Err(error) = self.jobs.forget(&id)
        {
            self.note(format_args!("the folder of jobs: {error}"));
        }
        offer
    }

    /// Everything that is wrong with an order is found before anything of it is written down.
    fn plan(&self, new: &NewOffer, bundle: Bundle, job: JobSpec) -> Result<Offer, CommandError> {
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            refused("bad-offer", format_args!("{what}: {error}"))
        };
        let params = Params::new((*new.params).clone());
        let params = params.map_err(|error| bad("the parameters", &error))?;
        let accepted = self.jobs.accept(&job, &params);
        accepted.map_err(|error| bad("the job", &error))?;
        let mut parties = vec![Invited {
            node: self.me,
            address: self.address.clone(),
        }];
        let others = [&new.worker, &new.verifier]
            .into_iter()
            .chain(&new.arbiters);
        for text in others {
            let address = text.parse::<PeerAddress>();
            let address = address.map_err(|error| bad(text, &error))?;
            let place = address.to_string();
            let (_, place) = place.split_once('@').unwrap_or_default();
            parties.push(Invited {
                node: address.node,
                address: place.to_owned(),
            });
        }
        let (deliver, work) = (params.deliver_height(), params.windows().work_blocks);
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        let offer = Offer {
            chain: self.chain,
            salt,
            job,
            bundle,
            rate: FeeRate::from_sat_per_kwu(new.rate_sat_kwu),
            parties,
            timing: Timing {
                patience_s: new.patience_s,
                // The worker has its time whenever the funding comes.
                funding_deadline: deliver.saturating_sub(work.into()),
                margin: 1,
                burial: new.burial,
            },
            params,
            expires_s: self.now.unix_s.saturating_add(new.open_s),
        };
        offer.check().map_err(|error| bad("the offer", &error))?;
        self.policy
            .check(&offer, self.now.unix_s)
            .map_err(|error| bad("the offer", &error))?;
        is_lived(&offer).map_err(|error| bad("the parameters", &error))?;
        travels(&offer).map_err(|error| bad("the job", &error))?;
        self.keeps(&offer)
            .map_err(|error| bad("the parameters", &error))?;
        self.has_coins(&offer, Role::Client).map_err(|error| {
            let spare = self.own.borrow().wallet.spare();
            refused("funds", error)
                .with("deposit_sat", deposit(&offer.params, Role::Client).to_sat())
                .with("spare_sat", spare.to_sat())
        })?;
        if self
            .tip
            .is_some_and(|tip| tip + 1 >= offer.timing.funding_deadline)
        {
            return Err(refused("late", "its funding would be due already"));
        }
        Ok(offer)
    }

    fn offer(&mut self, new: &NewOffer) -> Result<Answer, Fatal> {
        let offer = match self.packed_plan(new) {
            Ok(offer) => offer,
            Err(error) => return Ok(Err(error)),
        };
        let id = offer.id();
        self.packed(&offer.bundle, offer.job)?;
        let enrolment = self.enrol(id, Role::Client).ok_or(Fatal::Key)?;
        let offering = Box::new(Offering { offer, enrolment });
        if let Err(refusal) = self.begin_offer(id, Role::Client, offering)? {
            return Ok(Err(refused("bad-offer", refusal)));
        }
        let due = self.join(id)?;
        self.outcomes(due)?;
        Ok(self.shown(&id))
    }

    fn accept_ordered(&mut self, id: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let known = self.contracts.get(&id);
        let known = known.and_then(|c| Some((c.offer.machine().offer()?.clone(), c.me()?)));
        let Some((offer, me)) = known else {
            return Ok(Err(refused("unknown", "there is no such offer")));
        };
        if self.standing(&id) == "asked" {
            let has_job = self.jobs.has(&offer.job);
            let done = match has_job {
                true => self.can(&offer, me),
                false => match self.can_without_job(&offer, me) {
                    Ok(()) => self.fetch(id)?,
                    Err(why) => Err(why),
                },
            };
            match done {
                Err(why) => return Ok(Err(refused("cannot", why))),
                // Once it is here.
                Ok(()) if !has_job => return Ok(self.shown(&id)),
                Ok(()) => {}
            }
        }
        match self.accept(id)? {
            Ok(due) => {
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Err(why) => Ok(Err(refused("answered", why))),
        }
    }

    fn decline(&mut self, id: &str, reason: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let Some(me) = self.contracts.get(&id).and_then(Contract::me) else {
            return Ok(Err(refused("unknown", "there is no such offer")));
        };
        let (by, decline) = (PartyId::from(me), Decline::new(reason));
        match self.offer_step(id, &OfferInput::Declined { by, decline })? {
            Ok(()) => {
                // The others hear of it too.
                let due = self.join(id)?;
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Err(refusal) => Ok(Err(refused("answered", refusal))),
        }
    }

    fn leave(&mut self, id: &str, reason: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let reason = reason.to_owned();
        match self.seat_take(id, &SetupInput::Declined { reason })? {
            Took::Done(due) => {
                self.outcomes(due)?;
                Ok(self.shown(&id))
            }
            Took::Refused(refusal) => Ok(Err(refused("late", refusal))),
            Took::Nothing => Ok(Err(refused("unknown", "there is no such set-up"))),
        }
    }

    fn order(&mut self, id: &str, order: Order) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match self.life_ordered(id, order)? {
            Ok(()) => self.shown(&id),
            Err(why) => Err(refused("not-now", why)),
        })
    }

    fn agree(&mut self, id: &str, ending: &NewEnding) -> Result<Answer, Fatal> {
        let of = match id_of(id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        match self.spent_by_ending(&of) {
            Some(spends) => self.order(id, Order::Agree(ending.proposal(spends))),
            None => Ok(Err(refused(
                "not-now",
                "it is not funded, or not ready yet",
            ))),
        }
    }

    fn clear(&mut self, node: &PublicKey) -> Result<Answer, Fatal> {
        if self.link_phase(node).is_none() {
            return Ok(Err(refused("unknown", "there is no such peer")));
        }
        let due = self.mark(*node, |peer| peer.link.clear())?;
        self.outcomes(due)?;
        Ok(Ok(Reply::Done))
    }

    fn shown(&self, id: &[u8; 32]) -> Answer {
        let status = self.contract_status(id).map(Box::new);
        let status = status.map(Reply::Contract);
        status.ok_or_else(|| refused("unknown", "there is no such contract"))
    }
}
