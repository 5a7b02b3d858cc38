//! How a chain is read for one contract, block behind block, whatever the contract is.

use bitcoin::{BlockHash, OutPoint, Transaction};
use narthex_channel::{
    Logged, OpenError,
    follow::{FollowError, FollowInput, Follower, MAX_REORG_BLOCKS},
    log::Log,
};
use narthex_regtest::ChainSource;

use super::LifeError;

/// Of a transaction that spends what is watched, and the height of its block: which of its outputs are watched then.
pub type Watching<'w> = dyn FnMut(&Transaction, u32) -> Vec<u32> + 'w;

/// Heights and hashes, one behind the other.
pub type Blocks = Vec<(u32, BlockHash)>;

/// What was read of the chain. Where its log outlives the process, the next one goes on from the block that was read last.
pub struct Reader<'a> {
    follower: Logged<Follower, Box<dyn Log + 'a>>,
    /// First height that may hold the funding, on whatever branch.
    since: u32,
}

impl<'a> Reader<'a> {
    /// Follows from this height on, by what a log says of how far it has come.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read.
    pub fn open(log: Box<dyn Log + 'a>, since: u32) -> Result<Reader<'a>, OpenError> {
        let follower = Logged::open(Follower::default(), log)?;
        Ok(Reader { follower, since })
    }

    /// What it has read.
    pub const fn follower(&self) -> &Follower {
        self.follower.machine()
    }

    /// Height of the last block that was read.
    pub fn tip(&self) -> u32 {
        self.follower().tip().map_or(0, |(height, _)| height)
    }

    /// Takes back the blocks that are gone, and says which are to be read then, by [`Reader::connect`]. `watched` is what is watched at
    /// the beginning, where nothing was read yet.
    ///
    /// # Errors
    /// [`LifeError::Chain`], [`LifeError::Follow`], [`LifeError::Log`].
    pub fn unread(
        &mut self,
        chain: &mut dyn ChainSource,
        watched: Vec<OutPoint>,
    ) -> Result<Blocks, LifeError> {
        match self.follower().tip() {
            None => self.begin(chain, watched),
            Some((tip, _)) => self.go_on(chain, tip),
        }
    }

    /// At the block before the first that may hold the funding.
    fn begin(
        &mut self,
        chain: &mut dyn ChainSource,
        watched: Vec<OutPoint>,
    ) -> Result<Blocks, LifeError> {
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
            watched,
        })?;
        Ok(next.to_vec())
    }

    fn go_on(&mut self, chain: &mut dyn ChainSource, tip: u32) -> Result<Blocks, LifeError> {
        let follower = self.follower();
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
        Ok(way.blocks)
    }

    /// Reads blocks.
    ///
    /// # Errors
    /// As [`Reader::unread`]. What was read so far is read.
    pub fn connect(
        &mut self,
        chain: &mut dyn ChainSource,
        blocks: &[(u32, BlockHash)],
        next: &mut Watching<'_>,
    ) -> Result<(), LifeError> {
        for (height, hash) in blocks {
            let block = chain.block_of(*hash)?;
            let mut next = |tx: &Transaction| next(tx, *height);
            let found = self.follower().find(&block, &mut next);
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
