//! A contract's transactions by hand: wait for the time, complete, pay by a child, confirm. Scenarios leave that to the parties' machines;
//! tests of what the chain takes do not.

use super::{ContractPlay, PlayError};
use crate::wallet::ChildRequest;
use bitcoin::{Amount, Transaction};
use narthex_contracts::{
    graph::{NodeId, NodeName, SecretId, TxGraph},
    template::{ContractSecret, root_coin},
    terms::Role,
};

impl ContractPlay<'_> {
    /// Tx0 is confirmed: everybody signed it, once everybody held every signature that it may need.
    pub(super) fn funded(&mut self, tx: Transaction) -> Result<(), PlayError> {
        self.sync()?;
        let height = self.chain.height()?;
        if let Some(coin) = root_coin(&self.terms, &self.graph) {
            self.participant_mut(Role::Worker)?.wallet.reserve(coin);
        }
        let fee = self.funding_fee(&tx);
        let name = NodeName::plain("Tx0");
        self.confirmed(
            Role::Client,
            &name,
            "every party holds its exits and signs",
            (tx, height, fee),
            None,
        );
        Ok(())
    }

    /// Publishes a transaction of the graph: waits until its timelocks have passed, completes it with what `who`
    /// holds and knows, and pays for it from `who`'s wallet.
    pub fn publish(
        &mut self,
        who: Role,
        name: NodeName,
        why: &str,
    ) -> Result<Transaction, PlayError> {
        let node = self.find(name)?;
        // What needs a secret of one party shows it, in the pool already.
        if self.shows_a_secret(node) {
            self.bury()?;
        }
        self.wait_for(who, node, name)?;
        let tx = self.complete(who, node)?;
        let (child, fee) = self.pay_for(who, &tx)?;
        self.chain.submit_package(&[tx.clone(), child.clone()])?;
        self.mine(1)?;
        let height = self.height_of(&tx)?;
        self.participant_mut(who)?.fees += fee;
        self.confirmed(who, &name, why, (tx.clone(), height, fee), Some(&child));
        Ok(tx)
    }

    /// Rulings are known to all when they are attested, so that a transaction which needs nothing else shows nothing.
    fn shows_a_secret(&self, node: NodeId) -> bool {
        let needs = self.graph.needs(node);
        let own = [ContractSecret::Result, ContractSecret::Appeal].map(SecretId::from);
        own.iter().any(|id| needs.contains(id))
    }

    /// The transaction as `who` completes it.
    pub fn complete(&self, who: Role, node: NodeId) -> Result<Transaction, PlayError> {
        let participant = self.participant(who)?;
        let holdings = participant
            .holdings
            .as_ref()
            .ok_or_else(|| PlayError::Broken("no holdings".into()))?;
        Ok(holdings.complete(node, &participant.secrets)?)
    }

    /// A child of `who`'s that pays for `tx`, and its fee.
    pub fn pay_for(
        &mut self,
        who: Role,
        tx: &Transaction,
    ) -> Result<(Transaction, Amount), PlayError> {
        let rate = self.rate();
        let wallet = &mut self.participant_mut(who)?.wallet;
        let request = ChildRequest {
            parent: tx,
            coins: Vec::new(),
            data: None,
            rate,
            least_fee: Amount::ZERO,
        };
        let child = wallet.child(request)?;
        let (sent, received) = wallet.sent_and_received(&child);
        let fee = sent
            .checked_sub(received)
            .ok_or_else(|| PlayError::Broken("a child that pays in".into()))?;
        Ok((child, fee))
    }

    /// First height at which a block can hold the transaction, as far as its own timelocks go.
    pub fn earliest(&mut self, node: NodeId) -> Result<u32, PlayError> {
        let tx = self
            .graph
            .assemble(node)
            .ok_or_else(|| PlayError::Broken("no such transaction".into()))?;
        let mut earliest =
            tx.lock_time.to_consensus_u32() + u32::from(tx.lock_time.to_consensus_u32() > 0);
        for input in &tx.input {
            let blocks = match input.sequence.to_relative_lock_time() {
                Some(bitcoin::relative::LockTime::Blocks(height)) => u32::from(height.value()),
                _ => 0,
            };
            // What it spends is there to be spent, or was a moment ago.
            let unspent = self.chain.utxo(input.previous_output)?;
            let parent = match unspent {
                Some((_, height)) => Some(height),
                None => {
                    let found = self.chain.transaction(input.previous_output.txid)?;
                    found.and_then(|(_, height)| height)
                }
            };
            let parent = parent.ok_or_else(|| {
                PlayError::Broken(format!("{} is not confirmed", input.previous_output.txid))
            })?;
            earliest = earliest.max(parent + blocks).max(parent + 1);
        }
        Ok(earliest)
    }

    /// Mines until the next block can hold the transaction; on the way, tries it one block too early if asked to.
    fn wait_for(&mut self, who: Role, node: NodeId, name: NodeName) -> Result<(), PlayError> {
        let earliest = self.earliest(node)?;
        let next = self.chain.height()? + 1;
        if next >= earliest {
            return Ok(());
        }
        self.step(
            who,
            format!("waits until height {earliest} for {name}"),
            "its timelock keeps it from being mined before",
        )?;
        self.mine(earliest - next - 1)?;
        if self.options.probe_early {
            let tx = self.complete(who, node)?;
            let by_miner = self
                .chain
                .mine_exactly(std::slice::from_ref(&tx), &self.miner_script.clone());
            if by_miner.is_ok() {
                return Err(PlayError::TooEarly {
                    transaction: name.to_string(),
                    height: earliest - 1,
                });
            }
        }
        self.mine(1)
    }

    /// Index of a transaction by name.
    pub fn find(&self, name: NodeName) -> Result<NodeId, PlayError> {
        self.graph
            .find(name)
            .ok_or_else(|| PlayError::Broken(format!("the graph has no {name}")))
    }

    /// Height at which a transaction is confirmed.
    pub fn height_of(&mut self, tx: &Transaction) -> Result<u32, PlayError> {
        let txid = tx.compute_txid();
        let found = self.chain.transaction(txid)?.and_then(|(_, height)| height);
        found.ok_or_else(|| PlayError::Broken(format!("{txid} is not confirmed")))
    }

    fn funding_fee(&mut self, tx: &Transaction) -> Amount {
        let inputs: Amount = self
            .graph
            .prevouts(TxGraph::FUNDING)
            .unwrap_or_default()
            .iter()
            .map(|o| o.value)
            .sum();
        inputs - tx.output.iter().map(|o| o.value).sum()
    }
}
