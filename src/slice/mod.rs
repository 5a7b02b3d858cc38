//! Gated slices on a chain: from the first coin to the last balance.
//!
//! A [`Gate`] holds the chain, a client and its providers with their wallets and makes their moves;
//! [`SLICE_STORIES`] are whole slices, honest and not. What the parties sign and check is in
//! [`contracts::slice`](narthex_contracts::slice).

mod cheats;
mod error;
mod gate;
mod job;
mod moves;
mod stories;

pub use error::GateError;
pub use gate::{Gate, GateOptions};
pub use job::SliceJob;
pub use stories::{SLICE_STORIES, SliceStory};

use narthex_regtest::Chain;

use crate::{
    play::ChainKind,
    table::{TableOutcome, TableReporter, start_chain},
};

/// Plays a story from an empty chain.
pub fn play_slice(
    kind: ChainKind,
    story: &str,
    options: &GateOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, GateError> {
    let mut chain = start_chain(kind)?;
    play_slice_on(chain.as_mut(), story, options, reporter)
}

/// Plays a story on a chain of the caller's.
pub fn play_slice_on(
    chain: &mut dyn Chain,
    story: &str,
    options: &GateOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, GateError> {
    let story = SLICE_STORIES.iter().find(|known| known.name == story);
    let story = story.ok_or(GateError::UnknownStory)?;
    options.check()?;
    let mut gate = Gate::prepare(chain, options, reporter)?;
    (story.play)(&mut gate)?;
    Ok(gate.end(story.name))
}
