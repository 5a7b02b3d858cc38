//! Bounties with recomputer line-ups on a chain: from the first coin to the last balance.
//!
//! A [`BountyPlay`] has requester and recomputers, each a machine of [`narthex_channel::bounty`] with its log, and beside it what
//! its signer keeps: it shows them the chain, carries what they send, and carries out what they have pending. [`BountyOptions`]
//! has the scenarios, whole lives of bounties; [`price`] says what a bounty costs each party.

mod forward;
mod hiring;
mod moves;
mod play;
mod price;
mod scenarios;
mod sides;
mod work;

pub use moves::Conduct;
pub use play::{BountyOptions, BountyPlay, Hired};
pub use price::{Cost, Prices, price};

use narthex_contracts::bounty::BountyError;
use narthex_game_model::{
    market::{LedgerError, PolicyError, PriceError, QuoteError, SplitError},
    workload::words::ChainError,
};

crate::harness::refusals!(
    BountyError,
    LedgerError,
    PolicyError,
    PriceError,
    QuoteError,
    SplitError,
    ChainError,
);
