//! Figures that terms take and scenarios do not: a scenario needs room to go on, and money to pay with.

use std::{fmt::Display, ops::RangeInclusive};

/// Most blocks that a scenario waits for at a time: each is mined.
pub(crate) const MOST_BLOCKS: u64 = 10_000;

/// Most satoshi that a scenario locks: a wallet in the play has coins of 50 BTC, and one of them must pay for it.
pub(crate) const MOST_SAT: u64 = 4_900_000_000;

/// An option that no scenario can be played with. Whoever named it is at fault; nothing was played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given}: scenarios take {least} to {most}, {why}")]
pub struct Unplayable {
    what: &'static str,
    given: u64,
    least: u64,
    most: u64,
    why: String,
}

/// Whether a figure is one that scenarios are played with; `why` says where the bounds come from.
pub(crate) fn playable(
    what: &'static str,
    given: impl Into<u64>,
    range: RangeInclusive<u64>,
    why: impl Display,
) -> Result<(), Unplayable> {
    let given = given.into();
    match range.contains(&given) {
        true => Ok(()),
        false => Err(Unplayable {
            what,
            given,
            least: *range.start(),
            most: *range.end(),
            why: why.to_string(),
        }),
    }
}

/// Why a scenario locks no more than [`MOST_SAT`].
pub(crate) const ONE_COIN: &str =
    "since a wallet with coins of 50 BTC, which must pay fees too, cannot pay more";

/// Why a scenario waits for no more than [`MOST_BLOCKS`].
pub(crate) const MINED: &str = "since each block is mined";
