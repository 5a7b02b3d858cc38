//! What this node says, how far the peer has read it, and what comes back of it.

use std::collections::BTreeMap;

use super::{
    Kept, LinkPhase, LinksChange, LinksEffect, LinksMachine, LinksRefusal,
    check::{check_body, check_receivers, check_room, check_sender},
    machine::{Taken, change, seen},
    state::Way,
};
use crate::{
    Machine as _, Step,
    wire::{Ack, Contradiction, Envelope, Head, Mark, Resume, SignedHead},
};

impl LinksMachine {
    /// Whether something new may be signed for this link. To be asked before it is.
    ///
    /// # Errors
    /// [`LinksRefusal::NotNow`].
    pub fn may_sign(&self) -> Result<(), LinksRefusal> {
        match self.phase() {
            LinkPhase::Open => Ok(()),
            phase => Err(LinksRefusal::NotNow { phase }),
        }
    }

    /// Own message, by who sent it, for whom, in which contract.
    fn check_own(&self, head: &Head) -> Result<(), LinksRefusal> {
        let of = self.talk(&head.contract)?.of;
        check_sender(head, &self.me)?;
        check_receivers(head, of.me, of.peer)
    }

    fn own(&self, head: &Head) -> Result<Option<&Way>, LinksRefusal> {
        let ways = &self.talk(&head.contract)?.own;
        let way = ways.get(&head.to);
        check_room(ways, head.to, way.map_or(0, |way| way.next))?;
        Ok(way)
    }

    pub(super) fn post(&self, envelope: &Envelope) -> Taken {
        let (signed, head) = (envelope.signed(), envelope.head());
        self.check_own(head)?;
        let way = self.own(head)?;
        let next = way.map_or(0, |way| way.next);
        let (contract, to, seq) = (head.contract, head.to, head.seq);
        let known = way.and_then(|way| way.kept.get(&seq));
        if known.is_some_and(|known| known.signed.head == *head) {
            let is_unread = way.is_some_and(|way| way.acked <= seq);
            let again = is_unread.then_some(LinksEffect::Send { contract, to, seq });
            return Ok(Step::seen(again.into_iter().collect()));
        }
        self.may_sign()?;
        if seq > next {
            return Err(LinksRefusal::Gap { next, given: seq });
        }
        let talk = self.talk(&contract)?;
        let is_other = Self::contradicted(&talk.own, signed).is_some();
        if seq < next || is_other {
            let message = head.name();
            return Err(LinksRefusal::OwnContradiction { message, seq });
        }
        signed.verify()?;
        let kept = Kept {
            signed: *signed,
            body: Some(envelope.body().into()),
        };
        Ok(Step::new(
            vec![LinksChange::Posted(kept)],
            vec![LinksEffect::Send { contract, to, seq }],
        ))
    }

    /// What an own head tells that this disk knows otherwise, or not yet. `None` if it is the one that is known.
    fn claim(&self, signed: &SignedHead) -> Result<Option<LinksChange>, LinksRefusal> {
        let head = &signed.head;
        self.check_own(head)?;
        signed.verify()?;
        let way = self.own(head)?;
        if let Some(known) = way.and_then(|way| way.kept.get(&head.seq)) {
            let fork = Contradiction::between(&known.signed, signed);
            let fork = fork.filter(|_| self.state.forked.is_none());
            return Ok(fork.map(LinksChange::Forked));
        }
        let claimed = way.map_or(0, |way| way.claimed().max(way.next));
        Ok((head.seq >= claimed).then_some(LinksChange::Claimed(*signed)))
    }

    /// The peer has said how far it has read everything of this node's: what it names no mark for, it has nothing of.
    pub(super) fn resumed(&self, resume: &Resume) -> Taken {
        let marks = resume
            .marks
            .iter()
            .map(|mark| ((mark.contract, mark.to), mark));
        let marks: BTreeMap<_, &Mark> = marks.collect();
        // Most prove what this disk knows: whoever signed that, it is no news.
        let is_known = |head: &Head| {
            let known = self.kept(true, (&head.contract, head.to), head.seq);
            known.is_some_and(|known| known.signed.head == *head)
        };
        let proofs = marks.values().filter_map(|mark| mark.proof);
        let proofs = proofs.filter(|proof| !is_known(&proof.head));
        // What proves nothing is ignored.
        let news = proofs.filter_map(|proof| self.claim(&proof).ok().flatten());
        let mut changes: Vec<_> = news.collect();
        // One fork says it all.
        let mut is_forked = false;
        changes.retain(|change| {
            let is_fork = matches!(change, LinksChange::Forked(_));
            !is_fork || !std::mem::replace(&mut is_forked, true)
        });
        for (contract, talk) in &self.state.talks {
            for (to, way) in &talk.own {
                let mark = marks.get(&(*contract, *to));
                let next = mark.map_or(0, |mark| mark.next);
                // Without proof nobody has read what was not sent.
                if next != way.acked && next <= way.next {
                    let (contract, to) = (*contract, *to);
                    changes.push(LinksChange::Marked { contract, to, next });
                }
            }
        }
        if !self.state.is_resumed() {
            changes.push(LinksChange::Resumed);
        }
        let mut after = self.clone();
        changes.iter().for_each(|change| after.apply(change));
        let due = after.pending().into_iter();
        let due = match after.phase() {
            LinkPhase::Forked if is_forked => {
                due.filter(|due| *due == LinksEffect::Alarm).collect()
            }
            LinkPhase::RolledBack => due.filter(is_recall).collect(),
            LinkPhase::Open => due.filter(is_send).collect(),
            _ => Vec::new(),
        };
        Ok(Step::new(changes, due))
    }

    /// What was read on the way: never less than before, and never more than was said.
    pub(super) fn acked(&self, ack: &Ack) -> Taken {
        let Ack { contract, to, next } = *ack;
        let way = self.talk(&contract)?.own.get(&to);
        match way.is_some_and(|way| way.acked < next && next <= way.next) {
            true => change(LinksChange::Marked { contract, to, next }),
            false => seen(),
        }
    }

    /// An own message came back, and the contract has taken it.
    pub(super) fn imported(&self, kept: &Kept) -> Taken {
        let head = &kept.signed.head;
        self.check_own(head)?;
        kept.signed.verify()?;
        let way = self.own(head)?;
        let next = way.map_or(0, |way| way.next);
        if head.seq == next {
            check_body(kept)?;
            return change(LinksChange::Imported(kept.clone()));
        }
        match way.and_then(|way| way.kept.get(&head.seq)) {
            Some(known) if known.signed.head == *head => seen(),
            _ => Err(LinksRefusal::Gap {
                next,
                given: head.seq,
            }),
        }
    }

    /// Somebody shows an own message.
    pub(super) fn claimed(&self, signed: &SignedHead) -> Taken {
        let Some(news) = self.claim(signed)? else {
            return seen();
        };
        let (contract, to) = (signed.head.contract, signed.head.to);
        let from = self.next(true, &contract, to);
        let due = match news {
            LinksChange::Forked(_) => LinksEffect::Alarm,
            _ => LinksEffect::Recall { contract, to, from },
        };
        Ok(Step::new(vec![news], vec![due]))
    }
}

const fn is_recall(due: &LinksEffect) -> bool {
    matches!(due, LinksEffect::Recall { .. })
}

const fn is_send(due: &LinksEffect) -> bool {
    matches!(due, LinksEffect::Send { .. })
}
