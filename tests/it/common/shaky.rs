//! A chain that loses its last blocks after every step of a contract.

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid};
use narthex::regtest::{Broadcaster, Chain, ChainSource, Error, Miner, NodePolicy};

use super::through::is_funding;

/// After each block that confirms something sent since the funding, disconnects `depth` blocks, mines an empty one in
/// their place, so that everything comes at another height, and lets the senders send again what is not there.
pub struct Shaky<'a> {
    inner: &'a mut dyn Chain,
    depth: u32,
    sent: Vec<Vec<Transaction>>,
    news: bool,
    pub reorganisations: u32,
    /// How often something had to be sent again, because no mempool kept it.
    pub sent_again: u32,
}

impl<'a> Shaky<'a> {
    pub fn new(inner: &'a mut dyn Chain, depth: u32) -> Shaky<'a> {
        Shaky {
            inner,
            depth,
            sent: Vec::new(),
            news: false,
            reorganisations: 0,
            sent_again: 0,
        }
    }

    fn note(&mut self, txs: &[Transaction]) {
        if self.sent.is_empty() && !is_funding(&txs[0]) {
            return;
        }
        self.sent.push(txs.to_vec());
        self.news = true;
    }

    fn is_confirmed(&mut self, tx: &Transaction) -> Result<bool, Error> {
        Ok(self
            .inner
            .transaction(tx.compute_txid())?
            .is_some_and(|(_, height)| height.is_some()))
    }

    /// Whether nothing of a package is left to be sent: all of it has confirmed, or its child lost a coin to something that has. Its sender
    /// offers a child again that its parent came without, for it may carry a root.
    fn is_done(&mut self, txs: &[Transaction]) -> Result<bool, Error> {
        if !self.is_confirmed(&txs[0])? {
            return Ok(false);
        }
        for tx in &txs[1..] {
            let mut is_spent = false;
            for input in &tx.input {
                let spender = self.inner.spender(input.previous_output)?;
                is_spent |= spender.is_some_and(|spender| spender.height.is_some());
            }
            if !is_spent {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lose_blocks(&mut self, reward_script: &Script) -> Result<(), Error> {
        let before = self.inner.height()?;
        self.inner.disconnect(self.depth)?;
        self.inner.mine_exactly(&[], reward_script)?;
        self.reorganisations += 1;
        for txs in self.sent.clone() {
            // As long as a relative lock may take.
            for round in 0.. {
                if self.is_done(&txs)? {
                    break;
                }
                assert!(
                    round < 80,
                    "{} does not confirm again",
                    txs[0].compute_txid()
                );
                let waiting = self.inner.mempool()?;
                if !txs.iter().all(|tx| waiting.contains(&tx.compute_txid())) {
                    self.sent_again += 1;
                    // Refused while its lock runs or its parent waits; then it is sent again after the next block.
                    let _ = match &txs[..] {
                        [tx] => self.inner.submit(tx).map(drop),
                        [parent, child] if self.is_confirmed(parent)? => {
                            self.inner.submit(child).map(drop)
                        }
                        package => self.inner.submit_package(package),
                    };
                }
                self.inner.mine(1, reward_script)?;
            }
        }
        while self.inner.height()? <= before {
            self.inner.mine(1, reward_script)?;
        }
        Ok(())
    }
}

reads_through!(Shaky);

impl Broadcaster for Shaky<'_> {
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        let txid = self.inner.submit(tx)?;
        self.note(std::slice::from_ref(tx));
        Ok(txid)
    }
    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error> {
        self.inner.submit_package(txs)?;
        self.note(txs);
        Ok(())
    }
    fn node_policy(&mut self) -> Result<NodePolicy, Error> {
        self.inner.node_policy()
    }
}

impl Miner for Shaky<'_> {
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error> {
        let mined = self.inner.mine(count, reward_script)?;
        if std::mem::take(&mut self.news) {
            self.lose_blocks(reward_script)?;
        }
        Ok(mined)
    }
    mines_through!();
}
