//! Whole contract lives from one seed: from a funding that is buried to the end, with real signatures and real scripts.
//!
//! Each party runs what it runs in a play and in a process of its own: its machine with its log, whoever does its work
//! ([`crate::life`]), and what it publishes. The chain is the embedded one, with its mempool. What is tried is what set-ups are tried
//! with (kills, slow links, replaced blocks, adversaries), and what only a life knows: a miner that leaves transactions
//! out, fees that rise, parties that are cut off, a disk that is an older copy.
//!
//! Contracts are set up before, once ([`Pool`]): a ceremony takes longer than many lives.

mod act;
mod end;
mod flaw;
mod miner;
mod node;
mod oracle;
mod paper;
mod paper_pool;
mod pool;
mod purse;
mod rollback;
mod talk;
mod villain;
mod world;

pub use flaw::LifeFlaw;
pub use oracle::uncovered;
pub use paper::{KnownAttack, PaperOutcome, live_paper};
pub use paper_pool::PaperPool;
pub use pool::{Pool, PoolError};
pub use world::{LifePlan, Lived, Step, live};
