//! Small contracts with other nodes: asked for, taken, hosted ([`SmallSide`]), and found again after a start.
//!
//! A contract is asked for by one ask, of one node or of several, with the same id on the link to each. A *guest* asks for this node's part
//! in a contract that it has with others: its ask has an id of its own, and what it says is heard by the side of that contract. *Members*
//! are others whom the ask that this node has taken names: with them it speaks under the id of that ask.

mod asks;
mod bank;
mod bounty;
mod chain;
mod declined;
mod delivery;
mod guests;
mod hosted;
mod order;
mod slice;
mod status;
mod stream;

use std::collections::{BTreeMap, VecDeque};

use narthex::{
    bitcoin::{
        BlockHash, FeeRate,
        secp256k1::{PublicKey, SecretKey},
    },
    channel::{
        Logged,
        log::Identity,
        small::{SmallAnswer, SmallBeginning, SmallMachine},
        wire::{MAX_SMALL, links::Membership},
    },
    contracts::party::{PartyId, PartySet},
    life::{Bumper, Reader},
    small::{Member, SmallError, SmallSide, is_guests, members},
};

use super::{AnyLog, Core, Fatal};

pub use bank::NewBank;
pub use bounty::NewBounty;
pub use delivery::{NewCollection, NewDelivery};
pub use order::SmallCommand;
pub use slice::NewSlice;
pub use status::{SmallDelivered, SmallStatus};
pub use stream::NewStream;

/// A small contract with another node.
pub(super) struct Small {
    asked: Logged<SmallMachine, AnyLog>,
    /// Whom it talks with beside the peers, once it is joined.
    members: Vec<Member>,
    /// Once it is joined.
    side: Option<Box<dyn SmallSide>>,
    /// What was read of the chain for it, once there is something to be watched.
    reader: Option<Reader<'static>>,
    /// Pays for what its side publishes.
    bumper: Bumper,
    /// What waits, by the place of the peer, until something may be signed for it.
    unsent: BTreeMap<u8, VecDeque<Vec<u8>>>,
    /// Something of the peer's waits until the link may be written to, or the side goes on.
    is_held: bool,
    /// It may go on without anything new: it was opened or ordered, or a try before did not go through.
    is_due: bool,
    /// The tip that it has seen.
    looked: Option<BlockHash>,
    /// The tip, and the length of its log, as it was when it published what was due.
    published: Option<(BlockHash, u64)>,
    trouble: Option<String>,
    /// When what failed is tried again.
    again_ms: u64,
}

/// Who asks, and who is asked.
const ASKING: PartyId = PartyId(0);
const ASKED: PartyId = PartyId(1);

impl Small {
    fn new(asked: Logged<SmallMachine, AnyLog>, me: &PublicKey, ceiling: FeeRate) -> Small {
        let begun = asked.machine().begun().filter(|begun| !begun.is_own);
        let members = begun.map(|begun| members(&begun.ask.figures, me));
        Small {
            members: members.unwrap_or_default(),
            asked,
            side: None,
            reader: None,
            bumper: Bumper::new(FeeRate::from_sat_per_kwu(500), ceiling),
            unsent: BTreeMap::new(),
            is_held: false,
            is_due: true,
            looked: None,
            published: None,
            trouble: None,
            again_ms: 0,
        }
    }

    fn standing(&self) -> &'static str {
        self.asked.machine().standing()
    }

    fn begun(&self) -> Option<&SmallBeginning> {
        self.asked.machine().begun()
    }

    /// Who is who on the link to the one in a place.
    fn membership(&self, place: u8) -> Option<Membership> {
        let member = self.members.iter().find(|member| member.place == place);
        let asks = match member {
            Some(member) => member.asks,
            None => self.begun()?.is_own,
        };
        let (me, peer) = match asks {
            true => (ASKING, ASKED),
            false => (ASKED, ASKING),
        };
        let most = MAX_SMALL;
        Some(Membership { me, peer, most })
    }

    /// To whom this node speaks in it, on the link to the one in a place.
    fn receivers(&self, place: u8) -> PartySet {
        let of = self.membership(place).map(|of| of.peer);
        of.into_iter().collect()
    }

    /// The other nodes, in their places.
    fn peers(&self) -> impl Iterator<Item = (u8, PublicKey)> + '_ {
        let peers = self.begun().map(|begun| &begun.peers[..]);
        let peers = peers.unwrap_or_default().iter().map(|peer| peer.node);
        (0u8..).zip(peers)
    }

    /// Those of them that have not turned this node's ask away: with these there is a link to say something on.
    fn talking(&self) -> impl Iterator<Item = (u8, PublicKey)> + '_ {
        let answers = self.asked.machine().answers();
        let is_away = move |at: &u8| matches!(answers.get(at), Some(SmallAnswer::Declined(_)));
        let is_own = self.begun().is_some_and(|begun| begun.is_own);
        self.peers().filter(move |(at, _)| !(is_own && is_away(at)))
    }

    /// The members that it talks with by now, in their places.
    fn met(&self) -> impl Iterator<Item = (u8, PublicKey)> + '_ {
        let is_joined = matches!(self.standing(), "joined" | "over");
        let met = self.members.iter().filter(move |_| is_joined);
        met.map(|member| (member.place, member.peer.node))
    }

    /// In which place a node is.
    fn place_of(&self, node: &PublicKey) -> Option<u8> {
        let mut peers = self.peers().chain(self.met());
        peers.find_map(|(at, peer)| (peer == *node).then_some(at))
    }

    /// Whether it is another's ask for this node's part in a contract with others.
    fn is_guest(&self) -> bool {
        let mut begun = self.begun().into_iter();
        begun.any(|begun| !begun.is_own && is_guests(&begun.ask.figures))
    }

    /// What is to be said to a peer.
    fn say(&mut self, to: u8, body: Vec<u8>) {
        self.unsent.entry(to).or_default().push_back(body);
    }

    /// Whether it may still publish something: coins that pay for that are kept back.
    fn may_publish(&self) -> bool {
        self.standing() == "joined"
    }

    /// Something of this computer's failed: what is in memory alone is forgotten, and it goes on from its log later.
    fn fail(&mut self, why: String, again_ms: u64) {
        self.side = None;
        self.reader = None;
        self.looked = None;
        self.trouble = Some(why);
        self.again_ms = again_ms;
        self.is_due = true;
    }
}

fn ask_log(id: [u8; 32]) -> Identity {
    Identity::new(ASKED_LOG, id)
}

/// Where asks are kept.
const ASKED_LOG: &str = "small";

fn side_log(id: [u8; 32]) -> Identity {
    Identity::new("small-side", id)
}

/// What is kept apart from a side's log.
fn apart_log(id: [u8; 32]) -> Identity {
    Identity::new("small-apart", id)
}

impl Core {
    /// This node's key in a small contract: by the salt of its own ask, or by the id of the other's.
    fn small_key(&self, id: &[u8; 32], begun: Option<&SmallBeginning>) -> Option<SecretKey> {
        let own = begun.filter(|begun| begun.is_own);
        let of = own.map_or(id, |begun| &begun.ask.salt);
        self.own.borrow().contract_key(of)
    }

    /// Coins that are kept back to pay for exits of small contracts.
    pub(super) fn small_reserved(
        &self,
    ) -> Result<narthex::contracts::template::Reserve, narthex::contracts::terms::FeeError> {
        let mut all = narthex::contracts::template::Reserve::NONE;
        let counted = self.small.values().filter(|small| small.may_publish());
        for begun in counted.filter_map(Small::begun) {
            let figures = &begun.ask.figures;
            all = all.and(narthex::small::reserve_of(figures, self.policy.max_rate)?);
        }
        Ok(all)
    }

    /// What went wrong with a side: this node ends if it may not be durable, else it is told and tried again.
    fn small_failed(&mut self, id: [u8; 32], error: SmallError) -> Result<(), Fatal> {
        match error {
            SmallError::Log(error) => return Err(Fatal::Log(error)),
            SmallError::Open(error) => return Err(Fatal::Open(error)),
            SmallError::Uncertain => return Err(Fatal::Step(error.to_string())),
            _ => {}
        }
        let (why, ms) = (error.to_string(), self.now.ms);
        let Some(small) = self.small.get_mut(&id) else {
            return Ok(());
        };
        let is_news = small.trouble.as_ref() != Some(&why);
        small.fail(why.clone(), ms.saturating_add(super::contract::AGAIN_MS));
        if is_news {
            self.note_of(id, format_args!("{}: {why}", name(&id)));
        }
        Ok(())
    }
}

/// An id as it stands in notes.
fn name(id: &[u8; 32]) -> String {
    use narthex::bitcoin::hex::DisplayHex;
    let first = id.first_chunk::<8>().copied().unwrap_or_default();
    format!("small contract {}", first.as_hex())
}
