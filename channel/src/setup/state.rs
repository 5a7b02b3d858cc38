//! What a set-up knows, and what is to be done as it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use narthex_contracts::party::{PartyId, PartyName, PartySet};

use super::{Body, Bound, Cause, MAX_ATTEMPTS, Negotiation, Parcel, SetupChange, SetupEffect};

/// Voids that a party is seen to cause, or owns up to, before nobody sets up anything with it.
const MAX_STRIKES: u8 = 2;

/// Voids that nobody was seen to cause: where one party accuses another, or hands on what a third said, either may be
/// right, and two that differ may both be. So they end the negotiation, and count against nobody. Each party may be killed
/// once, and the others hear of it from each other before they hear it from that one: so many there are in any case, where
/// there are more than four parties.
const MIN_DISCORDS: usize = 4;

/// Where a set-up stands. Up to `Funding` nothing of anybody's is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Parts of the terms are made and put together.
    Proposing,
    /// The terms are there; everybody binds itself to them.
    Agreed,
    /// Nonces are drawn and exchanged.
    Announcing,
    /// Everybody's nonces are there; everything is signed at once.
    Signing,
    /// Shares are exchanged and checked, stage by stage.
    Exchanging,
    /// All signatures are there; the others are waited for to say so.
    Holding,
    /// Everybody holds everything; own witnesses have not left.
    Funding,
    /// Own witnesses have left: only the chain ends it now.
    Committed,
    /// The funding is buried.
    Live,
    /// The funding is overdue, and an own input is being spent otherwise.
    Withdrawing,
    /// Over.
    Dropped,
}

/// What was said, shared by copies of a state: a step looks at how it would be, and the largest ceremonies have 40 MB.
type Said = Arc<[u8]>;

/// What is said and done in one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) number: u8,
    pub(super) proposals: BTreeMap<PartyId, Said>,
    pub(super) terms: Option<Said>,
    pub(super) bound: Option<Bound>,
    /// Of the others: the agreement and what they announced.
    pub(super) binds: BTreeMap<PartyId, ([u8; 32], Vec<u8>)>,
    pub(super) nonces: BTreeMap<PartyId, Said>,
    pub(super) signing: Option<Said>,
    pub(super) shares: BTreeMap<(u8, PartyId), Said>,
    pub(super) closed: u8,
    pub(super) signatures: Option<Said>,
    pub(super) held: BTreeSet<PartyId>,
    pub(super) funding: BTreeMap<PartyId, Said>,
    /// Own witnesses; the lead's whole transaction.
    pub(super) funded: Option<Said>,
    pub(super) whole: Option<Said>,
    /// The chain has it with own witnesses, of which this log does not know.
    pub(super) is_found: bool,
}

/// How it ends, as far as it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Live(u32),
    Withdrawing,
    Dropped(Cause),
}

/// All that a set-up knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) attempt: Attempt,
    pub(super) end: End,
    /// Why the attempt before this one is void.
    pub(super) voided: Option<Cause>,
    /// Voids that a party was seen to cause or owned up to.
    pub(super) strikes: BTreeMap<PartyId, u8>,
    /// Voids that nobody was seen to cause.
    pub(super) discords: u8,
    /// All voids.
    pub(super) voids: u8,
    pub(super) due_s: Option<u64>,
}

impl State {
    pub(super) fn new() -> State {
        State {
            attempt: Attempt::default(),
            end: End::Open,
            voided: None,
            strikes: BTreeMap::new(),
            discords: 0,
            voids: 0,
            due_s: None,
        }
    }

    /// Why there is no other attempt, where there is none: too many were lost, to one or to nobody in particular.
    pub(super) fn spoilt(&self, about: &Negotiation) -> Option<Cause> {
        let most = about.parties().len().max(MIN_DISCORDS);
        let mut strikes = self.strikes.iter();
        match strikes.find(|(_, count)| **count >= MAX_STRIKES) {
            Some((party, _)) => Some(Cause::Struck(*party)),
            None if usize::from(self.discords) >= most => Some(Cause::Discord),
            None => (self.voids >= MAX_ATTEMPTS).then_some(Cause::Exhausted),
        }
    }

    pub(super) fn phase(&self, about: &Negotiation) -> Phase {
        let now = &self.attempt;
        match &self.end {
            End::Dropped(_) => return Phase::Dropped,
            End::Withdrawing => return Phase::Withdrawing,
            End::Live(_) => return Phase::Live,
            End::Open => {}
        }
        let is_here = |what| self.is_here(about, what);
        if now.funded.is_some() || now.is_found {
            Phase::Committed
        } else if now.signatures.is_some() {
            match is_here(Awaited::Held) {
                true => Phase::Funding,
                false => Phase::Holding,
            }
        } else if now.signing.is_some() {
            Phase::Exchanging
        } else if now.bound.is_some() && is_here(Awaited::Binds) {
            match self.has_announced(about) && is_here(Awaited::Nonces) {
                true => Phase::Signing,
                false => Phase::Announcing,
            }
        } else if now.terms.is_some() {
            Phase::Agreed
        } else {
            Phase::Proposing
        }
    }

    /// Whose message of a sort has not come, in canonical order.
    pub(super) fn missing_of<'a>(
        &'a self,
        about: &'a Negotiation,
        what: Awaited,
    ) -> impl Iterator<Item = PartyName> + 'a {
        let now = &self.attempt;
        let lengths = now.bound.as_ref().map(|bound| &bound.lengths);
        about.others().filter(move |from| match what {
            Awaited::Proposals => !now.proposals.contains_key(&from.id),
            Awaited::Binds => !now.binds.contains_key(&from.id),
            Awaited::Nonces => {
                let owes = lengths.is_some_and(|lengths| lengths.nonces.contains_key(&from.id));
                owes && !now.nonces.contains_key(&from.id)
            }
            Awaited::Shares(stage) => {
                let of_stage = lengths.and_then(|lengths| lengths.shares.get(usize::from(stage)));
                let owes = of_stage.is_some_and(|lengths| lengths.contains_key(&from.id));
                owes && !now.shares.contains_key(&(stage, from.id))
            }
            Awaited::Held => !now.held.contains(&from.id),
            Awaited::Funding => !now.funding.contains_key(&from.id),
        })
    }

    /// Whether everybody's message of a sort has come.
    pub(super) fn is_here(&self, about: &Negotiation, what: Awaited) -> bool {
        self.missing_of(about, what).next().is_none()
    }

    /// Whether there is an own proposal.
    pub(super) fn has_proposed(&self, about: &Negotiation) -> bool {
        self.attempt.proposals.contains_key(&about.me().id)
    }

    /// Whether there are own nonces.
    pub(super) fn has_announced(&self, about: &Negotiation) -> bool {
        self.attempt.nonces.contains_key(&about.me().id)
    }

    /// Number of stages, once one is bound.
    pub(super) fn stages(&self) -> u8 {
        let bound = self.attempt.bound.as_ref();
        bound.map_or(0, |bound| {
            u8::try_from(bound.lengths.shares.len()).unwrap_or(u8::MAX)
        })
    }

    /// What is to be done as it stands.
    pub(super) fn due(&self, about: &Negotiation) -> Vec<SetupEffect> {
        let now = &self.attempt;
        let attempt = now.number;
        let (all, lead) = (about.peers(), PartySet::from_iter([about.lead()]));
        let send = |to: PartySet, what| {
            (!to.is_empty()).then_some(SetupEffect::Send { attempt, to, what })
        };
        let is_here = |what| self.is_here(about, what);
        let mut due: Vec<Option<SetupEffect>> = Vec::new();
        match self.phase(about) {
            Phase::Proposing => match self.has_proposed(about) {
                false => {
                    due.extend(self.farewell(about));
                    due.push(Some(SetupEffect::Propose { attempt }));
                }
                true if !about.is_lead() => due.push(send(lead, Parcel::Proposal)),
                true => due
                    .push(is_here(Awaited::Proposals).then_some(SetupEffect::Assemble { attempt })),
            },
            Phase::Agreed => {
                due.push(about.is_lead().then(|| send(all, Parcel::Terms)).flatten());
                due.push(match now.bound {
                    None => Some(SetupEffect::Bind { attempt }),
                    Some(_) => send(all, Parcel::Bind),
                });
            }
            Phase::Announcing => {
                due.push(send(all, Parcel::Bind));
                due.push(match self.has_announced(about) {
                    false => Some(SetupEffect::Announce { attempt }),
                    true => send(all, Parcel::Nonces),
                });
            }
            Phase::Signing => {
                due.push(send(all, Parcel::Nonces));
                due.push(Some(SetupEffect::Sign { attempt }));
            }
            Phase::Exchanging => {
                due.push(send(all, Parcel::Nonces));
                let stage = now.closed;
                due.extend((0..=stage).map(|stage| send(all, Parcel::Shares(stage))));
                let close = SetupEffect::Close { attempt, stage };
                due.push(is_here(Awaited::Shares(stage)).then_some(close));
            }
            Phase::Holding => {
                due.extend((0..self.stages()).map(|stage| send(all, Parcel::Shares(stage))));
                due.push(send(all, Parcel::Held));
            }
            Phase::Funding => {
                due.push(send(all, Parcel::Held));
                let is_ready = !about.is_lead() || is_here(Awaited::Funding);
                due.push(is_ready.then_some(SetupEffect::Fund { attempt }));
            }
            Phase::Committed => {
                let own = now.funded.is_some();
                due.push(match about.is_lead() {
                    _ if !own => None,
                    true => send(all, Parcel::Whole),
                    false => send(lead, Parcel::Funding),
                });
                due.push(self.whole(about).map(|_| SetupEffect::Broadcast));
            }
            Phase::Live => {}
            Phase::Withdrawing => due.push(Some(SetupEffect::Withdraw)),
            Phase::Dropped => due.extend(self.farewell(about)),
        }
        due.into_iter().flatten().collect()
    }

    /// What is owed to the others, and to the signer, when an attempt is void.
    fn farewell(&self, about: &Negotiation) -> Vec<Option<SetupEffect>> {
        let attempt = match &self.end {
            End::Dropped(_) => self.attempt.number,
            _ if self.voided.is_some() => self.attempt.number.saturating_sub(1),
            _ => return Vec::new(),
        };
        let (to, what) = (about.peers(), Parcel::Abort);
        vec![
            (!to.is_empty()).then_some(SetupEffect::Send { attempt, to, what }),
            Some(SetupEffect::Forget { attempt }),
        ]
    }

    /// The whole funding transaction, once it is known.
    pub(super) fn whole(&self, about: &Negotiation) -> Option<&Said> {
        match about.is_lead() {
            true => self.attempt.funded.as_ref(),
            false => self.attempt.whole.as_ref(),
        }
    }

    /// Takes over a change.
    pub(super) fn apply(&mut self, about: &Negotiation, change: &SetupChange) {
        let before = (self.phase(about), self.attempt.closed);
        let (now, me) = (&mut self.attempt, about.me().id);
        match change {
            SetupChange::Proposed(bytes) => drop(now.proposals.insert(me, said(bytes))),
            SetupChange::Assembled(bytes) => now.terms = Some(said(bytes)),
            SetupChange::Bound(bound) => now.bound = Some(bound.clone()),
            SetupChange::Announced(bytes) => drop(now.nonces.insert(me, said(bytes))),
            SetupChange::Signed(bytes) => now.signing = Some(said(bytes)),
            SetupChange::Closed { stage, signatures } => {
                now.closed = stage.saturating_add(1);
                now.signatures = signatures.as_ref().map(said);
            }
            SetupChange::Funded(bytes) => now.funded = Some(said(bytes)),
            SetupChange::Received { from, body } => now.receive(*from, body),
            SetupChange::Voided { next, cause } => {
                self.count(cause);
                self.voids = self.voids.saturating_add(1);
                self.voided = Some(cause.clone());
                self.attempt = Attempt {
                    number: *next,
                    ..Attempt::default()
                };
                self.due_s = None;
            }
            SetupChange::Clock { due_s } => self.due_s = Some(*due_s),
            SetupChange::Live { height } => {
                // It stays a contract where a reorganisation takes it back, whatever else this log knows.
                now.is_found = true;
                self.end = End::Live(*height);
            }
            SetupChange::Unburied => self.end = End::Open,
            SetupChange::Withdrawing => self.end = End::Withdrawing,
            SetupChange::Dropped(cause) => self.end = End::Dropped(cause.clone()),
            SetupChange::Found => now.is_found = true,
            SetupChange::Awake => self.due_s = None,
        }
        if (self.phase(about), self.attempt.closed) != before {
            self.due_s = None;
        }
    }

    /// Whom a void is counted against: whom one has seen at fault oneself, or who owns up to it.
    fn count(&mut self, cause: &Cause) {
        match cause {
            Cause::Silent(party)
            | Cause::Fault { party, .. }
            | Cause::Told {
                by: party,
                accused: None,
            } => {
                let strikes = self.strikes.entry(*party).or_default();
                *strikes = strikes.saturating_add(1);
            }
            Cause::Told { .. } | Cause::Split(_) | Cause::Ahead(_) => {
                self.discords = self.discords.saturating_add(1);
            }
            _ => {}
        }
    }
}

/// What is waited for of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Proposals,
    Binds,
    Nonces,
    Shares(u8),
    Held,
    Funding,
}

impl Attempt {
    fn receive(&mut self, from: PartyId, body: &Body) {
        match body {
            Body::Proposal(bytes) => drop(self.proposals.insert(from, said(bytes))),
            Body::Terms(bytes) => self.terms = Some(said(bytes)),
            Body::Bind {
                agreement,
                announcement,
            } => drop(self.binds.insert(from, (*agreement, announcement.clone()))),
            Body::Nonces(bytes) => drop(self.nonces.insert(from, said(bytes))),
            Body::Shares { stage, shares } => {
                drop(self.shares.insert((*stage, from), said(shares)));
            }
            Body::Held => drop(self.held.insert(from)),
            Body::Funding(bytes) => drop(self.funding.insert(from, said(bytes))),
            Body::Whole(bytes) => self.whole = Some(said(bytes)),
            // Never written down: what follows from it is.
            Body::Abort(_) | Body::Over(_) => {}
        }
    }

    /// Whether it said the same before; `None` if nothing of this sort came of it.
    pub(super) fn repeats(&self, from: PartyId, body: &Body) -> Option<bool> {
        let same = |known: Option<&Said>, bytes: &[u8]| known.map(|known| **known == *bytes);
        match body {
            Body::Proposal(bytes) => same(self.proposals.get(&from), bytes),
            Body::Terms(bytes) => same(self.terms.as_ref(), bytes),
            Body::Bind {
                agreement,
                announcement,
            } => {
                let (of, announced) = self.binds.get(&from)?;
                Some(of == agreement && announced == announcement)
            }
            Body::Nonces(bytes) => same(self.nonces.get(&from), bytes),
            Body::Shares { stage, shares } => same(self.shares.get(&(*stage, from)), shares),
            Body::Held => self.held.contains(&from).then_some(true),
            Body::Funding(bytes) => same(self.funding.get(&from), bytes),
            Body::Whole(bytes) => same(self.whole.as_ref(), bytes),
            Body::Abort(_) | Body::Over(_) => None,
        }
    }
}

fn said(bytes: &Vec<u8>) -> Said {
    bytes.as_slice().into()
}
