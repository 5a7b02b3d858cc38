//! Why a follower does not take a block.

use bitcoin::BlockHash;

use super::{MAX_FOUND, MAX_REORG_BLOCKS, MAX_WATCHED};

/// Why a follower does not take what it is shown. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// Caller: it begins once, and before anything else.
    #[error("following begins once, before any block is shown")]
    Order,
    /// Caller: nothing to begin at, or more than is kept.
    #[error(
        "{count} blocks to begin at: give 1 to {MAX_REORG_BLOCKS}, the last at height {height}"
    )]
    Beginning {
        /// Hashes given.
        count: usize,
        /// Height of the last.
        height: u32,
    },
    /// Caller: the block does not follow the one that was read last.
    #[error("a block on {previous} does not follow the one at height {height}, {tip}")]
    NotNext {
        /// What the block stands on.
        previous: BlockHash,
        /// The block that was read last.
        tip: BlockHash,
        /// Its height.
        height: u32,
    },
    /// The chain that this party's node shows differs for longer than can be followed, or is far behind.
    #[error(
        "the chain of this node has nothing of the last {MAX_REORG_BLOCKS} blocks that were followed up to height {tip}: it went \
         back to height {to} or below. If the node is still catching up, wait; if it is on a wrong chain, mend it; if it \
         is right, begin to follow anew"
    )]
    TooDeep {
        /// Height of the block that was read last.
        tip: u32,
        /// The highest that might be common.
        to: u32,
    },
    /// Caller: there is nothing to go back from.
    #[error("to go back to height {to} from height {tip}")]
    Ahead {
        /// Height of the block that was read last.
        tip: u32,
        /// Where to.
        to: u32,
    },
    /// Caller: a transaction that spends nothing that is watched, or is to have outputs watched that it has not.
    #[error("transaction {txid} spends nothing that is watched, or has no such outputs")]
    Foreign {
        /// Which.
        txid: bitcoin::Txid,
    },
    /// Caller: more than a contract has.
    #[error("more than {MAX_FOUND} transactions of one block, or {MAX_WATCHED} unspent outputs")]
    TooMany,
}
