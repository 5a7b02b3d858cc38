//! Sealed deliveries on a chain: from the message to the recipient's reading of it.
//!
//! A [`DeliveryPlay`] has all parties, each a machine of [`narthex_channel::delivery`] with its log, and beside it what its signer
//! keeps: it shows them the chain, carries what they send, and carries out what they have pending. [`DeliveryOptions`] has the
//! scenarios, whole deliveries.

mod liar;
mod moves;
mod play;
mod scenarios;

pub use play::{DEPTH, DeliveryOptions, DeliveryPlay};

use narthex_contracts::deliver::DeliverError;

crate::harness::refusals!(DeliverError);
