//! Heights and times that bonds are locked until.

use std::fmt;

use bitcoin::absolute::{self, LockTime};

use super::BondError;

/// Seconds that a block stands for where heights and times are compared: the target spacing.
pub const BLOCK_SECONDS: u32 = 600;

/// What a bond is locked until: a height, or a Unix time that the median of eleven blocks must pass (BIP65, BIP113).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lock(LockTime);

/// The chain after a block: what locks are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTime {
    /// Height of the block.
    pub height: u32,
    /// Median time of it and the ten blocks before, in Unix seconds (BIP113).
    pub median_time: u32,
}

impl Lock {
    /// From a number as scripts have it: a height below 500,000,000, a time from there on.
    pub fn new(consensus: u32) -> Result<Lock, BondError> {
        if consensus == 0 {
            return Err(BondError::Expiry { expiry_height: 0 });
        }
        Ok(Lock(LockTime::from_consensus(consensus)))
    }

    /// Until a height.
    pub fn height(height: u32) -> Result<Lock, BondError> {
        match absolute::Height::from_consensus(height) {
            Ok(valid) if height > 0 => Ok(Lock(valid.into())),
            _ => Err(BondError::Expiry {
                expiry_height: height,
            }),
        }
    }

    /// Until a Unix time in seconds.
    pub fn time(time: u32) -> Result<Lock, BondError> {
        match absolute::Time::from_consensus(time) {
            Ok(valid) => Ok(Lock(valid.into())),
            Err(_) => Err(BondError::Time { time }),
        }
    }

    /// As a transaction that spends the bond must have it.
    pub fn lock_time(self) -> LockTime {
        self.0
    }

    /// The number in the script.
    pub fn to_consensus(self) -> u32 {
        self.0.to_consensus_u32()
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        self.0.is_block_time()
    }

    /// Whether the block after `tip` may spend the bond.
    pub fn is_open(self, tip: BlockTime) -> bool {
        // Consensus wants the lock below the next block's height, or below the median time of its predecessor.
        match self.0 {
            LockTime::Blocks(height) => height.to_consensus_u32() <= tip.height,
            LockTime::Seconds(time) => time.to_consensus_u32() < tip.median_time,
        }
    }

    /// Seconds from `moment` to the lock, negative after it.
    pub fn seconds_after(self, moment: BlockTime) -> i64 {
        match self.0 {
            LockTime::Blocks(height) => {
                (i64::from(height.to_consensus_u32()) - i64::from(moment.height))
                    * i64::from(BLOCK_SECONDS)
            }
            LockTime::Seconds(time) => {
                i64::from(time.to_consensus_u32()) - i64::from(moment.median_time)
            }
        }
    }

    /// Whole blocks from `moment` to the lock, 0 after it.
    pub fn blocks_after(self, moment: BlockTime) -> u32 {
        let blocks = self.seconds_after(moment).max(0) / i64::from(BLOCK_SECONDS);
        u32::try_from(blocks).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.is_time() { "time" } else { "height" };
        write!(f, "{unit} {}", self.to_consensus())
    }
}
