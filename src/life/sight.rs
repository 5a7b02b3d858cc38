//! What a party reads of the chain.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, OutPoint, Transaction, Txid, hashes::Hash};
use narthex_channel::{
    Logged, OpenError,
    contract::{ChainView, Contract, Facts},
    follow::{FollowError, FollowInput, Follower, MAX_REORG_BLOCKS},
    log::{Log, MemoryLog},
};
use narthex_regtest::ChainSource;

use super::LifeError;

/// What was read of the chain, block behind block, of one contract. Where its log outlives the process, the next one goes on from the
/// block that was read last.
pub struct Sight<'a> {
    follower: Logged<Follower, Box<dyn Log + 'a>>,
    /// First height that may hold the funding, on whatever branch.
    since: u32,
}

impl<'a> Sight<'a> {
    /// Follows from this height on, by what a log says of how far it has come.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read.
    pub fn open(log: Box<dyn Log + 'a>, since: u32) -> Result<Sight<'a>, OpenError> {
        let follower = Logged::open(Follower::default(), log)?;
        Ok(Sight { follower, since })
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
        let tip = self.follower.machine().tip();
        tip.map_or(0, |(height, _)| height)
    }

    /// Hash of a block that was read, as it is hashed.
    pub fn block(&self, height: u32) -> Option<[u8; 32]> {
        let hash = self.follower.machine().hash(height);
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
        let mut found = self.follower.machine().found();
        found.find_map(|(_, tx)| (tx.compute_txid() == txid).then_some(tx))
    }

    /// Whether an output that is watched was spent in a block.
    pub fn is_spent(&self, coin: OutPoint) -> bool {
        self.spender(coin).is_some()
    }

    /// What has spent an output that is watched, in a block.
    pub fn spender(&self, coin: OutPoint) -> Option<&Transaction> {
        let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == coin);
        let mut found = self.follower.machine().found();
        found.find_map(|(_, tx)| spends(tx).then_some(tx))
    }

    /// What was read, as a contract's machine is shown it.
    pub fn view(&self, contract: &Contract) -> ChainView {
        let mut facts = Facts::default();
        for (height, tx) in self.follower.machine().found() {
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
        match self.follower.machine().tip() {
            None => self.begin(chain, contract)?,
            Some((tip, _)) => self.go_on(chain, contract, tip)?,
        }
        Ok(self.view(contract))
    }

    /// At the block before the first that may hold the funding.
    fn begin(&mut self, chain: &mut dyn ChainSource, contract: &Contract) -> Result<(), LifeError> {
        let lowest = self.since.saturating_sub(MAX_REORG_BLOCKS);
        let way = chain.way(&|_| None, lowest)?;
        let before = way.blocks.iter().filter(|(height, _)| *height < self.since);
        // A chain that begins with the funding's block, or has not come so far, is followed from its own first block.
        let count = before.count().max(1).min(way.blocks.len());
        let (before, next) = way.blocks.split_at(count);
        let behind = FollowError::TooDeep {
            tip: self.since,
            to: way.tip,
        };
        let height = before.last().map(|(height, _)| *height);
        let height = height.ok_or(LifeError::Follow(behind))?;
        self.step(FollowInput::Begin {
            height,
            hashes: before.iter().map(|(_, hash)| *hash).collect(),
            watched: contract.watched(),
        })?;
        self.connect(chain, contract, next)
    }

    fn go_on(
        &mut self,
        chain: &mut dyn ChainSource,
        contract: &Contract,
        tip: u32,
    ) -> Result<(), LifeError> {
        let follower = self.follower.machine();
        let lowest = follower.lowest_fork();
        let known = |height| follower.hash(height).filter(|_| height >= lowest);
        let way = chain.way(&known, lowest)?;
        let to = way.from.ok_or(LifeError::Follow(FollowError::TooDeep {
            tip,
            to: lowest.min(way.tip),
        }))?;
        if to < tip {
            self.step(FollowInput::Fork { to })?;
        }
        self.connect(chain, contract, &way.blocks)
    }

    fn connect(
        &mut self,
        chain: &mut dyn ChainSource,
        contract: &Contract,
        blocks: &[(u32, BlockHash)],
    ) -> Result<(), LifeError> {
        let mut facts = self.view(contract).facts;
        for (height, hash) in blocks {
            let block = chain.block_of(*hash)?;
            let mut next = |tx: &Transaction| facts.take(contract, tx, *height);
            let found = self.follower.machine().find(&block, &mut next);
            self.step(FollowInput::Connect {
                hash: *hash,
                previous: block.header.prev_blockhash,
                found,
            })?;
        }
        Ok(())
    }

    fn step(&mut self, input: FollowInput) -> Result<(), LifeError> {
        self.follower.step(&input)?;
        Ok(())
    }
}
