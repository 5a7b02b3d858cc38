//! A recomputer's side, with its keys.

use std::ops::Deref;

use bitcoin::{
    Transaction,
    hashes::Hash,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_game_model::market::LayerSet;

use super::{
    BoundSeed, BountyError, BountyTerms, Closing, Coin, Delivery, Envelope, Forwards, Grant,
    Opening, Owed, RecomputerBook, RecomputerRecord, RecomputerSeed, Seal, Share, commitment,
    settlement,
};
use crate::{
    builder::{BuilderError, Task, finish},
    musig::{AdaptorError, add_secrets},
    setup::{Agreement, ContractSignatures},
};

/// A recomputer with everything signed that it relies on: that nobody takes the coin back before T without its secret. It is its
/// book, with its keys. What it takes is checked and kept by the [`RecomputerBook`], whose reading methods it has.
///
/// Nothing here does I/O. Each change of [`RecomputerBook::record`] must be durable before what the call returned leaves the
/// house; a recomputer restored from the record sends the same again.
pub struct Recomputer {
    book: RecomputerBook,
    identity: SecretKey,
    seed: RecomputerSeed,
}

impl Deref for Recomputer {
    type Target = RecomputerBook;

    fn deref(&self) -> &RecomputerBook {
        &self.book
    }
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
        let book = RecomputerBook::restore(holdings, record)?;
        let (terms, seat) = (book.terms(), book.seat());
        let own = identity.x_only_public_key(&Secp256k1::signing_only()).0;
        if own != terms.identity(seat)? {
            return Err(BountyError::NotOffered { seat });
        }
        check_offered(terms, seat, &seed)?;
        Ok(Recomputer {
            book,
            identity,
            seed,
        })
    }

    /// Adds its layer to the envelope of those before it. It signs one result once, and sends the same again.
    pub fn sign(&mut self, before: &Envelope, result: &[u8]) -> Result<Envelope, BountyError> {
        if let Some(envelope) = self.book.check_work(before, result)? {
            return Ok(envelope.clone());
        }
        let root = self.terms().root(result);
        let hidden = commitment(self.terms(), self.seat(), &root, &self.salt())?;
        let envelope = before.with(self.seat(), hidden, &self.identity)?;
        self.book.hold_layer(&envelope, result);
        Ok(envelope)
    }

    /// Sees an envelope that goes on from its own. What comes a round before the layers' height is passed on to the
    /// requester, which then has no excuse for sealing less.
    pub fn hear(&mut self, height: u32, envelope: &Envelope) -> Result<(), BountyError> {
        self.book.check_heard(envelope)?;
        self.book.hold_heard(height, envelope);
        Ok(())
    }

    /// Opens its layer of a sealed envelope: for the requester and all recomputers. It opens once, and not before the coin is
    /// as deep as its policy says: who agrees with whom is worth something by itself.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn open(&mut self, status: (u32, Coin), seal: &Seal) -> Result<Opening, BountyError> {
        self.book.check_seal(status, seal)?;
        self.book.hold_seal(seal);
        self.opening()
    }

    /// Its opening of the envelope whose seal it took.
    ///
    /// # Errors
    /// [`BountyError::Phase`] before that.
    pub fn opening(&self) -> Result<Opening, BountyError> {
        let (Some(work), Some(seal)) = (&self.record().work, &self.record().seal) else {
            let (what, why) = ("an opening", "nothing is sealed yet");
            return Err(BountyError::Phase { what, why });
        };
        let said = (work.root.to_byte_array(), self.salt());
        let hash = seal.envelope.hash();
        let (terms, seat) = (self.terms(), self.seat());
        Ok(Opening::new(terms, seat, hash, said, &self.identity))
    }

    /// Sees another recomputer's opening. It passes on to the requester what that may not have.
    pub fn hear_opening(&mut self, opening: &Opening) -> Result<(), BountyError> {
        self.book.check_opening(opening)?;
        self.book.hold_opening(opening);
        Ok(())
    }

    /// Takes a closing, after recomputing from envelope and openings who is paid, and delivers if it is one of them. Not
    /// before the coin is as deep as its policy says: an answer carries a result, or a secret.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn accept(
        &mut self,
        status: (u32, Coin),
        closing: &Closing,
    ) -> Result<Answer, BountyError> {
        self.book.check_closing(status, closing)?;
        self.book.hold_closing(status.0, closing);
        self.answer()
    }

    /// What it owes by the closing that it took last.
    pub fn answer(&self) -> Result<Answer, BountyError> {
        let set = match self.owed() {
            Owed::Nothing => return Ok(Answer::Nothing),
            Owed::GiveBack => return Ok(Answer::GiveBack(self.share(LayerSet::empty())?)),
            Owed::Delivery(set) => set,
        };
        let Some(work) = &self.record().work else {
            return Ok(Answer::Nothing);
        };
        let place = (self.seat(), set);
        let made = Delivery::new(
            self.terms(),
            place,
            &self.seed,
            &work.result,
            &self.identity,
        )?;
        Ok(Answer::Deliver(Box::new(made)))
    }

    /// Sees at `height` that another has delivered, and keeps it to pass it on.
    pub fn hear_delivery(&mut self, height: u32, delivery: &Delivery) -> Result<(), BountyError> {
        self.book.check_delivery(delivery)?;
        self.book.hold_delivery(height, delivery);
        Ok(())
    }

    /// Takes the requester's signature and gives its secret for this set, to all its members. Only for what it accepted
    /// last, and only while the settlement has time to confirm before the refund can, for a coin as deep as its policy
    /// says.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time; what is refused changes nothing.
    pub fn take_grant(&mut self, status: (u32, Coin), grant: &Grant) -> Result<Share, BountyError> {
        self.book.check_grant(status, grant)?;
        self.book.hold_grant(status.0, grant);
        self.share(grant.set)
    }

    /// Takes another member's secret, which came at `height`.
    pub fn take_share(&mut self, height: u32, share: &Share) -> Result<(), BountyError> {
        self.book.check_share(share)?;
        self.book.hold_share(height, share);
        Ok(())
    }

    /// Its own secret for a set.
    ///
    /// # Errors
    /// [`BountyError::Phase`] unless it owes that: it has a grant of the set, or nobody is paid and all give back.
    pub fn own_share(&self, set: LayerSet) -> Result<Share, BountyError> {
        let granted = self.record().grants.iter().any(|grant| grant.set == set);
        match granted || (set.is_empty() && self.owed() == Owed::GiveBack) {
            true => self.share(set),
            false => {
                let (what, why) = ("a secret", "nothing was granted for it");
                Err(BountyError::Phase { what, why })
            }
        }
    }

    fn share(&self, set: LayerSet) -> Result<Share, BountyError> {
        share(self.terms(), self.seat(), &self.seed, set)
    }

    /// What it passes on, at once after each closing, grant, delivery or secret that is new to it. Nothing before a
    /// closing.
    pub fn forwards(&self) -> Result<Option<Forwards>, BountyError> {
        let Some(mut passed) = self.book.to_forward() else {
            return Ok(None);
        };
        if let Some(grant) = &passed.grant {
            passed.shares.insert(0, self.own_share(grant.set)?);
        }
        Ok(Some(passed))
    }

    /// The settlement, once a grant and the secrets of all its members are there. Any member publishes it; whoever does
    /// pays the child. It shows the sum of their secrets, and with it the result, confirmed or not: it is not made while
    /// the coin can be reorganised away below it.
    ///
    /// # Errors
    /// [`BountyError::Shallow`] passes with time.
    pub fn settle(
        &self,
        (height, coin): (u32, Coin),
    ) -> Result<Option<(LayerSet, Transaction)>, BountyError> {
        coin.check(height, self.record().depth, "a settlement")?;
        let (terms, graph) = (self.terms(), self.holdings().graph());
        let Some(grant) = self.ready() else {
            return Ok(None);
        };
        let set = grant.set;
        let own = self.share(set)?.secret;
        let shares = self.record().shares.iter();
        let shares = shares.filter(|share| share.set == set);
        let sum = shares
            .map(|share| share.secret)
            .try_fold(own, |sum, next| {
                add_secrets(sum, &next).ok_or(BuilderError::from(AdaptorError::WrongSecret))
            })?;
        let node = settlement(terms, set)?;
        let task = Task::new(graph, node, 0)?;
        let signature = task.complete(&grant.signature, &sum)?;
        Ok(Some((set, finish(graph, node, &[signature], &[])?)))
    }

    fn salt(&self) -> [u8; 32] {
        self.seed.layer_salt(&self.terms().context(self.seat()))
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
