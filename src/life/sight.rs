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
pub struct Sight<'a>(Reader<'a>);

impl<'a> Sight<'a> {
    /// Follows from this height on, by what a log says of how far it has come.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read.
    pub fn open(log: Box<dyn Log + 'a>, since: u32) -> Result<Sight<'a>, OpenError> {
        Ok(Sight(Reader::open(log, since)?))
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
        self.0.tip()
    }

    /// Hash of a block that was read, as it is hashed.
    pub fn block(&self, height: u32) -> Option<[u8; 32]> {
        let hash = self.0.follower().hash(height);
        hash.map(BlockHash::to_byte_array)
    }

    /// Hashes of all blocks from a height on.
    pub fn blocks(&self, from: u32) -> BTreeMap<u32, [u8; 32]> {
        let all = from..=self.tip();
        all.filter_map(|height| Some((height, self.block(height)?)))
            .collect()
    }

    /// A transaction of the contract that is in a block.
    pub fn transaction(&self, txid: Txid) -> Option<&Transaction> {
        let mut found = self.0.follower().found();
        found.find_map(|(_, tx)| (tx.compute_txid() == txid).then_some(tx))
    }

    /// Whether an output that is watched was spent in a block.
    pub fn is_spent(&self, coin: OutPoint) -> bool {
        let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == coin);
        let mut found = self.0.follower().found();
        found.any(|(_, tx)| spends(tx))
    }

    /// What was read, as a contract's machine is shown it.
    pub fn view(&self, contract: &Contract) -> ChainView {
        let mut facts = Facts::default();
        for (height, tx) in self.0.follower().found() {
            facts.take(contract, tx, height);
        }
        let tip = self.tip();
        ChainView { tip, facts }
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
        let blocks = self.0.unread(chain, contract.watched())?;
        let mut facts = self.view(contract).facts;
        let mut next = |tx: &Transaction, height| facts.take(contract, tx, height);
        self.0.connect(chain, &blocks, &mut next)?;
        Ok(self.view(contract))
    }
}
