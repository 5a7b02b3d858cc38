//! What each role does with a job: the worker commits, the verifier checks blindly, an arbiter
//! re-executes the disputed step.

mod arbiter;
mod strategy;
mod verifier;
mod worker;

pub use arbiter::{Evidence, EvidenceError, Finding, judge};
pub use strategy::Strategy;
pub use verifier::{BlindDigests, OpeningError, Verdict};
pub use worker::{Work, WorkError, WorkerSecrets};
