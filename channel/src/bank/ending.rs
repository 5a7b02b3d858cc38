//! How a bank ends on the provider's side.

use bitcoin::{
    Amount, Transaction,
    hashes::Hash,
    secp256k1::{
        PublicKey,
        rand::{CryptoRng, RngCore},
    },
};

use narthex_contracts::{
    bank::{
        BankError, CLAIM, Cosigner, FORCE_CLOSE, MIN_CLAIM_BLOCKS, PAYER_POSITION, PROVIDER,
        PROVIDER_POSITION, Phase, scalar,
    },
    builder::{Task, finish},
    graph::{NodeId, TxGraph},
    musig::PublicNonce,
};

use super::{Coin, Provider, ProviderBook, ProviderDuty};

impl ProviderBook {
    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ProviderDuty {
        let next = tip.saturating_add(1);
        let late = next >= self.bank.terms().force_close_height();
        let commitment = self.enforceable();
        // Without a commitment there is nothing to claim, and a force close would only cost.
        let worth = commitment > 0 || self.awaits();
        match coin {
            Coin::Banked { .. } if worth && (late || self.record.phase == Phase::Cheated) => {
                ProviderDuty::ForceClose
            }
            // For a coin that a short reorganisation takes away nothing is served.
            Coin::Banked { is_deep: true } if self.record.phase == Phase::Open && !late => {
                ProviderDuty::Serve
            }
            // A secret may come as long as there is time to use it.
            Coin::ForceClosed { height } if self.awaits() && next < self.last_claim(height) => {
                ProviderDuty::None
            }
            Coin::ForceClosed { .. } if commitment > 0 => ProviderDuty::Claim { commitment },
            _ => ProviderDuty::None,
        }
    }

    /// Height at which the claim is to confirm at the latest when the force close did at `height`: half of
    /// [`MIN_CLAIM_BLOCKS`] before the payer may take the timeout refund.
    pub fn last_claim(&self, height: u32) -> u32 {
        let d = u32::from(self.bank.terms().record().claim_blocks);
        height
            .saturating_add(d)
            .saturating_sub(u32::from(MIN_CLAIM_BLOCKS / 2))
    }

    /// The force close, complete.
    pub fn force_close(&self) -> Result<Transaction, BankError> {
        Ok(finish(
            self.bank.graph(),
            FORCE_CLOSE,
            &[self.record.force_close],
            &[],
        )?)
    }
}

impl Provider {
    /// The claim by a commitment that is held and whose penny was given, or by PTLCs whose secrets are known.
    pub fn claim<R: RngCore + CryptoRng>(
        &self,
        commitment: u32,
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let problem = "not signed by the payer, or its penny was not given";
        if let Some((index, mask)) = self.framed()
            && index == commitment
            && let Some(held) = &self.record.held
        {
            let secret = |point: &PublicKey| self.secret(point);
            return held
                .claims
                .finish(&self.bank, &self.key, (mask, secret), rng);
        }
        let held = self.commitments.get(&commitment);
        let held = held.filter(|commitment| commitment.index <= self.record.latest);
        let held = held.ok_or(BankError::AdaptorCommitment {
            commitment,
            problem,
        })?;
        let latest = self.record.secret.to_byte_array();
        let secret = self.links.down(self.record.latest, latest, commitment);
        let secret = scalar(&secret).ok_or(BankError::AdaptorCommitment {
            commitment,
            problem,
        })?;
        let graph = self.bank.claim(commitment)?;
        let theirs = Task::new(&graph, CLAIM, PAYER_POSITION)?;
        let payer = theirs.complete(&held.signature, &secret)?;
        let own = Task::new(&graph, CLAIM, PROVIDER_POSITION)?;
        let own = own.sign_alone((PROVIDER, &self.key), None, rng)?;
        Ok(finish(&graph, CLAIM, &[payer, own.0], &[])?)
    }

    /// Agrees to an end after `paid` pennies, at least as many as are owed, and when no PTLC may come due any more.
    /// No penny is taken after this.
    pub fn close<R: RngCore + CryptoRng>(
        &mut self,
        paid: u32,
        fee: Amount,
        force_closed: bool,
        rng: &mut R,
    ) -> Result<(TxGraph, Cosigner, PublicNonce), BankError> {
        let refused = |problem| Err(BankError::Ending { paid, fee, problem });
        if paid < self.owed() {
            return refused("less than was paid");
        }
        if self.awaits() {
            return refused("a promise is pending");
        }
        let graph = self.bank.close(paid, fee, force_closed)?;
        let (cosigner, nonce) = Cosigner::new(&graph, NodeId(0), (PROVIDER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok((graph, cosigner, nonce))
    }

    /// Signs the transaction that moves the force-closed coin of this bank into `next`, of which the provider holds the
    /// force close. Until it confirms the claim is still due.
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
