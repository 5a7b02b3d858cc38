//! The requester's side.

use bitcoin::{
    Psbt,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_base::node::AskedNode;
use narthex_game_model::market::LayerSet;

use super::{
    BountyError, BountyTerms, Closing, Envelope, Opening, REQUESTER, RequesterRecord, Seal,
};
use crate::{builder::check_key, depth::Depth, funding::funding_psbt, setup::ContractSignatures};

/// A requester that holds a signature for every way in which the bounty can be settled.
///
/// Nothing here does I/O. Each change of [`Requester::record`] must be durable before what the call returned leaves the
/// house; a requester restored from the record sends the same again.
pub struct Requester {
    pub(super) holdings: ContractSignatures<BountyTerms>,
    pub(super) identity: SecretKey,
    pub(super) key: SecretKey,
    pub(super) record: RequesterRecord,
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
        holdings: ContractSignatures<BountyTerms>,
        identity: SecretKey,
        key: SecretKey,
    ) -> Result<Requester, BountyError> {
        Requester::restore(holdings, identity, key, RequesterRecord::default())
    }

    /// A requester as it was when `record` was written. Everything in it is verified again.
    pub fn restore(
        holdings: ContractSignatures<BountyTerms>,
        identity: SecretKey,
        key: SecretKey,
        record: RequesterRecord,
    ) -> Result<Requester, BountyError> {
        if holdings.me() != REQUESTER {
            return Err(BountyError::Damaged("the holdings are a recomputer's"));
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
    pub fn record(&self) -> &RequesterRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once before anything is funded.
    pub fn holdings(&self) -> &ContractSignatures<BountyTerms> {
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

    /// Takes an envelope. It keeps the one with most layers, of two such the first.
    pub fn take_envelope(&mut self, envelope: &Envelope) -> Result<(), BountyError> {
        envelope.verify(self.terms())?;
        let known = self.record.envelope.as_ref();
        if known.is_none_or(|known| known.layers.len() < envelope.layers.len()) {
            self.record.envelope = Some(envelope.clone());
        }
        Ok(())
    }

    /// Seals the envelope: for all recomputers. A complete one at any time, another from the layers' height on; one only,
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

    /// Closes with the openings that came: for all recomputers. When one came later, it closes once more with it, until
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
}
