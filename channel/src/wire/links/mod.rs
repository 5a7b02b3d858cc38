//! What two nodes have told each other, and what of it is still to be said: a [`LinksMachine`] for each peer.
//!
//! # Numbers
//!
//! A sender numbers what it says in one contract to the same receivers from 0, without gaps. A receiver takes them in this order;
//! what comes again is ignored, and what comes again *otherwise* is a [`Contradiction`](super::Contradiction) that anybody can
//! check. A message is marked as taken only after the contract's own machine has it on disk: who is killed in between gets it
//! once more, which does no harm. So no body is written twice.
//!
//! # A disk that is older than what was said
//!
//! A backup, or a copy of a virtual machine, has forgotten what its key has signed, and would sign other things under the same
//! numbers. Therefore nothing new is signed after a start until the peer has said how far it has read, and proved it by the
//! last message that it holds. If this disk does not know that one, it is *rolled back*: the peer hands back what it kept, and
//! until all of it is taken in nothing new is signed. A claim without proof is ignored, so that nobody can stop a node by
//! claiming.

mod change;
mod check;
mod machine;
mod own;
mod peer;
mod refusal;
mod state;
mod summary;
mod table;

pub use change::{Kept, LinksChange, Membership};
pub use machine::{LinksEffect, LinksInput, LinksMachine};
pub use refusal::LinksRefusal;
pub use state::LinkPhase;

/// Most contracts in their set-up with one peer.
pub const MAX_IN_SETUP: usize = 64;
/// Most contracts with one peer.
pub const MAX_CONTRACTS: usize = 1_024;
/// Most sets of receivers of one sender in one contract.
pub const MAX_RECEIVER_SETS: usize = 40;
/// Most messages of one sender in one contract to the same receivers.
pub const MAX_MESSAGES: u64 = 4_096;
/// Most bytes of bodies of the peer that are kept of one contract, to hand them back.
pub const MAX_KEPT: usize = 8 << 20;
