//! Bounties with recomputer line-ups on a chain: from the first coin to the last balance.
//!
//! A [`Board`] holds the chain, requester, recomputers and their wallets and makes their moves; [`BOUNTY_STORIES`] are whole
//! lives of bounties; [`price`] says what a bounty costs each party. What the parties sign and check is in
//! [`contracts::bounty`](narthex_contracts::bounty).

mod board;
mod error;
mod forward;
mod hiring;
mod moves;
mod price;
mod stories;
mod work;

pub use board::{Board, BoardOptions, Hired};
pub use error::BoardError;
pub use moves::Conduct;
pub use price::{Cost, Prices, price};
pub use stories::{BOUNTY_STORIES, BountyStory};

use narthex_regtest::Chain;

use crate::{
    play::ChainKind,
    table::{TableOutcome, TableReporter, start_chain},
};

/// Plays a story from an empty chain.
pub fn play_bounty(
    kind: ChainKind,
    story: &str,
    options: &BoardOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, BoardError> {
    let mut chain = start_chain(kind)?;
    play_bounty_on(chain.as_mut(), story, options, reporter)
}

/// Plays a story on a chain of the caller's.
pub fn play_bounty_on(
    chain: &mut dyn Chain,
    story: &str,
    options: &BoardOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, BoardError> {
    let story = BOUNTY_STORIES.iter().find(|known| known.name == story);
    let story = story.ok_or(BoardError::UnknownStory)?;
    let spare = options.recomputers.saturating_sub(options.quorum);
    if spare < story.spare {
        return Err(BoardError::Figures("more recomputers than the quorum"));
    }
    let mut board = Board::prepare(chain, options, reporter)?;
    // Nothing is funded yet; what no terms take they have said.
    options.check()?;
    (story.play)(&mut board)?;
    Ok(board.end(story.name))
}
