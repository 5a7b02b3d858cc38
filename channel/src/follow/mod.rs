//! Following a chain: which blocks were read, and what of them spends what is watched.
//!
//! A party that asked its node for transactions by their ids would need a node with an index of all of them. It does not: every
//! id of a contract is known before it is signed, and so is every output whose spend tells what came next. A
//! [`Follower`] begins at the block before the first that may hold the funding, is given each block behind that in order
//! ([`FollowInput::Connect`]), and keeps of it the hash, and the transactions that spend what it watches. When a
//! reorganisation takes blocks away, it goes back to the last that both branches have ([`FollowInput::Fork`]), by
//! [`MAX_REORG_BLOCKS`] at most.
//!
//! It is a machine with a log: whoever is killed goes on from the block that was read last.

mod change;
mod error;
mod machine;
mod table;

pub use change::{FollowChange, Found};
pub use error::FollowError;
pub use machine::{FollowInput, Follower};

/// Blocks that a reorganisation may take back: a day of them. A chain that differs for longer is looked into by a person before
/// anything is concluded from it.
pub const MAX_REORG_BLOCKS: u32 = 144;

/// Unspent outputs that one contract watches at a time, at most: its coin, the worker's root coin, a stake, one to spare.
pub const MAX_WATCHED: usize = 4;

/// Most transactions of one block that spend what is watched: those of a whole contract, and some more.
pub const MAX_FOUND: usize = 16;
