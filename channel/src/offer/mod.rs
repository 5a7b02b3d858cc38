//! How a contract is offered, and who says that it takes part: what stands before its [set-up](crate::setup).
//!
//! The client's [`Offer`] says what it is about and names a node for each role; its id is the hash of all that, so that two
//! offers of one id are the same one. Everybody named says to all others, once, that it takes part ([`Accept`], with the
//! key that terms are to name for it) or that it does not ([`Decline`]). Who has everybody's consent begins.
//!
//! Whether this party accepts is decided by whoever drives the machine: an operator, or limits that it has stated.

mod bond;
mod codec;
mod machine;
mod message;
mod table;

pub use bond::Unbonded;
pub use machine::{OfferChange, OfferEffect, OfferInput, OfferMachine, OfferRefusal};
pub use message::{
    Accept, Decline, Invited, MAX_ADDRESS, MAX_DECLINE, Offer, OfferFault, Offering,
};
