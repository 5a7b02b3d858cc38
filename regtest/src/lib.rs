//! Chains to play contracts on: what is asked of one, in three traits, and two regtest chains that have all of them.
//!
//! [`ChainSource`] reads and follows, [`Broadcaster`] sends, [`Miner`] makes blocks; [`Chain`] is all three. A [`Node`] of
//! one's own has the first two. [`probe()`] asks any of them whether it takes what contracts end with.
//!
//! * [`Bitcoind`] drives a real Bitcoin Core: what it says is the truth.
//! * [`Embedded`] lives in this process: no daemon, hundreds of blocks a second.
//!
//! Where the two differ is listed in `docs/chains.md`, and a differential test holds them to that list.
//!
//! Why two: a contract must end on what miners and nodes really take, and its tests must play a thousand blocks in no time.
//!
//! ```
//! use narthex_regtest::bitcoin::{FeeRate, ScriptBuf, WPubkeyHash, hashes::Hash};
//! use narthex_regtest::{ChainSource, Embedded, Miner, OutputStatus, mine_coins, probe};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut chain = Embedded::new();
//! let mine = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
//! // Two coins, and the blocks that they need to mature.
//! let coins = mine_coins(&mut chain, 2, &mine, &mine)?;
//! assert!(matches!(chain.output_status(coins[0].0)?, OutputStatus::Unspent { height: 1, .. }));
//! // Does this node take what contracts end with? Who has not asked does not fund.
//! probe(&mut chain, FeeRate::from_sat_per_kwu(500), Some(coins[0].clone()))?;
//! // A reorganisation takes blocks away, and others come.
//! let height = chain.height()?;
//! let tip = chain.block_hash(height)?;
//! chain.reorg(1, &mine)?;
//! assert_ne!(chain.block_hash(height)?, tip);
//! # Ok(()) }
//! ```

mod bitcoind;
mod block;
mod chain;
mod coins;
mod embedded;
mod error;
mod leap;
mod output;
mod package;
mod policy;
mod probe;
pub mod suite;
mod way;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;

pub use bitcoind::{Bitcoind, Node, ensure_bitcoind, find_bitcoind};
pub use block::{
    BLOCK_INTERVAL_SECONDS, COINBASE_MATURITY_BLOCKS, HALVING_INTERVAL_BLOCKS, subsidy,
};
pub use chain::{Broadcaster, Chain, ChainSource, LOOK_BACK_BLOCKS, Miner, NodeAccess};
pub use coins::mine_coins;
pub use embedded::{Embedded, ScriptChecks, script_checks};
pub use error::Error;
pub use leap::leap_to;
pub use output::{OutputStatus, Spender};
pub use policy::NodePolicy;
pub use probe::{AcceptedPolicy, PolicyGap, ProbeError, probe};
pub use way::Way;
