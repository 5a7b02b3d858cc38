//! Stores, laws and pages of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod bank;
mod bank_golden;
mod bank_hops;
mod bank_laws;
mod bank_orders;
mod bank_pennies;
mod bank_promises;
mod bank_promises_laws;
mod bank_purse;
mod bank_replays;
mod bank_support;
mod dispute;
mod files;
mod killed;
mod laws;
mod pages;
mod ptlc;
mod ptlc_money;
mod setup_attacks;
mod setup_batches;
mod setup_laws;
mod stores;
mod world;
