//! What comes over a connection.

use std::collections::BTreeSet;

use super::{
    Ack, AskDeclined, Close, Envelope, Frame, Head, Hello, Link, LinkError, MAX_MARKS, Outcome,
    Recall, Resume, SignedHead, Standing, WireFault,
    gate::{Held, Place},
    link::Outcomes,
    links::{Kept, LinksInput},
    outcome::{closed, fault, flood, send},
};
use crate::{log::Log, small::Declined};

/// Most marks of one connection: contracts and sets of receivers that a peer may speak of.
const MAX_ALL_MARKS: usize = 64 * MAX_MARKS;

impl<L: Log> Link<L> {
    /// A frame came, at a time in milliseconds from whatever start.
    ///
    /// # Errors
    /// [`LinkError::Log`]. What is wrong with the frame is among the outcomes.
    pub fn received(&mut self, bytes: &[u8], now_ms: u64) -> Outcomes {
        let (limits, standing) = (self.gate.limits, self.gate.standing);
        let Some(connection) = &mut self.connection else {
            return Ok(Vec::new());
        };
        connection.bytes = connection.bytes.saturating_add(bytes.len() as u64);
        if standing == Standing::Stranger && connection.bytes > limits.stranger_bytes {
            return Ok(vec![self.stranger()]);
        }
        if !self.gate.meter.pour(bytes.len(), now_ms) {
            return Ok(vec![flood(limits.burst)]);
        }
        let mut out = match Frame::from_bytes(bytes) {
            Ok(frame) => self.frame(frame, now_ms)?,
            Err(fault) => closed(fault),
        };
        if let wait @ 1.. = self.gate.meter.wait_ms() {
            out.push(Outcome::Pause(wait));
        }
        Ok(out)
    }

    const fn stranger(&self) -> Outcome {
        Outcome::Close(Close::Stranger {
            bytes: self.gate.limits.stranger_bytes,
            contracts: self.gate.limits.stranger_contracts,
        })
    }

    fn frame(&mut self, frame: Frame, now_ms: u64) -> Outcomes {
        let Some(connection) = &mut self.connection else {
            return Ok(Vec::new());
        };
        let is_hello = matches!(frame, Frame::Hello(_));
        if is_hello == connection.is_greeted {
            return Ok(vec![Outcome::Close(Close::Hello)]);
        }
        match frame {
            Frame::Hello(hello) => {
                connection.is_greeted = true;
                Ok(self.greeted(&hello))
            }
            Frame::Resume(resume) => self.marks(resume, now_ms),
            Frame::Ack(ack) => self.peers(&LinksInput::Acked(ack)),
            Frame::Recall(recall) => Ok(self.recalled(recall, now_ms)),
            Frame::Envelope(envelope) => self.received_envelope(envelope),
            Frame::Gone(signed) => self.came(Kept { signed, body: None }),
            Frame::Head(signed) => self.announced(signed),
            Frame::Piece(piece) => match self.gate.piece(&piece) {
                Some((_, Ok(envelope))) => self.received_envelope(envelope),
                Some((_, Err(head))) => Ok(closed(WireFault::Pieces {
                    message: head.name(),
                    seq: head.seq,
                })),
                None => Ok(Vec::new()),
            },
            // A job is no machine's: whoever has its files knows what to do.
            Frame::Want(want) => Ok(vec![Outcome::Want(want)]),
            Frame::Chunk(chunk) => Ok(vec![Outcome::Chunk(chunk)]),
            Frame::Declined(declined) => Ok(vec![Outcome::Declined(declined)]),
            Frame::Fault(_) | Frame::Ignored(_) => Ok(Vec::new()),
        }
    }

    fn greeted(&self, hello: &Hello) -> Vec<Outcome> {
        let unknown = hello.unknown();
        let close = match () {
            () if hello.chain != self.chain => Close::OtherChain,
            () if unknown != 0 => Close::Features { unknown },
            () => return Vec::new(),
        };
        vec![Outcome::Close(close)]
    }

    /// What a peer's words do; that they are refused is told to it.
    pub(super) fn peers(&mut self, input: &LinksInput) -> Outcomes {
        match self.act(input) {
            Err(LinkError::Refused(refusal)) => Ok(vec![fault(&refusal)]),
            other => other,
        }
    }

    fn marks(&mut self, resume: Resume, now_ms: u64) -> Outcomes {
        let most = self.gate.limits.burst;
        let talks: BTreeSet<_> = self.machine().contracts().copied().collect();
        let Some(connection) = &mut self.connection else {
            return Ok(Vec::new());
        };
        connection.marks.extend(resume.marks);
        if connection.marks.len() > MAX_ALL_MARKS {
            return Ok(vec![flood(most)]);
        }
        if !resume.is_last {
            return Ok(Vec::new());
        }
        let marks = std::mem::take(&mut connection.marks);
        let partials = marks.iter().filter_map(|mark| {
            let place = (mark.contract, mark.to, mark.next);
            mark.partial.map(|partial| (place, partial))
        });
        connection.partials = partials.collect();
        let proofs = marks.iter().filter_map(|mark| mark.proof);
        connection.unknown = proofs
            .filter(|proof| !talks.contains(&proof.head.contract))
            .collect();
        let is_again = std::mem::replace(&mut connection.is_resumed, true);
        let is_last = true;
        let out = self.peers(&LinksInput::Resumed(Resume { marks, is_last }))?;
        Ok(match is_again {
            true => self.metered(out, now_ms),
            false => out,
        })
    }

    /// What is sent because the peer asks for it once more: it may not make this node send without end.
    pub(super) fn metered(&mut self, out: Vec<Outcome>, now_ms: u64) -> Vec<Outcome> {
        let sent = out.iter().map(Outcome::bytes);
        // An answer of nothing is work too.
        match self.gate.again.pour(sent.sum::<usize>() + 1_000, now_ms) {
            true => out,
            false => vec![flood(self.gate.limits.burst)],
        }
    }

    /// The peer asks for its own messages.
    fn recalled(&mut self, recall: Recall, now_ms: u64) -> Vec<Outcome> {
        let Recall { contract, to, from } = recall;
        let next = self.machine().next(false, &contract, to);
        let back = (from..next).flat_map(|seq| self.said(false, (&contract, to), seq));
        let back = back.collect();
        self.metered(back, now_ms)
    }

    /// The place of a message, and the number that is next there.
    fn place(&self, head: &Head) -> (Place, u64) {
        let is_own = head.from == *self.machine().me();
        let next = self.machine().next(is_own, &head.contract, head.to);
        ((is_own, head.contract, head.to, head.seq), next)
    }

    /// Whether a message may come at all; `None` if it may, or what is to be done instead.
    fn refused(&mut self, signed: &SignedHead) -> Option<Vec<Outcome>> {
        let head = &signed.head;
        let (is_own, is_known) = (
            head.from == *self.machine().me(),
            self.machine().membership(&head.contract).is_some(),
        );
        let is_over = !is_own && self.machine().contradiction(&head.contract).is_some();
        if is_over || is_own && !is_known {
            return Some(Vec::new());
        }
        if !is_own && let Err(refusal) = self.machine().check_head(head) {
            return Some(vec![fault(&refusal)]);
        }
        signed.verify().err().map(closed)
    }

    /// The head of a long body came.
    fn announced(&mut self, signed: SignedHead) -> Outcomes {
        if let Some(instead) = self.refused(&signed) {
            return Ok(instead);
        }
        let (place, next) = self.place(&signed.head);
        // As it is known, without its body; the pieces that follow are dropped.
        if signed.head.seq < next {
            return self.came(Kept { signed, body: None });
        }
        if let Some(proof) = self.machine().contradicts(&signed).filter(|_| !place.0) {
            return self.contradicted(proof);
        }
        match self.gate.begin(place, signed, signed.head.seq == next) {
            Held::Contradicts(proof) if !place.0 => self.contradicted(*proof),
            _ => Ok(Vec::new()),
        }
    }

    /// A message came, or is tried again after its contract was opened.
    ///
    /// # Errors
    /// [`LinkError::Log`].
    pub fn received_envelope(&mut self, envelope: Envelope) -> Outcomes {
        let head = envelope.head();
        let (is_known, is_over) = (
            self.machine().membership(&head.contract).is_some(),
            self.machine().is_ended(&head.contract),
        );
        if head.from == *self.machine().peer() && !is_known && !is_over {
            return Ok(self.knock(envelope));
        }
        let signed = *envelope.signed();
        let body = Some(envelope.into_body().into());
        self.came(Kept { signed, body })
    }

    fn knock(&mut self, envelope: Envelope) -> Vec<Outcome> {
        let (limits, standing) = (self.gate.limits, self.gate.standing);
        let stranger = self.stranger();
        let Some(connection) = &mut self.connection else {
            return Vec::new();
        };
        connection.knocked.insert(envelope.head().contract);
        let knocked = connection.knocked.len();
        if standing == Standing::Stranger && knocked > limits.stranger_contracts {
            return vec![stranger];
        }
        if knocked > limits.contracts {
            let most = limits.contracts;
            return vec![Outcome::Close(Close::Contracts { most })];
        }
        match envelope.signed().verify() {
            Err(fault) => closed(fault),
            Ok(()) if envelope.head().seq == 0 => vec![Outcome::Knock(envelope)],
            Ok(()) => vec![Outcome::Unknown(*envelope.signed())],
        }
    }

    /// An ask that knocked is turned away. Nothing of it is kept, so that it counts as no contract of the peer's: another one is heard on
    /// this connection. What bounds them is how much a peer may send, and may have this node send.
    pub fn turn_away(&mut self, contract: [u8; 32], why: Declined, now_ms: u64) -> Vec<Outcome> {
        let Some(connection) = &mut self.connection else {
            return Vec::new();
        };
        connection.knocked.remove(&contract);
        let declined = AskDeclined { contract, why };
        self.metered(vec![send(&Frame::Declined(declined))], now_ms)
    }

    fn came(&mut self, kept: Kept) -> Outcomes {
        if let Some(instead) = self.refused(&kept.signed) {
            return Ok(instead);
        }
        let (place, next) = self.place(&kept.signed.head);
        let (is_own, contract, to, seq) = place;
        if is_own {
            return self.came_back(place, kept, next);
        }
        if let Some(proof) = self.machine().contradicts(&kept.signed) {
            return self.contradicted(proof);
        }
        if seq < next {
            let out = self.peers(&LinksInput::Taken(kept))?;
            // It comes again because the peer does not know that it came.
            let ack = Frame::Ack(Ack { contract, to, next });
            return Ok(out.into_iter().chain([send(&ack)]).collect());
        }
        let is_next = seq == next;
        Ok(match self.gate.hold(place, kept, is_next) {
            Held::Waits if is_next => self.delivered(&place),
            Held::Contradicts(proof) => self.contradicted(*proof)?,
            _ => Vec::new(),
        })
    }

    /// An own message came. Where it is not the next one it says that this disk is too old, or that a copy speaks.
    fn came_back(&mut self, place: Place, kept: Kept, next: u64) -> Outcomes {
        let claim = LinksInput::Claimed(kept.signed);
        let mut out = self.peers(&claim)?;
        let seq = kept.signed.head.seq;
        let is_next = seq == next;
        if seq >= next && self.gate.hold(place, kept, is_next) == Held::Waits && is_next {
            out.extend(self.delivered(&place));
        }
        Ok(out)
    }
}
