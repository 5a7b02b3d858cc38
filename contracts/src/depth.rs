//! How deep a block must lie before a party gives anything away on the strength of what stands in it.
//!
//! A reorganisation of r blocks takes away what has r confirmations or fewer, and whoever spent a coin of the funding
//! elsewhere in the meantime keeps what it was shown. How many blocks are feared is each party's own judgement, so that
//! it is a policy of the party and not a term: nobody else's signature depends on it.

use serde::{Deserialize, Serialize};

/// Blocks from the one that confirmed something to the tip, both counted: confirmations, as wallets count them.
///
/// At least 2: a reorganisation of one block takes away whatever has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Depth(u32);

/// Too few blocks to rely on. The fault of whoever states the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a depth of {given}: a reorganisation of one block takes away what has fewer than {} blocks",
    Depth::LEAST
)]
pub struct DepthError {
    /// Blocks that were stated.
    pub given: u32,
}

/// Not deep enough yet, by this party's policy: only time's fault, or a reorganisation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "confirmed at height {height}, which is not {depth} blocks deep at tip {tip}; it is at tip {}",
    .depth.reached_at(*.height)
)]
pub struct Shallow {
    /// Height of the block that counts.
    pub height: u32,
    /// Height of the best chain.
    pub tip: u32,
    /// What is asked for.
    pub depth: Depth,
}

impl Depth {
    /// The least that is taken: no reorganisation of one block takes away what is so deep.
    pub const LEAST: Depth = Depth(2);

    /// What is usual where the stakes are those of a payment.
    pub const USUAL: Depth = Depth(6);

    /// A depth of so many blocks, the own one counted.
    ///
    /// # Errors
    /// [`DepthError`] below [`Depth::LEAST`].
    pub const fn new(blocks: u32) -> Result<Depth, DepthError> {
        match blocks < Depth::LEAST.0 {
            true => Err(DepthError { given: blocks }),
            false => Ok(Depth(blocks)),
        }
    }

    /// In blocks, the own one counted.
    pub const fn blocks(self) -> u32 {
        self.0
    }

    /// First tip at which a block of this height is so deep.
    pub const fn reached_at(self, height: u32) -> u32 {
        height.saturating_add(self.0 - 1)
    }

    /// Whether a block of this height is so deep at this tip.
    pub const fn is_reached(self, height: u32, tip: u32) -> bool {
        tip >= self.reached_at(height)
    }

    /// Fails, with the values, unless a block of this height is so deep at this tip.
    ///
    /// # Errors
    /// [`Shallow`].
    pub const fn check(self, height: u32, tip: u32) -> Result<(), Shallow> {
        match self.is_reached(height, tip) {
            true => Ok(()),
            false => Err(Shallow {
                height,
                tip,
                depth: self,
            }),
        }
    }
}

impl Default for Depth {
    /// [`Depth::USUAL`].
    fn default() -> Depth {
        Depth::USUAL
    }
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for Depth {
    type Error = DepthError;

    fn try_from(blocks: u32) -> Result<Depth, DepthError> {
        Depth::new(blocks)
    }
}

impl From<Depth> for u32 {
    fn from(depth: Depth) -> u32 {
        depth.0
    }
}

impl std::str::FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Depth, String> {
        let blocks = text.parse().map_err(|e| format!("{e}"))?;
        Depth::new(blocks).map_err(|e| e.to_string())
    }
}
