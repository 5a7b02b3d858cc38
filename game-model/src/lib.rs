//! The verifiable computation game without Bitcoin: rules, payoffs, commitments, workloads.
//!
//! A client pays for a computation that a worker does, a verifier samples, and a staked panel of
//! arbiters judges when the two disagree. This crate fixes what they agree on before any coin is
//! locked and what each of them holds afterwards:
//!
//! - [`ParamsRecord`] is a proposal; [`Params`] is a record whose every bound holds, with canonical
//!   bytes and a hash. A broken bound is named with both sides of its inequality.
//! - [`settle`] is the settlement table in exact integer arithmetic, for both [`Template`]s.
//! - [`workload`] has real jobs (WebAssembly over input records), [`commitment`] what a worker binds
//!   itself to, [`sample`] which steps are checked, [`play`] what each role does.
//!
//! # Features
//! Both are on unless told otherwise. Whoever needs rules and commitments alone turns them off and builds neither engine:
//! - `wasm`: [`workload::WasmProgram`], [`workload::digits`] (wasmi, a parser of WebAssembly's text),
//! - `retrieval`: [`retrieval`] (Reed–Solomon).
//!
//! Of Bitcoin it knows one type, [`bitcoin_units::Amount`].
//!
//! ```
//! use narthex_game_model::{Outcome, Params, ParamsRecord, settle};
//!
//! let params = Params::new(ParamsRecord::example(3, 2, 800_000))?;
//! let payout = settle(&params, Outcome::Normal)?;
//! assert_eq!(payout.worker.to_sat(), 200_000 + 80_000);
//! assert_eq!(payout.total(), params.pot(Outcome::Normal));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arbiters;
pub mod bundle;
pub mod caps;
pub mod commitment;
pub mod computation;
pub mod detection;
pub mod dispute;
mod encoding;
pub mod game;
pub mod market;
pub mod params;
pub mod play;
pub mod ratio;
pub mod rational;
mod records;
#[cfg(feature = "retrieval")]
pub mod retrieval;
pub mod ruling;
pub mod sample;
pub mod schedule;
pub mod simulation;
pub mod text;
pub mod token;
pub mod workload;

/// Its types stand in this crate's signatures: whoever uses this one has them of the right version.
pub use secp256k1;

pub use narthex_base::tagged;

pub use arbiters::{Accusation, ArbiterSet, Ruling};
pub use bitcoin_units::Amount;
pub use params::settlement::{self, Outcome, Party, Payout, SettlementError, settle};
pub use params::{
    AcceptedJob, JobBounds, JobMisfit, PaperLocks, Params, ParamsError, ParamsRecord, Template,
    Windows,
};
pub use ratio::{Ratio, RatioError};
pub use schedule::{PanelSchedule, Schedule};
