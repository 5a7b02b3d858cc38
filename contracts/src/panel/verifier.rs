//! A verifier that nobody chose: drawn by client and worker from bonded offers, by the steps by which a panel is drawn.
//!
//! A worker that picks its verifier picks a friend. One that is drawn is in league with it with probability f, its friends' share of
//! the bonds that count. That bounds what a league costs a client at f·(c + L) a contract; it deters nobody, since the worker
//! knows who was drawn before it works.

use bitcoin::key::XOnlyPublicKey;

use super::{
    AgreeError, AnswerSet, DrawCase, Entry, OfferRole, Order, Panel, Report, Unacceptable, agree,
};
use crate::{
    enrolment::{Enrolment, EnrolmentFault, Scope},
    terms::{Role, TermsDraft},
};

/// Who was drawn, with what shows that the draw went by its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnVerifier {
    /// The offer that was drawn.
    pub offer: Entry,
    /// Hash of the draw and of all valid answers. Client and worker compare it.
    pub transcript: [u8; 32],
}

/// Why terms do not name the verifier that was drawn. Who proposed them is at fault, or who enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierMismatch {
    /// The draw was one of a panel. The caller's fault.
    #[error("this draw was one of a panel")]
    NotAVerifier,
    /// The draw was for other parameters.
    #[error("the terms have other parameters than the draw of the verifier")]
    Params,
    /// The draw was between other parties.
    #[error("the terms name another key for {role} than the draw of the verifier")]
    Principal {
        /// Whose key differs.
        role: Role,
    },
    /// The verifier's enrolment for this draw does not hold.
    #[error("the verifier's enrolment: {0}")]
    Enrolment(#[from] EnrolmentFault),
    /// Somebody enrolled that was not drawn.
    #[error("{drawn} was drawn as verifier; {enrolled} has enrolled")]
    NotDrawn {
        /// Identity drawn.
        drawn: XOnlyPublicKey,
        /// Who enrolled.
        enrolled: Box<XOnlyPublicKey>,
    },
    /// The terms name another contract key than the one that was enrolled.
    #[error("the terms name another key for the verifier than {drawn} has enrolled")]
    Key {
        /// Identity drawn.
        drawn: XOnlyPublicKey,
    },
    /// The verifier's offer is none of those that were drawn among.
    #[error("{drawn} offers other terms than the draw was among")]
    UnknownOffer {
        /// Identity drawn.
        drawn: XOnlyPublicKey,
    },
    /// The contract asks more of the verifier than it offers.
    #[error("the verifier {drawn}: {error}")]
    Offer {
        /// Identity drawn.
        drawn: XOnlyPublicKey,
        /// The bound that is broken, with both values.
        error: Box<Unacceptable>,
    },
    /// The panel was drawn without leaving out the verifier.
    #[error("the panel's draw did not leave out {drawn}, who is the verifier")]
    NotLeftOut {
        /// Identity drawn.
        drawn: XOnlyPublicKey,
    },
}

impl DrawnVerifier {
    /// Takes the first willing offer of the order. Whoever has the same two sets, of client and worker, gets the same.
    ///
    /// # Errors
    /// [`AgreeError`].
    pub fn agree(order: &Order, sets: &[AnswerSet]) -> Result<(DrawnVerifier, Report), AgreeError> {
        let (seats, transcript, report) = agree::seated(order, OfferRole::Verifier, sets)?;
        let too_few = AgreeError::TooFew {
            willing: 0,
            wanted: order.seats(),
        };
        let offer = *seats.first().ok_or(too_few)?;
        Ok((DrawnVerifier { offer, transcript }, report))
    }

    /// Whether proposed terms name who was drawn: for the parameters, client and worker of the draw, with the contract key that
    /// the drawn identity has enrolled under, and within its offer. Anybody who has drawn again, or has read the draw from those
    /// who drew, can ask this: `enrolment` is for the draw ([`DrawCase::id`]), by the offer's identity as node key.
    ///
    /// # Errors
    /// [`VerifierMismatch`]: the first that differs.
    pub fn check_terms(
        &self,
        case: &DrawCase,
        terms: &TermsDraft,
        enrolment: &Enrolment,
    ) -> Result<(), VerifierMismatch> {
        if case.role() != OfferRole::Verifier {
            return Err(VerifierMismatch::NotAVerifier);
        }
        if terms.params().hash() != *case.params_hash() {
            return Err(VerifierMismatch::Params);
        }
        for role in case.role().drawn_by() {
            if terms.key(*role).as_ref() != case.principal(*role) {
                return Err(VerifierMismatch::Principal { role: *role });
            }
        }
        enrolment.check(&Scope::Negotiation(*case.id()), Role::Verifier)?;
        let drawn = self.offer.identity;
        let enrolled = enrolment.node.x_only_public_key().0;
        if enrolled != drawn {
            let enrolled = Box::new(enrolled);
            return Err(VerifierMismatch::NotDrawn { drawn, enrolled });
        }
        if terms.key(Role::Verifier) != Some(enrolment.key) {
            return Err(VerifierMismatch::Key { drawn });
        }
        let offer = case.offer(&self.offer.terms_hash);
        let offer = offer.ok_or(VerifierMismatch::UnknownOffer { drawn })?;
        let accepted = offer.accepts(terms.params());
        accepted.map_err(|error| VerifierMismatch::Offer {
            drawn,
            error: Box::new(error),
        })
    }

    /// Whether the panel of this draw can't have the verifier on it.
    ///
    /// # Errors
    /// [`VerifierMismatch::NotLeftOut`]; whoever proposed the panel's draw is at fault.
    pub fn check_panel(&self, case: &DrawCase, panel: &Panel) -> Result<(), VerifierMismatch> {
        let drawn = self.offer.identity;
        let seated = panel.arbiters.iter().any(|seat| seat.identity == drawn);
        match case.verifier() == Some(&drawn) && !seated {
            true => Ok(()),
            false => Err(VerifierMismatch::NotLeftOut { drawn }),
        }
    }
}
