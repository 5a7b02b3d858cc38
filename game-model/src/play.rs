//! What each role does with a job: the worker commits, the verifier checks blindly, an arbiter
//! re-executes the disputed step. A step that is too long for that is disputed unit by unit
//! ([`crate::dispute`]).

mod arbiter;
mod conduct;
mod strategy;
mod verifier;
mod worker;

pub use crate::commitment::WorkerSecrets;
pub use arbiter::{Evidence, EvidenceError, Finding, judge};
pub use conduct::{Appeal, ArbiterStrategy, VerifierStrategy, WorkerStrategy};
pub use strategy::{Strategy, StrategyError};
pub use verifier::{BlindDigests, OpeningError, Verdict, VerdictError, VerdictReport};
pub use worker::{Work, WorkError};
