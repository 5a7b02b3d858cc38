//! Parties of small contracts, and what they must sign once, as the library's own tests have them.
#![allow(dead_code)]

#[path = "../../../contracts/tests/it/bank_support/mod.rs"]
pub mod bank_support;
#[path = "../../../contracts/tests/it/bounty_support/mod.rs"]
pub mod bounty_support;
#[path = "../../../contracts/tests/it/deliver_support/mod.rs"]
pub mod deliver_support;
#[path = "../../../contracts/tests/it/given/mod.rs"]
pub mod given;
#[path = "../../../contracts/tests/it/once/mod.rs"]
pub mod once;
#[path = "../../../contracts/tests/it/slice_support/mod.rs"]
pub mod slice_support;
