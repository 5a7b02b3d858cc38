//! The chain of a kept bank: a node's, or the folder's own.

use std::path::Path;

use bitcoin::{Block, Script, consensus};
use narthex_channel::log::{Identity, Log, SqliteLog};
use narthex_regtest::{ChainSource, Embedded, Miner, Node, NodeAccess};

use super::KeptError;
use crate::harness::miner;

/// The chain that a kept bank lives on.
pub enum KeptChain {
    /// A regtest node of the user's.
    Node(Box<Node>),
    /// Blocks in the folder: a world of its own, to try things in. Transactions that wait in its mempool are not kept;
    /// they are published again by whoever has them pending.
    Own(Box<OwnChain>),
}

/// A chain in a log.
pub struct OwnChain {
    chain: Embedded,
    log: SqliteLog,
    blocks: u64,
}

impl KeptChain {
    /// The folder's own chain, as it was left.
    ///
    /// # Errors
    /// [`KeptError`] if its blocks do not connect: somebody changed them.
    pub fn own(dir: &Path) -> Result<KeptChain, KeptError> {
        let mut log = SqliteLog::open(&dir.join("chain"), &Identity::new("chain", [0; 32]))?;
        let mut blocks = Vec::new();
        let count =
            log.read(&mut |_, bytes| blocks.push(consensus::deserialize::<Block>(bytes)))?;
        let mut chain = Embedded::new();
        for block in blocks {
            let block = block.map_err(|e| KeptError::State(format!("the folder's chain: {e}")))?;
            chain.submit_block(&block)?;
        }
        let blocks = count;
        Ok(KeptChain::Own(Box::new(OwnChain { chain, log, blocks })))
    }

    /// To read and to publish.
    pub(super) fn chain(&mut self) -> &mut dyn NodeAccess {
        match self {
            KeptChain::Node(node) => &mut **node,
            KeptChain::Own(own) => &mut own.chain,
        }
    }

    pub(super) const fn is_own(&self) -> bool {
        matches!(self, KeptChain::Own(_))
    }

    /// Mines blocks, which are durable when this returns.
    pub(super) fn mine(&mut self, blocks: u32) -> Result<(), KeptError> {
        self.mine_to(&[], blocks)
    }

    /// Mines so many blocks to each of these and then others: all of them are durable when this returns, or none.
    pub(super) fn mine_to(
        &mut self,
        each: &[(&Script, u32)],
        others: u32,
    ) -> Result<(), KeptError> {
        let KeptChain::Own(own) = self else {
            let why =
                "a node's chain gets its blocks elsewhere; only a folder's own chain is mined here";
            return Err(KeptError::State(why.into()));
        };
        let first = own.chain.height()?.saturating_add(1);
        for (script, blocks) in each {
            own.chain.mine(*blocks, script)?;
        }
        own.chain.mine(others, &miner())?;
        let mut entries = Vec::new();
        for height in first..=own.chain.height()? {
            entries.push(consensus::serialize(&own.chain.block(height)?));
        }
        own.log.append(own.blocks, &entries)?;
        own.blocks += entries.len() as u64;
        Ok(())
    }
}
