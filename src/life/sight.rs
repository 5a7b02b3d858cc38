//! What a party reads of the chain.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, OutPoint, Transaction, Txid, hashes::Hash};
use narthex_channel::{
    OpenError,
    contract::{ChainView, Contract, Facts},
    log::{Log, MemoryLog},
};
use narthex_regtest::ChainSource;

use super::{LifeError, reader::Reader};

/// What was read of the chain, block behind block, of one contract of computation.
pub struct Sight<'a> {
    reader: Reader<'a>,
    /// What the chain says up to a block, of the contract of this id: most blocks hold nothing of it.
    known: Option<(BlockHash, [u8; 32], Facts)>,
    /// First tip to which it has read in this process.
    began: Option<u32>,
}

impl<'a> Sight<'a> {
    /// Follows from this height on, by what a log says of how far it has come.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read.
    pub fn open(log: Box<dyn Log + 'a>, since: u32) -> Result<Sight<'a>, OpenError> {
        let reader = Reader::open(log, since)?;
        Ok(Sight {
            reader,
            known: None,
            began: None,
        })
    }

    /// The same, without a log: whoever comes after this process begins anew.
    ///
    /// # Errors
    /// None: there is nothing to read.
    pub fn in_memory(since: u32) -> Result<Sight<'a>, OpenError> {
        Sight::open(Box::new(MemoryLog::forgetful()), since)
    }

    /// Height of the last block that was read.
    pub fn tip(&self) -> u32 {
        self.reader.tip()
    }

    /// Hash of a block that was read, as it is hashed.
    pub fn block(&self, height: u32) -> Option<[u8; 32]> {
        self.block_hash(height).map(BlockHash::to_byte_array)
    }

    /// The same, by which a chain is asked for it.
    pub fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.reader.follower().hash(height)
    }

    /// What was found of the contract, with heights, in the order of the chain.
    pub fn found(&self) -> impl Iterator<Item = (u32, &Transaction)> {
        self.reader.follower().found()
    }

    /// Hashes of all blocks from a height on.
    pub fn blocks(&self, from: u32) -> BTreeMap<u32, [u8; 32]> {
        let all = from..=self.tip();
        all.filter_map(|height| Some((height, self.block(height)?)))
            .collect()
    }

    /// A transaction of the contract that is in a block.
    pub fn transaction(&self, txid: Txid) -> Option<&Transaction> {
        let mut found = self.reader.follower().found();
        found.find_map(|(_, tx)| (tx.compute_txid() == txid).then_some(tx))
    }

    /// Whether an output that is watched was spent in a block.
    pub fn is_spent(&self, coin: OutPoint) -> bool {
        self.spender(coin).is_some()
    }

    /// What has spent an output that is watched, in a block.
    pub fn spender(&self, coin: OutPoint) -> Option<&Transaction> {
        let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == coin);
        let mut found = self.reader.follower().found();
        found.find_map(|(_, tx)| spends(tx).then_some(tx))
    }

    /// The tip, and the first one of this process.
    pub fn times(&self) -> (u32, u32) {
        let tip = self.tip();
        (tip, self.began.unwrap_or(tip))
    }

    /// What was read, as a contract's machine is shown it.
    pub fn view(&self, contract: &Contract) -> ChainView {
        let last = self.reader.follower().tip();
        let known = self.known.as_ref().filter(|(hash, id, _)| {
            last.is_some_and(|(_, last)| last == *hash) && id == contract.id()
        });
        let facts = known.map(|(_, _, facts)| facts.clone());
        let facts = facts.unwrap_or_else(|| {
            let mut facts = Facts::default();
            for (height, tx) in self.reader.follower().found() {
                facts.take(contract, tx, height);
            }
            facts
        });
        let (tip, since) = self.times();
        ChainView { tip, since, facts }
    }

    /// Reads the blocks that it has not read, and takes back those that are gone.
    ///
    /// # Errors
    /// [`LifeError::Chain`], [`LifeError::Follow`], [`LifeError::Log`]. What was read so far is read.
    pub fn look(
        &mut self,
        chain: &mut dyn ChainSource,
        contract: &Contract,
    ) -> Result<ChainView, LifeError> {
        let blocks = self.reader.unread(chain, contract.watched())?;
        let mut facts = self.view(contract).facts;
        let mut next = |tx: &Transaction, height| facts.take(contract, tx, height);
        self.reader.connect(chain, &blocks, &mut next)?;
        self.began.get_or_insert(self.reader.tip());
        let last = self.reader.follower().tip();
        self.known = last.map(|(_, hash)| (hash, *contract.id(), facts));
        Ok(self.view(contract))
    }
}
