//! The machine.

use narthex_contracts::party::PartyId;

use super::{
    Body, Cause, ChainView, Negotiation, Parcel, Phase, SetupChange, SetupEffect, SetupInput,
    SetupMessage, SetupRefusal,
    state::{End, State},
};
use crate::{Machine, Step};

/// One party's way to a contract.
#[derive(Clone, Debug)]
pub struct SetupMachine {
    pub(super) about: Negotiation,
    pub(super) state: State,
}

/// The changes of an input, or why there are none.
pub(super) type Taken = Result<Vec<SetupChange>, SetupRefusal>;

impl SetupMachine {
    /// A negotiation in which nothing was said yet.
    pub fn new(about: Negotiation) -> SetupMachine {
        let state = State::new();
        SetupMachine { about, state }
    }

    /// What it is about.
    pub const fn about(&self) -> &Negotiation {
        &self.about
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.state.phase(&self.about)
    }

    /// Number of this attempt, from 0.
    pub const fn attempt(&self) -> u8 {
        self.state.attempt.number
    }

    /// Why it is over, if it is without a contract.
    pub const fn dropped(&self) -> Option<&Cause> {
        match &self.state.end {
            End::Dropped(cause) => Some(cause),
            _ => None,
        }
    }

    /// Why the attempt before this one was void.
    pub const fn voided(&self) -> Option<&Cause> {
        self.state.voided.as_ref()
    }

    /// Height of the block with the funding, once it is buried.
    pub const fn live(&self) -> Option<u32> {
        match self.state.end {
            End::Live(height) => Some(height),
            _ => None,
        }
    }

    /// Everybody's proposal that came, own one among them.
    pub fn proposals(&self) -> impl Iterator<Item = (PartyId, &[u8])> {
        let proposals = self.state.attempt.proposals.iter();
        proposals.map(|(party, bytes)| (*party, &**bytes))
    }

    /// The terms of this attempt.
    pub fn terms(&self) -> Option<&[u8]> {
        self.state.attempt.terms.as_deref()
    }

    /// Announcements of this attempt, own one among them; those who announce nothing are left out.
    pub fn announcements(&self) -> impl Iterator<Item = (PartyId, &[u8])> {
        let now = &self.state.attempt;
        let own = now.bound.as_ref().map(|bound| &bound.announcement);
        let own = own.map(|announcement| (self.about.me().id, announcement.as_slice()));
        let others = now.binds.iter();
        let others = others.map(|(party, (_, announcement))| (*party, announcement.as_slice()));
        own.into_iter()
            .chain(others)
            .filter(|(_, bytes)| !bytes.is_empty())
    }

    /// Everybody's nonces that came, own ones among them.
    pub fn nonces(&self) -> impl Iterator<Item = (PartyId, &[u8])> {
        let nonces = self.state.attempt.nonces.iter();
        nonces.map(|(party, bytes)| (*party, &**bytes))
    }

    /// The ceremony as it was when everything was signed.
    pub fn signing(&self) -> Option<&[u8]> {
        self.state.attempt.signing.as_deref()
    }

    /// The shares of a stage that came.
    pub fn shares(&self, stage: u8) -> impl Iterator<Item = (PartyId, &[u8])> {
        let shares = self.state.attempt.shares.iter();
        shares
            .filter(move |((of, _), _)| *of == stage)
            .map(|((_, party), bytes)| (*party, &**bytes))
    }

    /// Number of stages that are closed.
    pub const fn closed(&self) -> u8 {
        self.state.attempt.closed
    }

    /// Most bytes of nonces or shares that anybody owes this party, once it has bound itself.
    pub fn longest(&self) -> Option<u32> {
        let lengths = &self.state.attempt.bound.as_ref()?.lengths;
        let shares = lengths.shares.iter().flat_map(|stage| stage.values());
        lengths.nonces.values().chain(shares).max().copied()
    }

    /// Every signature, once all stages are closed.
    pub fn signatures(&self) -> Option<&[u8]> {
        self.state.attempt.signatures.as_deref()
    }

    /// The others' witnesses that came to the lead.
    pub fn witnesses(&self) -> impl Iterator<Item = (PartyId, &[u8])> {
        let funding = self.state.attempt.funding.iter();
        funding.map(|(party, bytes)| (*party, &**bytes))
    }

    /// The funding transaction with everybody's witnesses, as the lead put it together.
    pub fn whole(&self) -> Option<&[u8]> {
        self.state.whole(&self.about).map(|bytes| &**bytes)
    }

    /// What to send, but for shares: those are the signer's.
    pub fn message(&self, attempt: u8, what: Parcel) -> Option<SetupMessage> {
        let (now, me) = (&self.state.attempt, self.about.me().id);
        let body = match what {
            Parcel::Abort => match &self.state.end {
                End::Dropped(cause) => Body::Over(cause.clone()),
                _ => Body::Abort(self.state.voided.clone()?),
            },
            _ if attempt != now.number => return None,
            Parcel::Proposal => Body::Proposal(now.proposals.get(&me)?.to_vec()),
            Parcel::Terms => Body::Terms(now.terms.as_ref()?.to_vec()),
            Parcel::Bind => {
                let bound = now.bound.as_ref()?;
                Body::Bind {
                    agreement: bound.agreement,
                    announcement: bound.announcement.clone(),
                }
            }
            Parcel::Nonces => Body::Nonces(now.nonces.get(&me)?.to_vec()),
            Parcel::Shares(_) => return None,
            Parcel::Held => now.signatures.as_ref().map(|_| Body::Held)?,
            Parcel::Funding => Body::Funding(now.funded.as_ref()?.to_vec()),
            Parcel::Whole => Body::Whole(now.funded.as_ref()?.to_vec()),
        };
        Some(SetupMessage { attempt, body })
    }

    /// The next attempt, or the end where there is none.
    pub(super) fn void(&self, cause: Cause) -> SetupChange {
        self.void_to(self.attempt().saturating_add(1), cause)
    }

    pub(super) fn void_to(&self, next: u8, cause: Cause) -> SetupChange {
        // The others' witnesses are on their way: another attempt would find their coins bound.
        let is_under_way = self.about.is_lead() && self.phase() == Phase::Funding;
        if cause.is_final() || is_under_way {
            return SetupChange::Dropped(cause);
        }
        let change = SetupChange::Voided { next, cause };
        let mut after = self.state.clone();
        after.apply(&self.about, &change);
        match after.spoilt(&self.about) {
            Some(cause) => SetupChange::Dropped(cause),
            None => change,
        }
    }

    fn taken(&self, input: &SetupInput) -> Taken {
        match input {
            SetupInput::Message { from, message } => self.message_came(*from, message),
            SetupInput::Chain(view) => self.chain(view),
            SetupInput::Tick { unix_s } => Ok(self.tick(*unix_s)),
            own => self.own(own),
        }
    }

    /// The machine as it would be.
    pub(super) fn after(&self, changes: &[SetupChange]) -> SetupMachine {
        let mut after = self.clone();
        changes.iter().for_each(|change| after.apply(change));
        after
    }

    /// What the chain says. Facts are taken whole each time, so that a reorganisation is but another view. They count more
    /// than what this log knows: a funding that is there has own witnesses, and is a contract, even if an old disk was put
    /// back that knows nothing of them.
    fn chain(&self, view: &ChainView) -> Taken {
        if let (Some(funded_at), Some(spent_at)) = (view.funded_at, view.spent_at) {
            return Err(SetupRefusal::View {
                funded_at,
                spent_at,
            });
        }
        let phase = self.phase();
        let is_buried = |height: &u32| self.about.is_buried(view.tip, *height);
        let funded_at = view.funded_at.filter(|_| self.terms().is_some());
        if let Some(height) = funded_at.filter(is_buried) {
            return Ok(match self.live() == Some(height) {
                true => Vec::new(),
                false => vec![SetupChange::Live { height }],
            });
        }
        if funded_at.is_some() && phase < Phase::Committed {
            return Ok(vec![SetupChange::Found]);
        }
        if phase == Phase::Dropped {
            return Ok(Vec::new());
        }
        if view.spent_at.as_ref().is_some_and(is_buried) && self.terms().is_some() {
            return Ok(vec![SetupChange::Dropped(Cause::Spent)]);
        }
        if phase < Phase::Committed {
            return Ok(match self.about.is_late(view.tip) {
                true => vec![SetupChange::Dropped(Cause::Late)],
                false => Vec::new(),
            });
        }
        let is_overdue = self.about.is_past(view.tip) && funded_at.is_none();
        let mut changes = Vec::new();
        if phase == Phase::Live {
            changes.push(SetupChange::Unburied);
        }
        if is_overdue && phase != Phase::Withdrawing {
            changes.push(SetupChange::Withdrawing);
        }
        Ok(changes)
    }
}

impl Machine for SetupMachine {
    type Input = SetupInput;
    type Change = SetupChange;
    type Effect = SetupEffect;
    type Error = SetupRefusal;

    fn step(&self, input: &SetupInput) -> Result<Step<SetupChange, SetupEffect>, SetupRefusal> {
        let changes = self.taken(input)?;
        if changes.is_empty() {
            return Ok(Step::seen(Vec::new()));
        }
        let before = self.pending();
        let mut due = self.after(&changes).pending();
        due.retain(|effect| !before.contains(effect));
        Ok(Step::new(changes, due))
    }

    fn apply(&mut self, change: &SetupChange) {
        self.state.apply(&self.about, change);
    }

    fn pending(&self) -> Vec<SetupEffect> {
        self.state.due(&self.about)
    }
}
