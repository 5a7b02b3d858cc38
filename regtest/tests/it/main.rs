//! The chains from outside: what they take and refuse, alike, and what a node may answer. One program, so that it is
//! linked once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bitcoind;
mod differences;
mod differential;
mod laws;
mod probe;
mod refused;
mod rpc;
mod rules;
