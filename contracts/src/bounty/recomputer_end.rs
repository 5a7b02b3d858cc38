//! What a recomputer takes from the closing to the settlement.

use narthex_game_model::market::LayerSet;

use super::{
    BountyError, Closing, Coin, Grant, Opening, Owed, RecomputerBook, Share, terms::seats,
};

impl RecomputerBook {
    /// Whether a closing may be taken, after recomputing from envelope and openings who is paid. Not before the coin is as deep
    /// as its policy says: an answer carries a result, or a secret.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; [`BountyError::Requester`], [`BountyError::LeftOut`],
    /// [`BountyError::Time`]: the requester's fault.
    pub fn check_closing(
        &self,
        (height, coin): (u32, Coin),
        closing: &Closing,
    ) -> Result<(), BountyError> {
        coin.check(height, self.record.depth, "an answer to a closing")?;
        closing.verify(self.terms())?;
        self.check_openings(height, closing)?;
        match &self.record.closing {
            Some(known) if known == closing => Ok(()),
            Some(known) if closing.round == 0 => self.check_extension(known, closing),
            Some(known) => self.check_left_out(height, known, closing),
            None if closing.round == 0 => Ok(()),
            None => {
                let problem = "leaves somebody out before anything was closed";
                Err(BountyError::Requester { problem })
            }
        }
    }

    /// Keeps a closing that came at `height`.
    pub fn hold_closing(&mut self, height: u32, closing: &Closing) {
        if self.record.closing.as_ref() != Some(closing) || self.record.closed_at.is_none() {
            self.record.closed_at = Some(height);
        }
        self.record.closing = Some(closing.clone());
    }

    fn check_openings(&self, height: u32, closing: &Closing) -> Result<(), BountyError> {
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
        match known.verdict(self.terms())?.paid.is_empty() {
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
        let before = known.verdict(terms)?.paid;
        if newly.contains(&self.seat) {
            return Err(BountyError::LeftOut { seat: self.seat });
        }
        let mut newly = newly.into_iter();
        newly.try_for_each(|seat| self.check_withheld((height, closing.round), before, seat))
    }

    /// What it owes by the closing that it took last.
    pub fn owed(&self) -> Owed {
        let Some((round, set)) = self.closed() else {
            return Owed::Nothing;
        };
        // Who has given a secret for a settlement does not help to cancel it.
        if set.is_empty() && round == 0 && self.record.grants.is_empty() {
            return Owed::GiveBack;
        }
        match self.record.work.is_some() && set.contains(self.seat.into()) {
            true => Owed::Delivery(set),
            false => Owed::Nothing,
        }
    }

    /// Round of the closing that it took last, and whom that pays.
    pub(super) fn closed(&self) -> Option<(u8, LayerSet)> {
        let closing = self.record.closing.as_ref()?;
        // It was verified before it was kept.
        let verdict = closing.verdict(self.terms()).ok()?;
        Some((closing.round, verdict.paid))
    }

    /// Whether the requester's signature is one to give the own secret for: only for what was accepted last, and only while
    /// the settlement has time to confirm before the refund can, for a coin as deep as its policy says.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; [`BountyError::Phase`], [`BountyError::Time`], [`BountyError::Requester`].
    pub fn check_grant(
        &self,
        (height, coin): (u32, Coin),
        grant: &Grant,
    ) -> Result<(), BountyError> {
        coin.check(height, self.record.depth, "a secret")?;
        let terms = self.terms();
        let (_, set) = self.closed().unwrap_or_default();
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
        grant.verify(terms, self.holdings.graph())
    }

    /// Keeps a grant that came at `height`.
    pub fn hold_grant(&mut self, height: u32, grant: &Grant) {
        let set = grant.set;
        if !self.record.grants.contains(grant) {
            self.record.grants.push(*grant);
        }
        if self.record.granted_at.iter().all(|(of, _)| *of != set) {
            self.record.granted_at.push((set, height));
        }
    }

    /// Whether it is a recomputer's secret.
    ///
    /// # Errors
    /// [`BountyError::Share`], that recomputer's fault; [`BountyError::Foreign`].
    pub fn check_share(&self, share: &Share) -> Result<(), BountyError> {
        share.verify(self.terms())
    }

    /// Keeps another member's secret, which came at `height`, if it helps to pay this recomputer.
    pub fn hold_share(&mut self, height: u32, share: &Share) {
        let useful = share.set.contains(self.seat.into()) && share.seat != self.seat;
        if useful && !self.record.shares.contains(share) {
            self.record.shares.push(*share);
            let came = (share.set, share.seat, height);
            self.record.shared_at.push(came);
        }
    }

    /// The last grant that the own secret and those of all the other members complete.
    pub fn ready(&self) -> Option<&Grant> {
        let ready = |grant: &&Grant| self.missing(grant.set).is_empty();
        self.record.grants.iter().rev().find(ready)
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
