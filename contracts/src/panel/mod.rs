//! From offers on chain to a panel that three parties arrive at alone.
//!
//! 1. An arbiter publishes an [`Offer`]: a coin that it cannot move before a height ([`bond_descriptor`]), and a
//!    data output that names its identity and the [`OfferTerms`] it is willing to judge under.
//! 2. Everybody feeds blocks to a [`Pool`] and takes a [`Snapshot`] at the height that a [`DrawCase`] fixes.
//! 3. Client, worker and verifier commit to nonces ([`Committing`]), a later block is mined ([`Committed`]), they
//!    open the nonces ([`Revealing`]), and have one [`Seed`].
//! 4. The seed puts the whole pool into an [`Order`], weighted by bond. Arbiters answer with a signed
//!    [`Willingness`]; [`Panel::agree`] takes the first willing ones and names whoever kept an answer back.
//!
//! A verifier can be drawn before, by the same steps, from offers with the role of one ([`OfferRole`]): client and worker
//! draw it ([`DrawCase::for_verifier`]), and whoever was drawn is left out of the panel's draw ([`DrawnVerifier`]).
//!
//! Nothing here reads a clock, a socket or a random source: blocks, nonces and answers come in as data. The rules
//! and their reasons are in `docs/contracts/panel.md`.

mod acceptable;
mod agree;
mod answers;
mod case;
mod draw;
mod offer;
mod offer_terms;
mod payload;
mod pool;
mod pool_changes;
mod seed;
mod snapshot;
mod verifier;

pub use crate::bond::{BondError, LOCK_CAP_BLOCKS, UNSPENDABLE_KEY, bond_descriptor, bond_script};
pub use acceptable::Unacceptable;
pub use agree::{AgreeError, Agreement, Concealed, Panel, Report, TermsMismatch, UselessAnswer};
pub use answers::{AnswerSet, MAX_ANSWERS, Willingness};
pub use case::{CaseError, DrawCase, DrawTiming};
pub use draw::{DrawError, Order};
pub use offer::{Offer, OfferDraft, OfferError};
pub use offer_terms::{OfferRole, OfferTerms, OfferTermsError};
pub use payload::OfferPayload;
pub use pool::{Pool, PoolError};
pub use pool_changes::PoolChanges;
pub use seed::{
    Commitment, Committed, Committing, Revealing, Seed, SeedBlock, SeedError, SeedNonce,
};
pub use snapshot::{Entry, Snapshot, SnapshotRules};
pub use verifier::{DrawnVerifier, VerifierMismatch};
