//! A node that loses packages, on a chain whose blocks are full.

use std::collections::BTreeSet;

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid};
use narthex::regtest::{Broadcaster, Chain, ChainSource, Error, Miner, NodePolicy};

use super::through::is_funding;

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

reads_through!(Rough);

impl Broadcaster for Rough<'_> {
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        self.is_funded |= is_funding(tx);
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
    mines_through!();
}
