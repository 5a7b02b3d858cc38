//! Who is connected, what waits, and who may send how much: decided here, without a socket or a clock of its own.
//!
//! A connection in BOLT 8 has no way to make the other side wait: what comes in must be taken. So each side may send
//! [`WINDOW`] bytes beyond what the other's party has taken out, and is told by a [`CREDIT`] when that was. Who sends more
//! breaks the protocol and is closed. So what waits is bounded on both sides, and an honest peer is slowed down to the speed
//! of who reads.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use bitcoin::secp256k1::PublicKey;

use super::{
    event::{Event, Reason, SendError, Unreachable},
    frame::Frame,
    limits::{CREDIT, Limits, MAX_MESSAGE_BYTES, MESSAGE_TYPES, WINDOW},
};

/// Least credit that is worth a message. The other side is never left with less than the rest of the window, which holds the
/// largest message.
const LEAST_GRANT: u64 = WINDOW / 4;

/// One connection.
#[derive(Debug)]
struct Peer {
    /// Tells it from earlier connections of the same node.
    serial: u64,
    /// Frames that may not leave yet, and their cost.
    queue: VecDeque<Frame>,
    queued: u64,
    /// Sums since the connection began: what was handed to the network, and what the peer has taken out of that.
    sent: u64,
    credited: u64,
    /// The same in the other direction, and what the peer was told of it.
    received: u64,
    taken: u64,
    granted: u64,
    /// Before this, nothing more is granted.
    next_grant: Instant,
    /// Looks at which something waited and no credit had come since the look before.
    idle_ticks: u32,
    moved: bool,
    /// Why this side ends it, once it does.
    closing: Option<Reason>,
}

/// A message or a change that waits to be read.
#[derive(Debug)]
struct Waiting {
    event: Event,
    /// Connection that it came by, and what it counts there.
    serial: u64,
    cost: u64,
}

/// What became of the last connection to a node that is to be connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Both sides had shown their keys.
    pub(super) connected: bool,
    /// The peer sent a message that was taken.
    pub(super) spoke: bool,
}

/// Everything that a transport decides by.
#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    /// Nodes that are no strangers.
    known: BTreeSet<PublicKey>,
    peers: BTreeMap<PublicKey, Peer>,
    serial: u64,
    waiting: VecDeque<Waiting>,
    /// Cost of what waits from connections that are over.
    left: u64,
    /// Connections to end.
    to_close: Vec<PublicKey>,
    /// Peers whose handshake is over since this was asked last.
    finished: Vec<PublicKey>,
    /// Nodes that are to be connected.
    wanted: BTreeMap<PublicKey, Attempt>,
    /// The transport is gone: nobody is let in, and what waits can still be read.
    over: bool,
}

impl State {
    pub(super) fn new(limits: Limits) -> State {
        State {
            limits,
            known: BTreeSet::new(),
            peers: BTreeMap::new(),
            serial: 0,
            waiting: VecDeque::new(),
            left: 0,
            to_close: Vec::new(),
            finished: Vec::new(),
            wanted: BTreeMap::new(),
            over: false,
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn end(&mut self) {
        self.over = true;
        self.wanted.clear();
        for peer in self.peers.values_mut() {
            peer.closing.get_or_insert(Reason::Own);
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn is_connected(&self, node: &PublicKey) -> bool {
        self.peers.get(node).is_some_and(|p| p.closing.is_none())
    }

    /// No stranger from now on.
    pub(super) fn know(&mut self, node: PublicKey) {
        self.known.insert(node);
    }

    /// A node to be connected, which is known therefore. Whether it was not wanted yet.
    pub(super) fn want(&mut self, node: PublicKey) -> bool {
        self.know(node);
        self.wanted.insert(node, Attempt::default()).is_none()
    }

    /// A stranger again, and not to be connected.
    pub(super) fn forget(&mut self, node: &PublicKey) {
        self.known.remove(node);
        self.wanted.remove(node);
        self.close(node, Reason::Own);
    }

    pub(super) fn is_wanted(&self, node: &PublicKey) -> bool {
        self.wanted.contains_key(node)
    }

    /// Begins another try to reach a node, and says what became of the last.
    pub(super) fn attempt(&mut self, node: &PublicKey) -> Attempt {
        self.wanted
            .get_mut(node)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Tells that a node was not reached, unless that waits to be read already.
    pub(super) fn unreachable(&mut self, node: PublicKey, reason: Unreachable) {
        let told = |w: &Waiting| matches!(w.event, Event::Unreachable { node: n, .. } if n == node);
        if !self.waiting.iter().any(told) {
            self.tell(Event::Unreachable { node, reason }, 0, 0);
        }
    }

    /// Lets a node in that has shown its key, or does not.
    pub(super) fn connected(&mut self, node: PublicKey, inbound: bool, now: Instant) -> bool {
        let Limits {
            left_bytes,
            events,
            strangers,
            ..
        } = self.limits;
        let behind = self.over || self.left > left_bytes || self.waiting.len() >= events;
        if behind || self.peers.contains_key(&node) {
            return false;
        }
        if !self.known.contains(&node) {
            let staying = self.peers.iter();
            let staying = staying.filter(|(n, p)| !self.known.contains(n) && p.closing.is_none());
            let staying: Vec<_> = staying.map(|(n, p)| (p.serial, *n)).collect();
            let all = self.peers.keys().filter(|n| !self.known.contains(n));
            // Who knocks longest goes first: whoever keeps places for the sake of it keeps none.
            if let Some((_, oldest)) = staying.iter().min().filter(|_| staying.len() >= strangers) {
                let oldest = *oldest;
                // Those that are being closed are there for a moment yet.
                if all.count() >= strangers.saturating_mul(2) {
                    return false;
                }
                self.close(&oldest, Reason::Crowded);
            } else if strangers == 0 {
                return false;
            }
        }
        self.serial += 1;
        let peer = Peer {
            serial: self.serial,
            queue: VecDeque::new(),
            queued: 0,
            sent: 0,
            credited: 0,
            received: 0,
            taken: 0,
            granted: 0,
            next_grant: now,
            idle_ticks: 0,
            moved: false,
            closing: None,
        };
        self.peers.insert(node, peer);
        self.finished.push(node);
        if let Some(attempt) = self.wanted.get_mut(&node) {
            attempt.connected = true;
        }
        self.tell(Event::Connected { node, inbound }, 0, 0);
        true
    }

    /// A connection is over.
    pub(super) fn disconnected(&mut self, node: PublicKey) {
        let Some(peer) = self.peers.remove(&node) else {
            return;
        };
        self.left += peer.received - peer.taken;
        self.to_close.retain(|other| *other != node);
        let reason = peer.closing.unwrap_or(Reason::Gone);
        self.tell(Event::Disconnected { node, reason }, 0, 0);
    }

    /// Ends a connection, if there is one; the first reason stands.
    pub(super) fn close(&mut self, node: &PublicKey, reason: Reason) {
        if let Some(peer) = self.peers.get_mut(node)
            && peer.closing.is_none()
        {
            peer.closing = Some(reason);
            self.to_close.push(*node);
        }
    }

    /// Takes what a peer sent.
    ///
    /// # Errors
    /// Why its connection must be closed now.
    pub(super) fn received(&mut self, node: PublicKey, frame: Frame) -> Result<(), Reason> {
        let is_known = self.known.contains(&node);
        let Some(peer) = self.peers.get_mut(&node) else {
            return Err(Reason::Own);
        };
        if let Some(reason) = peer.closing {
            return Err(reason);
        }
        let taken = match frame.kind {
            CREDIT => peer.credit(&frame.bytes),
            _ => peer.take_in(&frame, is_known, self.limits.stranger_bytes),
        };
        if let Err(reason) = taken {
            peer.closing = Some(reason);
            return Err(reason);
        }
        if frame.kind != CREDIT {
            let (serial, cost) = (peer.serial, frame.cost());
            if let Some(attempt) = self.wanted.get_mut(&node) {
                attempt.spoke = true;
            }
            let Frame { kind, bytes } = frame;
            let from = node;
            self.tell(Event::Message { from, kind, bytes }, serial, cost);
        }
        Ok(())
    }

    fn tell(&mut self, event: Event, serial: u64, cost: u64) {
        self.waiting.push_back(Waiting {
            event,
            serial,
            cost,
        });
    }

    /// The next event, and whether credit is due for it.
    pub(super) fn read(&mut self) -> Option<(Event, bool)> {
        let Waiting {
            event,
            serial,
            cost,
        } = self.waiting.pop_front()?;
        let Event::Message { from, .. } = &event else {
            return Some((event, false));
        };
        let due = match self.peers.get_mut(from).filter(|p| p.serial == serial) {
            Some(peer) => {
                peer.taken += cost;
                peer.is_due()
            }
            None => {
                self.left -= cost;
                false
            }
        };
        Some((event, due))
    }

    /// Queues a message, and takes it if so.
    pub(super) fn queue(
        &mut self,
        node: &PublicKey,
        frame: &mut Option<Frame>,
    ) -> Result<(), SendError> {
        let Some(Frame { kind, bytes }) = frame else {
            return Ok(());
        };
        let (kind, bytes) = (*kind, bytes.len());
        if !MESSAGE_TYPES.contains(&kind) || kind == CREDIT {
            return Err(SendError::Kind { kind });
        }
        if bytes > MAX_MESSAGE_BYTES {
            return Err(SendError::TooLong { bytes });
        }
        let peer = self.peers.get_mut(node).filter(|p| p.closing.is_none());
        let peer = peer.ok_or(SendError::NotConnected)?;
        let after = peer.queued + Frame::cost_of(bytes);
        if after > self.limits.queued_bytes.max(Frame::MOST) {
            return Err(SendError::Full {
                queued: peer.queued,
            });
        }
        peer.queued = after;
        peer.queue.extend(frame.take());
        Ok(())
    }

    /// What may leave now.
    pub(super) fn leaving(&mut self, now: Instant) -> Vec<(PublicKey, Frame)> {
        let mut leaving = Vec::new();
        let rate = self.limits.bytes_per_second.max(1);
        for (node, peer) in &mut self.peers {
            if peer.closing.is_some() {
                continue;
            }
            if peer.is_due() && peer.next_grant <= now {
                let grant = peer.taken - peer.granted;
                peer.granted = peer.taken;
                peer.next_grant = now + Duration::from_secs_f64(grant as f64 / rate as f64);
                let bytes = peer.granted.to_be_bytes().to_vec();
                leaving.push((
                    *node,
                    Frame {
                        kind: CREDIT,
                        bytes,
                    },
                ));
            }
            while let Some(next) = peer.queue.front()
                && peer.sent - peer.credited + next.cost() <= WINDOW
                && let Some(frame) = peer.queue.pop_front()
            {
                peer.queued -= frame.cost();
                peer.sent += frame.cost();
                leaving.push((*node, frame));
            }
        }
        leaving
    }

    /// When the next credit may leave, if one waits for its time.
    pub(super) fn next_grant(&self) -> Option<Instant> {
        let due = self
            .peers
            .values()
            .filter(|p| p.is_due() && p.closing.is_none());
        due.map(|p| p.next_grant).min()
    }

    /// Looks at who takes out what waits for it.
    pub(super) fn tick(&mut self) {
        let mut stuck = Vec::new();
        for (node, peer) in &mut self.peers {
            let waits = peer.sent - peer.credited + peer.queued;
            match !peer.queue.is_empty() && !std::mem::take(&mut peer.moved) {
                true => peer.idle_ticks += 1,
                false => peer.idle_ticks = 0,
            }
            if peer.idle_ticks >= self.limits.idle_ticks {
                stuck.push((*node, waits));
            }
        }
        for (node, bytes) in stuck {
            self.close(&node, Reason::NotReading { bytes });
        }
    }

    /// Connections to end, once each.
    pub(super) fn take_to_close(&mut self) -> Vec<PublicKey> {
        std::mem::take(&mut self.to_close)
    }

    /// Peers that have shown their keys since this was asked last.
    pub(super) fn take_finished(&mut self) -> Vec<PublicKey> {
        std::mem::take(&mut self.finished)
    }
}

impl Peer {
    fn is_due(&self) -> bool {
        self.taken - self.granted >= LEAST_GRANT
    }

    fn credit(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let sum = <[u8; 8]>::try_from(bytes).map(u64::from_be_bytes);
        match sum {
            // Each one is for something that came, so that they are no flood either.
            Ok(sum) if sum > self.credited && sum <= self.sent => {
                self.credited = sum;
                self.moved = true;
                Ok(())
            }
            _ => Err(Reason::BadCredit),
        }
    }

    fn take_in(&mut self, frame: &Frame, is_known: bool, stranger: u64) -> Result<(), Reason> {
        self.received += frame.cost();
        let bytes = self.received - self.granted;
        let refused = match () {
            () if !is_known && self.received > stranger => Some(Reason::Stranger {
                bytes: self.received,
            }),
            () if bytes > WINDOW => Some(Reason::Flood { bytes }),
            () => None,
        };
        match refused {
            Some(reason) => {
                // It is not kept, so it is not waiting either.
                self.received -= frame.cost();
                Err(reason)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
