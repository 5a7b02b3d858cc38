//! Both sides of a bounty, requester and recomputer, as machines.
//!
//! What each side knows and takes is its book ([`RequesterBook`](narthex_contracts::bounty::RequesterBook),
//! [`RecomputerBook`](narthex_contracts::bounty::RecomputerBook)), the same as that of the sides with keys; what was taken, with
//! the height at which it came, is what is written down. The keys, and a recomputer's seed, from which its secrets follow, are
//! with the signer. Seal, closing and layer are inputs, since they bind whoever signed them: of two layers or seals the second is
//! refused. Openings, deliveries and secrets follow from seed and book, the same each time, so what is pending is that they are
//! made and sent.

mod ask;
mod codec;
mod recomputer;
mod requester;
mod table;
mod talk;

pub use ask::{BountyFigures, BountySeat, MAX_BOUNTY_RESULT};
pub use recomputer::{
    RecomputerChange, RecomputerCoin, RecomputerEffect, RecomputerInput, RecomputerMachine,
    RecomputerStart,
};
pub use requester::{
    RequesterChange, RequesterCoin, RequesterEffect, RequesterInput, RequesterMachine,
    RequesterStart,
};
pub use talk::BountyTalk;

use crate::CoinSeen;
use narthex_contracts::bounty::Coin;

impl From<CoinSeen> for Coin {
    fn from(seen: CoinSeen) -> Coin {
        match seen {
            CoinSeen::Unfunded => Coin::Unfunded,
            CoinSeen::Locked { height } => Coin::Locked { height },
            CoinSeen::Spent { .. } => Coin::Spent,
        }
    }
}
