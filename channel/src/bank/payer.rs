//! The payer's side.

use bitcoin::{
    Amount, Psbt, Transaction,
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::node::AskedNode;

use narthex_contracts::{
    bank::{
        AdaptorCommitment, AdaptorCommitments, Bank, BankError, ChainSeed, Cosigner, FORCE_CLOSE,
        MAX_COMMITMENTS, PAYER, Pebbles, Penny, Phase, REFUND, SignedPayer, TIMEOUT_REFUND, scalar,
    },
    builder::{Task, check_key, finish},
    funding::FundingError,
    graph::{NodeId, TxGraph},
    musig::PublicNonce,
};

use super::{Coin, PayerDuty, PayerRecord, PennyClaims};

/// A payer with an open bank.
///
/// Nothing here does I/O. Each change of [`Payer::record`] must be durable before what the call returned leaves the
/// house; a payer restored from the record sends the same again.
pub struct Payer {
    pub(super) bank: Bank,
    pub(super) key: SecretKey,
    pub(super) chain: Pebbles,
    /// The last commitment of the chain of commitments that was signed, so that the next batch goes on there. Not known after a crash:
    /// then the chain of commitments begins anew with the last penny.
    pub(super) signed: Option<u32>,
    pub(super) record: PayerRecord,
}

impl From<SignedPayer> for Payer {
    /// Nothing was given yet.
    fn from(signed: SignedPayer) -> Payer {
        let record = PayerRecord {
            revealed: 0,
            phase: Phase::Open,
            force_close: signed.force_close,
            ptlcs: Vec::new(),
            framed: 0,
            given: Vec::new(),
        };
        Payer {
            bank: signed.bank,
            key: signed.key,
            chain: signed.chain,
            signed: Some(0),
            record,
        }
    }
}

impl Payer {
    /// A payer as it was when `record` was written. The key, seed and terms are kept apart.
    pub fn restore(
        bank: Bank,
        key: SecretKey,
        seed: &ChainSeed,
        record: PayerRecord,
    ) -> Result<Payer, BankError> {
        check_key(&key, bank.terms().record().payer, PAYER)?;
        let chain = bank.chain(seed, record.revealed)?;
        bank.check_force_close(&record.force_close)?;
        PennyClaims::check_ptlcs(&bank, record.revealed, &record.ptlcs)?;
        Ok(Payer {
            bank,
            key,
            chain,
            signed: None,
            record,
        })
    }

    /// What must be durable.
    pub fn record(&self) -> PayerRecord {
        self.record.clone()
    }

    /// The bank.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Pennies not yet given away, and not offered.
    pub fn left(&self) -> u32 {
        self.chain.left().saturating_sub(self.offered())
    }

    /// Chain secrets in memory.
    pub fn secrets_held(&self) -> usize {
        self.chain.held()
    }

    /// The funding transaction, for the wallet to sign: only a payer that holds the force close has it, and whose node
    /// was asked.
    pub fn funding_psbt(&self, node: &impl AskedNode) -> Result<Psbt, FundingError> {
        self.bank.funding_psbt(&self.record.force_close, node)
    }

    /// The commitments that the next payments need, up to `count` of them, each as far above the one before as the terms
    /// allow. Empty at the end of the chain of commitments.
    pub fn commitments<R: RngCore + CryptoRng>(
        &mut self,
        count: usize,
        rng: &mut R,
    ) -> Result<AdaptorCommitments, BankError> {
        self.check(Phase::Open, "commitments")?;
        let pennies = self.bank.terms().record().pennies;
        let (mut last, mut due) = self.foot();
        last = last.max(self.signed.unwrap_or(0));
        while due.len() < count.min(MAX_COMMITMENTS) && last < pennies {
            last = self.bank.terms().next_commitment(last);
            due.push(last);
        }
        due.truncate(count);
        let commitments = self.sign_commitments(&due, rng)?;
        last = due.last().copied().unwrap_or(last);
        self.signed = Some(last);
        Ok(AdaptorCommitments {
            bank: self.bank.terms().bank(),
            commitments,
        })
    }

    /// Where the chain of commitments stands at the last penny, and the commitment there if it is still to be signed.
    pub(super) fn foot(&self) -> (u32, Vec<u32>) {
        let revealed = self.record.revealed;
        if !self.bank.terms().has_commitment(revealed) {
            return (0, Vec::new());
        }
        // What was paid in one leap needs no commitments below it.
        let covered = self.signed.is_some_and(|signed| signed >= revealed);
        let due = (!covered).then_some(revealed);
        (revealed, due.into_iter().collect())
    }

    /// Signs these commitments, in rising order. One index in 2¹²⁸ has none; the next makes up for it.
    pub(super) fn sign_commitments<R: RngCore + CryptoRng>(
        &self,
        indices: &[u32],
        rng: &mut R,
    ) -> Result<Vec<AdaptorCommitment>, BankError> {
        let problem = "passed already, or beyond the last";
        let commitment = indices.first().copied().unwrap_or(0);
        let secrets = self.chain.ahead(indices);
        let secrets = secrets.ok_or(BankError::AdaptorCommitment {
            commitment,
            problem,
        })?;
        let pairs = indices.iter().zip(&secrets);
        let usable = pairs.filter(|(_, secret)| scalar(secret).is_some());
        usable
            .map(|(index, secret)| {
                AdaptorCommitment::sign(&self.bank, &self.key, *index, secret, rng)
            })
            .collect()
    }

    /// The highest penny that a provider takes with the commitments signed so far. A payer signs more before it pays beyond:
    /// commitments of pennies that it has passed by cannot be signed any more, and the next one is then at its last penny.
    pub fn covered(&self) -> u32 {
        let terms = self.bank.terms();
        let pennies = terms.record().pennies;
        match self.signed {
            Some(commitment) if commitment >= pennies => pennies,
            Some(commitment) => commitment
                .saturating_add(terms.allowance(commitment) - 1)
                .min(pennies),
            None => 0,
        }
    }

    /// One commitment at just this penny, which makes a provider safe to the last penny before a pause.
    pub fn commitment<R: RngCore + CryptoRng>(
        &self,
        index: u32,
        rng: &mut R,
    ) -> Result<AdaptorCommitment, BankError> {
        let problem = "its secret is no scalar";
        let commitments = self.sign_commitments(&[index], rng)?;
        commitments
            .into_iter()
            .next()
            .ok_or(BankError::AdaptorCommitment {
                commitment: index,
                problem,
            })
    }

    /// Pays `count` pennies. The record changes: it must be durable before the penny is sent.
    ///
    /// While PTLCs are pending a payment stays within what the last claims bear; then others are due.
    pub fn pay(&mut self, count: u32) -> Result<Penny, BankError> {
        self.check(Phase::Open, "payment")?;
        let left = self.left();
        if count > left {
            let wanted = count;
            return Err(BankError::Spent { wanted, left });
        }
        let framed = self.record.framed;
        let to = self.record.revealed.saturating_add(count);
        let allowance = self.bank.terms().allowance(framed);
        if !self.record.ptlcs.is_empty() && to.saturating_sub(framed) >= allowance {
            return Err(BankError::Unframed {
                index: to,
                framed,
                allowance,
            });
        }
        self.give(count)
    }

    pub(super) fn give(&mut self, count: u32) -> Result<Penny, BankError> {
        let left = self.chain.left();
        let penny = self.chain.reveal(count).ok_or(BankError::Spent {
            wanted: count,
            left,
        })?;
        self.record.revealed = penny.index;
        Ok(penny)
    }

    /// The last penny, to be sent again after a crash.
    pub fn last_penny(&mut self) -> Option<Penny> {
        self.chain.reveal(0).filter(|penny| penny.index > 0)
    }

    /// Agrees to an end after `paid` pennies. No penny is given away after this: the record must be durable first.
    /// The provider's part must not be more than was given away.
    pub fn close<R: RngCore + CryptoRng>(
        &mut self,
        paid: u32,
        fee: Amount,
        force_closed: bool,
        rng: &mut R,
    ) -> Result<(TxGraph, Cosigner, PublicNonce), BankError> {
        if paid > self.record.revealed {
            let problem = "more than was paid";
            return Err(BankError::Ending { paid, fee, problem });
        }
        let graph = self.bank.close(paid, fee, force_closed)?;
        let (cosigner, nonce) = Cosigner::new(&graph, NodeId(0), (PAYER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok((graph, cosigner, nonce))
    }

    /// Signs the transaction that moves the force-closed coin of this bank into `next`, of which the payer holds the force close.
    pub fn resume<R: RngCore + CryptoRng>(
        &mut self,
        next: &Payer,
        rng: &mut R,
    ) -> Result<(Cosigner, PublicNonce), BankError> {
        super::resume_paid(&self.bank, &next.bank, |paid| paid <= self.record.revealed)?;
        let graph = next.bank.graph();
        let made = Cosigner::new(graph, TxGraph::FUNDING, (PAYER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok(made)
    }

    /// The force close, complete. The payer may stop the bank at any time by it.
    pub fn force_close(&self) -> Result<Transaction, BankError> {
        Ok(finish(
            self.bank.graph(),
            FORCE_CLOSE,
            &[self.record.force_close],
            &[],
        )?)
    }

    /// The refund, valid above T.
    pub fn refund<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Transaction, BankError> {
        self.alone(REFUND, rng)
    }

    /// The timeout refund, valid D blocks after the force close.
    pub fn timeout_refund<R: RngCore + CryptoRng>(
        &self,
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        self.alone(TIMEOUT_REFUND, rng)
    }

    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> PayerDuty {
        PayerDuty::of(self.bank.terms().record(), tip, coin)
    }

    fn alone<R: RngCore + CryptoRng>(
        &self,
        node: NodeId,
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let task = Task::new(self.bank.graph(), node, 0)?;
        let signature = task.sign_alone((PAYER, &self.key), None, rng)?;
        Ok(finish(self.bank.graph(), node, &[signature.0], &[])?)
    }

    pub(super) fn check(&self, wanted: Phase, what: &'static str) -> Result<(), BankError> {
        let phase = self.record.phase;
        match phase == wanted {
            true => Ok(()),
            false => Err(BankError::Phase { phase, what }),
        }
    }
}
