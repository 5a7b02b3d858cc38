//! How a dispute stands at a tip of the chain.

use serde::{Deserialize, Serialize};

use super::entry::Side;
use crate::play::Finding;

/// How a dispute stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Standing {
    /// A side is to move.
    Pending {
        /// Whose turn it is.
        side: Side,
        /// Number of the move that is due.
        number: u32,
        /// Last height at which it counts.
        deadline: u32,
    },
    /// It would end so, but a reorganisation can still change the dates that say it. Nothing is
    /// ruled; a party whose move is missing sends it again.
    Shallow {
        /// What the ruling would be.
        finding: Finding,
        /// The height that decides: of the last entry, or the deadline that was missed.
        date: u32,
        /// How many blocks must lie above it.
        depth: u16,
    },
    /// The dispute has ended.
    Ruled(Finding),
}
