//! The signing ceremony: from terms to every signature that a party may ever need, before it funds anything.
//!
//! Rounds are types that consume each other:
//!
//! 1. A [`Party`] begins with a graph that it has derived alone, from terms that it has bound itself to. Contracts make
//!    theirs and say what they ask for before: [`Agreement`] is all that the ceremony knows of terms.
//! 2. [`Party::announce`] draws one nonce per signature; the public ones go to everybody.
//! 3. [`Announced::accept`] takes everybody's nonces, one message after the other: a bad one is refused when it comes and
//!    costs nobody else's. [`Announced::sign`] then signs everything at once. No secret nonce outlives it: a signature
//!    that is withheld is computed now and withheld. Until here a crash costs the attempt; from here on a ceremony is
//!    data, which is stored before the first share leaves and read back ([`Signing::to_bytes`]).
//! 4. [`Signing::shares_for`] hands out shares stage by stage ([`Stage`]), [`Signing::accept`] takes the others',
//!    [`Signing::close`] checks a stage and names whoever sent a bad share. A stage opens for others only when
//!    the one before has been closed.
//! 5. [`Signing::finish`] yields [`ContractSignatures`], and only they give access to the funding transaction.
//!
//! One set of terms is signed once, for the reason given in ADR 0002: whatever it is bound by is used up
//! ([`crate::binding`]). After a ceremony that failed everybody proposes anew, with new salts.
//!
//! How long a message is, is known before it comes ([`Plan::nonce_bytes`], [`Plan::share_bytes`]).
//!
//! The same request is always answered with the same share: shares are data that was computed once.

mod agreement;
mod announced;
pub mod ceremony;
mod error;
mod handed_over;
mod message;
mod party;
mod picked;
mod plan;
mod secrets;
mod signatures;
mod signatures_codec;
mod signatures_secrets;
mod signing;
mod signing_codec;
mod stored;
#[cfg(test)]
mod tests;

pub use agreement::Agreement;
pub use announced::Announced;
pub use error::SetupError;
pub use handed_over::HandedOver;
pub use message::{NoncesMessage, SharesMessage};
pub use party::Party;
pub use plan::{Item, Plan};
pub use secrets::Secrets;
pub use signatures::{ContractSignatures, Release, SignaturesError};
pub use signing::Signing;
pub use stored::RestoreError;

#[cfg(doc)]
use crate::graph::Stage;
