//! Which blocks were read, and what was found in them.

use std::convert::Infallible;

use bitcoin::{Block, BlockHash, OutPoint, Transaction};

use super::{FollowChange, FollowError, Found, MAX_FOUND, MAX_REORG_BLOCKS, MAX_WATCHED};
use crate::{Machine, Step};

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowInput {
    /// Following begins ([`FollowChange::Began`]).
    Begin {
        /// Height of the last of these blocks.
        height: u32,
        /// Hashes of the last blocks up to it, oldest first.
        hashes: Vec<BlockHash>,
        /// The outputs that are watched.
        watched: Vec<OutPoint>,
    },
    /// The next block.
    Connect {
        /// Its hash.
        hash: BlockHash,
        /// The block that it stands on.
        previous: BlockHash,
        /// What it holds, as [`Follower::find`] says.
        found: Vec<Found>,
    },
    /// A reorganisation has taken back all blocks above a height.
    Fork {
        /// The highest that is left.
        to: u32,
    },
}

/// Follows a chain for one contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follower {
    /// Height of the first of these hashes.
    lowest: u32,
    hashes: Vec<BlockHash>,
    /// What is watched since the beginning.
    watched: Vec<OutPoint>,
    /// What was found, with the height of its block, in the order of the chain.
    found: Vec<(u32, Found)>,
    /// What is watched behind all of that: it follows, and is asked for with each block.
    unspent: Vec<OutPoint>,
}

impl Follower {
    /// Height and hash of the block that was read last; `None` before the beginning.
    pub fn tip(&self) -> Option<(u32, BlockHash)> {
        let above = u32::try_from(self.hashes.len().checked_sub(1)?).ok()?;
        Some((self.lowest.saturating_add(above), *self.hashes.last()?))
    }

    /// Hash of the block at a height, from some before the beginning up to the last.
    pub fn hash(&self, height: u32) -> Option<BlockHash> {
        let above = height.checked_sub(self.lowest)?;
        self.hashes.get(above as usize).copied()
    }

    /// The lowest height that a reorganisation may leave.
    pub fn lowest_fork(&self) -> u32 {
        let tip = self.tip().map_or(0, |(height, _)| height);
        self.lowest.max(tip.saturating_sub(MAX_REORG_BLOCKS))
    }

    /// What was found on the chain as it stands, with the height of its block, in the order of the chain.
    pub fn found(&self) -> impl Iterator<Item = (u32, &Transaction)> {
        self.found
            .iter()
            .map(|(height, found)| (*height, &found.tx))
    }

    /// Outputs that are watched and were not found spent.
    pub fn unspent(&self) -> Vec<OutPoint> {
        self.unspent.clone()
    }

    /// What a block holds that spends what is watched. Of each transaction `next` says which of its outputs are to be watched:
    /// a later transaction of the same block may spend those.
    pub fn find(
        &self,
        block: &Block,
        next: &mut dyn FnMut(&Transaction) -> Vec<u32>,
    ) -> Vec<Found> {
        let (mut watched, mut all) = (self.unspent(), Vec::new());
        for tx in &block.txdata {
            if !spends(tx, &watched) {
                continue;
            }
            let found = Found {
                tx: tx.clone(),
                watched: next(tx),
            };
            take(&mut watched, &found);
            all.push(found);
        }
        all
    }

    fn connected(&self, found: &[Found]) -> Result<(), FollowError> {
        let mut watched = self.unspent();
        for one in found {
            let outputs = one.tx.output.len();
            let has_them = one.watched.iter().all(|vout| (*vout as usize) < outputs);
            if !has_them || !spends(&one.tx, &watched) {
                let txid = one.tx.compute_txid();
                return Err(FollowError::Foreign { txid });
            }
            take(&mut watched, one);
        }
        match watched.len() > MAX_WATCHED || found.len() > MAX_FOUND {
            true => Err(FollowError::TooMany),
            false => Ok(()),
        }
    }

    fn taken(&self, input: &FollowInput) -> Result<FollowChange, FollowError> {
        let tip = self.tip();
        match (input, tip) {
            (
                FollowInput::Begin {
                    height,
                    hashes,
                    watched,
                },
                None,
            ) => {
                let (count, height) = (hashes.len(), *height);
                let is_kept = (1..=MAX_REORG_BLOCKS as usize).contains(&count);
                if !is_kept || count > height as usize + 1 {
                    return Err(FollowError::Beginning { count, height });
                }
                if watched.len() > MAX_WATCHED {
                    return Err(FollowError::TooMany);
                }
                Ok(FollowChange::Began {
                    height,
                    hashes: hashes.clone(),
                    watched: watched.clone(),
                })
            }
            (
                FollowInput::Connect {
                    hash,
                    previous,
                    found,
                },
                Some((height, tip)),
            ) => {
                if *previous != tip {
                    return Err(FollowError::NotNext {
                        previous: *previous,
                        tip,
                        height,
                    });
                }
                self.connected(found)?;
                Ok(FollowChange::Connected {
                    hash: *hash,
                    found: found.clone(),
                })
            }
            (FollowInput::Fork { to }, Some((tip, _))) => {
                let to = *to;
                match () {
                    () if to >= tip => Err(FollowError::Ahead { tip, to }),
                    () if to < self.lowest_fork() => Err(FollowError::TooDeep { tip, to }),
                    () => Ok(FollowChange::Forked { to }),
                }
            }
            _ => Err(FollowError::Order),
        }
    }
}

/// Whether a transaction spends any of these.
fn spends(tx: &Transaction, watched: &[OutPoint]) -> bool {
    let mut inputs = tx.input.iter();
    inputs.any(|input| watched.contains(&input.previous_output))
}

/// What is watched behind a transaction.
fn take(watched: &mut Vec<OutPoint>, found: &Found) {
    let tx = &found.tx;
    watched.retain(|coin| !tx.input.iter().any(|input| input.previous_output == *coin));
    if !found.watched.is_empty() {
        let txid = tx.compute_txid();
        let outputs = found.watched.iter();
        watched.extend(outputs.map(|vout| OutPoint { txid, vout: *vout }));
    }
}

impl Machine for Follower {
    type Input = FollowInput;
    type Change = FollowChange;
    type Effect = Infallible;
    type Error = FollowError;

    fn step(&self, input: &FollowInput) -> Result<Step<FollowChange, Infallible>, FollowError> {
        // Shown again, as by a driver that does not know how far it has come.
        if let (FollowInput::Connect { hash, .. }, Some((_, tip))) = (input, self.tip())
            && *hash == tip
        {
            return Ok(Step::seen(Vec::new()));
        }
        if let (FollowInput::Fork { to }, Some((tip, _))) = (input, self.tip())
            && *to == tip
        {
            return Ok(Step::seen(Vec::new()));
        }
        Ok(Step::new(vec![self.taken(input)?], Vec::new()))
    }

    fn apply(&mut self, change: &FollowChange) {
        match change {
            FollowChange::Began {
                height,
                hashes,
                watched,
            } => {
                let below = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
                self.lowest = height.saturating_add(1).saturating_sub(below);
                self.hashes = hashes.clone();
                self.watched = watched.clone();
                self.unspent = watched.clone();
                self.found.clear();
            }
            FollowChange::Connected { hash, found } => {
                self.hashes.push(*hash);
                let height = self.tip().map_or(0, |(height, _)| height);
                for one in found {
                    take(&mut self.unspent, one);
                    self.found.push((height, one.clone()));
                }
            }
            FollowChange::Forked { to } => {
                let left = to.saturating_add(1).saturating_sub(self.lowest);
                self.hashes.truncate(left as usize);
                self.found.retain(|(height, _)| height <= to);
                self.unspent = self.watched.clone();
                for (_, found) in &self.found {
                    take(&mut self.unspent, found);
                }
            }
        }
    }

    fn pending(&self) -> Vec<Infallible> {
        Vec::new()
    }
}
