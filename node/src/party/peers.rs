//! Links to peers.

use narthex::{
    bitcoin::secp256k1::{PublicKey, schnorr},
    channel::{
        log::Identity,
        wire::{
            Contradiction, Fault, Frame, Limits, Link, LinkError, Meter, Outcome, Standing,
            links::{LinkPhase, LinksRefusal, Membership},
        },
    },
    contracts::party::PartySet,
};
use narthex_base::{statement, tagged::tagged_hash};

use super::{Action, Core, Fatal, store::LateLog};

/// A log is summed up once it is longer by so many entries.
const COMPACT_AT: u64 = 32;

/// A peer, with the link to it.
pub(super) struct Peer {
    pub(super) link: Link<LateLog>,
    log: LateLog,
    pub(super) is_connected: bool,
    /// What it is served of jobs.
    pub(super) served: Meter,
}

impl Peer {
    const fn new(link: Link<LateLog>, log: LateLog, is_connected: bool) -> Peer {
        let Limits {
            bytes_per_s, burst, ..
        } = Limits::USUAL;
        Peer {
            link,
            log,
            is_connected,
            served: Meter::new(bytes_per_s, burst),
        }
    }
}

/// Outcomes of links, with the peer of each.
pub(super) type Due = Vec<(PublicKey, Outcome)>;

fn whose(peer: &PublicKey) -> Identity {
    Identity::new("link", tagged_hash("narthex/link", &peer.serialize()))
}

impl Core {
    fn link(
        &self,
        peer: PublicKey,
        log: &LateLog,
        standing: Standing,
    ) -> Result<Link<LateLog>, Fatal> {
        let (keys, limits) = ((self.me, peer), (Limits::USUAL, standing));
        Ok(Link::open(keys, log.clone(), self.chain, limits)?)
    }

    /// A peer with which there is a contract: its link is on disk.
    pub(super) fn keep_peer(&mut self, node: PublicKey) -> Result<(), Fatal> {
        let stored = self.peers.get(&node).map(|peer| peer.log.is_stored());
        if stored == Some(true) {
            return Ok(());
        }
        let log = self.store.open(&whose(&node))?;
        match self.peers.get(&node) {
            Some(peer) => peer.log.store(log)?,
            None => {
                let log = LateLog::stored(log);
                let link = self.link(node, &log, Standing::Stranger)?;
                self.peers.insert(node, Peer::new(link, log, false));
            }
        }
        Ok(())
    }

    pub(super) fn connected(&mut self, node: PublicKey) -> Result<(), Fatal> {
        if self.peers.get(&node).is_some_and(|peer| peer.is_connected) {
            // Its process has ended unseen, and begins anew.
            self.disconnected(&node)?;
        }
        if !self.peers.contains_key(&node) {
            let log = LateLog::in_memory();
            let link = self.link(node, &log, Standing::Stranger)?;
            self.peers.insert(node, Peer::new(link, log, true));
        }
        let Some(peer) = self.peers.get_mut(&node) else {
            return Ok(());
        };
        peer.is_connected = true;
        let out = peer.link.connected();
        self.outcomes(of(node, out))
    }

    pub(super) fn disconnected(&mut self, node: &PublicKey) -> Result<(), Fatal> {
        self.not_served(node);
        // On the next one a hello comes first.
        self.out.retain(|action| !action.is_for(node));
        if let Some(peer) = self.peers.get_mut(node) {
            peer.is_connected = false;
            peer.link.disconnected();
            // Of whoever said nothing of interest nothing is left.
            if !peer.log.is_stored() {
                self.peers.remove(node);
            }
        }
        Ok(())
    }

    pub(super) fn frame(&mut self, from: PublicKey, bytes: &[u8]) -> Result<(), Fatal> {
        let ms = self.now.ms;
        let Some(peer) = self.peers.get_mut(&from) else {
            return Ok(());
        };
        let out = peer.link.received(bytes, ms)?;
        self.outcomes(of(from, out))
    }

    /// A node that this one has something in common with.
    pub(super) fn vouch(&mut self, node: &PublicKey) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.link.vouch();
        }
        self.out.push_back(Action::Know(*node));
    }

    /// Whether something new may be signed for all of these nodes.
    pub(super) fn may_sign(&self, nodes: &[PublicKey]) -> bool {
        let is_open = |node: &PublicKey| {
            let peer = self.peers.get(node);
            peer.is_some_and(|peer| peer.link.machine().may_sign().is_ok())
        };
        nodes.iter().all(is_open)
    }

    /// Where the link to a node stands.
    pub(super) fn link_phase(&self, node: &PublicKey) -> Option<LinkPhase> {
        self.peers.get(node).map(|peer| peer.link.machine().phase())
    }

    /// Opens a contract on the link to a node; again, to allow longer bodies.
    pub(super) fn open_contract(
        &mut self,
        node: PublicKey,
        (contract, of_it): ([u8; 32], Membership),
    ) -> Result<Result<Due, LinksRefusal>, Fatal> {
        self.keep_peer(node)?;
        let Some(peer) = self.peers.get_mut(&node) else {
            return Ok(Ok(Vec::new()));
        };
        let is_new = peer.link.machine().membership(&contract).is_none();
        match peer.link.open_contract(contract, of_it) {
            Ok(mut out) => {
                // What the peer has said of it before was dropped.
                if is_new {
                    out.extend(peer.link.ask_again());
                }
                Ok(Ok(of(node, out)))
            }
            Err(LinkError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(error.into()),
        }
    }

    /// Says something; `None` if nothing new may be signed for this peer now.
    pub(super) fn post(
        &mut self,
        node: PublicKey,
        way: (&[u8; 32], PartySet),
        what: (u8, u16),
        body: Vec<u8>,
    ) -> Result<Option<Due>, Fatal> {
        let pair = self.own.borrow().node_pair().ok_or(Fatal::Key)?;
        self.has_said = true;
        let Some(peer) = self.peers.get_mut(&node) else {
            return Ok(None);
        };
        let sign =
            &mut |digest: &[u8; 32]| -> schnorr::Signature { statement::sign(digest, &pair) };
        match peer.link.post(way, what, body, sign) {
            Ok(out) => Ok(Some(of(node, out))),
            Err(LinkError::Refused(LinksRefusal::NotNow { .. })) => Ok(None),
            // Of a contract in which nothing counts any more, or that is over.
            Err(LinkError::Refused(refusal)) => {
                self.note(format_args!("not said to {node}: {refusal}"));
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells a peer what was wrong, in words that nothing follows from.
    pub(super) fn fault(&mut self, to: PublicKey, words: &str) {
        let bytes = Frame::Fault(Fault::new(0, words)).to_bytes();
        self.out.push_back(Action::Send { to, bytes });
    }

    /// Carries out what links hand out, and what follows from that.
    pub(super) fn outcomes(&mut self, due: Due) -> Result<(), Fatal> {
        let mut due: std::collections::VecDeque<_> = due.into();
        while let Some((node, outcome)) = due.pop_front() {
            match outcome {
                Outcome::Send(bytes) => self.out.push_back(Action::Send { to: node, bytes }),
                Outcome::Close(why) => {
                    self.tally.closed(&why);
                    let why = why.to_string();
                    self.out.push_back(Action::Close { node, why });
                }
                // The transport reads no faster than that, and the link closes who floods it all the same.
                Outcome::Pause(_) => {}
                Outcome::Knock(envelope) => due.extend(self.knocked(node, envelope)?),
                Outcome::Unknown(signed) => {
                    due.extend(self.heard_late(node, &signed.head)?.unwrap_or_default());
                }
                Outcome::Deliver(envelope) => due.extend(self.delivered(node, &envelope)?),
                Outcome::Missing(signed) => due.extend(self.missing(node, &signed)?),
                Outcome::Import(kept) => due.extend(self.came_back(node, &kept)?),
                // In its place among what is sent: what comes after it is for nobody before it has come.
                Outcome::Refill(signed) => {
                    let frames = self.refill(node, &signed)?.into_iter().rev();
                    frames.for_each(|frame| due.push_front((node, frame)));
                }
                Outcome::Prove(proof) => due.extend(self.contradicted(node, &proof)?),
                Outcome::Want(want) => self.asked_for(node, &want)?,
                Outcome::Chunk(chunk) => self.chunk_came(node, &chunk)?,
                Outcome::Declined(declined) => {
                    due.extend(self.small_turned_away(node, declined)?);
                }
                Outcome::Alarm(proof) => self.alarm(node, &proof),
            }
        }
        Ok(())
    }

    fn alarm(&mut self, node: PublicKey, proof: &Contradiction) {
        let head = &proof.first.head;
        self.note(format_args!(
            "this node's key has signed two different messages ({} number {}) to {node}: a copy of it runs, or ran; nothing new is signed for that peer until `clear`",
            head.name(),
            head.seq,
        ));
    }

    /// A message is on its contract's disk, or refused for good.
    pub(super) fn taken(
        &mut self,
        node: PublicKey,
        (contract, to, seq): ([u8; 32], PartySet, u64),
    ) -> Result<Due, Fatal> {
        self.mark(node, |peer| peer.link.taken(&contract, to, seq))
    }

    pub(super) fn mark(
        &mut self,
        node: PublicKey,
        mark: impl FnOnce(&mut Peer) -> Result<Vec<Outcome>, LinkError>,
    ) -> Result<Due, Fatal> {
        let Some(peer) = self.peers.get_mut(&node) else {
            return Ok(Vec::new());
        };
        match mark(peer) {
            Ok(out) => Ok(of(node, out)),
            // It was forgotten meanwhile; it comes again where it matters.
            Err(LinkError::Refused(refusal)) => {
                self.note(format_args!("of {node}: {refusal}"));
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What links hold for a contract.
    pub(super) fn waiting_for(&self, contract: &[u8; 32]) -> Due {
        let mut all = Vec::new();
        for (node, peer) in &self.peers {
            let due = peer.link.due().into_iter();
            let of_it = due.filter(|outcome| is_of(outcome, contract));
            all.extend(of_it.map(|outcome| (*node, outcome)));
        }
        all
    }

    /// What peers wait for of a contract, and it alone has: it can say now whether it has it.
    pub(super) fn refills(&self, contract: &[u8; 32]) -> Due {
        let all = self.peers.iter();
        all.flat_map(|(node, peer)| of(*node, peer.link.refills(contract)))
            .collect()
    }

    /// Long logs are summed up.
    pub(super) fn compact(&mut self) -> Result<(), Fatal> {
        for peer in self.peers.values_mut() {
            peer.link.compact(COMPACT_AT)?;
        }
        Ok(())
    }

    /// Forgets the logs of links on which there is no contract any more.
    pub(super) fn forget_links(&mut self) -> Result<(), Fatal> {
        let is_empty = |peer: &Peer| peer.link.machine().contracts().next().is_none();
        let idle = |(node, peer): (&PublicKey, &Peer)| {
            (peer.log.is_stored() && !peer.is_connected && is_empty(peer)).then_some(*node)
        };
        let idle: Vec<_> = self.peers.iter().filter_map(idle).collect();
        for node in idle {
            self.peers.remove(&node);
            self.store.remove(&whose(&node))?;
        }
        Ok(())
    }
}

pub(super) fn of(node: PublicKey, out: Vec<Outcome>) -> Due {
    out.into_iter().map(|outcome| (node, outcome)).collect()
}

/// Whether a message is of this contract, to be given to it again.
fn is_of(outcome: &Outcome, contract: &[u8; 32]) -> bool {
    match outcome {
        Outcome::Deliver(envelope) => envelope.head().contract == *contract,
        Outcome::Missing(signed) => signed.head.contract == *contract,
        Outcome::Import(kept) => kept.signed.head.contract == *contract,
        _ => false,
    }
}
