//! The requester's side.

use bitcoin::{
    Psbt, Transaction,
    secp256k1::{
        Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_game_model::market::{Audit, LayerSet};

use super::{
    BountyError, BountyTerms, CANCEL, Closing, Coin, Delivery, Envelope, Grant, Opening, REFUND,
    REQUESTER, RequesterDuty, RequesterRecord, Seal, Share, Verdict, settlement, terms::seats,
};
use crate::{
    funding::{FundingError, funding_psbt},
    musig::add_secrets,
    pact::{Task, check_key, finish},
    setup::{Agreement, Holdings},
};

/// A requester that holds a signature for every way in which the bounty can be settled.
///
/// Nothing here does I/O. Each change of [`Requester::record`] must be durable before what the call returned leaves the
/// house; a requester restored from the record sends the same again.
pub struct Requester {
    holdings: Holdings<BountyTerms>,
    identity: SecretKey,
    key: SecretKey,
    record: RequesterRecord,
}

/// What a settlement gave the requester.
#[derive(Clone, PartialEq, Eq)]
pub struct Learned {
    /// Whom it paid.
    pub set: LayerSet,
    /// The result, if one of those whom it paid delivered what it had committed to.
    pub result: Option<Vec<u8>>,
    /// Who delivered something else: each signed it, so that anybody can be shown.
    pub cheats: LayerSet,
}

impl std::fmt::Debug for Learned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learned")
            .field("set", &self.set)
            .field("bytes", &self.result.as_ref().map(Vec::len))
            .field("cheats", &self.cheats)
            .finish()
    }
}

impl Requester {
    /// A requester after the ceremony. `identity` is the secret of the call's key, `key` that of the contract's.
    pub fn new(
        holdings: Holdings<BountyTerms>,
        identity: SecretKey,
        key: SecretKey,
    ) -> Result<Requester, BountyError> {
        Requester::restore(holdings, identity, key, RequesterRecord::default())
    }

    /// A requester as it was when `record` was written. Everything in it is verified again.
    pub fn restore(
        holdings: Holdings<BountyTerms>,
        identity: SecretKey,
        key: SecretKey,
        record: RequesterRecord,
    ) -> Result<Requester, BountyError> {
        if holdings.role() != REQUESTER {
            return Err(BountyError::Damaged("the holdings are a relay's"));
        }
        let terms = holdings.terms().record();
        let public = identity.x_only_public_key(&Secp256k1::signing_only()).0;
        if public != terms.call.requester {
            return Err(BountyError::Damaged("the identity is not that of the call"));
        }
        check_key(&key, terms.requester_key, REQUESTER)?;
        let requester = Requester {
            holdings,
            identity,
            key,
            record,
        };
        requester.check_record()?;
        Ok(requester)
    }

    fn check_record(&self) -> Result<(), BountyError> {
        let (terms, record) = (self.terms(), &self.record);
        if let Some(envelope) = &record.envelope {
            envelope.verify(terms)?;
        }
        if let Some(seal) = &record.seal {
            seal.verify(terms)?;
            for opening in &record.openings {
                opening.verify(terms, &seal.envelope)?;
            }
        } else if !record.openings.is_empty() || record.closing.is_some() {
            return Err(BountyError::Damaged("there is no seal"));
        }
        if let Some(closing) = &record.closing {
            closing.verify(terms)?;
        }
        for delivery in &record.deliveries {
            delivery.verify(terms)?;
        }
        record
            .shares
            .iter()
            .try_for_each(|share| share.verify(terms))
    }

    /// What must be durable.
    pub fn record(&self) -> &RequesterRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once before anything is funded.
    pub fn holdings(&self) -> &Holdings<BountyTerms> {
        &self.holdings
    }

    /// The terms.
    pub fn terms(&self) -> &BountyTerms {
        self.holdings.terms()
    }

    /// The funding transaction, for the wallet to sign: only a requester that holds all settlements has it.
    pub fn funding_psbt(&self) -> Result<Psbt, FundingError> {
        funding_psbt(self.holdings.graph())
    }

    /// Takes an envelope. It keeps the one with most layers, of two such the first.
    pub fn take_envelope(&mut self, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())?;
        let known = self.record.envelope.as_ref();
        if known.is_none_or(|known| known.layers.len() < envelope.layers.len()) {
            self.record.envelope = Some(envelope.clone());
        }
        Ok(())
    }

    /// Seals the envelope: for all relays. A complete one at any time, another from the layers' height on; one only,
    /// because what is opened after it could be copied into a later layer.
    pub fn seal(&mut self, height: u32) -> Result<Seal, BountyError> {
        if let Some(seal) = &self.record.seal {
            return Ok(seal.clone());
        }
        let terms = self.holdings.terms();
        let empty = Envelope::new(terms);
        let envelope = self.record.envelope.clone().unwrap_or(empty);
        let complete = envelope.seats() == terms.all();
        if !complete && height < terms.record().layer_height {
            return Err(BountyError::Time {
                what: "an incomplete envelope is sealed",
                height,
                bound: "the layers' height has not come",
            });
        }
        let seal = Seal::new(envelope, &self.identity);
        self.record.seal = Some(seal.clone());
        Ok(seal)
    }

    /// Takes an opening of the sealed envelope.
    pub fn take_opening(&mut self, opening: &Opening) -> Result<(), BountyError> {
        let Some(seal) = &self.record.seal else {
            let (what, why) = ("an opening", "nothing is sealed yet");
            return Err(BountyError::Phase { what, why });
        };
        opening.verify(self.holdings.terms(), &seal.envelope)?;
        let mut known = self.record.openings.iter();
        if known.all(|known| known.seat != opening.seat) {
            self.record.openings.push(*opening);
            self.record.openings.sort_by_key(|opening| opening.seat);
        }
        Ok(())
    }

    /// Closes with the openings that came: for all relays. When one came later, it closes once more with it, until
    /// somebody was left out.
    pub fn close(&mut self, height: u32) -> Result<Closing, BountyError> {
        let terms = self.holdings.terms();
        let (what, openings) = ("a closing", self.record.openings.clone());
        let Some(seal) = &self.record.seal else {
            let why = "nothing is sealed yet";
            return Err(BountyError::Phase { what, why });
        };
        if let Some(known) = self.record.closing.as_ref() {
            let why = "somebody was left out since";
            match known.round {
                0 if known.openings == openings => return Ok(known.clone()),
                0 => {}
                _ => return Err(BountyError::Phase { what, why }),
            }
        }
        let envelope = seal.envelope.clone();
        let waits = openings.len() < envelope.layers.len();
        if waits && height < terms.open_height() {
            return Err(BountyError::Time {
                what,
                height,
                bound: "the time of the openings is not over",
            });
        }
        let nobody = LayerSet::empty();
        let closing = Closing::new(0, envelope, openings, nobody, &self.identity);
        closing.verify(terms)?;
        self.record.closing = Some(closing.clone());
        Ok(closing)
    }

    /// Closes again and leaves out `late` as well, members of the set that withhold a delivery or a secret. Members who
    /// have both refuse.
    pub fn close_again(&mut self, height: u32, late: LayerSet) -> Result<Closing, BountyError> {
        let (terms, known) = (
            self.holdings.terms(),
            self.last_closing("a further closing")?,
        );
        let round = known.round.saturating_add(1);
        if height < terms.round_height(round) {
            return Err(BountyError::Time {
                what: "somebody is left out",
                height,
                bound: "its round is not over",
            });
        }
        let mask = known.late.mask() | late.mask();
        let late = LayerSet::new(mask).unwrap_or_default();
        if late == known.late {
            let problem = "leaves out nobody more";
            return Err(BountyError::Requester { problem });
        }
        let (envelope, openings) = (known.envelope.clone(), known.openings.clone());
        let closing = Closing::new(round, envelope, openings, late, &self.identity);
        closing.verify(terms)?;
        self.record.closing = Some(closing.clone());
        Ok(closing)
    }

    /// Takes a result that is encrypted to the secrets of the set that it closed for last.
    pub fn take_delivery(&mut self, delivery: &Delivery) -> Result<(), BountyError> {
        delivery.verify(self.terms())?;
        if delivery.set != self.verdict()?.paid {
            let (what, why) = (
                "a delivery",
                "it is not for the set that was closed for last",
            );
            return Err(BountyError::Phase { what, why });
        }
        if !self.has_delivery(delivery.set, delivery.seat) {
            self.record.deliveries.push(delivery.clone());
        }
        Ok(())
    }

    /// Gives its signature to the settlement of those who agree: for all of them. Only when each has delivered, so that
    /// one honest one among them is enough for the result.
    pub fn grant(&mut self) -> Result<Grant, BountyError> {
        let set = self.verdict()?.paid;
        if set.is_empty() || !self.undelivered(set).is_empty() {
            let (what, why) = ("a grant", "somebody has not delivered, or nobody is paid");
            return Err(BountyError::Phase { what, why });
        }
        let terms = self.holdings.terms();
        let node = settlement(terms, set)?;
        let grant = Grant {
            terms: *terms.id(),
            set,
            signature: self.holdings.adaptor_signature(node)?,
        };
        if !self.record.granted.contains(&set) {
            self.record.granted.push(set);
        }
        Ok(grant)
    }

    /// Takes from a settlement, confirmed or broadcast, the sum of its set's secrets, and with it the result. The
    /// record keeps who cheated.
    pub fn learn(&mut self, tx: &Transaction) -> Result<Learned, BountyError> {
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
        let cheats = LayerSet::new(cheats).unwrap_or_default();
        self.record.false_results = cheats;
        Ok(Learned {
            set,
            result,
            cheats,
        })
    }

    /// Takes a relay's secret to give everything back.
    pub fn take_share(&mut self, share: &Share) -> Result<(), BountyError> {
        share.verify(self.terms())?;
        if !share.set.is_empty() {
            let (what, why) = ("a share", "it gives nothing back");
            return Err(BountyError::Phase { what, why });
        }
        if !self.record.shares.contains(share) {
            self.record.shares.push(*share);
        }
        Ok(())
    }

    /// The cancellation, once every relay has given its secret: everything back at once.
    pub fn cancel(&self) -> Result<Option<Transaction>, BountyError> {
        let all = usize::from(self.terms().relays());
        if self.record.shares.len() < all {
            return Ok(None);
        }
        let mut secrets = self.record.shares.iter().map(|share| share.secret);
        let first = secrets.next();
        let sum =
            first.and_then(|first| secrets.try_fold(first, |sum, next| add_secrets(sum, &next)));
        let secret = |_: &_| sum.ok_or_else(|| "secrets that do not cancel".to_owned());
        Ok(Some(self.holdings.complete_with(CANCEL, secret)?))
    }

    /// The refund, valid above T.
    pub fn refund<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Transaction, BountyError> {
        let graph = self.holdings.graph();
        let task = Task::new(graph, REFUND, 0)?;
        let signature = task.sign_alone((REQUESTER, &self.key), None, rng)?;
        Ok(finish(graph, REFUND, &[signature.0], &[])?)
    }

    /// What is due with the tip at `height` and the coin there.
    pub fn duty(&self, height: u32, coin: Coin) -> RequesterDuty {
        let (terms, record) = (self.terms(), &self.record);
        if coin != Coin::Locked {
            return RequesterDuty::None;
        }
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
            let all = usize::from(terms.relays());
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

    /// What the ledger learns, each once the bounty is over: who agreed and did its part has passed, everybody else
    /// failed. If nobody reached the quorum, only those without an opened layer failed: of the others nothing is known.
    pub fn audits(&self, height: u32) -> Result<Vec<Audit>, BountyError> {
        let (terms, verdict) = (self.terms(), self.verdict()?);
        let closing = self.last_closing("an audit")?;
        let mut audits = Vec::new();
        for seat in 0..terms.relays() {
            let within = |set: LayerSet| set.contains(seat.into());
            let passed = within(verdict.paid) && !within(self.record.false_results);
            if verdict.agreed.is_empty() && within(closing.opened()) {
                continue;
            }
            audits.push(Audit {
                job: *terms.id(),
                relay: terms.relay_id(seat)?,
                passed,
                height,
            });
        }
        Ok(audits)
    }

    /// Who is paid, as closed for last.
    pub fn verdict(&self) -> Result<Verdict, BountyError> {
        self.last_closing("a verdict")?.verify(self.terms())
    }

    fn last_closing(&self, what: &'static str) -> Result<&Closing, BountyError> {
        let why = "nothing is closed yet";
        let closing = self.record.closing.as_ref();
        closing.ok_or(BountyError::Phase { what, why })
    }

    fn undelivered(&self, set: LayerSet) -> LayerSet {
        let missing = seats(set).filter(|seat| !self.has_delivery(set, *seat));
        let mask = missing.fold(0u8, |mask, seat| mask | 1 << seat);
        LayerSet::new(mask).unwrap_or_default()
    }

    fn has_delivery(&self, set: LayerSet, seat: u8) -> bool {
        let mut deliveries = self.record.deliveries.iter();
        deliveries.any(|delivery| (delivery.set, delivery.seat) == (set, seat))
    }
}
