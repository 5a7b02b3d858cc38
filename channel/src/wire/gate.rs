//! What is held in memory of a peer, and is lost without harm: it is sent again.

use std::collections::BTreeMap;

use narthex_contracts::party::PartySet;

use super::{Contradiction, Envelope, Head, Meter, Piece, SignedHead, links::Kept};

/// How much a peer may send and make this node hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes per second that are read; also of what is sent again when the peer asks.
    pub bytes_per_s: u64,
    /// Bytes that may come, or be asked for, at once.
    pub burst: u64,
    /// Messages that are held until what is before them has come, or the contract can take them.
    pub messages: usize,
    /// Their bytes. Beside them there may be one long body that is awaited.
    pub bytes: usize,
    /// Contracts that a peer may begin on one connection which this node does not know yet.
    pub contracts: usize,
    /// All bytes of a stranger on one connection.
    pub stranger_bytes: u64,
    /// Contracts of a stranger.
    pub stranger_contracts: usize,
}

impl Limits {
    /// Those of the protocol.
    pub const USUAL: Limits = Limits {
        bytes_per_s: 4 << 20,
        burst: 16 << 20,
        messages: 64,
        bytes: 4 << 20,
        contracts: 64,
        stranger_bytes: 16 << 10,
        stranger_contracts: 1,
    };
}

/// What is known of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Neither a bond nor an enrolment: it may send a little.
    Stranger,
    /// Somebody with something to lose.
    Known,
}

/// Place of a message: whether it is an own one that comes back, its contract, receivers and number.
pub(super) type Place = (bool, [u8; 32], PartySet, u64);

/// A body of which parts are there.
#[derive(Debug)]
struct Unfinished {
    signed: SignedHead,
    bytes: Vec<u8>,
}

/// Messages that wait, and parts of them.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) limits: Limits,
    pub(super) standing: Standing,
    pub(super) meter: Meter,
    /// What is sent again because the peer asked.
    pub(super) again: Meter,
    waiting: BTreeMap<Place, Kept>,
    unfinished: BTreeMap<Place, Unfinished>,
    has_dropped: bool,
}

/// What became of a message that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It is there.
    Waits,
    /// It was there already.
    Known,
    /// There is no room.
    Dropped,
    /// It contradicts one that waits.
    Contradicts(Box<Contradiction>),
}

impl Gate {
    pub(super) const fn new(limits: Limits, standing: Standing) -> Gate {
        Gate {
            limits,
            standing,
            meter: Meter::new(limits.bytes_per_s, limits.burst),
            again: Meter::new(limits.bytes_per_s, limits.burst),
            waiting: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            has_dropped: false,
        }
    }

    /// Bytes of bodies in memory, or announced.
    pub(super) fn bytes(&self) -> usize {
        let waiting = self.waiting.values();
        let waiting = waiting.filter_map(|kept| kept.body.as_ref());
        let waiting = waiting.map(|body| body.len());
        let parts = self.unfinished.values();
        waiting.sum::<usize>()
            + parts
                .map(|part| part.signed.head.length as usize)
                .sum::<usize>()
    }

    fn messages(&self) -> usize {
        self.waiting.len() + self.unfinished.len()
    }

    pub(super) fn waiting(&self, place: &Place) -> Option<&Kept> {
        self.waiting.get(place)
    }

    /// Places of messages that wait, in order.
    pub(super) fn places(&self) -> Vec<Place> {
        self.waiting.keys().copied().collect()
    }

    /// Whether something was dropped, and there is room again. True once.
    pub(super) fn may_ask_again(&mut self) -> bool {
        let is_due = self.has_dropped && self.messages() == 0;
        self.has_dropped &= !is_due;
        is_due
    }

    /// All heads that are here.
    fn heads(&self) -> impl Iterator<Item = &SignedHead> {
        let waiting = self.waiting.values().map(|kept| &kept.signed);
        waiting.chain(self.unfinished.values().map(|part| &part.signed))
    }

    /// Whether there is room for a body; what is farther on than a message that is next gives way to it.
    fn make_room(&mut self, is_next: bool, length: usize) -> bool {
        let Limits {
            messages, bytes, ..
        } = self.limits;
        let fits = |gate: &Gate| {
            gate.messages() < messages && gate.bytes().saturating_add(length) <= bytes
        };
        if !is_next {
            return fits(self);
        }
        // One long body beside the others, and only one.
        let is_long = |head: &Head| head.length as usize > bytes / 2;
        let is_only = !self.heads().any(|signed| is_long(&signed.head));
        if length > bytes / 2 {
            return is_only && self.messages() < messages;
        }
        // All but the first of each contract and receivers; the one with the highest number goes first.
        let (mut later, mut before) = (Vec::new(), None);
        for place in self.waiting.keys() {
            let way = Some((place.0, place.1, place.2));
            if std::mem::replace(&mut before, way) == way {
                later.push(*place);
            }
        }
        later.sort_by_key(|place| place.3);
        while !fits(self) {
            let Some(last) = later.pop() else {
                return false;
            };
            self.waiting.remove(&last);
            self.has_dropped = true;
        }
        true
    }

    /// Whether a message may come in, whose place `known` has; then there is room for its body.
    fn admit(
        &mut self,
        known: Option<Head>,
        signed: &SignedHead,
        length: usize,
        is_next: bool,
    ) -> Held {
        if known == Some(signed.head) {
            return Held::Known;
        }
        let between = |head| Contradiction::between(head, signed);
        if let Some(proof) = self.heads().find_map(between) {
            return Held::Contradicts(Box::new(proof));
        }
        if !self.make_room(is_next, length) {
            self.has_dropped = true;
            return Held::Dropped;
        }
        Held::Waits
    }

    /// Takes a message in, whole or with its body gone.
    pub(super) fn hold(&mut self, place: Place, kept: Kept, is_next: bool) -> Held {
        let known = self.waiting.get(&place).map(|kept| kept.signed.head);
        let length = kept.body.as_ref().map_or(0, |body| body.len());
        let held = self.admit(known, &kept.signed, length, is_next);
        if held == Held::Waits {
            self.waiting.insert(place, kept);
        }
        held
    }

    /// Takes the head of a long body in.
    pub(super) fn begin(&mut self, place: Place, signed: SignedHead, is_next: bool) -> Held {
        let known = self.unfinished.get(&place).map(|part| part.signed.head);
        let known = known.or_else(|| self.waiting.get(&place).map(|kept| kept.signed.head));
        let held = self.admit(known, &signed, signed.head.length as usize, is_next);
        if held == Held::Waits {
            let bytes = Vec::new();
            self.unfinished.insert(place, Unfinished { signed, bytes });
        }
        held
    }

    /// A part of a body whose head came. Gives the whole once it is there, or says that it is not what was signed. Parts that
    /// nobody waits for, that were there already or that leave a gap are dropped.
    pub(super) fn piece(&mut self, piece: &Piece) -> Option<(Place, Result<Envelope, Head>)> {
        let is_its = |part: &Unfinished| {
            let head = &part.signed.head;
            (head.body, head.length) == (piece.hash, piece.total)
        };
        let (place, part) = self.unfinished.iter_mut().find(|(_, part)| is_its(part))?;
        let have = part.bytes.len();
        // It may begin before what is there; what is new of it is taken.
        let new = have.checked_sub(piece.offset as usize);
        let Some(new) = new.and_then(|new| piece.bytes.get(new..)) else {
            self.has_dropped |= have < piece.offset as usize;
            return None;
        };
        part.bytes.extend_from_slice(new);
        if part.bytes.len() < piece.total as usize {
            return None;
        }
        let place = *place;
        let part = self.unfinished.remove(&place)?;
        let head = part.signed.head;
        Some((place, part.signed.with_body(part.bytes).ok_or(head)))
    }

    /// Of the peer's message of this place: hash of the body, and how much of it is there.
    pub(super) fn partial(&self, place: &Place) -> Option<([u8; 32], u32)> {
        let part = self.unfinished.get(place)?;
        let have = u32::try_from(part.bytes.len()).ok()?;
        Some((part.signed.head.body, have))
    }

    /// Places of the peer's bodies of which parts are there.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Place> {
        self.unfinished.keys().filter(|(is_own, ..)| !is_own)
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.waiting.remove(place);
    }

    /// Forgets a contract.
    pub(super) fn forget(&mut self, contract: &[u8; 32]) {
        self.waiting.retain(|place, _| place.1 != *contract);
        self.unfinished.retain(|place, _| place.1 != *contract);
    }
}
