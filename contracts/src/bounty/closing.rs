//! The closing: the requester signs envelope and openings, and with them who is paid.

use bitcoin::secp256k1::{SecretKey, schnorr};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::market::{LayerSet, MAX_LAYERS, split};

use super::{BountyError, BountyTerms, Envelope, Opening, terms::seats};
use crate::setup::Agreement;

/// Everything that decides who is paid, signed by the requester. Anybody who has the terms can check it
/// ([`Closing::verify`]).
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

/// A closing that is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingDraft {
    /// As in the closing.
    pub round: u8,
    /// What was sealed.
    pub envelope: Envelope,
    /// The openings that came, by seat.
    pub openings: Vec<Opening>,
    /// Who is left out.
    pub late: LayerSet,
}

impl ClosingDraft {
    /// Whether a closing says just this, whoever signed it.
    pub fn is(&self, closing: &Closing) -> bool {
        (self.round, self.late) == (closing.round, closing.late)
            && (&self.envelope, &self.openings) == (&closing.envelope, &closing.openings)
    }

    pub(super) fn signed(&self, key: &SecretKey) -> Closing {
        let (round, late) = (self.round, self.late);
        let digest = digest(round, &self.envelope, &self.openings, late);
        Closing {
            round,
            envelope: self.envelope.clone(),
            openings: self.openings.clone(),
            late,
            signature: statement::sign_by(&digest, key),
        }
    }
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
    /// Checks all of it and says who is paid. Errors name whose fault it is.
    pub fn verify(&self, terms: &BountyTerms) -> Result<Verdict, BountyError> {
        let bad = |problem| Err(BountyError::Requester { problem });
        if self.envelope.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let digest = digest(self.round, &self.envelope, &self.openings, self.late);
        let requester = &terms.record().call.requester;
        if statement::verify(&digest, &self.signature, requester).is_err() {
            return bad("did not sign this closing");
        }
        self.envelope.verify(terms)?;
        for opening in &self.openings {
            opening.verify(terms, &self.envelope)?;
        }
        self.verdict(terms)
    }

    /// Who is paid, of a closing whose signatures were verified before.
    pub(super) fn verdict(&self, terms: &BountyTerms) -> Result<Verdict, BountyError> {
        let bad = |problem| Err(BountyError::Requester { problem });
        if self.round > terms.last_round() || (self.round == 0) != self.late.is_empty() {
            return bad("closes a round that there is not");
        }
        let mut roots = vec![None; usize::from(terms.recomputers())];
        let mut last = None;
        for opening in &self.openings {
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
}

impl Message for Closing {
    const KIND: Kind = kinds::BOUNTY_CLOSING;

    /// At most 2 KiB.
    fn write(&self, w: &mut Writer) {
        write_body(w, self.round, &self.envelope, &self.openings, self.late);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Closing, DecodeError> {
        let (round, envelope) = (r.u8("round")?, r.message("envelope")?);
        let openings = r.list_up_to("openings", Opening::BYTES, MAX_LAYERS, Opening::read)?;
        let late = r.u8("late")?;
        Ok(Closing {
            round,
            envelope,
            openings,
            late: LayerSet::new(late).ok_or_else(|| DecodeError::invalid("late", late))?,
            signature: r.signature("signature")?,
        })
    }
}

/// All but the signature.
fn write_body(
    w: &mut Writer,
    round: u8,
    envelope: &Envelope,
    openings: &[Opening],
    late: LayerSet,
) {
    w.u8(round)
        .message(envelope)
        .list(openings, |w, opening| opening.write(w))
        .u8(late.mask());
}

/// What the requester signs: the message without the signature.
fn digest(round: u8, envelope: &Envelope, openings: &[Opening], late: LayerSet) -> [u8; 32] {
    let mut w = Writer::new(Closing::KIND);
    write_body(&mut w, round, envelope, openings, late);
    tagged_hash_parts("narthex/bounty-closing", &[&w.finish()])
}
