//! A colour for each party, by its place in the canonical order: no template chooses any.

use crate::party::PartyId;

/// One for each of the three principals and the fifteen seats of the largest panel. The first eight are far apart for
/// colour-blind readers too; neighbours further on differ in hue and in lightness.
const PARTIES: [&str; 18] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b3294", "#8c6d31",
    "#b2182b", "#66c2a5", "#5e4fa2", "#bf812d", "#1b7837", "#f781bf", "#35978f", "#a6761d",
    "#6a3d9a", "#999933",
];

/// The common fund, which is no party.
pub(super) const FUND: &str = "#666666";

/// Coins that stay in the contract.
pub(super) const CONTRACT: &str = "#cccccc";

/// A line that more parties than it has room for may draw.
pub(super) const ANYBODY: &str = "#999999";

/// The colour of a party.
pub(super) fn of(party: PartyId) -> &'static str {
    PARTIES.get(party.index()).copied().unwrap_or(ANYBODY)
}
