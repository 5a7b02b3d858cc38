//! Gated slices on a chain: from the first coin to the last balance.
//!
//! A [`SlicePlay`] holds the chain, a client and its providers with their wallets and makes their moves;
//! [`SLICE_SCENARIOS`] are whole slices, honest and not. What the parties sign and check is in
//! [`contracts::slice`](narthex_contracts::slice).

mod cheats;
mod error;
mod job;
mod moves;
mod play;
mod scenarios;

pub use error::ScenarioError;
pub use job::SliceJob;
pub use play::{SliceOptions, SlicePlay};
pub use scenarios::{SLICE_SCENARIOS, Scenario};

use narthex_regtest::Chain;

use crate::{
    harness::{Outcome, Reporter, start_chain},
    play::ChainKind,
};

/// Plays a scenario from an empty chain.
pub fn play_slice(
    kind: ChainKind,
    scenario: &str,
    options: &SliceOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let mut chain = start_chain(kind)?;
    play_slice_on(chain.as_mut(), scenario, options, reporter)
}

/// Plays a scenario on a chain of the caller's.
pub fn play_slice_on(
    chain: &mut dyn Chain,
    scenario: &str,
    options: &SliceOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let scenario = SLICE_SCENARIOS.iter().find(|known| known.name == scenario);
    let scenario = scenario.ok_or(ScenarioError::UnknownStory)?;
    options.check()?;
    let mut play = SlicePlay::prepare(chain, options, reporter)?;
    (scenario.play)(&mut play)?;
    Ok(play.end(scenario.name))
}
