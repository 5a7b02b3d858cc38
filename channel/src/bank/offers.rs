//! The payer's side of a bank's PTLCs.

use bitcoin::{
    Transaction,
    secp256k1::{
        PublicKey, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};

use narthex_contracts::bank::{BankError, Links, Penny, Phase};

use super::{
    Given, Payer, PennyClaims, PennyPtlc, Settled,
    claims::{check_secret, shown_by},
};

/// Most PTLCs that were settled whose pennies can be asked for again.
const MAX_GIVEN: usize = 64;

impl Payer {
    /// Pending PTLCs, in the order in which they were offered.
    pub fn ptlcs(&self) -> &[PennyPtlc] {
        &self.record.ptlcs
    }

    /// Pennies that pending PTLCs keep back: nobody else is paid with them.
    pub fn offered(&self) -> u32 {
        let counts = self.record.ptlcs.iter().map(|ptlc| ptlc.count);
        counts.fold(0, u32::saturating_add)
    }

    /// Offers a PTLC, of pennies that are left. The record changes: it must be durable before claims are sent.
    ///
    /// It stays until its secret is shown or the bank ends: a claim that was signed cannot be taken back.
    pub fn offer(&mut self, ptlc: PennyPtlc) -> Result<(), BankError> {
        self.record.ptlcs = self.with(ptlc)?;
        Ok(())
    }

    /// A PTLC and the claims that bear it, or neither. The record changes: it must be durable before the claims are sent.
    pub(super) fn offer_signed<R: RngCore + CryptoRng>(
        &mut self,
        ptlc: PennyPtlc,
        rng: &mut R,
    ) -> Result<PennyClaims, BankError> {
        let ptlcs = self.with(ptlc)?;
        let claims = self.claims_of(&ptlcs, rng)?;
        self.record.ptlcs = ptlcs;
        self.record.framed = self.record.revealed;
        Ok(claims)
    }

    /// The claims of all pending PTLCs on top of the pennies given. They are due after each offer, and when so many pennies
    /// were given that the provider takes no more on top of the last ones.
    /// The record changes: it must be durable before the claims are sent.
    pub fn claims<R: RngCore + CryptoRng>(
        &mut self,
        rng: &mut R,
    ) -> Result<PennyClaims, BankError> {
        let claims = self.claims_of(&self.record.ptlcs, rng)?;
        self.record.framed = self.record.revealed;
        Ok(claims)
    }

    /// The pending PTLCs with one more, if the bank bears it.
    fn with(&self, ptlc: PennyPtlc) -> Result<Vec<PennyPtlc>, BankError> {
        self.check(Phase::Open, "promise")?;
        let (wanted, left) = (ptlc.count, self.left());
        if wanted > left {
            return Err(BankError::Spent { wanted, left });
        }
        let mut ptlcs = self.record.ptlcs.clone();
        ptlcs.push(ptlc);
        PennyClaims::check_ptlcs(&self.bank, self.record.revealed, &ptlcs)?;
        Ok(ptlcs)
    }

    fn claims_of<R: RngCore + CryptoRng>(
        &self,
        ptlcs: &[PennyPtlc],
        rng: &mut R,
    ) -> Result<PennyClaims, BankError> {
        let base = self.record.revealed;
        // One commitment in 2¹²⁸ cannot be had; the provider then says whether it does without.
        let foot = match self.bank.terms().has_commitment(base) {
            true => self.commitment(base, rng).ok(),
            false => None,
        };
        PennyClaims::sign(&self.bank, &self.key, (base, foot), ptlcs)
    }

    /// Settles a PTLC whose secret was shown, by the pennies that it is about. The record changes: it must be durable before
    /// the pennies are sent.
    pub fn settle(&mut self, point: &PublicKey, secret: SecretKey) -> Result<Settled, BankError> {
        self.check(Phase::Open, "secret of a promise")?;
        let problem = "it is not pending";
        let position = self.record.ptlcs.iter().position(|p| p.point == *point);
        let unknown = BankError::Promise {
            point: *point,
            problem,
        };
        let position = position.ok_or(unknown)?;
        check_secret(point, &secret)?;
        let count = self.record.ptlcs[position].count;
        // First what can fail: a PTLC stays pending until its pennies are given.
        let penny = self.give(count)?;
        self.record.ptlcs.remove(position);
        // What the claims enforce grows with what is settled.
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

    /// The pennies of a PTLC that was settled, once more: those, and none that were given later or wait in a purse.
    pub fn settled(&mut self, point: &PublicKey, secret: SecretKey) -> Option<Settled> {
        check_secret(point, &secret).ok()?;
        // A point may serve again once its PTLC is settled: whoever lost pennies lost the last ones.
        let mut latest = self.record.given.iter().rev();
        let index = latest.find(|given| given.point == *point)?.index;
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

    /// The secrets of pending PTLCs that a claim on chain shows; none of another transaction.
    pub fn extract(&self, claim: &Transaction) -> Result<Vec<(PublicKey, SecretKey)>, BankError> {
        let points = self.record.ptlcs.iter().map(|ptlc| ptlc.point);
        shown_by(&self.bank, &self.key, claim, points)
    }
}
