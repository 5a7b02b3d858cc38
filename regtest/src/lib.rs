//! Regtest chains to play contracts on: one trait, [`Chain`], and two chains.
//!
//! * [`Bitcoind`] drives a real Bitcoin Core: what it says is the truth.
//! * [`Embedded`] lives in this process: no daemon, hundreds of blocks a second.
//!
//! Where the two differ is listed in `docs/chains.md`, and a differential test holds them to that list.

mod bitcoind;
mod block;
mod chain;
mod coins;
mod embedded;
mod error;
mod leap;
mod package;
pub mod suite;

pub use bitcoind::{Bitcoind, Node, ensure_bitcoind, find_bitcoind};
pub use block::{
    BLOCK_INTERVAL_SECONDS, COINBASE_MATURITY_BLOCKS, HALVING_INTERVAL_BLOCKS, subsidy,
};
pub use chain::Chain;
pub use coins::mine_coins;
pub use embedded::Embedded;
pub use error::Error;
pub use leap::leap_to;
