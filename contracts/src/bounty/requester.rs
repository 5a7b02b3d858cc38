//! The requester's side, with its keys.

use std::ops::Deref;

use bitcoin::{
    Transaction,
    secp256k1::{
        Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_game_model::market::LayerSet;

use super::{
    BountyError, BountyTerms, Closing, ClosingDraft, Delivery, Envelope, Grant, Learned, Opening,
    REFUND, REQUESTER, RequesterBook, RequesterRecord, Seal, Share, derive,
};
use crate::{
    builder::{Task, check_key, finish},
    graph::TxGraph,
    setup::ContractSignatures,
};

/// A requester that holds a signature for every way in which the bounty can be settled: its book, with its keys. What it takes is
/// checked and kept by the [`RequesterBook`], whose reading methods it has.
///
/// Nothing here does I/O. Each change of [`RequesterBook::record`] must be durable before what the call returned leaves the
/// house; a requester restored from the record sends the same again.
pub struct Requester {
    book: RequesterBook,
    identity: SecretKey,
    key: SecretKey,
}

impl Deref for Requester {
    type Target = RequesterBook;

    fn deref(&self) -> &RequesterBook {
        &self.book
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
        let book = RequesterBook::restore(holdings, record)?;
        let terms = book.terms().record();
        let public = identity.x_only_public_key(&Secp256k1::signing_only()).0;
        if public != terms.call.requester {
            return Err(BountyError::Damaged("the identity is not that of the call"));
        }
        check_key(&key, terms.requester_key, REQUESTER)?;
        Ok(Requester {
            book,
            identity,
            key,
        })
    }

    /// Takes an envelope. It keeps the one with most layers, of two such the first.
    pub fn take_envelope(&mut self, envelope: &Envelope) -> Result<(), BountyError> {
        self.book.check_envelope(envelope)?;
        self.book.hold_envelope(envelope);
        Ok(())
    }

    /// Seals the envelope: for all recomputers. A complete one at any time, another from the layers' height on; one only,
    /// because what is opened after it could be copied into a later layer.
    pub fn seal(&mut self, height: u32) -> Result<Seal, BountyError> {
        if let Some(seal) = &self.record().seal {
            return Ok(seal.clone());
        }
        let seal = Seal::new(self.book.to_seal(height)?, &self.identity);
        self.book.hold_seal(&seal);
        Ok(seal)
    }

    /// Takes an opening of the sealed envelope.
    pub fn take_opening(&mut self, opening: &Opening) -> Result<(), BountyError> {
        self.book.check_opening(opening)?;
        self.book.hold_opening(opening);
        Ok(())
    }

    /// Closes with the openings that came: for all recomputers. When one came later, it closes once more with it, until
    /// somebody was left out.
    pub fn close(&mut self, height: u32) -> Result<Closing, BountyError> {
        let draft = self.book.to_close(height)?;
        match &self.record().closing {
            Some(known) if draft.is(known) => Ok(known.clone()),
            _ => self.closed(&draft),
        }
    }

    /// Closes again and leaves out `late` as well, members of the set that withhold a delivery or a secret. Members who
    /// have both refuse.
    pub fn close_again(&mut self, height: u32, late: LayerSet) -> Result<Closing, BountyError> {
        let draft = self.book.to_leave_out(height, late)?;
        self.closed(&draft)
    }

    fn closed(&mut self, draft: &ClosingDraft) -> Result<Closing, BountyError> {
        let closing = self.sign_closing(draft)?;
        self.book.hold_closing(&closing);
        Ok(closing)
    }

    /// A closing that its book has asked for, signed.
    ///
    /// # Errors
    /// [`BountyError::Requester`] if it would be none: it leaves out too many.
    pub fn sign_closing(&self, draft: &ClosingDraft) -> Result<Closing, BountyError> {
        let closing = draft.signed(&self.identity);
        closing.verify(self.terms())?;
        Ok(closing)
    }

    /// Takes a result that is encrypted to the secrets of the set that it closed for last.
    pub fn take_delivery(&mut self, delivery: &Delivery) -> Result<(), BountyError> {
        self.book.check_delivery(delivery)?;
        self.book.hold_delivery(delivery);
        Ok(())
    }

    /// Gives its signature to the settlement of those who agree: for all of them. Only when each has delivered, so that
    /// one honest one among them is enough for the result.
    pub fn grant(&mut self) -> Result<Grant, BountyError> {
        let grant = self.book.to_grant()?;
        self.book.hold_granted(grant.set);
        Ok(grant)
    }

    /// Takes from a settlement, confirmed or broadcast, the sum of its set's secrets, and with it the result. The
    /// record keeps who cheated.
    pub fn learn(&mut self, tx: &Transaction) -> Result<Learned, BountyError> {
        let learned = self.book.read(tx)?;
        self.book.hold_learned(&learned);
        Ok(learned)
    }

    /// Takes a recomputer's secret to give everything back.
    pub fn take_share(&mut self, share: &Share) -> Result<(), BountyError> {
        self.book.check_share(share)?;
        self.book.hold_share(share);
        Ok(())
    }

    /// The refund, valid above T.
    pub fn refund<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Transaction, BountyError> {
        refund_of(self.holdings().graph(), &self.key, rng)
    }
}

/// The refund of a bounty whose requester has lost all but terms and key, valid above T.
///
/// # Errors
/// [`BountyError`] if the key is not that of the terms.
pub fn lost_refund<R: RngCore + CryptoRng>(
    terms: &BountyTerms,
    key: &SecretKey,
    rng: &mut R,
) -> Result<Transaction, BountyError> {
    check_key(key, terms.record().requester_key, REQUESTER)?;
    refund_of(&derive(terms)?, key, rng)
}

fn refund_of<R: RngCore + CryptoRng>(
    graph: &TxGraph,
    key: &SecretKey,
    rng: &mut R,
) -> Result<Transaction, BountyError> {
    let task = Task::new(graph, REFUND, 0)?;
    let signature = task.sign_alone((REQUESTER, key), None, rng)?;
    Ok(finish(graph, REFUND, &[signature.0], &[])?)
}
