//! Contracts played from funding to their end: real wallets, real keys, a real job, on a regtest chain.
//!
//! A [`Scenario`] says which moves are made; a [`ContractPlay`] holds the chain and the parties and makes them. Everything
//! that happens is reported as an [`Event`], for people and for programs.

mod case;
mod contract;
mod error;
mod event;
mod job;
mod ledger;
mod options;
mod panel;
mod participant;
mod publish;
mod records;
mod scenarios;
mod setup;
mod token;
mod work;

pub use contract::ContractPlay;
pub use error::PlayError;
pub use event::{DecryptedDigits, DecryptedOutputs, DecryptedResult, Event, Outcome, Reporter};
pub use options::{JobFile, PlayOptions};
pub use participant::ContractParticipant;
pub use scenarios::{SCENARIOS, Scenario, find_scenario};

pub use crate::harness::{ChainKind, PartyBalance, Step, TransactionEvent};

use narthex_regtest::Chain;

use crate::harness::start_chain;

/// Plays one scenario from an empty chain to the last balance.
pub fn play(options: &PlayOptions, reporter: &mut dyn Reporter) -> Result<Outcome, PlayError> {
    let mut chain = start_chain(options.chain)?;
    play_on(chain.as_mut(), options, reporter)
}

/// Plays one scenario on a chain of the caller's.
pub fn play_on(
    chain: &mut dyn Chain,
    options: &PlayOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, PlayError> {
    let scenario = find_scenario(options.template, &options.scenario)?;
    let mut play = ContractPlay::prepare(chain, options, reporter)?;
    let ending = (scenario.play)(&mut play)?;
    play.finish(scenario, ending)
}
