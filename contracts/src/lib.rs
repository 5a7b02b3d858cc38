//! Bitcoin contracts for computation games.
pub mod attest;
pub mod bank;
pub mod binding;
pub mod bond;
pub mod bounty;
pub mod coop;
pub mod deliver;
pub mod depth;
pub mod fixtures;
pub mod funding;
pub mod graph;
mod lots;
pub mod musig;
pub mod pact;
pub mod panel;
mod parallel;
pub mod party;

pub mod seal;
pub mod setup;
pub mod shared_secret;
pub mod slice;
pub mod template;
pub mod terms;
mod wire;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;
