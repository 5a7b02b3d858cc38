//! A node that loses packages, on a chain whose blocks are full.

use std::collections::BTreeSet;

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid};
use narthex::regtest::{Broadcaster, Chain, ChainSource, Error, Miner, NodePolicy};

/// Parties of a funding: fewer inputs mean another transaction.
const FUNDING_INPUTS: usize = 6;

/// Since the funding: of every other parent it says that it took the first package, and did not; the first block after it took one of
/// the others has no room.
pub struct Rough<'a> {
    inner: &'a mut dyn Chain,
    is_funded: bool,
    known: BTreeSet<Txid>,
    is_full: bool,
    /// Packages that were lost.
    pub lost: u32,
    /// Blocks that were full.
    pub full: u32,
}

impl<'a> Rough<'a> {
    pub fn new(inner: &'a mut dyn Chain) -> Rough<'a> {
        Rough {
            inner,
            is_funded: false,
            known: BTreeSet::new(),
            is_full: false,
            lost: 0,
            full: 0,
        }
    }
}

impl ChainSource for Rough<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn height(&mut self) -> Result<u32, Error> {
        self.inner.height()
    }
    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
        self.inner.block_hash(height)
    }
    fn block(&mut self, height: u32) -> Result<Block, Error> {
        self.inner.block(height)
    }
    fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
        self.inner.mempool()
    }
    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error> {
        self.inner.transaction(txid)
    }
    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error> {
        self.inner.utxo(outpoint)
    }
    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error> {
        self.inner.waiting_spender(outpoint)
    }
}

impl Broadcaster for Rough<'_> {
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        self.is_funded |= tx.input.len() >= FUNDING_INPUTS;
        self.inner.submit(tx)
    }
    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error> {
        let is_first = self.is_funded && self.known.insert(txs[0].compute_txid());
        if is_first && self.known.len() % 2 == 1 {
            self.lost += 1;
            return Ok(());
        }
        self.inner.submit_package(txs)?;
        self.is_full |= is_first;
        Ok(())
    }
    fn node_policy(&mut self) -> Result<NodePolicy, Error> {
        self.inner.node_policy()
    }
}

impl Miner for Rough<'_> {
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error> {
        let mut mined = Vec::new();
        for _ in 0..count {
            if std::mem::take(&mut self.is_full) {
                self.full += 1;
                mined.push(self.inner.mine_exactly(&[], reward_script)?);
            } else {
                mined.extend(self.inner.mine(1, reward_script)?);
            }
        }
        Ok(mined)
    }
    fn mine_exactly(
        &mut self,
        txs: &[Transaction],
        reward_script: &Script,
    ) -> Result<BlockHash, Error> {
        self.inner.mine_exactly(txs, reward_script)
    }
    fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error> {
        self.inner.submit_block(block)
    }
    fn disconnect(&mut self, depth: u32) -> Result<(), Error> {
        self.inner.disconnect(depth)
    }
    fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error> {
        self.inner.reorg(depth, reward_script)
    }
}
