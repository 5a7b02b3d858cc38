//! The closing: the requester signs envelope and openings, and with them who is paid.

use bitcoin::secp256k1::{SecretKey, schnorr};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_game_model::market::{LayerSet, MAX_LAYERS, split};

use super::{BountyError, BountyTerms, Envelope, Opening, stamp, terms::seats};
use crate::setup::Agreement;

const KIND: Kind = kinds::BOUNTY_CLOSING;
const CLOSING: &str = "narthex/bounty-closing";

/// Everything that decides who is paid, signed by the requester. Anybody who has the terms can check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// 0, or how often somebody was left out since.
    pub round: u8,
    /// The sealed envelope.
    pub envelope: Envelope,
    /// The openings that came, by seat. A layer without one counts as absent.
    pub openings: Vec<Opening>,
    /// Those who would be paid and withhold what the settlement takes. None in round 0.
    pub late: LayerSet,
    /// By the requester's key of the call.
    pub signature: schnorr::Signature,
}

/// What a closing comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Who opened a layer.
    pub opened: LayerSet,
    /// The largest group of equal roots, if it reaches the quorum and no other is as large; else nobody.
    pub agreed: LayerSet,
    /// Whom the settlement pays: those who agreed and are not late, if they still reach the quorum.
    pub paid: LayerSet,
}

impl Closing {
    pub(super) fn new(
        round: u8,
        envelope: Envelope,
        openings: Vec<Opening>,
        late: LayerSet,
        key: &SecretKey,
    ) -> Closing {
        let body = body(round, &envelope, &openings, late);
        Closing {
            round,
            envelope,
            openings,
            late,
            signature: stamp::sign(key, CLOSING, &[&body]),
        }
    }

    /// Checks all of it and says who is paid. Errors name whose fault it is.
    pub fn verify(&self, terms: &BountyTerms) -> Result<Verdict, BountyError> {
        let bad = |problem| Err(BountyError::Requester { problem });
        if self.envelope.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let body = body(self.round, &self.envelope, &self.openings, self.late);
        let key = &terms.record().call.requester;
        if !stamp::verify(key, CLOSING, &[&body], &self.signature) {
            return bad("did not sign this closing");
        }
        self.envelope.verify(terms)?;
        if self.round > terms.last_round() || (self.round == 0) != self.late.is_empty() {
            return bad("closes a round that there is not");
        }
        let mut roots = vec![None; usize::from(terms.relays())];
        let mut last = None;
        for opening in &self.openings {
            opening.verify(terms, &self.envelope)?;
            if last.is_some_and(|last| last >= opening.seat) {
                return bad("closes with openings out of order or twice");
            }
            last = Some(opening.seat);
            let root = roots.get_mut(usize::from(opening.seat));
            *root.ok_or(BountyError::Seat { seat: opening.seat })? = Some(opening.root);
        }
        let opened = self.opened();
        let agreed = split(&roots, terms.record().call.quorum)?;
        let mask = agreed.mask() & !self.late.mask();
        if self.late.mask() & !agreed.mask() != 0 {
            return bad("leaves out somebody who is not paid anyway");
        }
        let left = LayerSet::new(mask).unwrap_or_default();
        let paid = match left.len() >= terms.record().call.quorum {
            true => left,
            false => LayerSet::empty(),
        };
        match self.round > 0 && paid.is_empty() {
            true => bad("leaves out so many that nobody is paid"),
            false => Ok(Verdict {
                opened,
                agreed,
                paid,
            }),
        }
    }

    /// Who has an opening in it.
    pub fn opened(&self) -> LayerSet {
        let bits = self.openings.iter().map(|o| 1u8.checked_shl(o.seat.into()));
        let mask = bits.flatten().fold(0, |mask, bit| mask | bit);
        LayerSet::new(mask).unwrap_or_default()
    }

    /// The opening of a seat.
    pub fn opening(&self, seat: u8) -> Option<&Opening> {
        self.openings.iter().find(|opening| opening.seat == seat)
    }

    /// Whether every layer of the envelope, and every seat, is opened.
    pub(super) fn is_full(&self, terms: &BountyTerms) -> bool {
        self.opened() == terms.all()
    }

    /// Seats that this closing leaves out beyond an earlier one.
    pub(super) fn newly_late(&self, before: &Closing) -> Vec<u8> {
        let late = seats(self.late);
        late.filter(|seat| !before.late.contains((*seat).into()))
            .collect()
    }

    /// As bytes, at most 2 KiB.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = body(self.round, &self.envelope, &self.openings, self.late);
        bytes.extend_from_slice(self.signature.as_ref());
        bytes
    }

    /// From bytes; [`Closing::verify`] checks what it says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Closing, DecodeError> {
        let mut r = Reader::new(KIND, bytes)?;
        let round = r.u8("round")?;
        let length = r.count("envelope", 1)?;
        let envelope = Envelope::from_bytes(r.slice("envelope", length)?)?;
        let count = r.count("openings", Opening::BYTES)?;
        if count > MAX_LAYERS {
            return Err(DecodeError::invalid("openings", count));
        }
        let openings = (0..count)
            .map(|_| Opening::read(&mut r))
            .collect::<Result<_, _>>()?;
        let late = r.u8("late")?;
        let late = LayerSet::new(late).ok_or_else(|| DecodeError::invalid("late", late))?;
        let signature = stamp::read(&mut r)?;
        r.finish()?;
        Ok(Closing {
            round,
            envelope,
            openings,
            late,
            signature,
        })
    }
}

fn body(round: u8, envelope: &Envelope, openings: &[Opening], late: LayerSet) -> Vec<u8> {
    let mut w = Writer::new(KIND);
    w.u8(round)
        .bytes(&envelope.to_bytes())
        .u32(openings.len() as u32);
    for opening in openings {
        opening.write(&mut w);
    }
    w.u8(late.mask()).finish()
}
