//! A relay's side.

use bitcoin::{
    Transaction,
    hashes::{Hash, sha256},
    secp256k1::SecretKey,
};
use narthex_game_model::market::LayerSet;

use super::{
    BountyError, BountyTerms, Closing, Delivery, Envelope, Grant, MAX_RESULT_BYTES, Opening,
    RelayRecord, RelaySeed, Seal, Share, Verdict, Work, commitment, settlement, terms::seats,
};
use crate::{
    musig::{AdaptorError, add_secrets},
    pact::{PactError, Task, finish},
    role::Role,
    setup::{Agreement, Holdings},
};

/// A relay with everything signed that it relies on: that nobody takes the coin back before T without its secret.
///
/// Nothing here does I/O. Each change of [`Relay::record`] must be durable before what the call returned leaves the
/// house; a relay restored from the record sends the same again.
pub struct Relay {
    holdings: Holdings<BountyTerms>,
    seat: u8,
    identity: SecretKey,
    seed: RelaySeed,
    record: RelayRecord,
}

/// What a relay does about a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is paid: its result for the requester, and for all members so that they see it.
    Deliver(Box<Delivery>),
    /// Nobody is paid: its secret for the requester, which takes everything back with all of them.
    GiveBack(Share),
    /// Others are paid, or nobody is before T.
    Nothing,
}

impl Relay {
    /// A relay after the ceremony. `identity` and `seed` are those that its offer was made with.
    pub fn new(
        holdings: Holdings<BountyTerms>,
        identity: SecretKey,
        seed: RelaySeed,
    ) -> Result<Relay, BountyError> {
        Relay::restore(holdings, identity, seed, RelayRecord::default())
    }

    /// A relay as it was when `record` was written. Everything in it is verified again.
    pub fn restore(
        holdings: Holdings<BountyTerms>,
        identity: SecretKey,
        seed: RelaySeed,
        record: RelayRecord,
    ) -> Result<Relay, BountyError> {
        let Role::Arbiter(seat) = holdings.role() else {
            return Err(BountyError::Damaged("the holdings are no relay's"));
        };
        let terms = holdings.terms();
        let secp = bitcoin::secp256k1::Secp256k1::signing_only();
        let own = identity.x_only_public_key(&secp).0 == terms.identity(seat)?;
        let mut known = terms.record().call.sets(seat);
        let offered =
            known.all(|set| share(terms, seat, &seed, set).is_ok_and(|s| s.verify(terms).is_ok()));
        if !own || !offered {
            return Err(BountyError::NotOffered { seat });
        }
        let relay = Relay {
            holdings,
            seat,
            identity,
            seed,
            record,
        };
        relay.check_record()?;
        Ok(relay)
    }

    fn check_record(&self) -> Result<(), BountyError> {
        let (terms, record) = (self.terms(), &self.record);
        let damaged = BountyError::Damaged;
        let envelopes = record.envelope.iter().chain(&record.in_time);
        for envelope in envelopes {
            envelope.verify(terms)?;
        }
        if let Some(work) = &record.work {
            let root = terms.root(&work.result) == work.root.to_byte_array();
            if !root || !record.envelope.as_ref().is_some_and(|e| self.is_mine(e)) {
                return Err(damaged("its layer is not that of its result"));
            }
        }
        if let Some(seal) = &record.seal {
            seal.verify(terms)?;
            for opening in &record.openings {
                opening.verify(terms, &seal.envelope)?;
            }
        } else if !record.openings.is_empty() || record.closing.is_some() {
            return Err(damaged("there is no seal"));
        }
        if let Some(closing) = &record.closing {
            closing.verify(terms)?;
        }
        for grant in &record.grants {
            grant.verify(terms, self.holdings.graph())?;
        }
        record
            .shares
            .iter()
            .try_for_each(|share| share.verify(terms))
    }

    /// What must be durable.
    pub fn record(&self) -> &RelayRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once.
    pub fn holdings(&self) -> &Holdings<BountyTerms> {
        &self.holdings
    }

    /// The terms.
    pub fn terms(&self) -> &BountyTerms {
        self.holdings.terms()
    }

    /// Own seat, from 0.
    pub fn seat(&self) -> u8 {
        self.seat
    }

    /// Adds its layer to the envelope of those before it. It signs one result once, and sends the same again.
    pub fn sign(&mut self, before: &Envelope, result: &[u8]) -> Result<Envelope, BountyError> {
        let (terms, seat) = (self.holdings.terms(), self.seat);
        if result.len() > MAX_RESULT_BYTES {
            let bytes = result.len();
            return Err(BountyError::Result { bytes });
        }
        if let (Some(work), Some(envelope)) = (&self.record.work, &self.record.envelope) {
            let (what, why) = ("another layer", "it signed one before");
            return match work.result == result {
                true => Ok(envelope.clone()),
                false => Err(BountyError::Phase { what, why }),
            };
        }
        before.verify(terms)?;
        let root = terms.root(result);
        let envelope = before.with(seat, self.commitment(&root)?, &self.identity)?;
        self.record.work = Some(Work {
            result: result.to_vec(),
            root: sha256::Hash::from_byte_array(root),
        });
        self.record.envelope = Some(envelope.clone());
        Ok(envelope)
    }

    /// Sees an envelope that goes on from its own. What comes a round before the layers' height is passed on to the
    /// requester, which then has no excuse for sealing less.
    pub fn hear(&mut self, height: u32, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())?;
        let seat = self.seat;
        if !self.is_mine(envelope) {
            return Err(BountyError::LeftOut { seat });
        }
        let longer = |known: &Option<Envelope>| known.as_ref().is_none_or(|k| k.begins(envelope));
        let record = self.terms().record();
        let margin = u32::from(record.round_blocks);
        let in_time = height.saturating_add(margin) <= record.layer_height;
        if in_time && longer(&self.record.in_time) {
            self.record.in_time = Some(envelope.clone());
        }
        if longer(&self.record.envelope) {
            self.record.envelope = Some(envelope.clone());
        }
        Ok(())
    }

    /// Opens its layer of a sealed envelope: for the requester and all relays. It opens once.
    pub fn open(&mut self, height: u32, seal: &Seal) -> Result<Opening, BountyError> {
        let (terms, seat) = (self.holdings.terms(), self.seat);
        seal.verify(terms)?;
        let Some(work) = self.record.work.as_ref() else {
            let (what, why) = ("an opening", "there is no layer of its own");
            return Err(BountyError::Phase { what, why });
        };
        if !self.is_mine(&seal.envelope) {
            return Err(BountyError::LeftOut { seat });
        }
        match &self.record.seal {
            Some(known) if known.envelope != seal.envelope => {
                let problem = "seals a second envelope";
                return Err(BountyError::Requester { problem });
            }
            Some(_) => {}
            None => self.check_seal(height, seal)?,
        }
        let (root, salt) = (work.root.to_byte_array(), self.salt());
        let hash = seal.envelope.hash();
        let opening = Opening::new(terms, seat, hash, (root, salt), &self.identity);
        self.record.seal = Some(seal.clone());
        Ok(opening)
    }

    /// Layers may be missing from the layers' height on, but none that was there in time.
    fn check_seal(&self, height: u32, seal: &Seal) -> Result<(), BountyError> {
        let terms = self.terms();
        let early = height < terms.record().layer_height;
        if early && seal.envelope.seats() != terms.all() {
            return Err(BountyError::Time {
                what: "an incomplete envelope is sealed",
                height,
                bound: "the layers' height has not come",
            });
        }
        let known = self.record.in_time.iter();
        let stripped = known.filter(|known| **known != seal.envelope);
        match stripped.filter(|known| seal.envelope.begins(known)).last() {
            None => Ok(()),
            Some(known) => {
                let lost = known.layers.get(seal.envelope.layers.len());
                let seat = lost.map_or(self.seat, |layer| layer.seat);
                Err(BountyError::LeftOut { seat })
            }
        }
    }

    /// Sees another relay's opening. It passes on to the requester what that may not have.
    pub fn hear_opening(&mut self, opening: &Opening) -> Result<(), BountyError> {
        let Some(seal) = &self.record.seal else {
            let (what, why) = ("an opening of another's", "nothing is sealed yet");
            return Err(BountyError::Phase { what, why });
        };
        opening.verify(self.holdings.terms(), &seal.envelope)?;
        let seat = opening.seat;
        if seat != self.seat && self.record.openings.iter().all(|known| known.seat != seat) {
            self.record.openings.push(*opening);
        }
        Ok(())
    }

    /// Takes a closing, after recomputing from envelope and openings who is paid, and delivers if it is one of them.
    pub fn accept(&mut self, height: u32, closing: &Closing) -> Result<Answer, BountyError> {
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

    /// More openings came before anybody was left out: nothing else may change. A relay that has given its secret to
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

    /// Somebody is left out rightly if this relay, too, lacks what that one owes.
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
        let granted = self.record.grants.iter().any(|grant| grant.set == before);
        for seat in newly {
            let delivered = self.record.delivered.contains(&(before, seat));
            let shared = self.has_share(before, seat);
            if seat == self.seat || (delivered && (shared || !granted)) {
                return Err(BountyError::LeftOut { seat });
            }
        }
        Ok(())
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

    /// Sees that another has delivered. It passes on to the requester what that may not have.
    pub fn hear_delivery(&mut self, delivery: &Delivery) -> Result<(), BountyError> {
        delivery.verify(self.terms())?;
        let seen = (delivery.set, delivery.seat);
        // There are at most 192 of them.
        if !self.record.delivered.contains(&seen) {
            self.record.delivered.push(seen);
        }
        Ok(())
    }

    /// Takes the requester's signature and gives its secret for this set, to all its members. Only for what it accepted
    /// last, and only while the settlement has time to confirm before the refund can.
    pub fn take_grant(&mut self, height: u32, grant: &Grant) -> Result<Share, BountyError> {
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
        Ok(share)
    }

    /// Takes another member's secret.
    pub fn take_share(&mut self, share: &Share) -> Result<(), BountyError> {
        share.verify(self.terms())?;
        let useful = share.set.contains(self.seat.into()) && share.seat != self.seat;
        if useful && !self.record.shares.contains(share) {
            self.record.shares.push(*share);
        }
        Ok(())
    }

    /// The settlement, once a grant and the secrets of all its members are there. Any member publishes it; whoever does
    /// pays the child.
    pub fn settle(&self) -> Result<Option<(LayerSet, Transaction)>, BountyError> {
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
                add_secrets(sum, &next).ok_or(PactError::from(AdaptorError::WrongSecret))
            })?;
        let node = settlement(terms, set)?;
        let task = Task::new(graph, node, 0)?;
        let signature = task.complete(&grant.signature, &sum)?;
        Ok(Some((set, finish(graph, node, &[signature], &[])?)))
    }

    /// Members of a set whose secrets this relay lacks: what the requester asks when it leaves somebody out.
    pub fn missing(&self, set: LayerSet) -> LayerSet {
        let have = |seat: u8| seat == self.seat || self.has_share(set, seat);
        let missing = seats(set).filter(|seat| !have(*seat));
        let mask = missing.fold(0u8, |mask, seat| mask | 1 << seat);
        LayerSet::new(mask).unwrap_or_default()
    }

    fn has_share(&self, set: LayerSet, seat: u8) -> bool {
        let mut shares = self.record.shares.iter();
        shares.any(|share| (share.set, share.seat) == (set, seat))
    }

    fn salt(&self) -> [u8; 32] {
        self.seed.layer_salt(&self.terms().context(self.seat))
    }

    fn commitment(&self, root: &[u8; 32]) -> Result<[u8; 32], BountyError> {
        commitment(self.terms(), self.seat, root, &self.salt())
    }

    /// Whether the layer that this relay signed is in it, upon the same layers.
    fn is_mine(&self, envelope: &Envelope) -> bool {
        let known = self.record.envelope.as_ref();
        let own = known.and_then(|known| known.layer(self.seat));
        own.is_some() && envelope.layer(self.seat) == own
    }
}

fn share(
    terms: &BountyTerms,
    seat: u8,
    seed: &RelaySeed,
    set: LayerSet,
) -> Result<Share, BountyError> {
    Ok(Share {
        terms: *terms.id(),
        seat,
        set,
        secret: seed.secret(&terms.context(seat), set)?,
    })
}
