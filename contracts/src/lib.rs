//! Bitcoin contracts for computation games.
pub mod attest;
pub mod coop;
pub mod funding;
pub mod graph;
mod hash;
pub mod musig;
pub mod role;
pub mod sample;
pub mod setup;
pub mod template;
pub mod terms;
mod wire;
