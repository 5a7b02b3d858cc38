//! Both sides of a gated slice, as machines.
//!
//! What a slice is, and what is signed in it, stands in [`narthex_contracts::slice`]. A machine has a book of what its side
//! knows; the contract's keys, and a provider's shares of the others' secrets, are with its signer
//! ([`ProviderKeys`](narthex_contracts::slice::ProviderKeys)), whose answers are inputs. The chain comes as where each
//! price is, [`CoinSeen`], with the tip: a machine has its own policy of depths, and writes down what follows from it, not each
//! block.
//!
//! Between nodes a client asks by [`SliceFigures`], and all speak by [`SliceTalk`] until the slice is funded.

mod ask;
mod client;
mod codec;
mod provider;
mod table;
mod talk;

pub use ask::{SliceConsent, SliceFigures, seat_role};
pub use client::{
    ClientChange, ClientEffect, ClientInput, ClientMachine, ClientPrice, ClientStart,
};
pub use provider::{
    ProviderChange, ProviderEffect, ProviderInput, ProviderMachine, ProviderPrice, ProviderStart,
};
pub use talk::SliceTalk;

use narthex_contracts::slice::{Coin, SliceError};

use crate::CoinSeen;

impl From<CoinSeen> for Coin {
    fn from(seen: CoinSeen) -> Coin {
        match seen {
            CoinSeen::Unfunded => Coin::Unfunded,
            CoinSeen::Locked { height } => Coin::Locked { height },
            CoinSeen::Spent { .. } => Coin::Spent,
        }
    }
}

/// Not as it stands, in words.
const fn out_of_order<T>(what: &'static str) -> Result<T, SliceError> {
    Err(SliceError::Order { what })
}
