//! Sealed deliveries on a chain: from the message to the recipient's reading of it.
//!
//! A [`DeliveryPlay`] holds the chain and all parties and makes their moves; [`DeliveryOptions`] has the scenarios, whole
//! deliveries. What the parties sign and check is in [`contracts::deliver`](narthex_contracts::deliver): sides that are
//! called, not machines.

mod liar;
mod moves;
mod play;
mod scenarios;

pub use play::{DEPTH, DeliveryOptions, DeliveryPlay};

use narthex_contracts::deliver::DeliverError;

crate::harness::refusals!(DeliverError);
