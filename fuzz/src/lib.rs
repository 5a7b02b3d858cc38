//! Properties of every decoder that reads what another party sent, and inputs to start from.
//!
//! The targets in `fuzz_targets/` run these under libFuzzer; `contracts/tests/it/bad_input_decoders.rs` and
//! `decoders_mutated.rs` of each crate run the same functions with random and with damaged inputs in every test run.

pub mod cases;
pub mod contract;
pub mod model;
pub mod payments;
pub mod properties;
pub mod seeds;
pub mod small;
pub mod table;
pub mod wire;
