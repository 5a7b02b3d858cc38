//! What a recomputer knows, and what it takes; without its keys.

use bitcoin::hashes::Hash;
use narthex_game_model::market::LayerSet;

use super::{
    BountyError, BountyTerms, Coin, Envelope, MAX_RESULT_BYTES, Opening, RecomputerRecord, Seal,
    terms::seat_of,
};
use crate::{depth::Depth, setup::ContractSignatures};

/// What a recomputer knows of a bounty after the ceremony, and the rules by which it takes more: `check_*` says whether, `hold_*`
/// keeps what was checked. It has neither key nor seed; what it has of secrets, others gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecomputerBook {
    pub(super) holdings: ContractSignatures<BountyTerms>,
    pub(super) seat: u8,
    pub(super) record: RecomputerRecord,
}

impl std::fmt::Debug for RecomputerBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("RecomputerBook");
        shown
            .field("seat", &self.seat)
            .field("record", &self.record);
        shown.finish_non_exhaustive()
    }
}

/// What a recomputer owes by the closing that it took last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// It is paid: its result, encrypted to the secrets of this set.
    Delivery(LayerSet),
    /// Nobody is paid: its secret, which gives everything back.
    GiveBack,
    /// Others are paid, or nobody is before T.
    Nothing,
}

impl RecomputerBook {
    /// The book after the ceremony. `depth` is the policy: how deep the funding must be before anything is shown.
    ///
    /// # Errors
    /// [`BountyError::Damaged`] if the signatures are the requester's.
    pub fn new(
        holdings: ContractSignatures<BountyTerms>,
        depth: Depth,
    ) -> Result<RecomputerBook, BountyError> {
        let record = RecomputerRecord {
            depth,
            ..RecomputerRecord::default()
        };
        RecomputerBook::restore(holdings, record)
    }

    /// The book as it was when `record` was written. Everything in it is verified again.
    ///
    /// # Errors
    /// [`BountyError`]: of another bounty, or changed.
    pub fn restore(
        holdings: ContractSignatures<BountyTerms>,
        record: RecomputerRecord,
    ) -> Result<RecomputerBook, BountyError> {
        let Some(seat) = seat_of(holdings.me()) else {
            return Err(BountyError::Damaged("the holdings are no recomputer's"));
        };
        let book = RecomputerBook {
            holdings,
            seat,
            record,
        };
        book.check_record()?;
        Ok(book)
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
        for heard in &record.deliveries {
            heard.delivery.verify(terms)?;
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
    pub const fn record(&self) -> &RecomputerRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once.
    pub const fn holdings(&self) -> &ContractSignatures<BountyTerms> {
        &self.holdings
    }

    /// The terms.
    pub fn terms(&self) -> &BountyTerms {
        self.holdings.terms()
    }

    /// Own seat, from 0.
    pub const fn seat(&self) -> u8 {
        self.seat
    }

    /// Whether a layer for this result may be signed upon an envelope; the envelope with it, if that was done.
    ///
    /// # Errors
    /// [`BountyError::Result`] if it is too large; [`BountyError::Phase`] if another was signed; [`BountyError::Layer`], the
    /// fault of that seat.
    pub fn check_work(
        &self,
        before: &Envelope,
        result: &[u8],
    ) -> Result<Option<&Envelope>, BountyError> {
        if result.len() > MAX_RESULT_BYTES {
            let bytes = result.len();
            return Err(BountyError::Result { bytes });
        }
        if let (Some(work), Some(envelope)) = (&self.record.work, &self.record.envelope) {
            let (what, why) = ("another layer", "it signed one before");
            return match work.result == result {
                true => Ok(Some(envelope)),
                false => Err(BountyError::Phase { what, why }),
            };
        }
        before.verify(self.terms())?;
        let seat = self.seat;
        match before.layers.last().is_some_and(|last| last.seat >= seat) {
            true => {
                let problem = "comes after a later seat's";
                Err(BountyError::Layer { seat, problem })
            }
            false => Ok(None),
        }
    }

    /// Whether an envelope is what its signer makes of another: with its own layer upon it, and nothing else.
    ///
    /// # Errors
    /// [`BountyError::Layer`] of its own seat: the signer's fault.
    pub fn check_layer(&self, before: &Envelope, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())?;
        let seat = self.seat;
        let is_next = before.begins(envelope) && envelope.layers.len() == before.layers.len() + 1;
        match envelope.layers.last() {
            Some(last) if is_next && last.seat == seat => Ok(()),
            _ => {
                let problem = "is not one more upon those before it";
                Err(BountyError::Layer { seat, problem })
            }
        }
    }

    /// Keeps the envelope with its own layer, and the result in it.
    pub fn hold_layer(&mut self, envelope: &Envelope, result: &[u8]) {
        self.record.work = Some(self.terms().work(result.to_vec()));
        self.record.envelope = Some(envelope.clone());
    }

    /// Whether an envelope goes on from its own.
    ///
    /// # Errors
    /// [`BountyError::LeftOut`] if its layer is not in it; [`BountyError::Layer`].
    pub fn check_heard(&self, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())?;
        let seat = self.seat;
        match self.is_mine(envelope) {
            true => Ok(()),
            false => Err(BountyError::LeftOut { seat }),
        }
    }

    /// Keeps an envelope that came at `height`. What comes a round before the layers' height is passed on to the requester,
    /// which then has no excuse for sealing less.
    pub fn hold_heard(&mut self, height: u32, envelope: &Envelope) {
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
    }

    /// Whether it opens its layer of a sealed envelope: once, and not before the coin is as deep as its policy says, since who
    /// agrees with whom is worth something by itself.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; [`BountyError::LeftOut`], [`BountyError::Requester`],
    /// [`BountyError::Time`]: the requester's fault.
    pub fn check_seal(&self, (height, coin): (u32, Coin), seal: &Seal) -> Result<(), BountyError> {
        coin.check(height, self.record.depth, "an opening")?;
        let seat = self.seat;
        seal.verify(self.terms())?;
        if self.record.work.is_none() {
            let (what, why) = ("an opening", "there is no layer of its own");
            return Err(BountyError::Phase { what, why });
        }
        if !self.is_mine(&seal.envelope) {
            return Err(BountyError::LeftOut { seat });
        }
        match &self.record.seal {
            Some(known) if known.envelope != seal.envelope => {
                let problem = "seals a second envelope";
                Err(BountyError::Requester { problem })
            }
            Some(_) => Ok(()),
            None => self.check_layers(height, seal),
        }
    }

    /// Keeps the seal, the first.
    pub fn hold_seal(&mut self, seal: &Seal) {
        self.record.seal.get_or_insert_with(|| seal.clone());
    }

    /// Layers may be missing from the layers' height on, but none that was there in time.
    fn check_layers(&self, height: u32, seal: &Seal) -> Result<(), BountyError> {
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
        let mut stripped = known.filter(|known| **known != seal.envelope);
        match stripped.find(|known| seal.envelope.begins(known)) {
            None => Ok(()),
            Some(known) => {
                let lost = known.layers.get(seal.envelope.layers.len());
                let seat = lost.map_or(self.seat, |layer| layer.seat);
                Err(BountyError::LeftOut { seat })
            }
        }
    }

    /// Whether another recomputer's opening is one of the sealed envelope. It passes on to the requester what that may not have.
    ///
    /// # Errors
    /// [`BountyError::Opening`], that recomputer's fault; [`BountyError::Phase`] before there is a seal.
    pub fn check_opening(&self, opening: &Opening) -> Result<(), BountyError> {
        let Some(seal) = &self.record.seal else {
            let (what, why) = ("an opening of another's", "nothing is sealed yet");
            return Err(BountyError::Phase { what, why });
        };
        opening.verify(self.terms(), &seal.envelope)
    }

    /// Keeps another's opening, the first of each seat. When somebody was left out, no closing has more of them, and none is
    /// refused for that.
    pub fn hold_opening(&mut self, opening: &Opening) {
        let seat = opening.seat;
        let closing = self.record.closing.as_ref();
        let is_late = closing.is_some_and(|closing| closing.round > 0);
        if !is_late
            && seat != self.seat
            && self.record.openings.iter().all(|known| known.seat != seat)
        {
            self.record.openings.push(*opening);
        }
    }

    /// Whether the layer that this recomputer signed is in it, upon the same layers.
    fn is_mine(&self, envelope: &Envelope) -> bool {
        let known = self.record.envelope.as_ref();
        let own = known.and_then(|known| known.layer(self.seat));
        own.is_some() && envelope.layer(self.seat) == own
    }
}
