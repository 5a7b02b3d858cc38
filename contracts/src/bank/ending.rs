//! How a bank ends on the provider's side.

use bitcoin::{
    Amount, Transaction,
    hashes::Hash,
    secp256k1::{
        PublicKey,
        rand::{CryptoRng, RngCore},
    },
};

use super::{
    BankError, Coin, Cosigner, FREEZE, MIN_CLAIM_BLOCKS, Phase, Provider, ProviderBook,
    ProviderDuty,
    ladder::{CLAIM, PAYER_POSITION, PROVIDER_POSITION},
    scalar,
    template::PROVIDER,
};
use crate::{
    graph::{NodeId, TxGraph},
    musig::PublicNonce,
    pact::{Task, finish},
};

impl ProviderBook {
    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ProviderDuty {
        let next = tip.saturating_add(1);
        let late = next >= self.bank.terms().freeze_height();
        let rung = self.enforceable();
        // Without a rung there is nothing to claim, and a freeze would only cost.
        let worth = rung > 0 || self.awaits();
        match coin {
            Coin::Banked { .. } if worth && (late || self.record.phase == Phase::Cheated) => {
                ProviderDuty::Freeze
            }
            // For a coin that a short reorganisation takes away nothing is served.
            Coin::Banked { is_deep: true } if self.record.phase == Phase::Open && !late => {
                ProviderDuty::Serve
            }
            // A secret may come as long as there is time to use it.
            Coin::Frozen { height } if self.awaits() && next < self.last_claim(height) => {
                ProviderDuty::None
            }
            Coin::Frozen { .. } if rung > 0 => ProviderDuty::Claim { rung },
            _ => ProviderDuty::None,
        }
    }

    /// Height at which the claim is to confirm at the latest when the freeze did at `height`: half of
    /// [`MIN_CLAIM_BLOCKS`] before the payer may thaw.
    pub fn last_claim(&self, height: u32) -> u32 {
        let d = u32::from(self.bank.terms().record().claim_blocks);
        height
            .saturating_add(d)
            .saturating_sub(u32::from(MIN_CLAIM_BLOCKS / 2))
    }

    /// The freeze, complete.
    pub fn freeze(&self) -> Result<Transaction, BankError> {
        Ok(finish(
            self.bank.graph(),
            FREEZE,
            &[self.record.freeze],
            &[],
        )?)
    }
}

impl Provider {
    /// The claim by a rung that is held and whose penny was given, or by promises whose secrets are known.
    pub fn claim<R: RngCore + CryptoRng>(
        &self,
        rung: u32,
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let problem = "not signed by the payer, or its penny was not given";
        if let Some((index, mask)) = self.framed()
            && index == rung
            && let Some(held) = &self.record.held
        {
            let secret = |point: &PublicKey| self.secret(point);
            return held
                .frame
                .finish(&self.bank, &self.key, (mask, secret), rng);
        }
        let held = self.rungs.get(&rung);
        let held = held.filter(|rung| rung.index <= self.record.latest);
        let held = held.ok_or(BankError::Rung { rung, problem })?;
        let latest = self.record.secret.to_byte_array();
        let secret = self.links.down(self.record.latest, latest, rung);
        let secret = scalar(&secret).ok_or(BankError::Rung { rung, problem })?;
        let graph = self.bank.claim(rung)?;
        let theirs = Task::new(&graph, CLAIM, PAYER_POSITION)?;
        let payer = theirs.complete(&held.signature, &secret)?;
        let own = Task::new(&graph, CLAIM, PROVIDER_POSITION)?;
        let own = own.sign_alone((PROVIDER, &self.key), None, rng)?;
        Ok(finish(&graph, CLAIM, &[payer, own.0], &[])?)
    }

    /// Agrees to an end after `paid` pennies, at least as many as are owed, and when no promise may come due any more.
    /// No penny is taken after this.
    pub fn close<R: RngCore + CryptoRng>(
        &mut self,
        paid: u32,
        fee: Amount,
        frozen: bool,
        rng: &mut R,
    ) -> Result<(TxGraph, Cosigner, PublicNonce), BankError> {
        let refused = |problem| Err(BankError::Ending { paid, fee, problem });
        if paid < self.owed() {
            return refused("less than was paid");
        }
        if self.awaits() {
            return refused("a promise is pending");
        }
        let graph = self.bank.close(paid, fee, frozen)?;
        let (cosigner, nonce) = Cosigner::new(&graph, NodeId(0), (PROVIDER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok((graph, cosigner, nonce))
    }

    /// Signs the transaction that moves the frozen coin of this bank into `next`, of which the provider holds the
    /// freeze. Until it confirms the claim is still due.
    pub fn resume<R: RngCore + CryptoRng>(
        &mut self,
        next: &Provider,
        rng: &mut R,
    ) -> Result<(Cosigner, PublicNonce), BankError> {
        super::resume_paid(&self.bank, &next.bank, |paid| {
            paid >= self.owed() && !self.awaits()
        })?;
        let graph = next.bank.graph();
        let made = Cosigner::new(graph, TxGraph::FUNDING, (PROVIDER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok(made)
    }
}
