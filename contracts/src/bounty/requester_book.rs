//! What a requester knows, and what it takes; without its keys.

use bitcoin::Psbt;
use narthex_base::node::AskedNode;
use narthex_game_model::market::LayerSet;

use super::{
    BountyError, BountyTerms, Closing, ClosingDraft, Envelope, Opening, REQUESTER, RequesterRecord,
    Seal,
};
use crate::{depth::Depth, funding::funding_psbt, setup::ContractSignatures};

/// What a requester knows of a bounty after the ceremony, and the rules by which it takes more: `check_*` says whether, `hold_*`
/// keeps what was checked. It has no key; what it has of secrets, others gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct RequesterBook {
    pub(super) holdings: ContractSignatures<BountyTerms>,
    pub(super) record: RequesterRecord,
}

impl std::fmt::Debug for RequesterBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("RequesterBook");
        shown.field("record", &self.record).finish_non_exhaustive()
    }
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

impl RequesterBook {
    /// The book after the ceremony.
    ///
    /// # Errors
    /// [`BountyError::Damaged`] if the signatures are a recomputer's.
    pub fn new(holdings: ContractSignatures<BountyTerms>) -> Result<RequesterBook, BountyError> {
        RequesterBook::restore(holdings, RequesterRecord::default())
    }

    /// The book as it was when `record` was written. Everything in it is verified again.
    ///
    /// # Errors
    /// [`BountyError`]: of another bounty, or changed.
    pub fn restore(
        holdings: ContractSignatures<BountyTerms>,
        record: RequesterRecord,
    ) -> Result<RequesterBook, BountyError> {
        if holdings.me() != REQUESTER {
            return Err(BountyError::Damaged("the holdings are a recomputer's"));
        }
        let book = RequesterBook { holdings, record };
        book.check_record()?;
        Ok(book)
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
        let settled = record.settled;
        if settled.is_some_and(|set| set.is_empty() || terms.sets().all(|known| known != set)) {
            return Err(BountyError::Damaged("no settlement pays whom it paid"));
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
    pub const fn record(&self) -> &RequesterRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once before anything is funded.
    pub const fn holdings(&self) -> &ContractSignatures<BountyTerms> {
        &self.holdings
    }

    /// The terms.
    pub fn terms(&self) -> &BountyTerms {
        self.holdings.terms()
    }

    /// The funding transaction, for the wallet to sign: only a requester that holds all settlements and has asked its node
    /// has it, and not so late that no recomputer would open its layer.
    ///
    /// # Errors
    /// [`BountyError::Late`] if no recomputer waits for less than it takes.
    pub fn funding_psbt(&self, tip: u32, _: &impl AskedNode) -> Result<Psbt, BountyError> {
        self.terms().check_room(tip, Depth::LEAST)?;
        Ok(funding_psbt(self.holdings.graph())?)
    }

    /// Whether a funding that is published at this tip could be deep in time for any opening.
    pub fn has_room(&self, tip: u32) -> bool {
        self.terms().check_room(tip, Depth::LEAST).is_ok()
    }

    /// Whether an envelope holds.
    ///
    /// # Errors
    /// [`BountyError::Layer`], the fault of that seat; [`BountyError::Foreign`].
    pub fn check_envelope(&self, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())
    }

    /// Keeps the envelope with most layers, of two such the first.
    pub fn hold_envelope(&mut self, envelope: &Envelope) {
        let known = self.record.envelope.as_ref();
        if known.is_none_or(|known| known.layers.len() < envelope.layers.len()) {
            self.record.envelope = Some(envelope.clone());
        }
    }

    /// What is to be sealed at a height: a complete envelope at any, another from the layers' height on.
    ///
    /// # Errors
    /// [`BountyError::Time`] before.
    pub fn to_seal(&self, height: u32) -> Result<Envelope, BountyError> {
        let terms = self.terms();
        let envelope = self.record.envelope.clone();
        let envelope = envelope.unwrap_or_else(|| Envelope::new(terms));
        let complete = envelope.seats() == terms.all();
        if !complete && height < terms.record().layer_height {
            return Err(BountyError::Time {
                what: "an incomplete envelope is sealed",
                height,
                bound: "the layers' height has not come",
            });
        }
        Ok(envelope)
    }

    /// Keeps the seal that its signer made.
    pub fn hold_seal(&mut self, seal: &Seal) {
        self.record.seal = Some(seal.clone());
    }

    /// Whether an opening is one of the sealed envelope.
    ///
    /// # Errors
    /// [`BountyError::Opening`], that recomputer's fault; [`BountyError::Phase`] before there is a seal.
    pub fn check_opening(&self, opening: &Opening) -> Result<(), BountyError> {
        let Some(seal) = &self.record.seal else {
            let (what, why) = ("an opening", "nothing is sealed yet");
            return Err(BountyError::Phase { what, why });
        };
        opening.verify(self.terms(), &seal.envelope)
    }

    /// Keeps an opening, the first of each seat. When somebody was left out, no closing has more of them.
    pub fn hold_opening(&mut self, opening: &Opening) {
        let closing = self.record.closing.as_ref();
        let is_late = closing.is_some_and(|closing| closing.round > 0);
        let mut known = self.record.openings.iter();
        if !is_late && known.all(|known| known.seat != opening.seat) {
            self.record.openings.push(*opening);
            self.record.openings.sort_by_key(|opening| opening.seat);
        }
    }

    /// What is to be closed at a height: with the openings that came, all of them or from their height on.
    ///
    /// # Errors
    /// [`BountyError::Time`] before; [`BountyError::Phase`] without a seal, or when somebody was left out since.
    pub fn to_close(&self, height: u32) -> Result<ClosingDraft, BountyError> {
        let (what, openings) = ("a closing", self.record.openings.clone());
        let Some(seal) = &self.record.seal else {
            let why = "nothing is sealed yet";
            return Err(BountyError::Phase { what, why });
        };
        let draft = ClosingDraft {
            round: 0,
            envelope: seal.envelope.clone(),
            openings,
            late: LayerSet::empty(),
        };
        if let Some(known) = self.record.closing.as_ref() {
            let why = "somebody was left out since";
            match known.round {
                0 if draft.is(known) => return Ok(draft),
                0 => {}
                _ => return Err(BountyError::Phase { what, why }),
            }
        }
        let waits = draft.openings.len() < draft.envelope.layers.len();
        if waits && height < self.terms().open_height() {
            return Err(BountyError::Time {
                what,
                height,
                bound: "the time of the openings is not over",
            });
        }
        Ok(draft)
    }

    /// What is to be closed at a height to leave out `late` as well.
    ///
    /// # Errors
    /// [`BountyError::Time`] before the round is over; [`BountyError::Requester`] if nobody more is left out, or too many are;
    /// [`BountyError::Phase`] before anything is closed.
    pub fn to_leave_out(&self, height: u32, late: LayerSet) -> Result<ClosingDraft, BountyError> {
        let known = self.last_closing("a further closing")?;
        let round = known.round.saturating_add(1);
        if height < self.terms().round_height(round) {
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
        let terms = self.terms();
        let agreed = known.verdict(terms)?.agreed.mask();
        if late.mask() & !agreed != 0 {
            let problem = "leaves out somebody who is not paid anyway";
            return Err(BountyError::Requester { problem });
        }
        let left = LayerSet::new(agreed & !late.mask()).unwrap_or_default();
        if round > terms.last_round() || left.len() < terms.record().call.quorum {
            let problem = "leaves out so many that nobody is paid";
            return Err(BountyError::Requester { problem });
        }
        Ok(ClosingDraft {
            round,
            envelope: known.envelope.clone(),
            openings: known.openings.clone(),
            late,
        })
    }

    /// Keeps the closing that its signer made.
    pub fn hold_closing(&mut self, closing: &Closing) {
        self.record.closing = Some(closing.clone());
    }
}
