//! Recomputers that recompute a job: what is known of them, whom to ask, what that costs, who is paid.
//!
//! - [`Ledger`] counts audits of recomputers under a [`Policy`]; a [`Standing`] is what it says of one.
//! - [`split`] says which layers of an envelope a bounty is split among.
//! - [`odds`] says how often that is the right root; a [`Book`] of [`Quote`]s has the cheapest
//!   [`LineUp`] for each [`Request`].
//! - [`calibrate`] plays a market in which true reliabilities are hidden, and measures all of it.
//!
//! Nothing that decides is a float: counts have 32 bits behind the point with stated rounding, chances are
//! whole numbers of 10⁻¹⁸. `docs/market.md` has formulas and what can be gamed.

pub mod calibrate;
mod chance;
mod ledger;
mod odds;
mod policy;
mod price;
mod quote;
mod split;

pub use chance::{Chance, NoChance};
pub use ledger::{
    Audit, Ledger, LedgerError, LedgerRecord, MAX_AUDITS, NoRecomputerId, RecomputerId, Standing,
};
pub use odds::{Ending, Faults, Odds, odds};
pub use policy::{Decay, ONE, Policy, PolicyError, PolicyRecord};
pub use price::{Book, LineUp, MAX_QUOTES, MAX_ROWS, PriceError, QuoteError, Row, Seat};
pub use quote::{Latency, LatencyOffer, MAX_OFFERS, NoLatency, Quote, Request};
pub use split::{LayerSet, MAX_LAYERS, SplitError, payable, split};
