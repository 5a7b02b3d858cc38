//! The three sides of a sealed delivery, as machines.
//!
//! What a delivery is, and what each side refuses, stands in [`narthex_contracts::deliver`]. A machine has what its side must
//! not forget, and no secret: the sender's seed, an agent's key of its copy, the recipient's key and all contract keys are with
//! the signer, and so are message and copies, which are long and kept in files. Claims and refunds pay their own fee, so what
//! is pending is that one is signed at the fee of the day: again, with a higher one, as long as the coin is there.

mod agent;
mod ask;
mod codec;
mod recipient;
mod sender;
mod table;

pub use agent::{AgentChange, AgentCoin, AgentEffect, AgentInput, AgentMachine, AgentStart};
pub use ask::{DeliveryAgent, DeliveryFigures, MAX_DELIVERED};
pub use recipient::{
    RecipientChange, RecipientCoin, RecipientEffect, RecipientInput, RecipientMachine,
    RecipientStart,
};
pub use sender::{SenderChange, SenderCoin, SenderEffect, SenderInput, SenderMachine, SenderStart};

use crate::CoinSeen;
use narthex_contracts::deliver::{Coin, DeliverError};

impl From<CoinSeen> for Coin {
    fn from(seen: CoinSeen) -> Coin {
        match seen {
            CoinSeen::Unfunded => Coin::Unfunded,
            CoinSeen::Locked { height } => Coin::Funded { height },
            CoinSeen::Spent { .. } => Coin::Spent,
        }
    }
}

/// Not as it stands, in words.
const fn out_of_order<T>(problem: &'static str) -> Result<T, DeliverError> {
    Err(DeliverError::Order { problem })
}
