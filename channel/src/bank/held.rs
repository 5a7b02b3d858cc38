//! The provider's side of a bank's PTLCs.

use std::fmt;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, SecretKey},
};
use serde::{Deserialize, Serialize};

use narthex_contracts::bank::{AdaptorCommitments, BankError, Phase};

use super::{Accepted, PennyClaims, PennyPtlc, ProviderBook, Settled, claims::check_secret};

/// The claims that a provider holds, and what it knows of their PTLCs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The payer's latest.
    #[serde(rename = "frame", with = "narthex_base::hex::message")]
    pub claims: PennyClaims,
    /// Secrets that were shown.
    pub known: Vec<Known>,
    /// PTLCs without which the provider ends the bank.
    pub given_up: Vec<PublicKey>,
    /// What each PTLC was receipted for: one thing.
    #[serde(default)]
    pub receipts: Vec<Receipted>,
}

/// A PTLC that the provider gave its word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipted {
    /// Its point.
    pub point: PublicKey,
    /// What it is for.
    pub memo: sha256::Hash,
}

/// A PTLC's secret.
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

    /// PTLCs for which no pennies came.
    fn open(&self) -> impl Iterator<Item = &PennyPtlc> {
        let open = |ptlc: &&PennyPtlc| !self.is_settled(&ptlc.point);
        self.claims.ptlcs.iter().filter(open)
    }

    /// The choice of all PTLCs whose secrets are known.
    fn mask(&self) -> usize {
        self.claims.mask(|point| self.known(point).is_some())
    }

    /// What the base comes to with all that was settled.
    fn standing(&self) -> u32 {
        self.claims
            .index(self.claims.mask(|point| self.is_settled(point)))
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
    /// PTLCs that no pennies came for.
    pub fn ptlcs(&self) -> Vec<PennyPtlc> {
        let held = self.record.held.as_ref();
        held.map_or(Vec::new(), |held| held.open().copied().collect())
    }

    /// Whether just this PTLC is pending, and not given up.
    pub fn expects(&self, ptlc: &PennyPtlc) -> bool {
        let held = self.record.held.as_ref();
        held.is_some_and(|held| {
            let given_up = held.given_up.contains(&ptlc.point);
            !given_up && held.open().any(|open| open == ptlc)
        })
    }

    /// Notes what a PTLC is receipted for. The record changes: it must be durable before the receipt leaves. False
    /// if the PTLC is not held, or was receipted for something else.
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

    /// The secret of a PTLC, if it is known.
    pub fn secret(&self, point: &PublicKey) -> Option<SecretKey> {
        let held = self.record.held.as_ref()?;
        held.known(point).map(|known| known.secret)
    }

    /// Pennies paid, and those of PTLCs whose secrets are known.
    pub fn owed(&self) -> u32 {
        let known = |ptlc: &PennyPtlc| self.secret(&ptlc.point).is_some();
        let due = self.ptlcs().into_iter().filter(known);
        due.fold(self.paid(), |sum, p| sum.saturating_add(p.count))
    }

    /// Whether a PTLC may still come due: its secret is not known, and it was not given up.
    pub fn awaits(&self) -> bool {
        let held = self.record.held.as_ref();
        held.is_some_and(|held| {
            let unknown = |p: &PennyPtlc| held.known(&p.point).is_none();
            held.open()
                .any(|p| unknown(p) && !held.given_up.contains(&p.point))
        })
    }

    /// Takes claims in place of those before. They must keep every PTLC that is not settled, and neither the pennies given
    /// nor the PTLCs may be less enforceable by them than terms allow.
    pub fn take_claims(&mut self, claims: &PennyClaims) -> Result<(), BankError> {
        self.in_phase(Phase::Open, "promise")?;
        claims.verify(&self.bank)?;
        // Claims of before a settlement would offer what was paid already once more.
        let standing = self.record.held.as_ref().map_or(0, Held::standing);
        if claims.base < standing {
            let base = claims.base;
            return Err(BankError::OldClaims { base, standing });
        }
        let open = self.ptlcs();
        if let Some(left_out) = open.iter().find(|ptlc| !claims.ptlcs.contains(ptlc)) {
            let (point, problem) = (left_out.point, "it was left out");
            return Err(BankError::Promise { point, problem });
        }
        // What is known of a PTLC goes on with it. One that was settled is over: its point may serve another.
        let keeps = |point: &PublicKey| open.iter().any(|ptlc| ptlc.point == *point);
        let (mut known, mut given_up, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(held) = &self.record.held {
            let kept = held.known.iter();
            known = kept.filter(|known| keeps(&known.point)).cloned().collect();
            let kept = held.given_up.iter().copied();
            given_up = kept.filter(keeps).collect();
            let kept = held.receipts.iter().copied();
            receipts = kept.filter(|r| keeps(&r.point)).collect();
        }
        let before = (self.commitments.clone(), self.record.held.clone());
        let result = self.replace_claims(Held {
            claims: claims.clone(),
            known,
            given_up,
            receipts,
        });
        if result.is_err() {
            (self.commitments, self.record.held) = before;
        }
        result
    }

    fn replace_claims(&mut self, held: Held) -> Result<(), BankError> {
        if let Some(foot) = held.claims.foot {
            let (bank, commitments) = (held.claims.bank, vec![foot]);
            self.take_commitments(&AdaptorCommitments { bank, commitments })?;
        }
        self.record.held = Some(held);
        self.check_exposure(self.record.latest)
    }

    /// Claims as they were written down, once more.
    pub(super) fn restore_claims(&mut self, held: Held) -> Result<(), BankError> {
        held.claims.verify(&self.bank)?;
        held.check()?;
        self.record.held = Some(held);
        Ok(())
    }

    /// Takes the secret of a PTLC: it is the provider's from now on. The record changes: it must be durable before
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
        if !held.claims.ptlcs.iter().any(|p| p.point == *point) {
            return Err(unknown);
        }
        held.known.push(Known {
            point: *point,
            secret,
            settled: false,
        });
        Ok(())
    }

    /// Takes the pennies for a PTLC, with its secret. The record changes, as with [`ProviderBook::accept`].
    pub fn settle(&mut self, settled: &Settled) -> Result<Accepted, BankError> {
        let Settled {
            penny,
            point,
            secret,
        } = settled;
        self.in_phase(Phase::Open, "penny")?;
        let problem = "it is not pending";
        let ptlc = self.ptlcs().into_iter().find(|p| p.point == *point);
        let ptlc = ptlc.ok_or(BankError::Promise {
            point: *point,
            problem,
        })?;
        let (index, latest) = (penny.index, self.record.latest);
        if index < latest.saturating_add(ptlc.count) {
            let (wanted, left) = (ptlc.count, index.saturating_sub(latest));
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

    /// Does without a PTLC from now on, so that the bank can be closed. Only who gave nothing for it does.
    pub fn give_up(&mut self, point: &PublicKey) {
        if let Some(held) = &mut self.record.held
            && !held.given_up.contains(point)
        {
            held.given_up.push(*point);
        }
    }

    /// What the claims enforce now, and by which choice of PTLCs.
    pub(super) fn framed(&self) -> Option<(u32, usize)> {
        let held = self.record.held.as_ref()?;
        let mask = held.mask();
        (mask != 0).then(|| (held.claims.index(mask), mask))
    }

    /// Fails unless `index` pennies are enforceable but for fewer than the allowance, now and with whatever becomes
    /// of the PTLCs.
    pub(super) fn check_exposure(&self, index: u32) -> Result<(), BankError> {
        let terms = self.bank.terms();
        let framed = self.framed().map_or(0, |(index, _)| index);
        let mut commitment = self.best(index).max(framed);
        if let Some(held) = &self.record.held
            && held.open().next().is_some()
        {
            commitment = commitment.min(held.standing());
        }
        let allowance = terms.allowance(commitment);
        match index.saturating_sub(commitment) >= allowance {
            false => Ok(()),
            true => Err(BankError::Unenforceable {
                index,
                commitment,
                allowed_from: index.saturating_sub(allowance),
            }),
        }
    }

    /// Pennies that open PTLCs keep back.
    pub(super) fn kept_back(&self) -> u32 {
        let open = self.ptlcs();
        open.iter()
            .fold(0, |sum, ptlc| sum.saturating_add(ptlc.count))
    }
}
