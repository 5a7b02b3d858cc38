//! Small contracts between nodes: how one asks others for one, and what they answer.
//!
//! A node asks by a [`SmallAsk`]: figures of a family of contracts, such as a penny bank's. It may ask several nodes the same, each on
//! the link to it; it is joined once so many as it needs have taken it. The owner of whoever is asked takes it or declines ([`SmallAnswer`]). [`SmallMachine`] is what is durable of that on either side. From there on the contract's own machines talk
//! (both sides of a [`bank`](crate::bank), for one): each message of theirs travels with its own kind in an envelope of the one type
//! `small` ([`small_kind`](crate::wire::small_kind)).

mod apart;
mod ask;
mod codec;
mod declined;
mod machine;
mod table;

pub use apart::{Apart, MAX_APART};
pub use ask::{MAX_FIGURES, SmallAnswer, SmallAsk};
pub(crate) use codec::{LEAST_PEER, read_peer, write_peer};
pub(crate) use declined::read_decline;
pub use declined::{AskFault, AtFault, Declined};
pub use machine::{
    MAX_SMALL_PEERS, SmallBeginning, SmallChange, SmallEffect, SmallInput, SmallMachine, SmallPeer,
    SmallRefusal,
};
