//! Small contracts between two nodes: how one asks another for one, and what it answers.
//!
//! A node asks by a [`SmallAsk`]: figures of a family of contracts, such as a penny bank's. The other's owner takes it or declines
//! ([`SmallAnswer`]). [`SmallMachine`] is what is durable of that on either side. From there on the contract's own machines talk
//! (both sides of a [`bank`](crate::bank), for one): each message of theirs travels with its own kind in an envelope of the one type
//! `small` ([`small_kind`](crate::wire::small_kind)).

mod ask;
mod codec;
mod machine;
mod table;

pub use ask::{MAX_FIGURES, SmallAnswer, SmallAsk};
pub use machine::{
    SmallBeginning, SmallChange, SmallEffect, SmallInput, SmallMachine, SmallRefusal,
};
