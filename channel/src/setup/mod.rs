//! How strangers come to a contract that all of them have signed and funded, or to none, whoever is killed on the way.
//!
//! One [`SetupMachine`] a party and negotiation. It knows the order of things and whom everybody waits for, and reads nothing of
//! what is said: proposals, terms, nonces and shares are bytes to it, made and checked by a signer that has the keys.
//! So it serves every contract that is signed by a ceremony ([`narthex_contracts::setup`]), and a toy in its place.
//!
//! 1. Everybody proposes its part; the *lead* (the client) puts the terms together, and everybody binds its salt to them.
//! 2. Everybody announces nonces, signs, exchanges shares stage by stage, and says that it holds all signatures.
//! 3. Only when all have said so, anybody parts with its witnesses of the funding transaction, the lead last.
//! 4. The funding is buried, or an own input of it is spent otherwise.
//!
//! # What a crash costs
//!
//! Salts, and nonces above all, live in the signer's memory and nowhere else. A party that was killed between its proposal
//! and its signatures has lost them ([`SetupInput::Lost`]): the *attempt* is void, and the next one has new salts, so that no
//! signature and no share of the old one fits anything in it. From [`SetupChange::Signed`] on everything is data, durable
//! before the first share leaves, and a crash costs nothing.
//!
//! # Whom an attempt is lost to
//!
//! Whoever voids an attempt says why ([`Cause`]). Two voids that a party is seen to cause, or owns up to, end the negotiation
//! for it. As many of which it is not to be seen who caused them as there are parties, at least four, end it too, and are held
//! against nobody: an accuser may be right, and each party may be killed once and be heard of from the others first. All in
//! all there are [`MAX_ATTEMPTS`].

mod change;
mod clock;
mod codec;
mod effect;
mod error;
mod input;
mod machine;
mod message;
mod negotiation;
mod own;
mod peer;
mod seat;
mod state;
mod table;

pub use change::SetupChange;
pub use effect::{Parcel, SetupEffect};
pub use error::SetupRefusal;
pub use input::{Bound, ChainView, Lengths, SetupInput};
pub use machine::SetupMachine;
pub use message::{Body, Cause, SetupMessage};
pub use negotiation::{MAX_ATTEMPTS, Negotiation, NegotiationError, Timing};
pub use seat::{Errand, Opened, Refused, Seat, SeatError, SetupSigner};
pub use state::Phase;
