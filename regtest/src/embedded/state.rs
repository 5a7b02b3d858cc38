//! The active chain: its blocks, its unspent outputs, and how to go back.

use std::{collections::HashMap, sync::Arc};

use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, Txid};

use super::connect;
use super::consensus::Coin;
use super::locktime::{LockContext, LockPoints};
use super::refusal::Refusal;

/// Longest script that can be spent, Core's `MAX_SCRIPT_SIZE`, in bytes.
const MAX_SCRIPT_SIZE: usize = 10_000;
/// Blocks that the median time past is taken over.
const MEDIAN_TIME_BLOCKS: usize = 11;

/// A block of the active chain and the coins that it spent.
#[derive(Clone)]
struct Connected {
    block: Arc<Block>,
    hash: BlockHash,
    spent: Vec<(OutPoint, Coin)>,
}

/// Blocks and coins. Consistent at all times: the coins are what the blocks leave unspent. A copy shares the blocks.
#[derive(Clone)]
pub(crate) struct State {
    blocks: Vec<Arc<Connected>>,
    coins: HashMap<OutPoint, Coin>,
    /// Height and position in the block of each confirmed transaction.
    positions: HashMap<Txid, (u32, usize)>,
    heights: HashMap<BlockHash, u32>,
}

impl State {
    /// A chain that holds `genesis` alone. Its coinbase can't be spent, so it is no coin.
    pub(crate) fn new(genesis: Block) -> Self {
        let hash = genesis.block_hash();
        let blocks = vec![Arc::new(Connected {
            block: Arc::new(genesis),
            hash,
            spent: vec![],
        })];
        Self {
            blocks,
            coins: HashMap::new(),
            positions: HashMap::new(),
            heights: HashMap::from([(hash, 0)]),
        }
    }

    pub(crate) fn height(&self) -> u32 {
        // Never empty: the genesis block can't be disconnected. Four billion blocks don't fit into memory.
        u32::try_from(self.blocks.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    pub(crate) fn block(&self, height: u32) -> Option<&Block> {
        self.blocks
            .get(height as usize)
            .map(|connected| &*connected.block)
    }

    pub(crate) fn block_of(&self, hash: &BlockHash) -> Option<Arc<Block>> {
        let height = *self.heights.get(hash)?;
        let connected = self.blocks.get(height as usize)?;
        Some(Arc::clone(&connected.block))
    }

    pub(crate) fn hash(&self, height: u32) -> Option<BlockHash> {
        self.blocks
            .get(height as usize)
            .map(|connected| connected.hash)
    }

    /// Time of the tip, in Unix seconds.
    pub(crate) fn tip_time(&self) -> u32 {
        self.blocks
            .last()
            .map_or(0, |connected| connected.block.header.time)
    }

    /// Median time of the eleven blocks that end at `height`, in Unix seconds.
    pub(crate) fn median_time_past(&self, height: u32) -> u32 {
        let end = (height as usize).saturating_add(1).min(self.blocks.len());
        let start = end.saturating_sub(MEDIAN_TIME_BLOCKS);
        let mut times: Vec<_> = self.blocks[start..end]
            .iter()
            .map(|connected| connected.block.header.time)
            .collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(0)
    }

    /// The next block as locktimes see it.
    pub(crate) fn next_lock_context(&self) -> LockContext {
        LockContext {
            height: self.height().saturating_add(1),
            median_time: self.median_time_past(self.height()),
        }
    }

    /// What the relative locktimes of `tx` demand, were it in the next block.
    pub(crate) fn lock_points(&self, tx: &Transaction, spent: &[Coin]) -> LockPoints {
        let next_height = self.height().saturating_add(1);
        LockPoints::new(tx, spent, next_height, |height| {
            self.median_time_past(height.saturating_sub(1))
        })
    }

    pub(crate) fn coin(&self, outpoint: &OutPoint) -> Option<&Coin> {
        self.coins.get(outpoint)
    }

    pub(crate) fn transaction(&self, txid: &Txid) -> Option<(&Transaction, u32)> {
        let (height, position) = self.positions.get(txid)?;
        self.block(*height)?
            .txdata
            .get(*position)
            .map(|tx| (tx, *height))
    }

    /// Whether an output of this transaction is unspent on chain, so that the transaction is confirmed.
    pub(crate) fn has_unspent_output_of(&self, txid: Txid, outputs: usize) -> bool {
        (0u32..)
            .take(outputs)
            .any(|vout| self.coins.contains_key(&OutPoint { txid, vout }))
    }

    /// Checks `block` against every consensus rule and adds it, or changes nothing.
    pub(crate) fn connect(&mut self, block: Block) -> Result<BlockHash, Refusal> {
        let spent = connect::check_block(self, &block)?;
        let hash = block.block_hash();
        let height = self.height().saturating_add(1);
        for (position, tx) in block.txdata.iter().enumerate() {
            let txid = tx.compute_txid();
            self.positions.insert(txid, (height, position));
            let created = new_coins(tx, txid, height);
            self.coins.extend(created);
        }
        // After all were added: a block may spend what it creates.
        for (outpoint, _) in &spent {
            self.coins.remove(outpoint);
        }
        self.heights.insert(hash, height);
        let block = Arc::new(block);
        self.blocks.push(Arc::new(Connected { block, hash, spent }));
        Ok(hash)
    }

    /// Removes the tip and returns it; `None` at the genesis block.
    pub(crate) fn disconnect(&mut self) -> Option<Arc<Block>> {
        if self.blocks.len() < 2 {
            return None;
        }
        let last = self.blocks.pop()?;
        let Connected { block, hash, spent } = Arc::unwrap_or_clone(last);
        self.heights.remove(&hash);
        // What the block spent comes back first, so that what it also created goes in the second step.
        self.coins.extend(spent);
        for tx in &block.txdata {
            let txid = tx.compute_txid();
            self.positions.remove(&txid);
            for vout in (0u32..).take(tx.output.len()) {
                self.coins.remove(&OutPoint { txid, vout });
            }
        }
        Some(block)
    }
}

/// The spendable outputs of a transaction in the block at `height`.
pub(crate) fn new_coins(
    tx: &Transaction,
    txid: Txid,
    height: u32,
) -> impl Iterator<Item = (OutPoint, Coin)> {
    let coinbase = tx.is_coinbase();
    let spendable = (0u32..)
        .zip(&tx.output)
        .filter(|(_, output)| !is_unspendable(&output.script_pubkey));
    spendable.map(move |(vout, output)| {
        (
            OutPoint { txid, vout },
            Coin {
                output: output.clone(),
                height,
                coinbase,
            },
        )
    })
}

/// Whether nobody can ever spend to this script, so that no coin is kept for it.
pub(crate) fn is_unspendable(script: &Script) -> bool {
    script.is_op_return() || script.len() > MAX_SCRIPT_SIZE
}
