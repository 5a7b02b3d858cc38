//! All offers of a chain, kept up to date block by block.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Block, BlockHash, OutPoint};

use super::{Offer, PoolChanges, Snapshot, SnapshotRules};
use crate::bond::{BlockTime, Lock, Standing, standing};

/// Why a block or a question does not fit the pool. The feeder's fault, or a reorganisation that it must follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The block is not the next one.
    #[error("block {height} does not follow the tip at {tip}")]
    Height {
        /// Height of the block.
        height: u32,
        /// Height of the tip.
        tip: u32,
    },
    /// The block builds on another block than the tip: disconnect first.
    #[error("block {height} builds on {previous}, the tip is {tip}")]
    Fork {
        /// Height of the block.
        height: u32,
        /// Its predecessor.
        previous: BlockHash,
        /// Hash of the tip.
        tip: BlockHash,
    },
    /// The block to disconnect is not the tip.
    #[error("{hash} is not the tip and cannot be disconnected")]
    NotTheTip {
        /// Hash given.
        hash: BlockHash,
    },
    /// The pool does not know this height.
    #[error("the pool does not know a block at height {height}")]
    Unknown {
        /// Height asked for.
        height: u32,
    },
}

/// The offers of a chain from the first block that it was fed.
///
/// Blocks are the feeder's responsibility: proof of work, Merkle root and scripts are a node's to check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    blocks: BTreeMap<u32, BlockHash>,
    offers: BTreeMap<OutPoint, Offer>,
    spends: BTreeMap<OutPoint, u32>,
}

impl Pool {
    /// Height and hash of the tip; `None` before the first block.
    pub fn tip(&self) -> Option<(u32, BlockHash)> {
        self.blocks
            .last_key_value()
            .map(|(height, hash)| (*height, *hash))
    }

    /// Hash of the block at a height, if it is known.
    pub fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.blocks.get(&height).copied()
    }

    /// All offers ever seen on this chain, with the height at which the bond was spent.
    pub fn offers(&self) -> impl Iterator<Item = (&Offer, Option<u32>)> {
        self.offers
            .iter()
            .map(|(outpoint, offer)| (offer, self.spends.get(outpoint).copied()))
    }

    /// What the next block changes. Transactions that claim to be offers and are not change nothing.
    pub fn connect(&self, height: u32, block: &Block) -> Result<PoolChanges, PoolError> {
        let previous = block.header.prev_blockhash;
        if let Some((tip, hash)) = self.tip() {
            if tip.checked_add(1) != Some(height) {
                return Err(PoolError::Height { height, tip });
            }
            if previous != hash {
                return Err(PoolError::Fork {
                    height,
                    previous,
                    tip: hash,
                });
            }
        }
        let mut changes = PoolChanges::default();
        changes.blocks.insert(height, Some(block.block_hash()));
        let mut fresh = BTreeSet::new();
        for tx in &block.txdata {
            for input in &tx.input {
                let bond = input.previous_output;
                let known = self.offers.contains_key(&bond) || fresh.contains(&bond);
                if known && !self.spends.contains_key(&bond) {
                    changes.spends.insert(bond, Some(height));
                }
            }
            // No chain has an outpoint twice (BIP30); should a feeder bring one, the first stays, so that
            // disconnecting undoes connecting whatever was fed.
            match Offer::from_transaction(tx, height) {
                Ok(Some(offer)) if !self.offers.contains_key(&offer.outpoint) => {
                    fresh.insert(offer.outpoint);
                    changes.offers.insert(offer.outpoint, Some(offer));
                }
                _ => {}
            }
        }
        Ok(changes)
    }

    /// What undoing the tip changes. `hash` must be the tip's: a feeder that lost track is told so.
    pub fn disconnect(&self, hash: BlockHash) -> Result<PoolChanges, PoolError> {
        let Some((height, _)) = self.tip().filter(|(_, tip)| *tip == hash) else {
            return Err(PoolError::NotTheTip { hash });
        };
        let mut changes = PoolChanges::default();
        changes.blocks.insert(height, None);
        for (outpoint, spent) in &self.spends {
            if *spent == height {
                changes.spends.insert(*outpoint, None);
            }
        }
        for (outpoint, offer) in &self.offers {
            if offer.confirmed_height == height {
                changes.offers.insert(*outpoint, None);
            }
        }
        Ok(changes)
    }

    /// Applies changes: those just computed, or stored ones in order.
    pub fn apply(&mut self, changes: &PoolChanges) {
        overlay(&mut self.blocks, &changes.blocks);
        overlay(&mut self.offers, &changes.offers);
        overlay(&mut self.spends, &changes.spends);
    }

    /// The pool as it was at a height: what happened later does not show, so that parties with different tips
    /// see the same, as long as they agree on the block at that height.
    pub fn snapshot(&self, rules: &SnapshotRules) -> Result<Snapshot, PoolError> {
        let unknown = PoolError::Unknown {
            height: rules.height,
        };
        let block_hash = self.block_hash(rules.height).ok_or(unknown)?;
        // Offers are locked by height: the time says nothing.
        let then = BlockTime {
            height: rules.height,
            median_time: 0,
        };
        let alive = self.offers().filter(|(offer, spent)| {
            let Ok(lock) = Lock::height(offer.expiry_height) else {
                return false;
            };
            let coin = Standing {
                outpoint: offer.outpoint,
                lock,
                confirmed_height: offer.confirmed_height,
                spent: spent.is_some_and(|height| height <= rules.height),
            };
            standing(&coin, then, 1).is_ok()
        });
        Ok(Snapshot::new(
            rules.clone(),
            block_hash,
            alive.map(|(offer, _)| offer),
        ))
    }
}

fn overlay<K: Ord + Copy, V: Copy>(map: &mut BTreeMap<K, V>, changes: &BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(*key, *value),
            None => map.remove(key),
        };
    }
}
