//! The signing ceremony: from terms to every signature that a party may ever need, before it funds anything.
//!
//! Rounds are types that consume each other:
//!
//! 1. [`Party::new`] takes terms that the party has bound its salt to ([`BoundTerms`]), and derives the graph from them,
//!    alone; it asks for [`Grounds`]: that honest play pays, or that this is research.
//! 2. [`Party::announce`] draws one nonce per signature; the public ones go to everybody.
//! 3. [`Announced::sign`] takes everybody's nonces and signs everything at once. No secret nonce outlives it:
//!    a signature that is withheld is computed now and withheld.
//! 4. [`Signing::shares_for`] hands out shares stage by stage ([`Stage`]), [`Signing::accept`] takes the others',
//!    [`Signing::close`] checks a stage and names whoever sent a bad share. A stage opens for others only when
//!    the one before has been closed.
//! 5. [`Signing::finish`] yields [`Holdings`], and only they give access to the funding transaction.
//!
//! One set of terms is signed once, for the reason given in ADR 0002: `BoundTerms` are used up by it and cannot be made a
//! second time ([`crate::binding`]). After a ceremony that failed everybody proposes anew, with new salts.
//!
//! The same request is always answered with the same share: shares are data that was computed once.

mod agreement;
pub mod ceremony;
mod error;
mod grounds;
mod holdings;
mod holdings_codec;
mod holdings_secrets;
mod message;
mod party;
mod plan;
mod secrets;
mod signing;
#[cfg(test)]
mod tests;

pub use agreement::Agreement;
pub use error::SetupError;
pub use grounds::Grounds;
pub use holdings::{Holdings, HoldingsError, Release};
pub use holdings_codec::RestoreError;
pub use message::{NoncesMessage, SharesMessage};
pub use party::{Announced, Party};
pub use plan::{Item, Plan};
pub use secrets::Secrets;
pub use signing::Signing;

#[cfg(doc)]
use crate::{graph::Stage, terms::BoundTerms};
