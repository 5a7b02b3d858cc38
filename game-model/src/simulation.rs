//! Games played by strategies, thousands at a time, and what theory says of them.
//!
//! Each game is the real protocol: real trees and commitments, samples drawn from real seeds, blind
//! digests committed to before the opening, verdicts, evidence, judging, and the settlement table to
//! the satoshi. Only the steps are cheap ([`IndexHash`]), and coins do not move.
//!
//! - [`Setup`] is who plays how, under which parameters; [`Arena::play`] plays one game,
//!   [`Arena::run`] many; [`Tally`] adds them up exactly.
//! - [`detection_by_seeds`] draws samples alone, for large numbers.
//! - [`closed`] has the closed forms as exact fractions.
//!
//! All randomness of game g comes from the run's seed and g: a game can be played again alone.

/// `Self` with the sum of both in each of these fields, and other fields as they are given behind them; the compiler asks
/// for every one.
macro_rules! sum_fields {
    ($a:ident + $b:ident, $($field:ident),+ $(; $($other:ident: $value:expr),+)?) => {
        Self {
            $($field: $a.$field + $b.$field,)+
            $($($other: $value,)+)?
        }
    };
}

mod arena;
pub mod closed;
mod detect;
mod dice;
mod league;
mod panel;
mod setup;
mod tally;

pub use arena::{Arena, Game, Grinding, SimulationError};
pub use detect::{Detection, detection_by_seeds};
pub use dice::Dice;
pub use league::{LeagueExpectation, LeagueGame, LeaguePlay, LeaguePlayError, LeagueTally};
pub use panel::{Arbitration, arbitrate};
pub use setup::{Costs, IndexHash, MAX_STEPS, RootRule, SeedRule, Setup, SetupError, Unbacked};
pub use tally::{Sums, Tally};
