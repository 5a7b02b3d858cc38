//! The payer's side.

use bitcoin::{
    Amount, Psbt, Transaction,
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};

use super::{
    Bank, BankError, ChainSeed, Coin, Cosigner, FREEZE, Frame, FreshChain, PayerDuty, PayerRecord,
    Pebbles, Penny, Phase, REFUND, Rung, Rungs, THAW, ladder::MAX_RUNGS, scalar, template::PAYER,
};
use crate::{
    binding::Bindings,
    funding::{FundingError, funding_psbt},
    graph::{NodeId, TxGraph},
    musig::{PartialSignature, PublicNonce},
    pact::{Task, check_key, finish},
};

/// A payer before the freeze is signed by both: it has no funding transaction yet.
pub struct PayerOpening {
    bank: Bank,
    key: SecretKey,
    chain: Pebbles,
    cosigner: Cosigner,
}

/// A payer with an open bank.
///
/// Nothing here does I/O. Each change of [`Payer::record`] must be durable before what the call returned leaves the
/// house; a payer restored from the record sends the same again.
pub struct Payer {
    pub(super) bank: Bank,
    pub(super) key: SecretKey,
    pub(super) chain: Pebbles,
    /// The last rung of the ladder that was signed, so that the next batch goes on there. Not known after a crash:
    /// then the ladder begins anew with the last penny.
    pub(super) signed: Option<u32>,
    pub(super) record: PayerRecord,
}

impl PayerOpening {
    /// Begins with the freeze's signature. `fresh` is what the terms name; it is bound to them and used up, so that a bank
    /// whose opening failed is proposed anew with another.
    ///
    /// # Errors
    /// [`BankError::Bind`] if salt or chain have served before; nothing was sent then.
    pub fn new<R: RngCore + CryptoRng>(
        bank: Bank,
        key: SecretKey,
        fresh: FreshChain,
        bindings: &mut dyn Bindings,
        rng: &mut R,
    ) -> Result<(PayerOpening, PublicNonce), BankError> {
        if fresh.salt() != bank.terms().record().salt {
            return Err(BankError::OtherSalt);
        }
        let chain = chain(&bank, &key, fresh.seed(), 0)?;
        let (cosigner, nonce) = Cosigner::new(bank.graph(), FREEZE, (PAYER, &key), rng)?;
        fresh.bind(bank.terms().id(), bindings)?;
        let opening = PayerOpening {
            bank,
            key,
            chain,
            cosigner,
        };
        Ok((opening, nonce))
    }

    /// Takes the provider's nonce and share; returns the own share, which the provider may have only now: it can do
    /// nothing with it before the bank is funded.
    pub fn finish(
        self,
        nonce: PublicNonce,
        share: PartialSignature,
    ) -> Result<(Payer, PartialSignature), BankError> {
        let (cosigned, own) = self.cosigner.sign(nonce)?;
        let freeze = cosigned.finish(share)?;
        let record = PayerRecord {
            revealed: 0,
            phase: Phase::Open,
            freeze,
            promises: Vec::new(),
            framed: 0,
            given: Vec::new(),
        };
        let payer = Payer {
            bank: self.bank,
            key: self.key,
            chain: self.chain,
            signed: Some(0),
            record,
        };
        Ok((payer, own))
    }
}

/// The chain, if key and seed are those of the terms.
fn chain(
    bank: &Bank,
    key: &SecretKey,
    seed: &ChainSeed,
    revealed: u32,
) -> Result<Pebbles, BankError> {
    use bitcoin::hashes::Hash;
    let record = bank.terms().record();
    check_key(key, record.payer, PAYER)?;
    let id = bank.terms().bank();
    let mut chain = Pebbles::new(id, record.pennies, *seed.expose(), 0);
    if chain.secret(0) != Some(record.tip.to_byte_array()) {
        return Err(BankError::WrongSeed);
    }
    let left = chain.left();
    chain.reveal(revealed).ok_or(BankError::Spent {
        wanted: revealed,
        left,
    })?;
    Ok(chain)
}

impl Payer {
    /// A payer as it was when `record` was written. The key, seed and terms are kept apart.
    pub fn restore(
        bank: Bank,
        key: SecretKey,
        seed: &ChainSeed,
        record: PayerRecord,
    ) -> Result<Payer, BankError> {
        let chain = chain(&bank, &key, seed, record.revealed)?;
        let signature = crate::musig::AdaptorSignature(record.freeze);
        Task::new(bank.graph(), FREEZE, 0)?.verify(&signature, None)?;
        Frame::check_promises(&bank, record.revealed, &record.promises)?;
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

    /// Pennies not yet given away, and not promised.
    pub fn left(&self) -> u32 {
        self.chain.left().saturating_sub(self.promised())
    }

    /// Chain secrets in memory.
    pub fn secrets_held(&self) -> usize {
        self.chain.held()
    }

    /// The funding transaction, for the wallet to sign: only a payer that holds the freeze has it.
    pub fn funding_psbt(&self) -> Result<Psbt, FundingError> {
        funding_psbt(self.bank.graph())
    }

    /// The rungs that the next payments need, up to `count` of them, each as far above the one before as the terms
    /// allow. Empty at the end of the ladder.
    pub fn rungs<R: RngCore + CryptoRng>(
        &mut self,
        count: usize,
        rng: &mut R,
    ) -> Result<Rungs, BankError> {
        self.check(Phase::Open, "rungs")?;
        let pennies = self.bank.terms().record().pennies;
        let (mut last, mut due) = self.foot();
        last = last.max(self.signed.unwrap_or(0));
        while due.len() < count.min(MAX_RUNGS) && last < pennies {
            last = self.bank.terms().next_rung(last);
            due.push(last);
        }
        due.truncate(count);
        let rungs = self.sign_rungs(&due, rng)?;
        last = due.last().copied().unwrap_or(last);
        self.signed = Some(last);
        Ok(Rungs {
            bank: self.bank.terms().bank(),
            rungs,
        })
    }

    /// Where the ladder stands at the last penny, and the rung there if it is still to be signed.
    pub(super) fn foot(&self) -> (u32, Vec<u32>) {
        let revealed = self.record.revealed;
        if !self.bank.terms().has_rung(revealed) {
            return (0, Vec::new());
        }
        // What was paid in one leap needs no rungs below it.
        let covered = self.signed.is_some_and(|signed| signed >= revealed);
        let due = (!covered).then_some(revealed);
        (revealed, due.into_iter().collect())
    }

    /// Signs these rungs, in rising order. One index in 2¹²⁸ has none; the next makes up for it.
    pub(super) fn sign_rungs<R: RngCore + CryptoRng>(
        &self,
        indices: &[u32],
        rng: &mut R,
    ) -> Result<Vec<Rung>, BankError> {
        let problem = "passed already, or beyond the last";
        let rung = indices.first().copied().unwrap_or(0);
        let secrets = self.chain.ahead(indices);
        let secrets = secrets.ok_or(BankError::Rung { rung, problem })?;
        let pairs = indices.iter().zip(&secrets);
        let usable = pairs.filter(|(_, secret)| scalar(secret).is_some());
        usable
            .map(|(index, secret)| Rung::sign(&self.bank, &self.key, *index, secret, rng))
            .collect()
    }

    /// The highest penny that a provider takes with the rungs signed so far. A payer signs more before it pays beyond:
    /// rungs of pennies that it has passed by cannot be signed any more, and the next one is then at its last penny.
    pub fn covered(&self) -> u32 {
        let terms = self.bank.terms();
        let pennies = terms.record().pennies;
        match self.signed {
            Some(rung) if rung >= pennies => pennies,
            Some(rung) => rung.saturating_add(terms.allowance(rung) - 1).min(pennies),
            None => 0,
        }
    }

    /// One rung at just this penny, which makes a provider safe to the last penny before a pause.
    pub fn rung<R: RngCore + CryptoRng>(&self, index: u32, rng: &mut R) -> Result<Rung, BankError> {
        let problem = "its secret is no scalar";
        let rungs = self.sign_rungs(&[index], rng)?;
        rungs.into_iter().next().ok_or(BankError::Rung {
            rung: index,
            problem,
        })
    }

    /// Pays `count` pennies. The record changes: it must be durable before the penny is sent.
    ///
    /// While promises are pending a payment stays within what the last frame bears; then another frame is due.
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
        if !self.record.promises.is_empty() && to.saturating_sub(framed) >= allowance {
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
        frozen: bool,
        rng: &mut R,
    ) -> Result<(TxGraph, Cosigner, PublicNonce), BankError> {
        if paid > self.record.revealed {
            let problem = "more than was paid";
            return Err(BankError::Ending { paid, fee, problem });
        }
        let graph = self.bank.close(paid, fee, frozen)?;
        let (cosigner, nonce) = Cosigner::new(&graph, NodeId(0), (PAYER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok((graph, cosigner, nonce))
    }

    /// Signs the transaction that moves the frozen coin of this bank into `next`, of which the payer holds the freeze.
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

    /// The freeze, complete. The payer may stop the bank at any time by it.
    pub fn freeze(&self) -> Result<Transaction, BankError> {
        Ok(finish(
            self.bank.graph(),
            FREEZE,
            &[self.record.freeze],
            &[],
        )?)
    }

    /// The refund, valid above T.
    pub fn refund<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Transaction, BankError> {
        self.alone(REFUND, rng)
    }

    /// The thaw, valid D blocks after the freeze.
    pub fn thaw<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Transaction, BankError> {
        self.alone(THAW, rng)
    }

    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> PayerDuty {
        let record = self.bank.terms().record();
        let next = tip.saturating_add(1);
        match coin {
            Coin::Banked { .. } if next > record.refund_height => PayerDuty::Refund,
            Coin::Frozen { height }
                if next >= height.saturating_add(record.claim_blocks.into()) =>
            {
                PayerDuty::Thaw
            }
            _ => PayerDuty::None,
        }
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
