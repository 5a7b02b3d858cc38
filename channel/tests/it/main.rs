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
mod begun;
mod bounty;
#[path = "../../../contracts/tests/it/bounty_support/mod.rs"]
#[allow(dead_code)]
mod bounty_support;
mod channel_ends;
mod channel_hops;
mod channel_laws;
mod channel_rounds;
mod channel_rules;
mod channel_support;
mod contract_audits;
mod contract_chain;
mod contract_duties;
mod contract_endings;
mod contract_laws;
mod contract_once;
mod contract_paper;
mod contract_parts;
mod contract_seat;
mod contract_support;
mod contract_talk;
#[path = "../../../contracts/tests/it/deliver_support/mod.rs"]
#[allow(dead_code)]
mod deliver_support;
mod delivery;
mod dispute;
mod fetch;
mod files;
mod follow;
mod killed;
mod laws;
mod offer;
mod pages;
mod pg;
mod postgres;
mod ptlc;
mod ptlc_money;
mod rows;
mod setup_attacks;
mod setup_batches;
mod setup_laws;
mod slice;
mod slice_owed;
mod slice_paid_for;
#[path = "../../../contracts/tests/it/slice_support/mod.rs"]
#[allow(dead_code)]
mod slice_support;
mod small;
mod stores;
mod stream;
mod wire_attacks;
mod wire_laws;
mod wire_support;
mod wire_vectors;
mod world;

/// For what is shared with the tests of contracts.
use bank_support::given;
