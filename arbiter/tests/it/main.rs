//! Bundles, questions and engines, from outside. One program, so that it is linked once.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod bundles;
mod engines;
mod headers;
mod lies;
mod mutated;
mod proofs;
mod vector;
