//! Bounties with recomputer line-ups on a chain: from the first coin to the last balance.
//!
//! A [`BountyPlay`] holds the chain, requester, recomputers and their wallets and makes their moves; [`BOUNTY_SCENARIOS`] are whole
//! lives of bounties; [`price`] says what a bounty costs each party. What the parties sign and check is in
//! [`contracts::bounty`](narthex_contracts::bounty).

mod error;
mod forward;
mod hiring;
mod moves;
mod play;
mod price;
mod scenarios;
mod work;

pub use error::ScenarioError;
pub use moves::Conduct;
pub use play::{BountyOptions, BountyPlay, Hired};
pub use price::{Cost, Prices, price};
pub use scenarios::{BOUNTY_SCENARIOS, Scenario};

use narthex_regtest::Chain;

use crate::{
    harness::{Outcome, Reporter, start_chain},
    play::ChainKind,
};

/// Plays a scenario from an empty chain.
pub fn play_bounty(
    kind: ChainKind,
    scenario: &str,
    options: &BountyOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let mut chain = start_chain(kind)?;
    play_bounty_on(chain.as_mut(), scenario, options, reporter)
}

/// Plays a scenario on a chain of the caller's.
pub fn play_bounty_on(
    chain: &mut dyn Chain,
    scenario: &str,
    options: &BountyOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let scenario = BOUNTY_SCENARIOS.iter().find(|known| known.name == scenario);
    let scenario = scenario.ok_or(ScenarioError::UnknownStory)?;
    let spare = options.recomputers.saturating_sub(options.quorum);
    if spare < scenario.spare {
        return Err(ScenarioError::Figures("more recomputers than the quorum"));
    }
    let mut play = BountyPlay::prepare(chain, options, reporter)?;
    // Nothing is funded yet; what no terms take they have said.
    options.check()?;
    (scenario.play)(&mut play)?;
    Ok(play.end(scenario.name))
}
