//! Transactions on the chain: who publishes them, who pays for them, and that they confirm.

use bitcoin::{Amount, Psbt, Transaction};

use super::{Harness, ScenarioError, TransactionEvent};
use crate::wallet::ChildRequest;

impl Harness<'_> {
    /// A party signs a funding out of its own coins and publishes it; all that it pays beyond `locked` and its
    /// change is its fee. Confirmed in the next block.
    pub fn fund(
        &mut self,
        participant: usize,
        mut psbt: Psbt,
        locked: Amount,
        (name, why): (&str, &str),
    ) -> Result<Transaction, ScenarioError> {
        let (tx, fee) = self.sign_funding(participant, &mut psbt, locked)?;
        self.paid_fee(participant, fee)?;
        self.chain.submit(&tx)?;
        self.mine(1)?;
        self.report(participant, (name, why), (&tx, fee), None)?;
        Ok(tx)
    }

    /// A party's signature on its own funding, and the fee that it pays. Nothing is published or booked.
    pub fn sign_funding(
        &mut self,
        participant: usize,
        psbt: &mut Psbt,
        locked: Amount,
    ) -> Result<(Transaction, Amount), ScenarioError> {
        let wallet = &self.participant(participant)?.wallet;
        let tx = wallet.sign_all(psbt)?;
        let (sent, received) = wallet.sent_and_received(&tx);
        let fee = received
            .checked_add(locked)
            .and_then(|kept| sent.checked_sub(kept));
        let fee = fee.ok_or_else(|| ScenarioError::Broken("a funding that pays in".into()))?;
        Ok((tx, fee))
    }

    /// Publishes a transaction that pays its own fee, out of the part of `participant`, and confirms it.
    pub fn submit(
        &mut self,
        participant: usize,
        (name, why): (&str, &str),
        tx: &Transaction,
        fee: Amount,
    ) -> Result<(), ScenarioError> {
        self.chain.submit(tx)?;
        self.mine(1)?;
        self.paid_fee(participant, fee)?;
        self.report(participant, (name, why), (tx, fee), None)
    }

    /// Publishes a pre-signed transaction with a child that `participant` pays, and confirms both.
    pub fn publish(
        &mut self,
        participant: usize,
        (name, why): (&str, &str),
        tx: &Transaction,
    ) -> Result<(), ScenarioError> {
        let (child, fee) = self.child(participant, tx)?;
        self.chain.submit_package(&[tx.clone(), child.clone()])?;
        self.mine(1)?;
        self.paid_fee(participant, fee)?;
        self.report(participant, (name, why), (tx, fee), Some(&child))
    }

    /// A child that pays for `tx` through its anchor, and its fee. Nothing is published or booked.
    pub fn child(
        &mut self,
        participant: usize,
        tx: &Transaction,
    ) -> Result<(Transaction, Amount), ScenarioError> {
        let request = ChildRequest {
            parent: tx,
            coins: Vec::new(),
            data: None,
            rate: self.rate(),
            least_fee: Amount::ZERO,
        };
        let wallet = &mut self.participant(participant)?.wallet;
        let child = wallet.child(request)?;
        let (sent, received) = wallet.sent_and_received(&child);
        let fee = sent.checked_sub(received);
        let fee = fee.ok_or_else(|| ScenarioError::Broken("a child that pays in".into()))?;
        Ok((child, fee))
    }

    /// Reports a transaction that has confirmed.
    fn report(
        &mut self,
        participant: usize,
        (name, why): (&str, &str),
        (tx, fee): (&Transaction, Amount),
        child: Option<&Transaction>,
    ) -> Result<(), ScenarioError> {
        let txid = tx.compute_txid();
        let known = self.confirmed_at(txid)?;
        let height =
            known.ok_or_else(|| ScenarioError::Broken(format!("{name} did not confirm")))?;
        let who = self.participant(participant)?.name.clone();
        self.confirmed(TransactionEvent {
            number: 0,
            who,
            name: name.into(),
            why: why.into(),
            txid: txid.to_string(),
            vbytes: tx.vsize() as u64,
            fee_sat: fee.to_sat(),
            child_txid: child.map(|child| child.compute_txid().to_string()),
            child_vbytes: child.map(|child| child.vsize() as u64),
            height,
        });
        Ok(())
    }
}
