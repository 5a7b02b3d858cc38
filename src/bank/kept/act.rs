//! What the machines have pending is carried out: signers, wallets, the chain.

use bitcoin::{Amount, Transaction, Txid, hashes::Hash, secp256k1::rand::rngs::OsRng};
use narthex_channel::bank::{Payer, PayerRecord, Provider};
use narthex_channel::{
    StepError,
    bank::{BankEffect, BankInput, CoinAt, Leaving, SideError},
};
use narthex_contracts::{
    bank::{BankError, ChainSeed, PAYER, PROVIDER, Phase, REFUND, TIMEOUT_REFUND},
    builder::{Cosigner, Task, finish},
    graph::{NodeId, TxGraph},
};

use super::{KeptBank, KeptError, open};
use crate::{bank::moves::sign_both, wallet::ChildRequest};

/// Commitments of one batch.
const BATCH: usize = 8;

/// Whose effect it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Payer,
    Provider,
}

impl KeptBank {
    /// Carries out what is pending on both sides, and on a chain of the folder's own mines what was published; again, as
    /// long as something follows.
    pub(super) fn settle(&mut self) -> Result<(), KeptError> {
        self.settle_one()?;
        if !matches!(self.coin(), CoinAt::Spent { .. }) {
            return Ok(());
        }
        let next = self.number.saturating_add(1);
        let parties = [&self.payer, &self.provider];
        let Some(sides) = open::successor(&self.dir, next, parties, &mut self.chain)? else {
            return Ok(());
        };
        (self.sides, self.number) = (sides, next);
        self.look()?;
        self.settle_one()
    }

    /// As before an order: what does not go through is said, and keeps nobody from ordering something else. A close that
    /// the node refuses must not stand before a claim.
    pub(super) fn catch_up(&mut self) {
        if let Err(error) = self.settle() {
            self.done.push(format!("not done: {error}"));
        }
    }

    /// Tries everything, and fails with what did not go through first.
    fn settle_one(&mut self) -> Result<(), KeptError> {
        loop {
            let changes = (self.sides.payer.changes(), self.sides.provider.changes());
            let (mut published, mut failed) = (0, Ok(()));
            for who in [Who::Payer, Who::Provider] {
                for effect in self.pending(who) {
                    match self.act(who, effect) {
                        Ok(is_published) => published += usize::from(is_published),
                        Err(error) => failed = failed.and(Err(error)),
                    }
                }
            }
            if published > 0 && self.chain.is_own() {
                self.chain.mine(1)?;
            }
            self.look()?;
            let after = (self.sides.payer.changes(), self.sides.provider.changes());
            if after == changes {
                return failed;
            }
        }
    }

    fn pending(&self, who: Who) -> Vec<BankEffect> {
        match who {
            Who::Payer => self.sides.payer.pending(),
            Who::Provider => self.sides.provider.pending(),
        }
    }

    /// Whether something waits for a block.
    pub(super) fn waits(&mut self) -> Result<bool, KeptError> {
        let pending = [Who::Payer, Who::Provider].map(|who| self.pending(who));
        Ok(pending.iter().flatten().any(|effect| {
            matches!(
                effect,
                BankEffect::Publish(_) | BankEffect::PublishWithChild(_)
            )
        }))
    }

    /// Carries out one effect; whether a transaction waits for a block then.
    fn act(&mut self, who: Who, effect: BankEffect) -> Result<bool, KeptError> {
        match effect {
            // Only `open` and `resume` sign a force close, in one go.
            BankEffect::Cosign => Ok(false),
            BankEffect::Fund => {
                let mut psbt = self.payer_signer()?.funding_psbt()?;
                let tx = self.payer.wallet.sign_all(&mut psbt)?;
                self.sides.payer(&BankInput::Funded(tx))?;
                Ok(false)
            }
            BankEffect::Give { to } => self.give(to).map(|()| false),
            BankEffect::Sign(how) => self.sign(how).map(|()| false),
            BankEffect::Publish(tx) => self.publish(&tx, None),
            BankEffect::PublishWithChild(tx) => self.publish(&tx, Some(who)),
        }
    }

    /// The penny, and the commitments that the provider asks for before it takes it.
    fn give(&mut self, to: u32) -> Result<(), KeptError> {
        let provider = self.sides.provider.machine();
        // One that stops takes none: they stay the payer's to give, or not.
        if provider.pennies() >= to || provider.standing() != "open" {
            return Ok(());
        }
        let mut payer = self.payer_signer()?;
        let Some(penny) = payer.last_penny() else {
            return Ok(());
        };
        for _ in 0..3 {
            match self.sides.provider.step(&BankInput::Penny(penny)) {
                Err(StepError::Refused(SideError::Bank(BankError::Unenforceable { .. }))) => {
                    let commitments = payer.commitments(BATCH, &mut OsRng)?;
                    self.sides
                        .provider(&BankInput::AdaptorCommitments(commitments))?;
                }
                Err(error) => {
                    let who = "provider";
                    return Err(KeptError::Side { who, error });
                }
                Ok(_) => return Ok(()),
            }
        }
        self.sides.provider(&BankInput::Penny(penny))
    }

    /// The payer's signer: key and chain, for as long as a call.
    fn payer_signer(&self) -> Result<Payer, KeptError> {
        let machine = self.sides.payer.machine();
        let missing = || KeptError::State("the bank in this folder is not open".into());
        let force_close = *machine.force_close_signature().ok_or_else(missing)?;
        let seed = self.seed()?;
        let record = PayerRecord {
            revealed: machine.pennies(),
            phase: Phase::Open,
            force_close,
            ptlcs: Vec::new(),
            framed: 0,
            given: Vec::new(),
        };
        let bank = self.lineage()?.derive()?;
        let seed = ChainSeed::from_bytes(seed);
        Ok(Payer::restore(bank, self.payer.key, &seed, record)?)
    }

    pub(super) fn lineage(&self) -> Result<narthex_channel::bank::Lineage, KeptError> {
        let lineage = self.sides.payer.machine().lineage().cloned();
        lineage.ok_or_else(|| KeptError::State("no bank was opened in this folder".into()))
    }

    /// The signer's answer to what a side leaves by.
    fn sign(&mut self, how: Leaving) -> Result<(), KeptError> {
        let rng = &mut OsRng;
        let lineage = self.lineage()?;
        let bank = lineage.bank();
        match how {
            Leaving::Refund | Leaving::TimeoutRefund => {
                // By the key alone: who lost the chain of its pennies has not lost its coin.
                let node = match how {
                    Leaving::Refund => REFUND,
                    _ => TIMEOUT_REFUND,
                };
                let task = Task::new(bank.graph(), node, 0)?;
                let signature = task.sign_alone((PAYER, &self.payer.key), None, rng)?;
                let tx = finish(bank.graph(), node, &[signature.0], &[])?;
                self.sides.payer(&BankInput::Left(tx))
            }
            Leaving::Claim { commitment } => {
                let book = self.sides.provider.machine().book().cloned();
                let book = book.ok_or_else(|| KeptError::State("the bank is not open".into()))?;
                let tx = Provider::with_key(book, self.provider.key)?.claim(commitment, rng)?;
                self.sides.provider(&BankInput::Left(tx))
            }
            Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            } => {
                self.agree(how)?;
                let graph = bank.close(paid, Amount::from_sat(fee_sat), force_closed)?;
                self.cosign(&graph, NodeId(0))
            }
            Leaving::Resume { txid, .. } => {
                self.agree(how)?;
                let next = open::sides(
                    &self.dir,
                    self.number.saturating_add(1),
                    [&self.payer, &self.provider],
                )?;
                let missing = || KeptError::State("the bank that goes on is not there".into());
                let next = next
                    .payer
                    .machine()
                    .lineage()
                    .cloned()
                    .ok_or_else(missing)?;
                // Neither makes a nonce for anything but what was agreed to.
                let agreed = Some(Txid::from_byte_array(txid));
                if next.bank().graph().txid(TxGraph::FUNDING) != agreed {
                    return Err(missing());
                }
                self.cosign(next.bank().graph(), TxGraph::FUNDING)
            }
        }
    }

    /// Both have the agreement in their logs before either makes a nonce for it.
    pub(super) fn agree(&mut self, how: Leaving) -> Result<(), KeptError> {
        let tip = self.chain.chain().height()?;
        self.sides.both(&BankInput::Leave { tip, how })
    }

    /// Both sign in one session of fresh nonces. What it gives is the same transaction as any session before it.
    fn cosign(&mut self, graph: &TxGraph, node: NodeId) -> Result<(), KeptError> {
        let rng = &mut OsRng;
        let ours = Cosigner::new(graph, node, (PAYER, &self.payer.key), rng)?;
        let theirs = Cosigner::new(graph, node, (PROVIDER, &self.provider.key), rng)?;
        let tx = sign_both(graph, node, ours, theirs)?;
        self.sides.both(&BankInput::Left(tx))
    }

    /// Publishes what is not known to the chain yet; whether it waits for a block then.
    fn publish(&mut self, tx: &Transaction, child_of: Option<Who>) -> Result<bool, KeptError> {
        let txid = tx.compute_txid();
        if self.is_confirmed(txid)? {
            return Ok(false);
        }
        if self.chain.chain().mempool()?.contains(&txid) {
            return Ok(true);
        }
        match child_of {
            None => drop(self.chain.chain().submit(tx)?),
            Some(who) => {
                let party = match who {
                    Who::Payer => &mut self.payer,
                    Who::Provider => &mut self.provider,
                };
                let child = party.wallet.child(ChildRequest {
                    parent: tx,
                    coins: Vec::new(),
                    data: None,
                    rate: self.rate,
                    least_fee: Amount::ZERO,
                })?;
                self.chain.chain().submit_package(&[tx.clone(), child])?;
            }
        }
        self.done.push(format!("published {txid}"));
        Ok(true)
    }

    fn is_confirmed(&mut self, txid: Txid) -> Result<bool, KeptError> {
        let found = self.chain.chain().transaction(txid)?;
        Ok(found.is_some_and(|(_, height)| height.is_some()))
    }

    /// Where the coin is, as both know it.
    pub(super) fn coin(&self) -> CoinAt {
        self.sides.payer.machine().coin()
    }
}
