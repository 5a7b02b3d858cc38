//! Where the chain has a coin that a contract is about.

use bitcoin::Txid;

/// Where the chain has it. A machine has its own policy of depths, and writes down what follows from this with the tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoinSeen {
    /// Not confirmed, or reorganised away.
    Unfunded,
    /// There, and nothing has spent it.
    Locked {
        /// Height that confirmed it.
        height: u32,
    },
    /// Gone: claimed, settled or refunded.
    Spent {
        /// Height that confirmed what spends it.
        height: u32,
        /// What spends it.
        by: Txid,
    },
}
