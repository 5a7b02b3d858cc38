//! Gated slices on a chain: from the first coin to the last balance.
//!
//! A [`SlicePlay`] holds the chain, a client and its providers with their wallets and makes their moves; [`SliceOptions`]
//! has the scenarios, whole slices, honest and not. What the parties sign and check is in
//! [`contracts::slice`](narthex_contracts::slice): sides that are called, not machines.

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
