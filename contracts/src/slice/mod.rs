//! Gated slices: the same slice of work done by n providers, each paid only if enough others come to the same root.
//!
//! Provider i is paid under the point S + U of a secret that nobody has. S the *other* providers share among themselves
//! (difference of secrets: each holds the others' shares, none its own); U is i's own, so that the others cannot open
//! what it sealed and copy it. It commits to its root with a Pedersen
//! commitment C; each other provider encrypts its share of that secret to C less what a commitment to its *own* root
//! would add. Only who committed to the same root, and did so itself, can read the share; nobody shows a root before
//! it is paid.
//!
//! 1. [`SliceDealer`]: for a [`Participants`] of client and providers each provider deals shares of the others' secrets; [`Points`]
//!    are what everybody knows of them, [`Shares`] what one provider keeps.
//! 2. [`SliceRecord::check`] gives the terms, [`SliceTerms::client_party`] and [`SliceTerms::provider_party`] a side of the
//!    ceremony, once, in which all claims are signed; with its [`ContractSignatures`](crate::setup::ContractSignatures) each has a [`Client`] or a [`Provider`], and only the client its
//!    funding transaction.
//! 3. [`Provider::commit`]: a [`Post`] to everybody. [`Provider::release`]: a [`Bundle`] of encrypted shares to
//!    everybody. [`Provider::take_bundle`] reads those of the others, and [`Provider::claim`] is paid.
//! 4. [`Client::open`] takes the secret out of a claim and opens the result with it, or has [`Evidence`] against the
//!    provider. [`Client::refund`] takes back what nobody claimed.
//!
//! A [`Provider`] is a [`ProviderBook`], which knows and checks, and [`ProviderKeys`], which sign; a [`Client`] is a
//! [`ClientBook`] and its key. Machines have the book alone.
//!
//! Posts and bundles may travel through anybody, the client included: nobody but the addressee can read them. What each
//! may lose at every step is in `docs/contracts/slice.md`.

mod book;
mod bundle;
mod client;
mod deal;
mod error;
mod evidence;
mod participants;
mod pedersen;
mod points;
mod post;
mod provider;
mod record;
mod seeded;
mod template;
mod terms;

pub use book::{GoodShare, ProviderBook, Taken, signatures};
pub use bundle::Bundle;
pub use client::{Client, ClientBook, Opened, lost_refund};
pub use deal::{SliceDealer, SliceDealing};
pub use error::SliceError;
pub use evidence::Evidence;
pub use participants::{CLIENT, MAX_PROVIDERS, MIN_PROVIDERS, Participants, provider};
pub use points::{BoundShares, Points, Shares};
pub use post::{MAX_RESULT_BYTES, Post, Work};
pub use provider::{Provider, ProviderKeys, resume};
pub use record::{ClientDuty, ClientRecord, Coin, Opening, ProviderDuty, ProviderRecord};
pub use seeded::SliceSource;
pub use template::{claim, derive, refund};
pub use terms::{MAX_SLICE_TERMS_BYTES, MIN_BLOCKS, SliceRecord, SliceTerms};
