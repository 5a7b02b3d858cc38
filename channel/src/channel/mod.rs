//! Both sides of a payment channel as one machine, and the signer beside it.
//!
//! Two sides hold a commitment each to one state of balances and pending payments, and go to the next state by four messages
//! ([`ChannelMessage::Propose`], `Accept`, `Commit`, `Revoke`); whose turn it is proposes. What a side wants changed it stages at any time.
//! Every message is durable before it leaves, and goes out again as the same bytes until the counterparty's next word
//! shows that it came; so a crash anywhere costs nothing but time.
//!
//! [`ChannelMachine`] holds no key. [`ChannelSigner`] answers what it asks: it looks at the machine for what is to be signed, draws
//! the nonces that are used at once, and derives those that are promised ahead. On chain the machine says what is to be taken
//! and when ([`ChannelEffect::Claim`]); see `docs/channels.md`.

mod chain;
mod due;
mod error;
mod machine;
mod message;
mod opening;
mod parts;
mod points;
mod round;
mod said;
mod signer;
mod steps;
mod table;
mod taken;

pub use chain::{CLAIM_BEFORE, Ending, GRACE, UPSTREAM_MARGIN};
pub use error::ChannelFault;
pub use machine::ChannelMachine;
pub use message::{ChannelMessage, ChannelOffer, Revocation};
pub use parts::Outcome;
pub use signer::{ChannelSigner, SignerError};
pub use steps::{Ask, ChannelChange, ChannelClaim, ChannelEffect, ChannelInput, Order};
