//! Penny banks on a chain: from the first coin to the last balance.
//!
//! A [`BankPlay`] holds the chain, both parties and their wallets and makes their moves; [`BANK_SCENARIOS`] are whole lives
//! of banks. At an [`BankersPlay`] sit customers and the bankers between them; [`BANKER_SCENARIOS`] are theirs. [`measure`] times openings and payments. What the parties sign and check is in
//! [`contracts::bank`](narthex_contracts::bank) and [`channel::bank`](narthex_channel::bank).

mod banker_scenarios;
mod bench;
mod container;
mod error;
mod kept;
mod moves;
mod passing;
mod play;
mod play;
mod scenarios;

pub use banker_scenarios::{BANKER_SCENARIOS, Scenario};
pub use bench::{Pace, measure};
pub use error::ScenarioError;
pub use kept::{Due, KeptBank, KeptChain, KeptError, KeptStanding};
pub use moves::Resumption;
pub use play::BankersPlay;
pub use play::{BankOptions, BankPlay};
pub use scenarios::{BANK_SCENARIOS, Scenario};

use narthex_regtest::Chain;

use crate::{
    harness::{Outcome, Reporter, start_chain},
    play::ChainKind,
};

/// Plays a scenario from an empty chain.
pub fn play_bank(
    kind: ChainKind,
    scenario: &str,
    options: &BankOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    let mut chain = start_chain(kind)?;
    play_bank_on(chain.as_mut(), scenario, options, reporter)
}

/// Plays a scenario on a chain of the caller's.
pub fn play_bank_on(
    chain: &mut dyn Chain,
    scenario: &str,
    options: &BankOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, ScenarioError> {
    options.check()?;
    if let Some(scenario) = BANKER_SCENARIOS.iter().find(|known| known.name == scenario) {
        let mut play = BankersPlay::prepare(chain, options, scenario.bankers, reporter)?;
        (scenario.play)(&mut play)?;
        let outcome = play.outcome(scenario.name);
        return Ok(play.harness().end(outcome));
    }
    let scenario = BANK_SCENARIOS.iter().find(|known| known.name == scenario);
    let scenario = scenario.ok_or(ScenarioError::UnknownStory)?;
    let mut play = BankPlay::prepare(chain, options, reporter)?;
    (scenario.play)(&mut play)?;
    Ok(play.end(scenario.name))
}
