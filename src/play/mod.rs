//! Contracts played from funding to their end: real wallets, real keys, a real job, on a regtest chain.
//!
//! A [`Story`] says which moves are made; a [`Scene`] holds the chain and the parties and makes them. Everything
//! that happens is reported as an [`Event`], for people and for programs.

mod actor;
mod case;
mod error;
mod event;
mod job;
mod ledger;
mod options;
mod panel;
mod publish;
mod records;
mod scene;
mod setup;
mod stories;
mod work;

pub use actor::Actor;
pub use error::PlayError;
pub use event::{DecryptedDigits, DecryptedOutputs, DecryptedResult, Event, Outcome, Reporter};
pub use options::{JobFile, PlayOptions};
pub use scene::Scene;
pub use stories::{STORIES, Story, find_story};

pub use crate::table::{ChainKind, PartyBalance, Step, TransactionEvent};

use narthex_regtest::Chain;

use crate::table::start_chain;

/// Plays one story from an empty chain to the last balance.
pub fn play(options: &PlayOptions, reporter: &mut dyn Reporter) -> Result<Outcome, PlayError> {
    let mut chain = start_chain(options.chain)?;
    play_on(chain.as_mut(), options, reporter)
}

/// Plays one story on a chain of the caller's.
pub fn play_on(
    chain: &mut dyn Chain,
    options: &PlayOptions,
    reporter: &mut dyn Reporter,
) -> Result<Outcome, PlayError> {
    let story = find_story(options.template, &options.story)?;
    let mut scene = Scene::prepare(chain, options, reporter)?;
    let ending = (story.play)(&mut scene)?;
    scene.finish(story, ending)
}
