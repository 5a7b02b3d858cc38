//! Heights that follow from the parameters.

use narthex_game_model::Params;

/// Height from which an arbiter may take its stake back alone: after the last move of the longest story in which
/// everybody uses its whole window.
pub fn stake_unlock_height(params: &Params) -> u32 {
    let w = params.windows();
    let verdict = u32::from(w.verdict_blocks);
    let complete = u32::from(w.complete_blocks);
    let dispute = u32::from(w.appeal_blocks) + 2 * u32::from(w.decide_blocks);
    params.deliver_height() + verdict + complete.max(dispute)
}
