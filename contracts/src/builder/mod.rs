//! What small contracts have in common: outputs with script leaves, transactions put into a graph, signatures by one
//! party or by two. A contract of several parties with many signatures uses the ceremony of [`crate::setup`] instead.
//!
//! A template derives [`Vault`]s from its terms, puts transactions on them with a [`Draft`], and says in each which
//! leaf or key spends what; the engine checks, hashes, weighs and draws the rest.

mod draft;
mod error;
mod sign;
mod vault;

pub use draft::{Draft, Placed, PresignedTransaction, STAGE, UNLOCKED, by, finish, spend};
pub use error::BuilderError;
pub use sign::{Cosigned, Cosigner, Task, check_key};
pub use vault::{LeafPlan, Vault, place_key};
