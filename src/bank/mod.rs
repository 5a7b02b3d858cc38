//! Penny banks on a chain: from the first coin to the last balance.
//!
//! A [`Desk`] holds the chain, both parties and their wallets and makes their moves; [`BANK_STORIES`] are whole lives
//! of banks. At an [`Exchange`] sit customers and the bankers between them; [`BANKER_STORIES`] are theirs. [`measure`] times openings and payments. What the parties sign and check is in
//! [`contracts::bank`](narthex_contracts::bank) and [`channel::bank`](narthex_channel::bank).

mod banker_stories;
mod bench;
mod container;
mod desk;
mod error;
mod exchange;
mod kept;
mod moves;
mod passing;
mod stories;

pub use banker_stories::{BANKER_STORIES, BankerStory};
pub use bench::{Pace, measure};
pub use desk::{Desk, DeskOptions};
pub use error::DeskError;
pub use exchange::Exchange;
pub use kept::{Due, KeptBank, KeptChain, KeptError, KeptStanding};
pub use moves::Resumption;
pub use stories::{BANK_STORIES, BankStory};

use narthex_regtest::Chain;

use crate::{
    play::ChainKind,
    table::{TableOutcome, TableReporter, start_chain},
};

/// Plays a story from an empty chain.
pub fn play_bank(
    kind: ChainKind,
    story: &str,
    options: &DeskOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, DeskError> {
    let mut chain = start_chain(kind)?;
    play_bank_on(chain.as_mut(), story, options, reporter)
}

/// Plays a story on a chain of the caller's.
pub fn play_bank_on(
    chain: &mut dyn Chain,
    story: &str,
    options: &DeskOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, DeskError> {
    options.check()?;
    if let Some(story) = BANKER_STORIES.iter().find(|known| known.name == story) {
        let mut exchange = Exchange::prepare(chain, options, story.bankers, reporter)?;
        (story.play)(&mut exchange)?;
        let outcome = exchange.outcome(story.name);
        return Ok(exchange.table().end(outcome));
    }
    let story = BANK_STORIES.iter().find(|known| known.name == story);
    let story = story.ok_or(DeskError::UnknownStory)?;
    let mut desk = Desk::prepare(chain, options, reporter)?;
    (story.play)(&mut desk)?;
    Ok(desk.end(story.name))
}
