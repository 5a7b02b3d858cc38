//! Sealed deliveries on a chain: from the message to the recipient's reading of it.
//!
//! A [`Post`] holds the chain and all parties and makes their moves; [`DELIVER_STORIES`] are whole deliveries. What the
//! parties sign and check is in [`contracts::deliver`](narthex_contracts::deliver).

mod error;
mod liar;
mod moves;
mod post;
mod stories;

pub use error::PostError;
pub use post::{DEPTH, Post, PostOptions};
pub use stories::{DELIVER_STORIES, DeliverStory};

use narthex_regtest::Chain;

use crate::{
    play::ChainKind,
    table::{TableOutcome, TableReporter, start_chain},
};

/// Plays a story from an empty chain.
pub fn play_delivery(
    kind: ChainKind,
    story: &str,
    options: &PostOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, PostError> {
    let mut chain = start_chain(kind)?;
    play_delivery_on(chain.as_mut(), story, options, reporter)
}

/// Plays a story on a chain of the caller's.
pub fn play_delivery_on(
    chain: &mut dyn Chain,
    story: &str,
    options: &PostOptions,
    reporter: &mut dyn TableReporter,
) -> Result<TableOutcome, PostError> {
    let story = DELIVER_STORIES.iter().find(|known| known.name == story);
    let story = story.ok_or(PostError::UnknownStory)?;
    if options.agents < story.least_agents {
        let (given, least) = (options.agents, story.least_agents);
        return Err(PostError::Agents { given, least });
    }
    options.check()?;
    let mut post = Post::prepare(chain, options, reporter)?;
    (story.play)(&mut post)?;
    Ok(post.end(story.name))
}
