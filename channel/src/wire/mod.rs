//! What parties say to each other, as bytes: signed envelopes, long bodies in pieces, and links that survive being killed.
//!
//! * An [`Envelope`] carries one message of a contract, signed by the sender's node key. It is evidence: whoever has it can
//!   show it to others, and who signs two of which there may be one has proved a [`Contradiction`] against itself. What it says
//!   is a [`Saying`].
//! * [`MESSAGE_TYPES`] is the table of all messages with the bounds of each. A bound is checked before room is made.
//! * A [`Link`] is one peer: a [`LinksMachine`](links::LinksMachine) on disk (who has read how far, what is still to be
//!   sent), and in memory what is dropped without harm: messages that came too early, parts of long ones, the measure of
//!   what the peer may send. It has no socket, clock, key or randomness: frames and times come in, frames go out, and a
//!   signer is passed in where something is signed.
//!
//! A job that a client serves goes beside all that, as bare [`Chunk`]s: they prove themselves by the root in its offer, and
//! whoever has lost one asks again.
//!
//! Nodes find each other and encrypt by other means (BOLT 8); a frame here is what such a transport carries.

mod contract;
mod declined;
mod envelope;
mod error;
mod frame;
mod gate;
mod incoming;
mod link;
pub mod links;
mod message;
mod meter;
mod offer;
mod outcome;
mod saying;
mod setup;
mod small;
mod types;

pub use contract::{contract_message, contract_type, is_contract_type};
pub use declined::AskDeclined;
pub use envelope::{Contradiction, Envelope, Head, SignedHead, body_hash};
pub use error::WireFault;
pub use frame::{Frame, frames};
pub use gate::{Limits, Standing};
pub use link::Link;
pub use message::{Ack, Chunk, Fault, Hello, MAX_MARKS, Mark, Piece, Recall, Resume, Want};
pub use meter::Meter;
pub use offer::{OfferMessage, offer_message};
pub use outcome::{Close, LinkError, Outcome};
pub use saying::Saying;
pub use setup::{setup_message, setup_type};
pub use small::{SMALL_KINDS, small_kind};
pub use types::{
    ABORT, ACCEPT, ACK, ATTESTATION, BIND, BOXES, CHUNK, COMMITMENT, Carrier, DECLINE, DECLINED,
    DIGEST_SEEN, ENDING, EVIDENCE, FAULT, FUNDING, GONE, HANDED_OVER, HELD, HELLO, ITEM, MAX_FRAME,
    MAX_LIFE, MAX_SMALL, MAX_WHOLE, MESSAGE_TYPES, MessageType, NONCES, OFFER, OPENING, PIECE,
    PROPOSAL, RECALL, RECEIPT, RELEASE, RESUME, RULING_DIGEST, SHARES, SMALL, TERMS, WANT, WHOLE,
};
