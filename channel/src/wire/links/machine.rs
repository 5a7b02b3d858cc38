//! The machine.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use narthex_contracts::party::PartySet;

use super::{
    Kept, LinkPhase, LinksChange, LinksRefusal, MAX_CONTRACTS, MAX_IN_SETUP, Membership,
    state::{State, Talk, Way},
};
use crate::{
    Machine, Step,
    wire::{Ack, Contradiction, Envelope, Mark, MessageType, Resume, SignedHead, WireFault},
};

/// What was said with one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinksMachine {
    pub(super) me: PublicKey,
    pub(super) peer: PublicKey,
    pub(super) state: State,
}

/// What comes to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinksInput {
    /// The program has started. Before anything else.
    Booted {
        /// One more than [`LinksMachine::boot`].
        boot: u64,
    },
    /// There is a contract with the peer; again, to allow longer bodies.
    Opened {
        /// Which.
        contract: [u8; 32],
        /// Who is who in it.
        of: Membership,
    },
    /// It is out of its set-up, and counts no more among those that are in it.
    Settled {
        /// Which.
        contract: [u8; 32],
    },
    /// It is over, and so deep that nobody asks for it any more.
    Ended {
        /// Which.
        contract: [u8; 32],
    },
    /// A contract is over, and its party keeps that it was: whatever comes of it later is said to be read ([`Link::read_over`]).
    ///
    /// [`Link::read_over`]: crate::wire::Link::read_over
    Closed {
        /// Which.
        contract: [u8; 32],
    },
    /// Own message, signed.
    Post(Envelope),
    /// A message of the peer's that the contract has on its disk, or refuses for good.
    Taken(Kept),
    /// What the peer says of how far it has read, on a new connection.
    Resumed(Resume),
    /// The same, on the way.
    Acked(Ack),
    /// An own message, as its receiver shows it.
    Claimed(SignedHead),
    /// An own message that the peer handed back; the contract has it on its disk.
    Imported(Kept),
    /// Two messages of the peer's that contradict each other, from wherever.
    Contradiction(Contradiction),
    /// The contract knows of the contradiction.
    Noted {
        /// Which.
        contract: [u8; 32],
    },
    /// The operator says that nothing else is missing, and that no copy of this node runs.
    Cleared,
}

/// What is to be done for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinksEffect {
    /// Send an own message, as it stands in the outbox.
    Send {
        /// Which contract.
        contract: [u8; 32],
        /// Which receivers.
        to: PartySet,
        /// Which number.
        seq: u64,
    },
    /// Ask for own messages from this number on.
    Recall {
        /// Which contract.
        contract: [u8; 32],
        /// Which receivers.
        to: PartySet,
        /// From which number.
        from: u64,
    },
    /// Tell the contract that the peer has contradicted itself: [`LinksMachine::contradiction`].
    Prove {
        /// Which contract.
        contract: [u8; 32],
    },
    /// Tell the operator that own key has signed two things: [`LinksMachine::forked`].
    Alarm,
}

/// Changes and what follows, or why there are none.
pub(super) type Taken = Result<Step<LinksChange, LinksEffect>, LinksRefusal>;

pub(super) fn change(change: LinksChange) -> Taken {
    Ok(Step::new(vec![change], Vec::new()))
}

pub(super) const fn seen() -> Taken {
    Ok(Step::seen(Vec::new()))
}

impl LinksMachine {
    /// Nothing was said yet between these two node keys.
    pub fn new(me: PublicKey, peer: PublicKey) -> LinksMachine {
        let state = State::default();
        LinksMachine { me, peer, state }
    }

    /// Own node key.
    pub const fn me(&self) -> &PublicKey {
        &self.me
    }

    /// The peer's node key.
    pub const fn peer(&self) -> &PublicKey {
        &self.peer
    }

    /// Number of the last start.
    pub const fn boot(&self) -> u64 {
        self.state.boot
    }

    /// Where it stands.
    pub fn phase(&self) -> LinkPhase {
        self.state.phase()
    }

    /// Who is who in a contract, if there is one.
    pub fn membership(&self, contract: &[u8; 32]) -> Option<Membership> {
        self.state.talks.get(contract).map(|talk| talk.of)
    }

    /// The contracts that there are.
    pub fn contracts(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.state.talks.keys()
    }

    /// Whether a contract is over.
    pub fn is_ended(&self, contract: &[u8; 32]) -> bool {
        self.state.ended.contains(contract)
    }

    fn way(&self, is_own: bool, contract: &[u8; 32], to: PartySet) -> Option<&Way> {
        let talk = self.state.talks.get(contract)?;
        let ways = if is_own { &talk.own } else { &talk.theirs };
        ways.get(&to)
    }

    /// The number that comes next: of own messages, or of the peer's.
    pub fn next(&self, is_own: bool, contract: &[u8; 32], to: PartySet) -> u64 {
        self.way(is_own, contract, to).map_or(0, |way| way.next)
    }

    /// A message of a number, as it is kept.
    pub fn kept(
        &self,
        is_own: bool,
        (contract, to): (&[u8; 32], PartySet),
        seq: u64,
    ) -> Option<&Kept> {
        self.way(is_own, contract, to)?.kept.get(&seq)
    }

    /// Own message of this attempt, type and body, if it was posted before.
    pub fn posted(
        &self,
        (contract, to): (&[u8; 32], PartySet),
        (attempt, message): (u8, u16),
        body: &[u8; 32],
    ) -> Option<&Kept> {
        let mut kept = self.way(true, contract, to)?.kept.values();
        kept.find(|kept| {
            let head = &kept.signed.head;
            (head.attempt, head.message, &head.body) == (attempt, message, body)
        })
    }

    /// What contradicts this message among those that came before it.
    pub fn contradicts(&self, signed: &SignedHead) -> Option<Contradiction> {
        let talk = self.state.talks.get(&signed.head.contract)?;
        Self::contradicted(&talk.theirs, signed)
    }

    pub(super) fn contradicted(
        ways: &BTreeMap<PartySet, Way>,
        signed: &SignedHead,
    ) -> Option<Contradiction> {
        let head = &signed.head;
        let same = ways.get(&head.to).and_then(|way| way.kept.get(&head.seq));
        let is_single = MessageType::known(head.message).is_some_and(|row| row.is_single);
        // Others of the same type matter only where there is to be one.
        let all = ways.values().flat_map(|way| way.kept.values());
        let all = all.filter(|_| is_single);
        let mut known = same.into_iter().chain(all);
        known.find_map(|kept| Contradiction::between(&kept.signed, signed))
    }

    /// The peer's contradiction in a contract.
    pub fn contradiction(&self, contract: &[u8; 32]) -> Option<&Contradiction> {
        self.state.talks.get(contract)?.contradiction.as_ref()
    }

    /// Two things that own key has signed.
    pub const fn forked(&self) -> Option<&Contradiction> {
        self.state.forked.as_ref()
    }

    /// How far the peer's messages were taken, with the proof of each; in order. `partial` says what is there of the next
    /// one's body.
    pub fn marks(
        &self,
        partial: impl Fn(&[u8; 32], PartySet, u64) -> Option<([u8; 32], u32)>,
    ) -> Vec<Mark> {
        let mut marks = Vec::new();
        for (contract, talk) in &self.state.talks {
            for (to, way) in &talk.theirs {
                let last = way.next.checked_sub(1);
                let last = last.and_then(|last| way.kept.get(&last));
                marks.push(Mark {
                    contract: *contract,
                    to: *to,
                    next: way.next,
                    proof: last.map(|kept| kept.signed),
                    partial: partial(contract, *to, way.next),
                });
            }
        }
        marks
    }

    pub(super) fn talk(&self, contract: &[u8; 32]) -> Result<&Talk, LinksRefusal> {
        let contract = *contract;
        let talk = self.state.talks.get(&contract);
        talk.ok_or(LinksRefusal::NoContract { contract })
    }

    fn opened(&self, contract: [u8; 32], of: Membership) -> Taken {
        let is_over = self.is_ended(&contract) || of.me == of.peer;
        let in_setup = self.state.talks.values().filter(|talk| !talk.is_settled);
        let too_many = |what, most| Err(WireFault::TooMany { what, most }.into());
        match self.membership(&contract) {
            _ if is_over => Err(LinksRefusal::OtherContract { contract }),
            Some(known) if (known.me, known.peer) != (of.me, of.peer) => {
                Err(LinksRefusal::OtherContract { contract })
            }
            Some(known) if known == of => seen(),
            Some(_) => change(LinksChange::Opened { contract, of }),
            None if in_setup.count() >= MAX_IN_SETUP => {
                too_many("contracts in their set-up with one peer", MAX_IN_SETUP)
            }
            None if self.state.talks.len() >= MAX_CONTRACTS => {
                too_many("contracts with one peer", MAX_CONTRACTS)
            }
            None => change(LinksChange::Opened { contract, of }),
        }
    }

    fn settled(&self, contract: [u8; 32]) -> Taken {
        match self.talk(&contract)?.is_settled {
            true => seen(),
            false => change(LinksChange::Settled { contract }),
        }
    }

    fn ended(&self, contract: [u8; 32]) -> Taken {
        if self.is_ended(&contract) {
            return seen();
        }
        self.talk(&contract)?;
        change(LinksChange::Ended { contract })
    }

    fn closed(&self, contract: [u8; 32]) -> Taken {
        match self.membership(&contract) {
            Some(_) => change(LinksChange::Closed { contract }),
            None => seen(),
        }
    }

    fn noted(&self, contract: [u8; 32]) -> Taken {
        let talk = self.talk(&contract)?;
        match talk.contradiction.is_some() && !talk.is_noted {
            true => change(LinksChange::Noted { contract }),
            false => seen(),
        }
    }

    fn cleared(&self) -> Taken {
        if matches!(self.phase(), LinkPhase::Waking | LinkPhase::Open) {
            return seen();
        }
        let mut changes = Vec::new();
        for (contract, talk) in &self.state.talks {
            let missing = talk.own.iter().filter(|(_, way)| way.claimed() > way.next);
            changes.extend(missing.map(|(to, way)| LinksChange::Skipped {
                contract: *contract,
                to: *to,
                next: way.claimed(),
            }));
        }
        changes.push(LinksChange::Cleared);
        Ok(Step::new(changes, Vec::new()))
    }

    fn booted(&self, given: u64) -> Taken {
        let known = self.state.boot;
        match given.cmp(&known) {
            std::cmp::Ordering::Less => Err(LinksRefusal::OldBoot { known, given }),
            std::cmp::Ordering::Equal => seen(),
            std::cmp::Ordering::Greater => change(LinksChange::Booted { boot: given }),
        }
    }
}

impl Machine for LinksMachine {
    type Input = LinksInput;
    type Change = LinksChange;
    type Effect = LinksEffect;
    type Error = LinksRefusal;

    fn step(&self, input: &LinksInput) -> Taken {
        match input {
            LinksInput::Booted { boot } => self.booted(*boot),
            LinksInput::Opened { contract, of } => self.opened(*contract, *of),
            LinksInput::Settled { contract } => self.settled(*contract),
            LinksInput::Ended { contract } => self.ended(*contract),
            LinksInput::Closed { contract } => self.closed(*contract),
            LinksInput::Post(envelope) => self.post(envelope),
            LinksInput::Taken(kept) => self.taken(kept),
            LinksInput::Resumed(resume) => self.resumed(resume),
            LinksInput::Acked(ack) => self.acked(ack),
            LinksInput::Claimed(signed) => self.claimed(signed),
            LinksInput::Imported(kept) => self.imported(kept),
            LinksInput::Contradiction(proof) => self.proved(proof),
            LinksInput::Noted { contract } => self.noted(*contract),
            LinksInput::Cleared => self.cleared(),
        }
    }

    fn apply(&mut self, change: &LinksChange) {
        self.state.apply(change);
    }

    fn pending(&self) -> Vec<LinksEffect> {
        let mut due = Vec::new();
        if self.state.forked.is_some() {
            due.push(LinksEffect::Alarm);
        }
        for (contract, talk) in &self.state.talks {
            let contract = *contract;
            if talk.contradiction.is_some() && !talk.is_noted {
                due.push(LinksEffect::Prove { contract });
            }
            for (to, way) in &talk.own {
                let to = *to;
                if way.claimed() > way.next {
                    let from = way.next;
                    due.push(LinksEffect::Recall { contract, to, from });
                }
                let unread = way.kept.range(way.acked..).map(|(seq, _)| *seq);
                due.extend(unread.map(|seq| LinksEffect::Send { contract, to, seq }));
            }
        }
        due
    }
}
