//! What a node says of itself and of what it takes.

use bitcoin::FeeRate;

/// A node's own words on its version and its mempool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodePolicy {
    /// Name and version as the network sees them (BIP14): `/Satoshi:29.0.0/`, `/Satoshi:29.1.0/Knots:20250903/`.
    pub agent: String,
    /// Version of the Bitcoin Core that it is or descends from, as `getnetworkinfo` writes it: 290000 is 29.0.
    pub version: u32,
    /// How transactions of version 3 are handled, where the node has a choice (`truc_policy`, of Bitcoin Knots):
    /// `reject`, `accept` as if they were of version 2, `enforce` the rules of BIP431.
    pub truc: Option<String>,
    /// Least fee rate that the node is set to take (`-minrelaytxfee`).
    pub least_relay: FeeRate,
    /// Least fee rate that it takes now: more than the former while its mempool is full.
    pub least_now: FeeRate,
}

impl NodePolicy {
    /// Whether it is Bitcoin Knots, which has settings that Bitcoin Core has not.
    pub fn is_knots(&self) -> bool {
        self.agent.contains("Knots:")
    }

    /// Its major version.
    pub fn major(&self) -> u32 {
        self.version / 10_000
    }
}
