//! The requester's side from the deliveries to the end.

use bitcoin::Transaction;
use narthex_game_model::market::{Audit, LayerSet};

use super::{
    BountyError, CANCEL, Closing, Coin, Delivery, Envelope, Grant, Learned, RequesterBook,
    RequesterDuty, Share, Verdict, settlement,
    terms::{seats, share_secret},
};
use crate::setup::{Agreement, Secrets};

impl RequesterBook {
    /// Whether a result is one of the set that it closed for last.
    ///
    /// # Errors
    /// [`BountyError::Delivery`], that recomputer's fault; [`BountyError::Phase`] if it is for another set.
    pub fn check_delivery(&self, delivery: &Delivery) -> Result<(), BountyError> {
        delivery.verify(self.terms())?;
        if delivery.set != self.verdict()?.paid {
            let (what, why) = (
                "a delivery",
                "it is not for the set that was closed for last",
            );
            return Err(BountyError::Phase { what, why });
        }
        Ok(())
    }

    /// Keeps a delivery, the first of each seat and set.
    pub fn hold_delivery(&mut self, delivery: &Delivery) {
        if !self.has_delivery(delivery.set, delivery.seat) {
            self.record.deliveries.push(delivery.clone());
        }
    }

    /// The consent to the settlement of those who agree: for all of them, once each has delivered. The signature stands in what
    /// the ceremony left, so no key is needed.
    ///
    /// # Errors
    /// [`BountyError::Phase`] if somebody has not delivered, or nobody is paid.
    pub fn to_grant(&self) -> Result<Grant, BountyError> {
        let set = self.verdict()?.paid;
        if set.is_empty() || !self.undelivered(set).is_empty() {
            let (what, why) = ("a grant", "somebody has not delivered, or nobody is paid");
            return Err(BountyError::Phase { what, why });
        }
        let terms = self.holdings.terms();
        let node = settlement(terms, set)?;
        Ok(Grant {
            terms: *terms.id(),
            set,
            signature: self.holdings.adaptor_signature(node)?,
        })
    }

    /// Keeps that it has granted a set's settlement.
    pub fn hold_granted(&mut self, set: LayerSet) {
        if !self.record.granted.contains(&set) {
            self.record.granted.push(set);
        }
    }

    /// What a settlement gives, confirmed or broadcast: the sum of its set's secrets, and with it the result.
    ///
    /// # Errors
    /// [`BountyError::NotASettlement`]; [`BountyError::ContractSignatures`] if it shows no signature.
    pub fn read(&self, tx: &Transaction) -> Result<Learned, BountyError> {
        let (terms, graph) = (self.holdings.terms(), self.holdings.graph());
        let found = tx.compute_txid();
        let mut sets = terms.sets().filter(|set| !set.is_empty());
        let set = sets.find(|set| {
            let node = settlement(terms, *set).ok();
            node.and_then(|node| graph.txid(node)) == Some(found)
        });
        let set = set.ok_or(BountyError::NotASettlement { found })?;
        let (sum, _) = self.holdings.extract(settlement(terms, set)?, tx)?;
        let (mut result, mut cheats) = (None, 0);
        for delivery in self.record.deliveries.iter().filter(|d| d.set == set) {
            let opening = self
                .record
                .openings
                .iter()
                .find(|o| o.seat == delivery.seat);
            let inside = delivery.open(terms, &sum).ok();
            let inside = inside.filter(|r| opening.is_some_and(|o| o.root == terms.root(r)));
            match inside {
                Some(inside) => result = Some(inside),
                None => cheats |= 1 << delivery.seat,
            }
        }
        Ok(Learned {
            set,
            result,
            cheats: LayerSet::new(cheats).unwrap_or_default(),
        })
    }

    /// Keeps whom a settlement paid, and who of them cheated.
    pub fn hold_learned(&mut self, learned: &Learned) {
        self.record.false_results = learned.cheats;
        self.record.settled = Some(learned.set);
    }

    /// Whether it is a recomputer's secret to give everything back.
    ///
    /// # Errors
    /// [`BountyError::Share`], that recomputer's fault; [`BountyError::Phase`] if it is for a settlement.
    pub fn check_share(&self, share: &Share) -> Result<(), BountyError> {
        share.verify(self.terms())?;
        if !share.set.is_empty() {
            let (what, why) = ("a share", "it gives nothing back");
            return Err(BountyError::Phase { what, why });
        }
        Ok(())
    }

    /// Keeps a secret, once.
    pub fn hold_share(&mut self, share: &Share) {
        if !self.record.shares.contains(share) {
            self.record.shares.push(*share);
        }
    }

    /// The cancellation, once every recomputer has given its secret: everything back at once.
    pub fn cancel(&self) -> Result<Option<Transaction>, BountyError> {
        let all = usize::from(self.terms().recomputers());
        if self.record.shares.len() < all {
            return Ok(None);
        }
        let mut secrets = Secrets::default();
        for share in &self.record.shares {
            secrets.insert(share_secret(share.seat, share.set), share.secret);
        }
        Ok(Some(self.holdings.complete(CANCEL, &secrets)?))
    }

    /// What is due with the tip at `height` and the coin there.
    pub fn duty(&self, height: u32, coin: Coin) -> RequesterDuty {
        match coin {
            Coin::Locked { .. } => self.duty_of_locked(height),
            Coin::Unfunded | Coin::Spent => RequesterDuty::None,
        }
    }

    /// What is due of a locked coin with the tip at `height`; or at [`super::BountyTerms::last_mark`] of the tip, which is the same.
    pub fn duty_of_locked(&self, height: u32) -> RequesterDuty {
        let (terms, record) = (self.terms(), &self.record);
        if height.saturating_add(1) > terms.record().refund_height {
            return RequesterDuty::Refund;
        }
        let Some(seal) = &record.seal else {
            let complete = record.envelope.as_ref().map(Envelope::seats) == Some(terms.all());
            return match complete || height >= terms.record().layer_height {
                true => RequesterDuty::Seal,
                false => RequesterDuty::None,
            };
        };
        let Ok(verdict) = self.verdict() else {
            let whole = record.openings.len() == seal.envelope.layers.len();
            return match whole || height >= terms.open_height() {
                true => RequesterDuty::Close,
                false => RequesterDuty::None,
            };
        };
        self.after_closing(height, verdict.paid)
    }

    fn after_closing(&self, height: u32, set: LayerSet) -> RequesterDuty {
        let (terms, record) = (self.terms(), &self.record);
        let round = record.closing.as_ref().map_or(0, |closing| closing.round);
        if set.is_empty() {
            let all = usize::from(terms.recomputers());
            return match record.shares.len() == all {
                true => RequesterDuty::Cancel,
                false => RequesterDuty::None,
            };
        }
        let undelivered = self.undelivered(set);
        if undelivered.is_empty() && !record.granted.contains(&set) {
            return RequesterDuty::Grant(set);
        }
        let next = round.saturating_add(1);
        match next <= terms.last_round() && height >= terms.round_height(next) {
            true => RequesterDuty::CloseAgain { undelivered },
            false => RequesterDuty::None,
        }
    }

    /// What the ledger learns, each once the bounty is over and what settled it is buried: whom the settlement paid has
    /// passed, unless what it delivered was false. A settlement granted before the last closing counts the same. Those
    /// not paid have failed, but for two of whom nothing is known: who was to be paid by the last closing, and who
    /// opened a layer when nobody reached the quorum.
    pub fn audits(&self, height: u32) -> Result<Vec<Audit>, BountyError> {
        let (terms, verdict) = (self.terms(), self.verdict()?);
        let closing = self.last_closing("an audit")?;
        let settled = self.record.settled.unwrap_or_default();
        let mut audits = Vec::new();
        for seat in 0..terms.recomputers() {
            let within = |set: LayerSet| set.contains(seat.into());
            let passed = within(settled) && !within(self.record.false_results);
            let undecided = verdict.agreed.is_empty() && within(closing.opened());
            if !within(settled) && (undecided || within(verdict.paid)) {
                continue;
            }
            audits.push(Audit {
                job: *terms.id(),
                recomputer: terms.recomputer_id(seat)?,
                passed,
                height,
            });
        }
        Ok(audits)
    }

    /// Who is paid, as closed for last.
    pub fn verdict(&self) -> Result<Verdict, BountyError> {
        self.last_closing("a verdict")?.verdict(self.terms())
    }

    pub(super) fn last_closing(&self, what: &'static str) -> Result<&Closing, BountyError> {
        let why = "nothing is closed yet";
        let closing = self.record.closing.as_ref();
        closing.ok_or(BountyError::Phase { what, why })
    }

    /// Members of a set whose deliveries have not come.
    pub fn undelivered(&self, set: LayerSet) -> LayerSet {
        let missing = seats(set).filter(|seat| !self.has_delivery(set, *seat));
        let mask = missing.fold(0u8, |mask, seat| mask | 1 << seat);
        LayerSet::new(mask).unwrap_or_default()
    }

    fn has_delivery(&self, set: LayerSet, seat: u8) -> bool {
        let mut deliveries = self.record.deliveries.iter();
        deliveries.any(|delivery| (delivery.set, delivery.seat) == (set, seat))
    }
}
