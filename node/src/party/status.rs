//! How a node, its peers and its contracts stand, for its operator.

use std::path::PathBuf;

use narthex::{
    bitcoin::{
        hex::DisplayHex,
        secp256k1::{PublicKey, Secp256k1},
    },
    channel::{
        offer::{Invited, Offer, OfferMachine},
        setup::Phase,
        wire::links::LinkPhase,
    },
    contracts::{
        coop::Proposal,
        derive::delivery_key,
        party::PartyId,
        template::Reserve,
        terms::{Role, deposit},
    },
};
use serde::{Deserialize, Serialize};

use super::{Core, command::NewEnding, life::Life};

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NodeStatus {
    /// Its id.
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub node: PublicKey,
    /// Where others reach it; empty if they do not.
    pub address: String,
    /// What senders of sealed deliveries to this node name as their recipient.
    #[schema(value_type = Option<String>, pattern = "^0[23][0-9a-f]{64}$")]
    pub delivery_key: Option<PublicKey>,
    /// Height of the chain that its wallet has seen, if it has seen any.
    pub tip: Option<u32>,
    /// Confirmed coins.
    pub balance_sat: u64,
    /// Those of them that nothing is planned with.
    pub spare_sat: u64,
    /// What is kept back of them for the fees of contracts that are not over, or whose end is not deep yet.
    pub reserve_sat: u64,
    /// Contracts that it knows, but for those that are put away.
    pub contracts: usize,
    /// Contracts that are over, and put away.
    #[serde(default)]
    pub archived: u64,
    /// How often something was made durable since it started.
    pub commits: u64,
    /// Whether it takes no new contract (`narthex-node drain`); what runs goes on.
    #[serde(default)]
    pub draining: bool,
}

/// How a peer stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PeerStatus {
    /// Its id.
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub node: PublicKey,
    /// Whether a connection stands.
    pub connected: bool,
    /// `waking`, `open`, `rolled-back` or `forked`.
    pub link: String,
    /// Contracts with it.
    pub contracts: usize,
}

/// How a contract stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ContractStatus {
    /// Id of the negotiation.
    pub id: String,
    /// Id of the contract, once there are terms that this party has bound itself to and signed.
    pub contract: Option<String>,
    /// As whom this node takes part.
    pub role: String,
    /// Of the offer `asked`, `waiting`, `joined`, `declined`, `over`; of the set-up its phase, down to `live`.
    pub state: String,
    /// What this party deposits.
    pub deposit_sat: u64,
    /// Who has accepted.
    pub accepted: Vec<String>,
    /// Least bond behind the rulings of each arbiter that the offer wants.
    pub arbiter_bond_sat: u64,
    /// Bonds of those arbiters that have named one: each rules by its bond's key.
    pub bonds: Vec<NamedBond>,
    /// The job.
    pub job: JobStatus,
    /// Which attempt at the set-up it is, from 0.
    pub attempt: Option<u8>,
    /// Whose message is awaited.
    pub awaits: Vec<String>,
    /// Why the attempt before this one was void, or why it is over.
    pub cause: Option<String>,
    /// The funding transaction, once it is signed.
    pub funding: Option<String>,
    /// Height of its block, once that is buried.
    pub live_at: Option<u32>,
    /// Once it lives: where this party stands in it, in a word of its machine ([`crate::party`]).
    pub standing: Option<String>,
    /// Once it lives: its transactions that are in blocks, in order.
    pub path: Vec<OnChain>,
    /// What this party publishes as it stands.
    pub due: Vec<DueStatus>,
    /// Once it lives: the end that each has agreed to last. It comes when client, worker and verifier have agreed to the same.
    pub agreed: Vec<EndingStatus>,
    /// What this client has decrypted.
    pub result: Option<ResultStatus>,
    /// What failed on this computer.
    pub trouble: Option<String>,
    /// Until when it may be accepted, in seconds since 1970.
    pub expires_s: u64,
    /// Height up to which the funding must be in a block.
    pub funding_deadline: u32,
}

/// The bond that an arbiter has named when it accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NamedBond {
    /// Whose: `arbiter0`.
    pub arbiter: String,
    /// The key that the terms name for it, which owns the bond: a BIP340 key.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub identity: String,
    /// Where it is.
    pub outpoint: String,
    /// What it holds.
    pub value_sat: u64,
    /// Height from which on it can be spent.
    pub end_height: u32,
}

/// How a contract's job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobStatus {
    /// `offered`: at the client alone; `fetching`; `looked-at`: all of it is here, and is looked at; `here`; `useless`: it is none.
    pub state: String,
    /// Bytes that travel.
    pub bytes: u64,
    /// Those that are here.
    pub here_bytes: u64,
}

/// A transaction of a contract in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OnChain {
    /// Its name in the graph.
    pub name: String,
    /// Its id.
    pub txid: String,
    /// Height of the block.
    pub height: u32,
}

/// What a party publishes as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DueStatus {
    /// Name of the transaction in the graph; `root` for the record of the worker's root, `stake` for what takes
    /// an arbiter's stake back.
    pub name: String,
    /// Last height at which it is surely in time, where there is one.
    pub until: Option<u32>,
}

/// An end that a party has agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndingStatus {
    /// Who.
    pub by: String,
    /// Name of the transaction whose coin it spends.
    pub spends: String,
    /// What it pays, and until when it is to be signed.
    pub ending: NewEnding,
}

impl EndingStatus {
    pub(super) fn of(by: Role, proposal: &Proposal) -> EndingStatus {
        let pays = |role: Role| {
            let mut payouts = proposal.payouts.iter();
            payouts.find_map(|(to, value)| (*to == role).then_some(value.to_sat()))
        };
        EndingStatus {
            by: by.to_string(),
            spends: proposal.spends.to_string(),
            ending: NewEnding {
                client_sat: pays(Role::Client).unwrap_or(0),
                worker_sat: pays(Role::Worker).unwrap_or(0),
                verifier_sat: pays(Role::Verifier).unwrap_or(0),
                reveals_result: proposal.reveals_result,
                until_height: proposal.expires_height,
            },
        }
    }
}

/// What was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResultStatus {
    /// Id of the negotiation.
    pub id: String,
    /// SHA-256 of its bytes, as the file is called.
    pub sha256: String,
    /// The file in this node's folder that has it.
    #[schema(value_type = Option<String>)]
    pub file: Option<PathBuf>,
}

fn named_bonds(machine: &OfferMachine, offer: &Offer) -> Vec<NamedBond> {
    let named = |(role, _): (Role, &Invited)| {
        let accept = machine.accept(role.into())?;
        let claim = accept.bond.as_ref()?.claim();
        Some(NamedBond {
            arbiter: role.to_string(),
            identity: accept.identity().to_string(),
            outpoint: claim.outpoint.to_string(),
            value_sat: claim.value.to_sat(),
            end_height: accept.bonded_until()?,
        })
    };
    offer.roles().filter_map(named).collect()
}

impl Core {
    /// How the party stands.
    pub fn status(&self) -> NodeStatus {
        let own = self.own.borrow();
        NodeStatus {
            node: self.me,
            address: self.address.clone(),
            delivery_key: delivery_key(&own.seed)
                .map(|key| PublicKey::from_secret_key(&Secp256k1::signing_only(), &key)),
            tip: self.tip,
            balance_sat: own.wallet.balance().to_sat(),
            spare_sat: own.wallet.spare().to_sat(),
            // Rates that are mistakes are refused before there is a contract.
            reserve_sat: self
                .reserved(None)
                .unwrap_or(Reserve::NONE)
                .total()
                .to_sat(),
            contracts: self.contracts.len(),
            archived: self.archived_counts().rows,
            commits: self.commits(),
            draining: self.is_draining,
        }
    }

    pub(super) fn peer_statuses(&self) -> Vec<PeerStatus> {
        let status = |(node, peer): (&PublicKey, &super::peers::Peer)| {
            let machine = peer.link.machine();
            let link = match machine.phase() {
                LinkPhase::Waking => "waking",
                LinkPhase::Open => "open",
                LinkPhase::RolledBack => "rolled-back",
                LinkPhase::Forked => "forked",
            };
            PeerStatus {
                node: *node,
                connected: peer.is_connected,
                link: link.to_owned(),
                contracts: machine.contracts().count(),
            }
        };
        self.peers.iter().map(status).collect()
    }

    fn job_status(&self, offer: &Offer) -> JobStatus {
        let travelling = self.travelling.get(&offer.bundle.id());
        let bytes = offer.bundle.bytes();
        let (state, here_bytes) = match travelling {
            // The operator has it without that.
            _ if self.jobs.has(&offer.job) => ("here", bytes),
            Some(travelling) => (travelling.standing(), travelling.here()),
            None => ("offered", 0),
        };
        JobStatus {
            state: state.to_owned(),
            bytes,
            here_bytes,
        }
    }

    /// How all its contracts stand that are not put away.
    pub fn contracts(&self) -> Vec<ContractStatus> {
        let ids = self.contracts.keys();
        ids.filter_map(|id| self.contract_status(id)).collect()
    }

    /// How a contract stands, if there is one that is not put away.
    pub fn contract_status(&self, id: &[u8; 32]) -> Option<ContractStatus> {
        let contract = self.contracts.get(id)?;
        let machine = contract.offer.machine();
        let (offer, me) = (machine.offer()?, machine.me()?);
        let role = |party: PartyId| {
            let roles = offer.roles().map(|(role, _)| role);
            let role = roles.into_iter().find(|role| PartyId::from(*role) == party);
            role.map(|role| role.to_string())
        };
        let seat = contract.seat.as_ref().map(|seat| seat.machine());
        let phase = contract.phase();
        let declined = machine.declined().map(|(by, reason)| {
            let by = role(by).unwrap_or_default();
            format!("{by} declined: {reason}")
        });
        let causes = seat.map(|seat| (seat.dropped(), seat.voided()));
        let cause = causes.and_then(|(dropped, voided)| match phase {
            Some(Phase::Dropped) => dropped,
            _ => voided,
        });
        let signatures = contract
            .seat
            .as_ref()
            .and_then(|seat| seat.signer().known());
        Some(ContractStatus {
            id: id.to_lower_hex_string(),
            contract: signatures.map(|(contract, _)| contract.to_lower_hex_string()),
            role: me.to_string(),
            state: phase.map_or(machine.standing(), Phase::name).to_owned(),
            deposit_sat: deposit(&offer.params, me).to_sat(),
            accepted: machine.accepted().filter_map(role).collect(),
            arbiter_bond_sat: offer.bond.to_sat(),
            bonds: named_bonds(machine, offer),
            job: self.job_status(offer),
            attempt: seat.map(|seat| seat.attempt()),
            awaits: seat.map_or_else(Vec::new, |seat| {
                let awaited = seat.awaits().into_iter();
                awaited.map(|name| name.to_string()).collect()
            }),
            cause: declined.or_else(|| cause.map(|cause| format!("{cause:?}"))),
            funding: signatures
                .and_then(|(_, txid)| txid)
                .map(|txid| txid.to_string()),
            live_at: seat.and_then(|seat| seat.live()),
            standing: contract
                .life
                .as_ref()
                .map(|life| life.standing().to_owned()),
            path: contract.life.as_ref().map_or_else(Vec::new, Life::path),
            due: contract.life.as_ref().map_or_else(Vec::new, Life::due),
            agreed: contract.life.as_ref().map_or_else(Vec::new, Life::agreed),
            result: contract.life.as_ref().and_then(|life| life.result(id)),
            trouble: contract.trouble.clone(),
            expires_s: offer.expires_s,
            funding_deadline: offer.timing.funding_deadline,
        })
    }
}
