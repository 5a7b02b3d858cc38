//! Sealed deliveries on a chain: from the message to the recipient's reading of it.
//!
//! A [`DeliveryPlay`] holds the chain and all parties and makes their moves; [`DELIVER_SCENARIOS`] are whole deliveries. What the
//! parties sign and check is in [`contracts::deliver`](narthex_contracts::deliver).

mod error;
mod liar;
mod moves;
mod play;
mod scenarios;

pub use error::ScenarioError;
pub use play::{DEPTH, DeliveryOptions, DeliveryPlay};
pub use scenarios::{DELIVER_SCENARIOS, Scenario};

use narthex_regtest::Chain;

use crate::{
    harness::{Outcome, Reporter, start_chain},
    play::ChainKind,
};

/// Plays a scenario from an empty chain.
pub fn play_delivery(
    kind: ChainKind,
    scenario: &str,
    options: &DeliveryOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let mut chain = start_chain(kind)?;
    play_delivery_on(chain.as_mut(), scenario, options, reporter)
}

/// Plays a scenario on a chain of the caller's.
pub fn play_delivery_on(
    chain: &mut dyn Chain,
    scenario: &str,
    options: &DeliveryOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let scenario = DELIVER_SCENARIOS
        .iter()
        .find(|known| known.name == scenario);
    let scenario = scenario.ok_or(ScenarioError::UnknownStory)?;
    if options.agents < scenario.least_agents {
        let (given, least) = (options.agents, scenario.least_agents);
        return Err(ScenarioError::Agents { given, least });
    }
    options.check()?;
    let mut play = DeliveryPlay::prepare(chain, options, reporter)?;
    (scenario.play)(&mut play)?;
    Ok(play.end(scenario.name))
}
