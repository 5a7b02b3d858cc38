//! One contract: its offer, and its set-up once everybody takes part.

use std::collections::{BTreeMap, VecDeque};

use narthex::{
    bitcoin::{BlockHash, Txid, secp256k1::PublicKey},
    channel::{
        Logged,
        log::Identity,
        offer::OfferMachine,
        setup::{Errand, Phase, Seat, SeatError, SetupInput, SetupRefusal},
        wire::{ABORT, ACCEPT, MAX_LIFE, MessageType, links::Membership, setup_type},
    },
    contracts::{
        party::{PartyId, PartySet},
        terms::Role,
    },
};
use narthex_base::codec::Message as _;

use super::{Core, Fatal, life::Life, peers::Due, signer::NodeSigner, store::AnyLog};

/// Before its set-up, a contract's bodies are those of offers and terms.
const MOST_AT_FIRST: u32 = (1 << 20) + 11;

/// Time before another try, in milliseconds, where something of this computer's failed.
pub(super) const AGAIN_MS: u64 = 10_000;

/// Time, in milliseconds, that an acceptance waits for links that are not open yet.
const OPENING_MS: u64 = 1_000;

/// Something to be said as soon as the link to its receiver is open.
pub(super) struct Posting {
    node: PublicKey,
    to: PartySet,
    attempt: u8,
    message: u16,
    body: Vec<u8>,
}

/// A contract of this node.
pub(super) struct Contract {
    pub(super) offer: Logged<OfferMachine, AnyLog>,
    /// From the moment everybody takes part.
    pub(super) seat: Option<Seat<NodeSigner, AnyLog>>,
    /// From the moment the funding is buried.
    pub(super) life: Option<Life>,
    pub(super) unsent: VecDeque<Posting>,
    /// What the chain was shown at last.
    pub(super) viewed: Option<(BlockHash, Phase)>,
    /// The whole funding, to be published while it is in no block.
    pub(super) funding: Option<Vec<u8>>,
    pub(super) wants_back: bool,
    pub(super) taken_back: Option<Txid>,
    /// The tip at which something was published at last.
    pub(super) sent_at: Option<BlockHash>,
    /// Not before this, where something failed.
    pub(super) again_ms: u64,
    pub(super) trouble: Option<String>,
    /// Since when this process has an acceptance to say.
    accepts_ms: Option<u64>,
    /// Most bytes of a body, as the links know it.
    most: u32,
    pub(super) is_settled: bool,
    /// The tip at which it was to be put away last.
    pub(super) closed_at: Option<BlockHash>,
    /// Own salts and agreements that came back from peers, by attempt.
    pub(super) salts: BTreeMap<u8, [u8; 32]>,
    pub(super) binds: BTreeMap<u8, [u8; 32]>,
}

/// What became of an input of a set-up.
pub(super) enum Took {
    Done(Due),
    Refused(SetupRefusal),
    /// There is no set-up now: it has not begun, or something of this computer's failed.
    Nothing,
}

pub(super) fn offer_log(id: [u8; 32]) -> Identity {
    Identity::new("offer", id)
}

pub(super) fn setup_log(id: [u8; 32]) -> Identity {
    Identity::new(SET_UP, id)
}

pub(super) const SET_UP: &str = "setup";

impl Contract {
    pub(super) fn new(offer: Logged<OfferMachine, AnyLog>) -> Contract {
        Contract {
            offer,
            seat: None,
            life: None,
            unsent: VecDeque::new(),
            viewed: None,
            funding: None,
            wants_back: false,
            taken_back: None,
            sent_at: None,
            again_ms: 0,
            trouble: None,
            accepts_ms: None,
            most: MOST_AT_FIRST,
            is_settled: false,
            closed_at: None,
            salts: BTreeMap::new(),
            binds: BTreeMap::new(),
        }
    }

    /// Whether this party may have to publish something of it: everybody takes part, and its end is not so deep that no reorganisation
    /// takes it back.
    pub(super) fn may_publish(&self) -> bool {
        let is_over = |life: &Life| life.party.is_past();
        self.offer.machine().standing() == "joined"
            && self.phase() != Some(Phase::Dropped)
            && !self.life.as_ref().is_some_and(is_over)
    }

    pub(super) fn me(&self) -> Option<Role> {
        self.offer.machine().me()
    }

    /// Everybody else, with the node of each.
    pub(super) fn others(&self) -> Vec<(Role, PublicKey)> {
        let me = self.me();
        let offer = self.offer.machine().offer();
        let roles = offer.into_iter().flat_map(|offer| offer.roles());
        let others = roles.filter(|(role, _)| Some(*role) != me);
        others.map(|(role, invited)| (role, invited.node)).collect()
    }

    pub(super) fn nodes(&self) -> Vec<PublicKey> {
        self.others().into_iter().map(|(_, node)| node).collect()
    }

    /// Everybody else, as receivers.
    pub(super) fn peers(&self) -> PartySet {
        self.others().into_iter().map(|(role, _)| role).collect()
    }

    pub(super) fn node_of(&self, party: PartyId) -> Option<PublicKey> {
        let invited = self.offer.machine().offer()?.invited(party);
        invited.map(|invited| invited.node)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.seat.as_ref().map(Seat::phase)
    }

    /// Which attempt at the set-up it is, or was.
    pub(super) fn attempt(&self) -> Option<u8> {
        self.seat.as_ref().map(|seat| seat.machine().attempt())
    }

    pub(super) fn membership(&self, peer: Role) -> Option<Membership> {
        Some(Membership {
            me: self.me()?.into(),
            peer: peer.into(),
            most: self.most,
        })
    }

    /// Something of this computer's failed: its set-up ends, and goes on from its log later.
    pub(super) fn fail(&mut self, why: String, now_ms: u64) {
        self.life = None;
        if let Some(seat) = self.seat.take() {
            seat.into_signer().leave();
        }
        self.trouble = Some(why);
        self.again_ms = now_ms.saturating_add(AGAIN_MS);
        self.viewed = None;
    }
}

impl Core {
    /// Opens the contract on the links to these parties.
    pub(super) fn open_links(
        &mut self,
        id: [u8; 32],
        parties: &[(Role, PublicKey)],
    ) -> Result<Due, Fatal> {
        let mut due = Vec::new();
        if self.is_mute(&id) {
            return Ok(due);
        }
        for (role, node) in parties {
            let of_it = self.contracts.get(&id).and_then(|c| c.membership(*role));
            let Some(of_it) = of_it else {
                continue;
            };
            match self.open_contract(*node, (id, of_it))? {
                Ok(out) => due.extend(out),
                Err(refusal) => self.note_of(id, format_args!("{}: {refusal}", short(&id))),
            }
        }
        Ok(due)
    }

    /// Says something to one party, or as soon as its link is open.
    pub(super) fn say(
        &mut self,
        id: [u8; 32],
        node: PublicKey,
        (to, attempt, message): (PartySet, u8, u16),
        body: Vec<u8>,
    ) {
        if self.is_mute(&id) {
            return;
        }
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.unsent.push_back(Posting {
                node,
                to,
                attempt,
                message,
                body,
            });
        }
    }

    /// Says what can be said; what one link does not take waits, in its order.
    pub(super) fn flush(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Vec::new());
        };
        let attempt = contract.seat.as_ref().map(|seat| seat.machine().attempt());
        let is_setup =
            |message: u16| MessageType::known(message).is_some_and(|row| row.number >= 33_030);
        // What belongs to an attempt that is void is not said any more, but that it is.
        contract.unsent.retain(|said| {
            let is_past = attempt.is_some_and(|now| said.attempt < now) && is_setup(said.message);
            !is_past || said.message == ABORT
        });
        // An acceptance counts with everybody's: for a moment it waits for links that open, and is said to all at once.
        let is_accept = |said: &Posting| said.message == ACCEPT;
        if !contract.unsent.is_empty() && contract.unsent.iter().all(is_accept) {
            let since = *contract.accepts_ms.get_or_insert(self.now.ms);
            let nodes: Vec<_> = contract.unsent.iter().map(|said| said.node).collect();
            let is_over = self.now.ms >= since.saturating_add(OPENING_MS);
            if !is_over && !self.may_sign(&nodes) {
                return Ok(Vec::new());
            }
        }
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Vec::new());
        };
        let mut unsent = std::mem::take(&mut contract.unsent);
        let (mut due, mut later, mut shut) = (Vec::new(), VecDeque::new(), Vec::new());
        while let Some(said) = unsent.pop_front() {
            if !shut.contains(&said.node) {
                let (way, what) = ((&id, said.to), (said.attempt, said.message));
                if let Some(out) = self.post(said.node, way, what, said.body.clone())? {
                    due.extend(out);
                    continue;
                }
                shut.push(said.node);
            }
            later.push_back(said);
        }
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.unsent = later;
        }
        Ok(due)
    }

    /// Whether what comes for a set-up can be given to it: it has begun, and nothing new is signed, or may be for everybody.
    pub(super) fn is_ready(&self, id: &[u8; 32]) -> bool {
        let Some(contract) = self.contracts.get(id) else {
            return false;
        };
        contract
            .phase()
            .is_some_and(|phase| phase >= Phase::Committed || self.may_sign(&contract.nodes()))
    }

    /// Gives an input to a set-up, and does what follows.
    pub(super) fn seat_take(&mut self, id: [u8; 32], input: &SetupInput) -> Result<Took, Fatal> {
        let ms = self.now.ms;
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Took::Nothing);
        };
        let Some(seat) = contract.seat.as_mut() else {
            return Ok(Took::Nothing);
        };
        match seat.take(input, &mut |_| ()) {
            Ok(errands) => Ok(Took::Done(self.errands(id, errands)?)),
            Err(SeatError::Refused(refusal)) => Ok(Took::Refused(refusal)),
            Err(SeatError::Log(error)) => Err(Fatal::step(error)),
            Err(SeatError::Open(error)) => Err(error.into()),
            Err(error) => {
                let why = error.to_string();
                contract.fail(why.clone(), ms);
                self.note_of(id, format_args!("{}: {why}", short(&id)));
                Ok(Took::Nothing)
            }
        }
    }

    /// What a set-up leaves to whoever has links and a chain.
    pub(super) fn errands(&mut self, id: [u8; 32], errands: Vec<Errand>) -> Result<Due, Fatal> {
        let mut due = self.allow_bodies(id)?;
        for errand in errands {
            let Some(contract) = self.contracts.get_mut(&id) else {
                break;
            };
            match errand {
                Errand::Send { to, message } => {
                    if let Some(node) = contract.node_of(to) {
                        let what = (PartySet::from([to]), message.attempt, setup_type(&message));
                        self.say(id, node, what, message.to_bytes());
                    }
                }
                Errand::Broadcast(whole) => contract.funding = Some(whole),
                Errand::Withdraw => contract.wants_back = true,
            }
        }
        due.extend(self.flush(id)?);
        due.extend(self.settle(id)?);
        Ok(due)
    }

    /// Once this party is bound it is known how long the others' nonces and shares are.
    fn allow_bodies(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Vec::new());
        };
        let longest = contract
            .seat
            .as_ref()
            .and_then(|seat| seat.machine().longest());
        // Kind, attempt, tag, stage and length stand before it.
        let mut most = longest.map_or(0, |longest| longest.saturating_add(12));
        if contract.phase() == Some(Phase::Live) {
            most = MAX_LIFE;
        }
        if most <= contract.most {
            return Ok(Vec::new());
        }
        contract.most = most;
        let others = contract.others();
        self.open_links(id, &others)
    }

    /// A contract that is funded or over counts no more among those in their set-up.
    fn settle(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Vec::new());
        };
        let is_over = matches!(contract.phase(), Some(Phase::Live | Phase::Dropped));
        if contract.is_settled || !is_over {
            return Ok(Vec::new());
        }
        contract.is_settled = true;
        let nodes = contract.nodes();
        let mut due = Vec::new();
        if self.is_mute(&id) {
            return Ok(due);
        }
        for node in nodes {
            due.extend(self.mark(node, |peer| peer.link.settle_contract(id))?);
        }
        Ok(due)
    }
}

/// An id as it stands in notes.
pub(super) fn short(id: &[u8; 32]) -> String {
    use narthex::bitcoin::hex::DisplayHex;
    let first = id.first_chunk::<8>().copied().unwrap_or_default();
    format!("contract {}", first.as_hex())
}
