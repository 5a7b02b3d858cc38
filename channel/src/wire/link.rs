//! One peer as it runs: its machine, the log of it, and what is held in memory.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::{PublicKey, schnorr};
use narthex_contracts::party::PartySet;

use super::{
    Ack, Contradiction, Envelope, Frame, Head, Hello, Limits, LinkError, MAX_MARKS, Mark,
    MessageType, Outcome, Recall, Resume, SignedHead, Standing, body_hash, frames,
    gate::{Gate, Place},
    is_contract_type,
    links::{LinkPhase, LinksEffect, LinksInput, LinksMachine, LinksRefusal, Membership},
    outcome::send,
};
use crate::{Logged, StepError, log::Log};

/// What was said on a connection that stands.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) is_greeted: bool,
    pub(super) bytes: u64,
    pub(super) knocked: BTreeSet<[u8; 32]>,
    pub(super) marks: Vec<Mark>,
    /// Marks that come after this count among what is asked for again.
    pub(super) is_resumed: bool,
    /// Own messages that the peer holds of contracts which this node does not know.
    pub(super) unknown: Vec<SignedHead>,
    pub(super) partials: Partials,
}

/// Of bodies that are half here: by contract, receivers and number, their hash and how much of them there is.
pub(super) type Partials = BTreeMap<([u8; 32], PartySet, u64), ([u8; 32], u32)>;

/// A link to one peer.
#[derive(Debug)]
pub struct Link<L> {
    logged: Logged<LinksMachine, L>,
    pub(super) gate: Gate,
    pub(super) chain: [u8; 32],
    pub(super) connection: Option<Connection>,
}

pub(super) type Outcomes = Result<Vec<Outcome>, LinkError>;

impl<L: Log> Link<L> {
    /// The link between two node keys, as its log left it, for contracts on a chain.
    ///
    /// # Errors
    /// [`LinkError::Open`], [`LinkError::Log`].
    pub fn open(
        (me, peer): (PublicKey, PublicKey),
        log: L,
        chain: [u8; 32],
        (limits, standing): (Limits, Standing),
    ) -> Result<Link<L>, LinkError> {
        let logged = Logged::open(LinksMachine::new(me, peer), log)?;
        let mut link = Link {
            logged,
            gate: Gate::new(limits, standing),
            chain,
            connection: None,
        };
        let boot = link.machine().boot().saturating_add(1);
        link.step(&LinksInput::Booted { boot })?;
        Ok(link)
    }

    /// The machine as it stands on disk.
    pub const fn machine(&self) -> &LinksMachine {
        self.logged.machine()
    }

    /// Number of entries in its log.
    pub const fn changes(&self) -> u64 {
        self.logged.changes()
    }

    /// Puts a summary in the place of the log, if that is shorter by this many entries; whether it did.
    ///
    /// # Errors
    /// [`LogError`](crate::log::LogError): open the link again.
    pub fn compact(&mut self, shorter: u64) -> Result<bool, crate::log::LogError> {
        self.logged.compact(shorter)
    }

    /// Bytes of bodies that are held in memory for this peer, or announced.
    pub fn held_bytes(&self) -> usize {
        self.gate.bytes()
    }

    /// The peer has a bond, or has enrolled.
    pub const fn vouch(&mut self) {
        self.gate.standing = Standing::Known;
    }

    /// A connection stands: the first words.
    pub fn connected(&mut self) -> Vec<Outcome> {
        self.connection = Some(Connection::default());
        let hello = Hello {
            chain: self.chain,
            features: 0,
            boot: self.machine().boot(),
        };
        let mut out = vec![send(&Frame::Hello(hello))];
        out.extend(self.resume());
        out
    }

    /// The connection has ended.
    pub fn disconnected(&mut self) {
        self.connection = None;
    }

    /// How far this node has read, in as many frames as it takes.
    fn resume(&self) -> Vec<Outcome> {
        let partial =
            |contract: &[u8; 32], to, seq| self.gate.partial(&(false, *contract, to, seq));
        let mut marks = self.machine().marks(partial);
        for place @ (_, contract, to, seq) in self.gate.parts() {
            // Of what nothing was taken yet there is no mark.
            if *seq == 0 && self.machine().next(false, contract, *to) == 0 {
                marks.push(Mark {
                    contract: *contract,
                    to: *to,
                    next: 0,
                    proof: None,
                    partial: self.gate.partial(place),
                });
            }
        }
        let mut chunks = marks.chunks(MAX_MARKS);
        // There is a last one, if of no marks.
        let last = chunks.next_back().unwrap_or_default();
        let all = chunks.map(|marks| (marks, false)).chain([(last, true)]);
        all.map(|(marks, is_last)| {
            let marks = marks.to_vec();
            send(&Frame::Resume(Resume { marks, is_last }))
        })
        .collect()
    }

    /// Asks the peer to send again what was not taken yet: what came before its contract was known was dropped. Nothing
    /// where no connection stands; then it is asked when one does.
    pub fn ask_again(&self) -> Vec<Outcome> {
        match self.connection.is_some() {
            true => self.resume(),
            false => Vec::new(),
        }
    }

    fn step(&mut self, input: &LinksInput) -> Result<Vec<LinksEffect>, LinkError> {
        self.logged.step(input).map_err(|error| match error {
            StepError::Refused(refusal) => LinkError::Refused(refusal),
            other => LinkError::Log(other),
        })
    }

    pub(super) fn act(&mut self, input: &LinksInput) -> Outcomes {
        let effects = self.step(input)?;
        Ok(effects
            .into_iter()
            .flat_map(|effect| self.done(effect))
            .collect())
    }

    /// What an effect comes to on this connection.
    fn done(&self, effect: LinksEffect) -> Vec<Outcome> {
        let is_resumed = self.connection.as_ref().is_some_and(|c| c.is_resumed);
        match effect {
            LinksEffect::Send { contract, to, seq } if is_resumed => {
                self.said(true, (&contract, to), seq)
            }
            LinksEffect::Recall { contract, to, from } if self.connection.is_some() => {
                vec![send(&Frame::Recall(Recall { contract, to, from }))]
            }
            LinksEffect::Prove { contract } => {
                let proof = self.machine().contradiction(&contract);
                proof
                    .map(|proof| Outcome::Prove(*proof))
                    .into_iter()
                    .collect()
            }
            LinksEffect::Alarm => {
                let fork = self.machine().forked();
                fork.map(|fork| Outcome::Alarm(*fork)).into_iter().collect()
            }
            LinksEffect::Send { .. } | LinksEffect::Recall { .. } => Vec::new(),
        }
    }

    /// Frames of a message that was said, by this node or, to hand it back, by the peer.
    pub(super) fn said(&self, is_own: bool, way: (&[u8; 32], PartySet), seq: u64) -> Vec<Outcome> {
        let Some(kept) = self.machine().kept(is_own, way, seq) else {
            return Vec::new();
        };
        match kept.envelope() {
            Some(envelope) => self.whole(&envelope),
            // What a contract hands over is among its blobs, and is kept no second time.
            None if is_own && is_contract_type(kept.signed.head.message) => {
                vec![Outcome::Refill(kept.signed)]
            }
            None => vec![send(&Frame::Gone(kept.signed))],
        }
    }

    /// Frames of a message, from where the peer has it on this connection.
    fn whole(&self, envelope: &Envelope) -> Vec<Outcome> {
        let head = envelope.head();
        let partials = self.connection.as_ref().map(|c| &c.partials);
        let place = (head.contract, head.to, head.seq);
        let is_own = head.from == *self.machine().me();
        let partial = partials.and_then(|all| all.get(&place)).filter(|_| is_own);
        let have = partial.filter(|(hash, _)| *hash == head.body);
        let have = have.map_or(0, |(_, have)| *have);
        frames(envelope, have).map(|frame| send(&frame)).collect()
    }

    /// What the contract says of an own body that the peer has lost ([`Outcome::Refill`]): the body, or that it has it no more. Another body
    /// than was signed counts as none.
    pub fn refilled(&self, signed: &SignedHead, body: Option<Vec<u8>>) -> Vec<Outcome> {
        if !self.connection.as_ref().is_some_and(|c| c.is_resumed) {
            return Vec::new();
        }
        match body.and_then(|body| signed.with_body(body)) {
            Some(envelope) => self.whole(&envelope),
            None => vec![send(&Frame::Gone(*signed))],
        }
    }

    /// Own messages of a contract that the peer waits for, and whose bodies are with the contract alone: when it can say whether it has them.
    pub fn refills(&self, contract: &[u8; 32]) -> Vec<Outcome> {
        let due = self.logged.pending().into_iter();
        let of_it = |due: &LinksEffect| matches!(due, LinksEffect::Send { contract: of, .. } if of == contract);
        let out = due.filter(of_it).flat_map(|effect| self.done(effect));
        out.filter(|outcome| matches!(outcome, Outcome::Refill(_)))
            .collect()
    }

    /// What is to be done with the message of a place, if it is there.
    pub(super) fn delivered(&self, place: &Place) -> Vec<Outcome> {
        let Some(kept) = self.gate.waiting(place) else {
            return Vec::new();
        };
        vec![match place.0 {
            true => Outcome::Import(kept.clone()),
            false => match kept.envelope() {
                Some(envelope) => Outcome::Deliver(envelope),
                None => Outcome::Missing(kept.signed),
            },
        }]
    }

    /// What waits for the contracts: what they were given and have not taken yet, and news that they do not know.
    pub fn due(&self) -> Vec<Outcome> {
        let is_next = |place: &Place| {
            let (is_own, contract, to, seq) = place;
            self.machine().next(*is_own, contract, *to) == *seq
        };
        let places = self.gate.places().into_iter().filter(is_next);
        let mut out: Vec<_> = places.flat_map(|place| self.delivered(&place)).collect();
        let news = self.logged.pending().into_iter();
        let news = news.filter(|e| matches!(e, LinksEffect::Prove { .. } | LinksEffect::Alarm));
        out.extend(news.flat_map(|effect| self.done(effect)));
        out
    }

    /// The contract has a message of the peer's on its disk, or refuses it for good: the next one.
    ///
    /// # Errors
    /// [`LinkError`]; [`LinksRefusal::Gap`] for one that was not delivered.
    pub fn taken(&mut self, contract: &[u8; 32], to: PartySet, seq: u64) -> Outcomes {
        self.took((false, *contract, to, seq))
    }

    /// The contract has an own message on its disk that came back: the next one.
    ///
    /// # Errors
    /// [`LinkError`]; [`LinksRefusal::Gap`] for one that did not come back.
    pub fn imported(&mut self, contract: &[u8; 32], to: PartySet, seq: u64) -> Outcomes {
        self.took((true, *contract, to, seq))
    }

    fn took(&mut self, place: Place) -> Outcomes {
        let (is_own, contract, to, seq) = place;
        let next = self.machine().next(is_own, &contract, to);
        let waiting = self.gate.waiting(&place).cloned();
        let Some(kept) = waiting.filter(|_| seq == next) else {
            return match seq < next {
                true => Ok(Vec::new()),
                false => Err(LinksRefusal::Gap { next, given: seq }.into()),
            };
        };
        let mut out = match is_own {
            true => self.act(&LinksInput::Imported(kept))?,
            false => self.act(&LinksInput::Taken(kept))?,
        };
        self.gate.remove(&place);
        if is_own {
            out.extend(self.unsent());
        }
        let next = self.machine().next(is_own, &contract, to);
        if !is_own && self.connection.is_some() {
            out.push(send(&Frame::Ack(Ack { contract, to, next })));
        }
        out.extend(self.delivered(&(is_own, contract, to, next)));
        if self.gate.may_ask_again() && self.connection.is_some() {
            out.extend(self.resume());
        }
        Ok(out)
    }

    /// Says something in a contract. The same again is said no second time: it is found by attempt, type, receivers and body.
    /// `sign` gives the BIP340 signature of the node key over a hash; it is asked only where something new may be signed.
    ///
    /// # Errors
    /// [`LinkError::Refused`] with [`LinksRefusal::NotNow`] while nothing new may be signed.
    pub fn post(
        &mut self,
        (contract, to): (&[u8; 32], PartySet),
        (attempt, message): (u8, u16),
        body: Vec<u8>,
        sign: &mut dyn FnMut(&[u8; 32]) -> schnorr::Signature,
    ) -> Outcomes {
        let row = MessageType::of(message).map_err(LinksRefusal::from)?;
        row.check_length(body.len()).map_err(LinksRefusal::from)?;
        let hash = body_hash(&body);
        let machine = self.machine();
        let known = machine.posted((contract, to), (attempt, message), &hash);
        let signed = match known {
            Some(kept) => kept.signed,
            None => {
                machine.may_sign()?;
                let head = Head {
                    contract: *contract,
                    attempt,
                    from: *machine.me(),
                    to,
                    seq: machine.next(true, contract, to),
                    message,
                    // Checked above against a bound of 32 bits.
                    length: u32::try_from(body.len()).unwrap_or(u32::MAX),
                    body: hash,
                };
                head.row().map_err(LinksRefusal::from)?;
                let signature = sign(&head.digest());
                SignedHead { head, signature }
            }
        };
        // Either head has the hash of this body.
        self.act(&LinksInput::Post(signed.around(body)))
    }

    /// There is a contract with the peer, or its bodies may be longer.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn open_contract(&mut self, contract: [u8; 32], of: Membership) -> Outcomes {
        let mut out = self.act(&LinksInput::Opened { contract, of })?;
        // The peer may have said before that it holds something of it.
        let unknown = self.connection.as_ref().map(|c| c.unknown.clone());
        let proofs = unknown.into_iter().flatten();
        for proof in proofs.filter(|proof| proof.head.contract == contract) {
            out.extend(self.peers(&LinksInput::Claimed(proof))?);
        }
        Ok(out)
    }

    /// A contract is out of its set-up.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn settle_contract(&mut self, contract: [u8; 32]) -> Outcomes {
        self.act(&LinksInput::Settled { contract })
    }

    /// A contract is over: it is forgotten, but that it was.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn end_contract(&mut self, contract: [u8; 32]) -> Outcomes {
        self.gate.forget(&contract);
        self.act(&LinksInput::Ended { contract })
    }

    /// A contract is over, and whoever has the link keeps that it was, for ever: nothing of it is kept here, so that a link does not grow with
    /// what is behind it. It must not be opened again.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn close_contract(&mut self, contract: [u8; 32]) -> Outcomes {
        self.gate.forget(&contract);
        self.act(&LinksInput::Closed { contract })
    }

    /// Something came of a contract that is closed ([`Link::close_contract`]): it is said to be read, so that it does not come again, and counts as
    /// no contract that the peer begins.
    pub fn read_over(&mut self, head: &Head, now_ms: u64) -> Vec<Outcome> {
        let Head {
            contract, to, seq, ..
        } = *head;
        let Some(connection) = &mut self.connection else {
            return Vec::new();
        };
        connection.knocked.remove(&contract);
        let next = seq.saturating_add(1);
        let ack = Frame::Ack(Ack { contract, to, next });
        self.metered(vec![send(&ack)], now_ms)
    }

    /// Somebody showed that the peer has contradicted itself.
    ///
    /// # Errors
    /// [`LinkError::Refused`] if it has not.
    pub fn shown(&mut self, proof: Contradiction) -> Outcomes {
        self.contradicted(proof)
    }

    /// Nothing else of it counts.
    pub(super) fn contradicted(&mut self, proof: Contradiction) -> Outcomes {
        let out = self.act(&LinksInput::Contradiction(proof))?;
        self.gate.forget(&proof.first.head.contract);
        Ok(out)
    }

    /// A contract knows of the peer's contradiction.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn noted(&mut self, contract: [u8; 32]) -> Outcomes {
        self.act(&LinksInput::Noted { contract })
    }

    /// The operator says that nothing else is missing, and that no copy of this node runs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn clear(&mut self) -> Outcomes {
        let mut out = self.act(&LinksInput::Cleared)?;
        out.extend(self.unsent());
        Ok(out)
    }

    /// What could not be sent before this disk was whole again.
    fn unsent(&self) -> Vec<Outcome> {
        if self.machine().phase() != LinkPhase::Open {
            return Vec::new();
        }
        let due = self.logged.pending().into_iter();
        let sends = due.filter(|due| matches!(due, LinksEffect::Send { .. }));
        sends.flat_map(|effect| self.done(effect)).collect()
    }
}
