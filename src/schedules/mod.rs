//! Whole parties, their disks, the network and the chain from one seed: set-ups by the thousand, disturbed in every way that
//! a seed thinks of.
//!
//! A *schedule* is one set-up of a contract among client, worker, verifier and a panel. Each party runs the machine that it
//! runs in a play and in a process of its own ([`narthex_channel::setup`]); its signer is a mock
//! ([`narthex_channel::toy`]), because what is tried is the order of things: who is killed when, which message comes late or
//! twice, what an adversary sends to whom, when blocks come. After a schedule the [`oracle`] says what must not have
//! happened and did.
//!
//! Everything of chance follows from the seed. A schedule runs in one thread, without clock and without randomness of the
//! system, and its trace is hashed: the same seed gives the same hash.

mod chain;
pub mod lives;
mod net;
mod node;
pub mod oracle;
mod report;
mod strategy;
mod trace;
mod world;

pub use lives::{LifeFlaw, LifePlan, Lived, Pool, live};
pub use oracle::Violation;
pub use report::{Found, Less, Report, run, run_lives, seed_of, shrink};
pub use strategy::{FaultKind, Strategy};
pub use world::{Flaw, Kill, Outcome, Plan, play};
