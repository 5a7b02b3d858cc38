//! A recomputer's side.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_game_model::market::LayerSet;

use super::{
    BoundSeed, BountyError, BountyTerms, Coin, Delivery, Envelope, MAX_RESULT_BYTES, Opening,
    RecomputerRecord, RecomputerSeed, Seal, Share, Work, commitment, terms::seat_of,
};
use crate::setup::{Agreement, ContractSignatures};

/// A recomputer with everything signed that it relies on: that nobody takes the coin back before T without its secret.
///
/// Nothing here does I/O. Each change of [`Recomputer::record`] must be durable before what the call returned leaves the
/// house; a recomputer restored from the record sends the same again.
pub struct Recomputer {
    pub(super) holdings: ContractSignatures<BountyTerms>,
    pub(super) seat: u8,
    pub(super) identity: SecretKey,
    pub(super) seed: RecomputerSeed,
    pub(super) record: RecomputerRecord,
}

/// What a recomputer does about a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is paid: its result for the requester, and for all members so that they see it.
    Deliver(Box<Delivery>),
    /// Nobody is paid: its secret for the requester, which takes everything back with all of them.
    GiveBack(Share),
    /// Others are paid, or nobody is before T.
    Nothing,
}

impl Recomputer {
    /// A recomputer after the ceremony. `identity` is the one that its offer was made with.
    pub fn new(
        holdings: ContractSignatures<BountyTerms>,
        identity: SecretKey,
        seed: BoundSeed,
    ) -> Result<Recomputer, BountyError> {
        let record = RecomputerRecord {
            depth: seed.depth,
            ..RecomputerRecord::default()
        };
        Recomputer::restore(holdings, identity, seed.seed, record)
    }

    /// A recomputer as it was when `record` was written. Everything in it is verified again.
    pub fn restore(
        holdings: ContractSignatures<BountyTerms>,
        identity: SecretKey,
        seed: RecomputerSeed,
        record: RecomputerRecord,
    ) -> Result<Recomputer, BountyError> {
        let Some(seat) = seat_of(holdings.me()) else {
            return Err(BountyError::Damaged("the holdings are no recomputer's"));
        };
        let terms = holdings.terms();
        let secp = Secp256k1::signing_only();
        let own = identity.x_only_public_key(&secp).0 == terms.identity(seat)?;
        if !own {
            return Err(BountyError::NotOffered { seat });
        }
        check_offered(terms, seat, &seed)?;
        let recomputer = Recomputer {
            holdings,
            seat,
            identity,
            seed,
            record,
        };
        recomputer.check_record()?;
        Ok(recomputer)
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
    pub fn record(&self) -> &RecomputerRecord {
        &self.record
    }

    /// What the ceremony left, to be stored once.
    pub fn holdings(&self) -> &ContractSignatures<BountyTerms> {
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

    /// Opens its layer of a sealed envelope: for the requester and all recomputers. It opens once, and not before the coin is
    /// as deep as its policy says: who agrees with whom is worth something by itself.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn open(
        &mut self,
        (height, coin): (u32, Coin),
        seal: &Seal,
    ) -> Result<Opening, BountyError> {
        coin.check(height, self.record.depth, "an opening")?;
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

    /// Sees another recomputer's opening. It passes on to the requester what that may not have.
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

    fn salt(&self) -> [u8; 32] {
        self.seed.layer_salt(&self.terms().context(self.seat))
    }

    fn commitment(&self, root: &[u8; 32]) -> Result<[u8; 32], BountyError> {
        commitment(self.terms(), self.seat, root, &self.salt())
    }

    /// Whether the layer that this recomputer signed is in it, upon the same layers.
    fn is_mine(&self, envelope: &Envelope) -> bool {
        let known = self.record.envelope.as_ref();
        let own = known.and_then(|known| known.layer(self.seat));
        own.is_some() && envelope.layer(self.seat) == own
    }
}

/// Checks that the seat's offer was made with this seed.
pub(super) fn check_offered(
    terms: &BountyTerms,
    seat: u8,
    seed: &RecomputerSeed,
) -> Result<(), BountyError> {
    terms.recomputer(seat)?;
    let mut known = terms.record().call.sets(seat);
    let offered =
        known.all(|set| share(terms, seat, seed, set).is_ok_and(|s| s.verify(terms).is_ok()));
    match offered {
        true => Ok(()),
        false => Err(BountyError::NotOffered { seat }),
    }
}

pub(super) fn share(
    terms: &BountyTerms,
    seat: u8,
    seed: &RecomputerSeed,
    set: LayerSet,
) -> Result<Share, BountyError> {
    Ok(Share {
        terms: *terms.id(),
        seat,
        set,
        secret: seed.secret(&terms.context(seat), set)?,
    })
}
