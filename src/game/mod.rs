//! What the command line adds to the game model: fees from real transactions, and charts.

pub mod chart;
pub mod fees;
pub mod templates;

use narthex_game_model::{ParamsRecord, game::Economics};
use serde::{Deserialize, Serialize};

/// A contract's parameters with the costs and values of its parties: what `narthex game` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The parameter record, checked when the game is built.
    pub params: ParamsRecord,
    /// Costs and values.
    pub economics: Economics,
}
