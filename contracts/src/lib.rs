//! Bitcoin contracts for computation games.
pub mod attest;
pub mod bank;
pub mod bond;
pub mod coop;
pub mod funding;
pub mod graph;
mod hash;
mod lots;
pub mod musig;
pub mod pact;
pub mod panel;
pub mod role;
pub mod sample;
pub mod setup;
pub mod shared_secret;
pub mod template;
pub mod terms;
mod wire;
