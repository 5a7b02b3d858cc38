//! How an arbiter fixes its ruling and attests it: once, whatever becomes of its disk.

use narthex_channel::contract::{Book, Done, RulingDigest};
use narthex_contracts::{
    attest::{Attester, BoundRuling, RulingError},
    terms::Role,
};
use narthex_game_model::Ruling;

use super::{LifeError, LifeSigner, signer::Worked};

const fn order() -> LifeError {
    LifeError::Order("a ruling")
}

impl LifeSigner<'_> {
    fn attester(&self) -> Result<(u8, Attester), LifeError> {
        let Role::Arbiter(seat) = self.role() else {
            return Err(order());
        };
        let identity = self.own.identity.ok_or_else(order)?;
        let attester = Attester::of(&identity.secret_key(), self.terms().contract_id());
        Ok((seat, attester.ok_or_else(order)?))
    }

    /// Binds the case to this ruling in the own record of rulings, or finds that it is bound.
    fn bound(&mut self, ruling: Ruling) -> Result<BoundRuling, LifeError> {
        let identity = self.own.identity.ok_or_else(order)?;
        let (id, name) = (*self.terms().contract_id(), identity.x_only_public_key().0);
        let bindings = self.own.bindings.as_mut().ok_or_else(order)?;
        Ok(BoundRuling::bind(&id, &name, ruling, bindings.as_mut())?)
    }

    /// What this arbiter has ruled before its disk was an older copy, by a digest that was given back or that another party has: there is
    /// no judging the case again.
    pub(super) fn ruled_before(
        &self,
        book: &Book,
    ) -> Result<Option<(Ruling, RulingDigest)>, LifeError> {
        let (_, attester) = self.attester()?;
        let mut said = book.once().said();
        // What is no digest of its own was made up.
        Ok(said.find_map(|said| Some((attester.ruling_of(&said.digest)?, *said))))
    }

    /// Fixes the ruling: in the own record first, which may have another one that the disk has forgotten.
    pub(super) fn fix(&mut self, book: &Book) -> Worked {
        let found = book.ruling().ok_or_else(order)?;
        let before = self.ruled_before(book)?;
        let ruling = before.map_or(found, |(ruling, _)| ruling);
        let ruling = match self.bound(ruling) {
            Err(LifeError::Ruling(RulingError::Contradicts { bound, .. })) => bound,
            bound => bound?.ruling(),
        };
        if ruling != found {
            self.ruled = None;
        }
        let (arbiter, attester) = self.attester()?;
        let evidence = match before {
            Some((before, digest)) if before == ruling => digest.evidence,
            _ => book.evidence_root(),
        };
        let mine = RulingDigest {
            arbiter,
            evidence,
            digest: attester.digest(ruling),
        };
        let other = Ruling::ALL.into_iter().find(|other| *other != ruling);
        let other = attester.digest(other.ok_or_else(order)?);
        Ok(Some(Done::Fixed {
            ruling,
            mine,
            other,
        }))
    }

    /// Attests the ruling that is fixed. What the record has decides: another one is attested by nobody, and somebody must hear of it.
    pub(super) fn attest(&mut self, book: &Book) -> Worked {
        let ruling = book.ruling().ok_or_else(order)?;
        let bound = self.bound(ruling)?;
        let (seat, attester) = self.attester()?;
        let secp = bitcoin::secp256k1::Secp256k1::new();
        Ok(Some(Done::Attested(attester.attest(&secp, seat, bound)?)))
    }
}
