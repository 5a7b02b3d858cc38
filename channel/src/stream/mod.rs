//! Work in slices, paid for slice by slice out of a penny [`bank`](crate::bank), as two machines beside the bank's.
//!
//! The payer orders a program over records, cut into slices at a price in pennies ([`StreamOrder`]). For each slice, from 1: the provider
//! computes it, and gives it *sealed*, with a [`Commitment`](narthex_game_model::commitment::Commitment) to its outputs and its key; the payer
//! holds it, and pays up to the penny that ends the slice; the provider gives the key once so many pennies are *enforceable*; the payer opens
//! the slice, looks at a step of it, and goes on.
//!
//! So at every instant, in what is durable: what the provider has done and was not paid for is one slice at most, since it works on the
//! next when the last is paid for; and what the payer has paid for and cannot read is one slice at most, since it pays for the next when the
//! last has opened. The machines hold no key and no engine: what is run, and what a key follows from, is asked for by effects.

mod codec;
mod error;
mod meter;
mod order;
mod payer;
mod provider;
mod table;
mod talk;

pub use error::StreamError;
pub use meter::{MAX_METERED, MeterBook, Metered, Metering};
pub use order::{
    MAX_STREAM_PROGRAM, MAX_STREAM_RECORDS, MAX_STREAM_SEALED, MAX_STREAM_SLICES, StreamOrder,
};
pub use payer::{HeldSlice, PayingChange, PayingEffect, PayingInput, StreamPayer};
pub use provider::{ServingChange, ServingEffect, ServingInput, StreamProvider};
pub use talk::{SealedSlice, StreamTalk};
