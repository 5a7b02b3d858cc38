//! A recomputer's side from the closing to the settlement.

use bitcoin::Transaction;
use narthex_game_model::market::LayerSet;

use super::{
    Answer, BountyError, Closing, Coin, Delivery, Grant, Opening, Recomputer, Share, Verdict,
    recomputer::share, settlement, terms::seats,
};
use crate::{
    builder::{BuilderError, Task, finish},
    musig::{AdaptorError, add_secrets},
};

impl Recomputer {
    /// Takes a closing, after recomputing from envelope and openings who is paid, and delivers if it is one of them. Not
    /// before the coin is as deep as its policy says: an answer carries a result, or a secret.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn accept(
        &mut self,
        (height, coin): (u32, Coin),
        closing: &Closing,
    ) -> Result<Answer, BountyError> {
        coin.check(height, self.record.depth, "an answer to a closing")?;
        let verdict = closing.verify(self.terms())?;
        self.check_closing(height, closing)?;
        match self.record.closing.clone() {
            Some(known) if known == *closing => {}
            Some(known) if closing.round == 0 => self.check_extension(&known, closing)?,
            Some(known) => self.check_left_out(height, &known, closing)?,
            None if closing.round == 0 => {}
            None => {
                let problem = "leaves somebody out before anything was closed";
                return Err(BountyError::Requester { problem });
            }
        }
        let answer = self.answer(closing.round, verdict)?;
        if self.record.closing.as_ref() != Some(closing) || self.record.closed_at.is_none() {
            self.record.closed_at = Some(height);
        }
        self.record.closing = Some(closing.clone());
        Ok(answer)
    }

    fn check_closing(&self, height: u32, closing: &Closing) -> Result<(), BountyError> {
        let terms = self.terms();
        let sealed = self.record.seal.as_ref().map(|seal| &seal.envelope);
        if sealed != Some(&closing.envelope) {
            let problem = "closes another envelope than it had opened";
            return Err(BountyError::Requester { problem });
        }
        let missing = |seat: u8| !closing.opened().contains(seat.into());
        if missing(self.seat) {
            return Err(BountyError::LeftOut { seat: self.seat });
        }
        let seen = self.record.openings.iter().map(|opening| opening.seat);
        if let Some(seat) = seen.clone().find(|seat| missing(*seat)) {
            return Err(BountyError::LeftOut { seat });
        }
        let waits = !closing.is_full(terms) && closing.opened() != closing.envelope.seats();
        match waits && height < terms.open_height() {
            true => Err(BountyError::Time {
                what: "a closing lacks openings",
                height,
                bound: "their time is not over",
            }),
            false => Ok(()),
        }
    }

    /// More openings came before anybody was left out: nothing else may change. A recomputer that has given its secret to
    /// give everything back goes on with nothing: the settlement could meet the cancellation.
    fn check_extension(&self, known: &Closing, closing: &Closing) -> Result<(), BountyError> {
        let bad = |problem| Err(BountyError::Requester { problem });
        let kept = |opening: &Opening| closing.opening(opening.seat) == Some(opening);
        if known.round != 0 || !known.openings.iter().all(kept) {
            return bad("takes back what it closed");
        }
        match known.verify(self.terms())?.paid.is_empty() {
            true => bad("goes on with what it closed for nobody"),
            false => Ok(()),
        }
    }

    /// Somebody is left out rightly if this recomputer, too, lacks what that one owes.
    fn check_left_out(
        &self,
        height: u32,
        known: &Closing,
        closing: &Closing,
    ) -> Result<(), BountyError> {
        let terms = self.terms();
        let requester = |problem| Err(BountyError::Requester { problem });
        if closing.openings != known.openings || closing.round != known.round + 1 {
            return requester("does not go on from its last closing");
        }
        if height < terms.round_height(closing.round) {
            return Err(BountyError::Time {
                what: "somebody is left out",
                height,
                bound: "its round is not over",
            });
        }
        let newly = closing.newly_late(known);
        if known.late.mask() & !closing.late.mask() != 0 || newly.is_empty() {
            return requester("leaves out others than before");
        }
        let before = known.verify(terms)?.paid;
        if newly.contains(&self.seat) {
            return Err(BountyError::LeftOut { seat: self.seat });
        }
        let mut newly = newly.into_iter();
        newly.try_for_each(|seat| self.check_withheld((height, closing.round), before, seat))
    }

    fn answer(&self, round: u8, verdict: Verdict) -> Result<Answer, BountyError> {
        let (terms, set) = (self.terms(), verdict.paid);
        // Who has given a secret for a settlement does not help to cancel it.
        if set.is_empty() && round == 0 && self.record.grants.is_empty() {
            let share = share(terms, self.seat, &self.seed, set)?;
            return Ok(Answer::GiveBack(share));
        }
        let work = match &self.record.work {
            Some(work) if set.contains(self.seat.into()) => work,
            _ => return Ok(Answer::Nothing),
        };
        let place = (self.seat, set);
        let made = Delivery::new(terms, place, &self.seed, &work.result, &self.identity)?;
        Ok(Answer::Deliver(Box::new(made)))
    }

    /// Takes the requester's signature and gives its secret for this set, to all its members. Only for what it accepted
    /// last, and only while the settlement has time to confirm before the refund can, for a coin as deep as its policy
    /// says.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn take_grant(
        &mut self,
        (height, coin): (u32, Coin),
        grant: &Grant,
    ) -> Result<Share, BountyError> {
        coin.check(height, self.record.depth, "a secret")?;
        let terms = self.terms();
        let closing = self.record.closing.as_ref();
        let paid = closing.map(|closing| closing.verify(terms)).transpose()?;
        let set = paid.map(|verdict| verdict.paid).unwrap_or_default();
        if set != grant.set || !set.contains(self.seat.into()) {
            let (what, why) = ("a grant", "it is not of the set that was closed for last");
            return Err(BountyError::Phase { what, why });
        }
        if height >= terms.give_below() {
            return Err(BountyError::Time {
                what: "a secret is asked for",
                height,
                bound: "the settlement could meet the refund",
            });
        }
        grant.verify(terms, self.holdings.graph())?;
        let share = share(terms, self.seat, &self.seed, set)?;
        if !self.record.grants.contains(grant) {
            self.record.grants.push(*grant);
        }
        if self.record.granted_at.iter().all(|(of, _)| *of != set) {
            self.record.granted_at.push((set, height));
        }
        Ok(share)
    }

    /// Takes another member's secret, which came at `height`.
    pub fn take_share(&mut self, height: u32, share: &Share) -> Result<(), BountyError> {
        share.verify(self.terms())?;
        let useful = share.set.contains(self.seat.into()) && share.seat != self.seat;
        if useful && !self.record.shares.contains(share) {
            self.record.shares.push(*share);
            let came = (share.set, share.seat, height);
            self.record.shared_at.push(came);
        }
        Ok(())
    }

    /// The settlement, once a grant and the secrets of all its members are there. Any member publishes it; whoever does
    /// pays the child. It shows the sum of their secrets, and with it the result, confirmed or not: it is not made while
    /// the coin can be reorganised away below it.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time.
    pub fn settle(
        &self,
        (height, coin): (u32, Coin),
    ) -> Result<Option<(LayerSet, Transaction)>, BountyError> {
        coin.check(height, self.record.depth, "a settlement")?;
        let (terms, graph) = (self.terms(), self.holdings.graph());
        let ready = |grant: &&Grant| self.missing(grant.set).is_empty();
        let Some(grant) = self.record.grants.iter().rev().find(ready) else {
            return Ok(None);
        };
        let set = grant.set;
        let own = share(terms, self.seat, &self.seed, set)?.secret;
        let shares = self.record.shares.iter().filter(|share| share.set == set);
        let sum = shares
            .map(|share| share.secret)
            .try_fold(own, |sum, next| {
                add_secrets(sum, &next).ok_or(BuilderError::from(AdaptorError::WrongSecret))
            })?;
        let node = settlement(terms, set)?;
        let task = Task::new(graph, node, 0)?;
        let signature = task.complete(&grant.signature, &sum)?;
        Ok(Some((set, finish(graph, node, &[signature], &[])?)))
    }

    /// Members of a set whose secrets this recomputer lacks: what the requester asks when it leaves somebody out.
    pub fn missing(&self, set: LayerSet) -> LayerSet {
        let have = |seat: u8| seat == self.seat || self.has_share(set, seat);
        let missing = seats(set).filter(|seat| !have(*seat));
        let mask = missing.fold(0u8, |mask, seat| mask | 1 << seat);
        LayerSet::new(mask).unwrap_or_default()
    }

    pub(super) fn has_share(&self, set: LayerSet, seat: u8) -> bool {
        let mut shares = self.record.shares.iter();
        shares.any(|share| (share.set, share.seat) == (set, seat))
    }
}
