//! Stores, laws and pages of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod bank;
mod dispute;
mod files;
mod killed;
mod laws;
mod pages;
mod stores;
mod world;
