//! The provider's side of promises.

use std::fmt;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, SecretKey},
};
use serde::{Deserialize, Serialize};

use super::{
    Accepted, BankError, Frame, Phase, Promise, ProviderBook, Rungs, Settled, promise::check_secret,
};

/// The frame that a provider holds, and what it knows of its promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The payer's latest.
    #[serde(with = "narthex_base::hex::message")]
    pub frame: Frame,
    /// Secrets that were shown.
    pub known: Vec<Known>,
    /// Promises without which the provider ends the bank.
    pub given_up: Vec<PublicKey>,
    /// What each promise was receipted for: one thing.
    #[serde(default)]
    pub receipts: Vec<Receipted>,
}

/// A promise that the provider gave its word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipted {
    /// Its point.
    pub point: PublicKey,
    /// What it is for.
    pub memo: sha256::Hash,
}

/// A promise's secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Its point.
    pub point: PublicKey,
    /// The secret.
    pub secret: SecretKey,
    /// Whether pennies came for it.
    pub settled: bool,
}

impl fmt::Debug for Known {
    /// Without the secret: whoever reads a log is not to be paid by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, settled) = (&self.point, self.settled);
        write!(f, "Known({point}, settled: {settled})")
    }
}

impl Held {
    fn known(&self, point: &PublicKey) -> Option<&Known> {
        self.known.iter().find(|known| known.point == *point)
    }

    fn is_settled(&self, point: &PublicKey) -> bool {
        self.known(point).is_some_and(|known| known.settled)
    }

    /// Promises for which no pennies came.
    fn open(&self) -> impl Iterator<Item = &Promise> {
        let open = |promise: &&Promise| !self.is_settled(&promise.point);
        self.frame.promises.iter().filter(open)
    }

    /// The choice of all promises whose secrets are known.
    fn mask(&self) -> usize {
        self.frame.mask(|point| self.known(point).is_some())
    }

    /// What the base comes to with all that was settled.
    fn standing(&self) -> u32 {
        self.frame
            .index(self.frame.mask(|point| self.is_settled(point)))
    }

    /// Everything in it once more, as when it is read back.
    fn check(&self) -> Result<(), BankError> {
        for known in &self.known {
            check_secret(&known.point, &known.secret)?;
        }
        Ok(())
    }
}

impl ProviderBook {
    /// Promises that no pennies came for, settled ones not among them.
    pub fn promises(&self) -> Vec<Promise> {
        let held = self.record.held.as_ref();
        held.map_or(Vec::new(), |held| held.open().copied().collect())
    }

    /// Whether just this promise is pending, and not given up.
    pub fn expects(&self, promise: &Promise) -> bool {
        let held = self.record.held.as_ref();
        held.is_some_and(|held| {
            let given_up = held.given_up.contains(&promise.point);
            !given_up && held.open().any(|open| open == promise)
        })
    }

    /// Notes what a promise is receipted for. The record changes: it must be durable before the receipt leaves. False
    /// if the promise is not held, or was receipted for something else.
    pub(super) fn receipt_for(&mut self, point: PublicKey, memo: [u8; 32]) -> bool {
        let memo = sha256::Hash::from_byte_array(memo);
        let Some(held) = self.record.held.as_mut() else {
            return false;
        };
        match held.receipts.iter().find(|r| r.point == point) {
            Some(known) => known.memo == memo,
            None => {
                held.receipts.push(Receipted { point, memo });
                true
            }
        }
    }

    /// The secret of a promise, if it is known.
    pub fn secret(&self, point: &PublicKey) -> Option<SecretKey> {
        let held = self.record.held.as_ref()?;
        held.known(point).map(|known| known.secret)
    }

    /// Pennies paid, and those of promises whose secrets are known.
    pub fn owed(&self) -> u32 {
        let known = |promise: &Promise| self.secret(&promise.point).is_some();
        let due = self.promises().into_iter().filter(known);
        due.fold(self.paid(), |sum, p| sum.saturating_add(p.count))
    }

    /// Whether a promise may still come due: its secret is not known, and it was not given up.
    pub fn awaits(&self) -> bool {
        let held = self.record.held.as_ref();
        held.is_some_and(|held| {
            let unknown = |p: &Promise| held.known(&p.point).is_none();
            held.open()
                .any(|p| unknown(p) && !held.given_up.contains(&p.point))
        })
    }

    /// Takes a frame in place of the one before. It must keep every promise that is not settled, and neither the
    /// pennies given nor the promises may be less enforceable by it than terms allow.
    pub fn take_frame(&mut self, frame: &Frame) -> Result<(), BankError> {
        self.in_phase(Phase::Open, "promise")?;
        frame.verify(&self.bank)?;
        for promise in self.promises() {
            if !frame.promises.contains(&promise) {
                let (point, problem) = (promise.point, "it was left out");
                return Err(BankError::Promise { point, problem });
            }
        }
        let keeps = |point: &PublicKey| frame.promises.iter().any(|p| p.point == *point);
        let (mut known, mut given_up, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(held) = &self.record.held {
            let open = |known: &&Known| keeps(&known.point) && !known.settled;
            known = held.known.iter().filter(open).cloned().collect();
            let kept = held.given_up.iter().copied();
            given_up = kept.filter(keeps).collect();
            let kept = held.receipts.iter().copied();
            receipts = kept.filter(|r| keeps(&r.point)).collect();
        }
        let before = (self.rungs.clone(), self.record.held.clone());
        let result = self.replace_frame(Held {
            frame: frame.clone(),
            known,
            given_up,
            receipts,
        });
        if result.is_err() {
            (self.rungs, self.record.held) = before;
        }
        result
    }

    fn replace_frame(&mut self, held: Held) -> Result<(), BankError> {
        if let Some(foot) = held.frame.foot {
            let (bank, rungs) = (held.frame.bank, vec![foot]);
            self.take_rungs(&Rungs { bank, rungs })?;
        }
        self.record.held = Some(held);
        self.check_exposure(self.record.latest)
    }

    /// A frame as it was written down, once more.
    pub(super) fn restore_frame(&mut self, held: Held) -> Result<(), BankError> {
        held.frame.verify(&self.bank)?;
        held.check()?;
        self.record.held = Some(held);
        Ok(())
    }

    /// Takes the secret of a promise: it is the provider's from now on. The record changes: it must be durable before
    /// anything is given for it.
    pub fn learn(&mut self, point: &PublicKey, secret: SecretKey) -> Result<(), BankError> {
        check_secret(point, &secret)?;
        let problem = "it is not pending";
        let unknown = BankError::Promise {
            point: *point,
            problem,
        };
        let held = self.record.held.as_mut().ok_or(unknown.clone())?;
        if held.known(point).is_some() {
            return Ok(());
        }
        if !held.frame.promises.iter().any(|p| p.point == *point) {
            return Err(unknown);
        }
        held.known.push(Known {
            point: *point,
            secret,
            settled: false,
        });
        Ok(())
    }

    /// Takes the pennies for a promise, with its secret. The record changes, as with [`ProviderBook::accept`].
    pub fn settle(&mut self, settled: &Settled) -> Result<Accepted, BankError> {
        let Settled {
            penny,
            point,
            secret,
        } = settled;
        self.in_phase(Phase::Open, "penny")?;
        let problem = "it is not pending";
        let promise = self.promises().into_iter().find(|p| p.point == *point);
        let promise = promise.ok_or(BankError::Promise {
            point: *point,
            problem,
        })?;
        let (index, latest) = (penny.index, self.record.latest);
        if index < latest.saturating_add(promise.count) {
            let (wanted, left) = (promise.count, index.saturating_sub(latest));
            return Err(BankError::Spent { wanted, left });
        }
        let before = self.record.held.clone();
        self.learn(point, *secret)?;
        if let Some(held) = &mut self.record.held {
            let of_it = held.known.iter_mut().filter(|k| k.point == *point);
            of_it.for_each(|known| known.settled = true);
        }
        let taken = self.accept(penny);
        if taken.is_err() {
            self.record.held = before;
            // The secret is good whatever became of the penny.
            self.learn(point, *secret)?;
        }
        taken
    }

    /// Does without a promise from now on, so that the bank can be closed. Only who gave nothing for it does.
    pub fn give_up(&mut self, point: &PublicKey) {
        if let Some(held) = &mut self.record.held
            && !held.given_up.contains(point)
        {
            held.given_up.push(*point);
        }
    }

    /// What the frame enforces now, and by which choice of promises.
    pub(super) fn framed(&self) -> Option<(u32, usize)> {
        let held = self.record.held.as_ref()?;
        let mask = held.mask();
        (mask != 0).then(|| (held.frame.index(mask), mask))
    }

    /// Fails unless `index` pennies are enforceable but for fewer than the allowance, now and with whatever becomes
    /// of the promises.
    pub(super) fn check_exposure(&self, index: u32) -> Result<(), BankError> {
        let terms = self.bank.terms();
        let framed = self.framed().map_or(0, |(index, _)| index);
        let mut rung = self.best(index).max(framed);
        if let Some(held) = &self.record.held
            && held.open().next().is_some()
        {
            rung = rung.min(held.standing());
        }
        let allowance = terms.allowance(rung);
        match index.saturating_sub(rung) >= allowance {
            false => Ok(()),
            true => Err(BankError::Unenforceable {
                index,
                rung,
                allowed_from: index.saturating_sub(allowance),
            }),
        }
    }

    /// Pennies that open promises keep back.
    pub(super) fn kept_back(&self) -> u32 {
        let open = self.promises();
        open.iter()
            .fold(0, |sum, promise| sum.saturating_add(promise.count))
    }
}
