//! The way of a reader to the tip of a chain.

use bitcoin::BlockHash;

/// How a reader comes from what it has read to the tip ([`ChainSource::way`](crate::ChainSource::way)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Height of the tip.
    pub tip: u32,
    /// The highest block that it has read and that is on the chain still: what it has read above is gone. `None` if all that
    /// it has read is gone, or it has read nothing.
    pub from: Option<u32>,
    /// Height and hash of what comes behind that up to the tip, oldest first; where there is none, from the lowest height
    /// that was asked for.
    pub blocks: Vec<(u32, BlockHash)>,
}
