//! Gated slices on a chain: from the first coin to the last balance.
//!
//! A [`SlicePlay`] has a client and its providers, each a machine of [`narthex_channel::slice`] with its log, wallet and signer:
//! it shows them the chain, carries what they send, and carries out what they have pending. [`SliceOptions`] has the
//! scenarios, whole slices, honest and not.

mod cheats;
mod job;
mod moves;
mod play;
mod scenarios;

pub use job::{NoSlice, SliceJob};
pub use play::{SliceOptions, SlicePlay};

use narthex_contracts::slice::SliceError;
use narthex_game_model::workload::RecordsError;

crate::harness::refusals!(SliceError, RecordsError, NoSlice);
