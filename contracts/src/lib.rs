//! Contracts as data: from terms that everybody agrees on to every signature that anybody may ever need.
//!
//! Parties that do not trust each other cannot sign what another one built. So each derives all transactions alone, from the
//! terms ([`terms`], and those of the small contracts); what comes out is a [`graph`], the same bytes on every machine; and a
//! ceremony ([`setup`]) signs all of it by MuSig2 with adaptor points ([`musig`]) *before* anybody funds. Whatever happens later, a
//! party holds the way out already, and shows a secret by the signature that pays it.
//!
//! The engine ([`party`], [`graph`], [`musig`], [`setup`], [`funding`], [`builder`]) knows no contract. Contracts stand on it: those of a
//! computation with a panel of arbiters ([`template`], [`panel`], [`attest`]), penny banks ([`bank`]), gated slices ([`mod@slice`]),
//! sealed deliveries ([`deliver`]), bounties ([`bounty`]), payment channels ([`channel`]); beside them fidelity bonds ([`bond`]). Nothing here reads a clock, a
//! socket, a file or a random source; randomness is passed in, and what must be kept is asked for ([`binding`]).
//!
//! ```
//! use bitcoin::secp256k1::rand::thread_rng;
//! use narthex_contracts::{fixtures::{Fixtures, MadeUpNode}, setup::{Secrets, ceremony}, template::{self, Exit}};
//! use narthex_game_model::Template;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Client, worker, verifier and a panel of 2 of 3, with made-up keys and coins; the work is due at height 1000.
//! let fixtures = Fixtures::example(Template::Hardened, 3, 2, 1_000, [7; 32])?;
//! let terms = fixtures.terms()?;
//! let graph = template::derive(&terms)?;
//! let s3 = graph.find(Exit::NORMAL).ok_or("no S3")?;
//! let plan = graph.spend_plan(s3).ok_or("no S3")?;
//! assert_eq!(plan.secrets.len(), 1, "what pays the worker shows the client the key to the result");
//!
//! let held = ceremony::run(fixtures.parties(&terms)?, &mut thread_rng(), |_| ())?;
//! assert_eq!(held.len(), 6);
//! let client = &held[0];
//! // Only who holds every exit, and has asked its node, has the transaction that funds.
//! assert!(!client.funding_psbt(&MadeUpNode)?.unsigned_tx.input.is_empty());
//! assert!(client.complete(s3, &Secrets::default()).is_err(), "it is for the worker to publish");
//! # Ok(()) }
//! ```

pub mod attest;
pub mod bank;
pub mod binding;
pub mod bond;
pub mod bounty;
pub mod builder;
pub mod channel;
pub mod coop;
pub mod deliver;
pub mod depth;
pub mod derive;
pub mod enrolment;
pub mod fixtures;
pub mod funding;
pub mod graph;
mod lots;
pub mod musig;
pub mod panel;
mod parallel;
pub mod party;

pub mod seal;
pub mod setup;
pub mod shared_secret;
pub mod slice;
pub mod template;
pub mod terms;
pub mod wire;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use bitcoin;
