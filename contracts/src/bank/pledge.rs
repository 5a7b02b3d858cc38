//! The payer's side of promises.

use bitcoin::{
    Transaction,
    secp256k1::{
        PublicKey, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};

use super::{
    BankError, Frame, Given, Links, Payer, Penny, Phase, Promise, Settled,
    promise::{self, check_secret},
};

/// Most promises that were kept whose pennies can be asked for again.
const MAX_GIVEN: usize = 64;

impl Payer {
    /// Pending promises, in the order in which they were made.
    pub fn promises(&self) -> &[Promise] {
        &self.record.promises
    }

    /// Pennies that pending promises keep back: nobody else is paid with them.
    pub fn promised(&self) -> u32 {
        let counts = self.record.promises.iter().map(|promise| promise.count);
        counts.fold(0, u32::saturating_add)
    }

    /// Makes a promise, of pennies that are left. The record changes: it must be durable before a frame is sent.
    ///
    /// It stays until its secret is shown or the bank ends: what a frame signed cannot be taken back.
    pub fn promise(&mut self, promise: Promise) -> Result<(), BankError> {
        self.record.promises = self.with(promise)?;
        Ok(())
    }

    /// A promise and the frame that bears it, or neither. The record changes: it must be durable before the frame is
    /// sent.
    pub(super) fn promise_in_frame<R: RngCore + CryptoRng>(
        &mut self,
        promise: Promise,
        rng: &mut R,
    ) -> Result<Frame, BankError> {
        let promises = self.with(promise)?;
        let frame = self.frame_of(&promises, rng)?;
        self.record.promises = promises;
        self.record.framed = self.record.revealed;
        Ok(frame)
    }

    /// The frame of all pending promises on top of the pennies given. It is due after each promise, and when so many
    /// pennies were given that the provider takes no more on top of the last one.
    /// The record changes: it must be durable before the frame is sent.
    pub fn frame<R: RngCore + CryptoRng>(&mut self, rng: &mut R) -> Result<Frame, BankError> {
        let frame = self.frame_of(&self.record.promises, rng)?;
        self.record.framed = self.record.revealed;
        Ok(frame)
    }

    /// The pending promises with one more, if the bank bears it.
    fn with(&self, promise: Promise) -> Result<Vec<Promise>, BankError> {
        self.check(Phase::Open, "promise")?;
        let (wanted, left) = (promise.count, self.left());
        if wanted > left {
            return Err(BankError::Spent { wanted, left });
        }
        let mut promises = self.record.promises.clone();
        promises.push(promise);
        Frame::check_promises(&self.bank, self.record.revealed, &promises)?;
        Ok(promises)
    }

    fn frame_of<R: RngCore + CryptoRng>(
        &self,
        promises: &[Promise],
        rng: &mut R,
    ) -> Result<Frame, BankError> {
        let base = self.record.revealed;
        // One rung in 2¹²⁸ cannot be had; the provider then says whether it does without.
        let foot = match self.bank.terms().has_rung(base) {
            true => self.rung(base, rng).ok(),
            false => None,
        };
        Frame::sign(&self.bank, &self.key, (base, foot), promises)
    }

    /// Keeps a promise whose secret was shown, by the pennies that it is about. The record changes: it must be durable
    /// before the pennies are sent.
    pub fn settle(&mut self, point: &PublicKey, secret: SecretKey) -> Result<Settled, BankError> {
        self.check(Phase::Open, "secret of a promise")?;
        let problem = "it is not pending";
        let position = self.record.promises.iter().position(|p| p.point == *point);
        let unknown = BankError::Promise {
            point: *point,
            problem,
        };
        let position = position.ok_or(unknown)?;
        check_secret(point, &secret)?;
        let count = self.record.promises[position].count;
        // First what can fail: a promise stays pending until its pennies are given.
        let penny = self.give(count)?;
        self.record.promises.remove(position);
        // What the frame enforces grows with what is settled.
        self.record.framed = self.record.framed.saturating_add(count);
        let (point, index) = (*point, penny.index);
        self.record.given.push(Given { point, index });
        let old = self.record.given.len().saturating_sub(MAX_GIVEN);
        self.record.given.drain(..old);
        Ok(Settled {
            penny,
            point,
            secret,
        })
    }

    /// The pennies of a promise that was kept, once more: those, and none that were given later or wait in a purse.
    pub fn settled(&mut self, point: &PublicKey, secret: SecretKey) -> Option<Settled> {
        check_secret(point, &secret).ok()?;
        let index = self.record.given.iter().find(|g| g.point == *point)?.index;
        let last = self.last_penny()?;
        let links = Links::new(&last.bank);
        let penny = Penny {
            secret: links.down(last.index, last.secret, index),
            index,
            ..last
        };
        Some(Settled {
            penny,
            point: *point,
            secret,
        })
    }

    /// The secrets of pending promises that a claim on chain shows; none of another transaction.
    pub fn extract(&self, claim: &Transaction) -> Result<Vec<(PublicKey, SecretKey)>, BankError> {
        let points = self.record.promises.iter().map(|promise| promise.point);
        promise::extract(&self.bank, &self.key, claim, points)
    }
}
