//! Bounties with recomputer line-ups: several parties recompute a job, each signs the envelope of those before it and its own
//! result, and the bounty is split among those who agree, by amounts fixed at funding.
//!
//! 1. The requester makes a [`Call`], the recomputers answer with [`RecomputerOffer`]s, all check the terms
//!    ([`BountyRecord::check`]) and sign every settlement by the ceremony of [`crate::setup`] ([`requester_party`],
//!    [`recomputer_party`]); only then has the requester a funding PSBT ([`RequesterBook::funding_psbt`]).
//! 2. Each recomputer does the work and adds a layer ([`Recomputer::sign`]); the requester seals the envelope
//!    ([`Requester::seal`]), the recomputers open ([`Recomputer::open`]), the requester closes ([`Requester::close`]).
//! 3. Those who agree deliver the result, encrypted to the sum of their secrets ([`Recomputer::accept`]); the requester grants
//!    its signature ([`Requester::grant`]); they put their secrets together and publish ([`Recomputer::settle`]); the
//!    requester reads the sum out of the settlement, and the result with it ([`Requester::learn`]).
//! 4. Otherwise: nobody reaches the quorum and all give everything back at once ([`RequesterBook::cancel`]), or above T
//!    the requester does alone ([`Requester::refund`]).
//!
//! What a side knows and takes is its book ([`RequesterBook`], [`RecomputerBook`]), which has no key: machines have the same. What
//! needs a key is with [`Requester`] and [`Recomputer`], which have the book too.
//!
//! What each may lose at every step is in `docs/contracts/bounty.md`.

mod closing;
mod delivery;
mod envelope;
mod error;
mod forwards;
mod offer;
mod opening;
mod recomputer;
mod recomputer_book;
mod recomputer_end;
mod record;
mod requester;
mod requester_book;
mod requester_end;
mod template;
mod terms;

pub use closing::{Closing, ClosingDraft, Verdict};
pub use delivery::{Delivery, Grant, MAX_RESULT_BYTES, Share};
pub use envelope::{Envelope, Layer, commitment};
pub use error::BountyError;
pub use forwards::Forwards;
pub use offer::{BoundSeed, Call, RecomputerOffer, RecomputerSeed};
pub use opening::{Opening, Seal};
pub use recomputer::{Answer, Recomputer};
pub use recomputer_book::{Owed, RecomputerBook};
pub use record::{Coin, Heard, RecomputerRecord, RequesterDuty, RequesterRecord, Work};
pub use requester::{Requester, lost_refund};
pub use requester_book::{Learned, RequesterBook};
pub use template::{
    CANCEL, REFUND, derive, recomputer_party, requester_party, restore, resume, settlement,
};
pub use terms::{
    BountyRecord, BountyTerms, MAX_BOUNTY_TERMS_BYTES, MIN_ROUND_BLOCKS, REQUESTER, recomputer_name,
};
