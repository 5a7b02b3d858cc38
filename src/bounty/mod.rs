//! Bounties with recomputer line-ups on a chain: from the first coin to the last balance.
//!
//! A [`BountyPlay`] holds the chain, requester, recomputers and their wallets and makes their moves; [`BountyOptions`] has
//! the scenarios, whole lives of bounties; [`price`] says what a bounty costs each party. What the parties sign and check
//! is in [`contracts::bounty`](narthex_contracts::bounty): sides that are called, not machines.

mod forward;
mod hiring;
mod moves;
mod play;
mod price;
mod scenarios;
mod work;

pub use moves::Conduct;
pub use play::{BountyOptions, BountyPlay, Hired};
pub use price::{Cost, Prices, price};

use narthex_contracts::{bounty::BountyError, setup::RestoreError};
use narthex_game_model::{
    market::{LedgerError, PolicyError, PriceError, QuoteError, SplitError},
    workload::words::ChainError,
};

crate::harness::refusals!(
    BountyError,
    RestoreError,
    LedgerError,
    PolicyError,
    PriceError,
    QuoteError,
    SplitError,
    ChainError,
);
