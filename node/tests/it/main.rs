//! Nodes as processes of their own, over real sockets: what they exchange, and what they bear.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod api;
mod api_tools;
mod arbiter;
mod arbiter_key;
mod archive;
mod archive_killed;
mod bench;
mod bonded;
mod contracts;
mod drains;
mod endings;
mod evidence;
mod fetch;
mod fetched;
mod figures;
mod flood;
mod kept;
mod keys;
mod killed;
mod life;
mod marketplace;
mod matrix;
mod networks;
mod offers_on_chain;
mod orders;
mod party;
mod party_attacks;
#[cfg(feature = "postgres")]
mod replicas;
mod secrets;
mod small;
mod small_bounty;
mod small_declined;
mod small_delivery;
mod small_slices;
mod small_stream;
mod strangers;
mod support;
mod talk;
mod tower;
mod towers;
mod unchanged;
mod uploads;
