//! Into how many parts to cut: few large rounds, or many small ones.

use serde::{Deserialize, Serialize};

use super::terms::{MAX_FAN_OUT, MAX_UNITS};
use crate::caps::STATE_BYTES_PER_FUEL;
use crate::computation::StepNeeds;

/// Size of a signed move without its content: number, previous hash, kind, signature.
const MOVE_BYTES: u64 = 4 + 32 + 1 + 64;
/// A count or a part.
const COUNT_BYTES: u64 = 4;
const DIGEST_BYTES: u64 = 32;

/// What recording a move costs, in any one unit (satoshi, or seconds of waiting).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveCost {
    /// For each move whatever its size: a transaction's frame, a window's wait.
    pub per_move: u64,
    /// For each byte.
    pub per_byte: u64,
}

/// The longest search there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPlan {
    /// n.
    pub fan_out: u32,
    /// Rounds: a post and a choice each; ⌈log_n (M+2)⌉.
    pub rounds: u32,
    /// Moves: two a round and the reveal.
    pub moves: u32,
    /// Bytes of all moves, but for the state in the reveal.
    pub bytes: u64,
}

impl SearchPlan {
    /// What all moves cost, but for the state in the reveal.
    pub fn cost(&self, cost: MoveCost) -> u128 {
        u128::from(cost.per_move) * u128::from(self.moves)
            + u128::from(cost.per_byte) * u128::from(self.bytes)
    }
}

/// The longest search through a step of at most `max_units` units (above [`MAX_UNITS`], those) with
/// `fan_out` parts a round (from 2 to [`MAX_FAN_OUT`]; others are taken for the nearest of these).
pub fn plan(max_units: u64, fan_out: u32) -> SearchPlan {
    let fan_out = fan_out.clamp(2, MAX_FAN_OUT);
    let mut transitions = max_units.min(MAX_UNITS) + 2;
    // The reveal says how long the state is.
    let (mut rounds, mut bytes) = (0, MOVE_BYTES + COUNT_BYTES);
    while transitions > 1 {
        let parts = transitions.min(u64::from(fan_out));
        let post = MOVE_BYTES + COUNT_BYTES + DIGEST_BYTES * (parts - 1);
        let choice = MOVE_BYTES + COUNT_BYTES;
        bytes += post + choice;
        rounds += 1;
        transitions = transitions.div_ceil(parts);
    }
    SearchPlan {
        fan_out,
        rounds,
        moves: 2 * rounds + 1,
        bytes,
    }
}

/// The cheapest n for a step of at most `max_units` units; of several, the smallest.
///
/// With s = cost of two moves' frames and d = cost of a digest, a search costs about
/// log_n(M) · (s + n·d), least where n·(ln n − 1) = s/d. There are 1,023 candidates, so each is
/// tried, in integers.
pub fn cheapest_fan_out(max_units: u64, cost: MoveCost) -> SearchPlan {
    let first = plan(max_units, 2);
    (3..=MAX_FAN_OUT)
        .map(|fan_out| plan(max_units, fan_out))
        .fold(first, |best, next| {
            if next.cost(cost) < best.cost(cost) {
                next
            } else {
                best
            }
        })
}

/// Most fuel that one move takes: its party runs the step from its record to its last unit, once, and between any two
/// units its memory is made, filled and hashed.
pub(super) fn move_fuel(needs: &StepNeeds, max_units: u64) -> u128 {
    // Its start and its output are calls too.
    let calls = u128::from(max_units) + 2;
    let state = u128::from(needs.memory_bytes / STATE_BYTES_PER_FUEL);
    needs.step_fuel().saturating_add(state * calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_the_logarithm() {
        // M+2 transitions.
        for (units, fan_out, rounds) in [
            (0, 2, 1),
            (0, 1_024, 1),
            (6, 2, 3),
            (7, 2, 4),
            (998, 10, 3),
            (999, 10, 4),
            (MAX_UNITS, 2, 64),
            (u64::MAX, 1_024, 7),
        ] {
            assert_eq!(plan(units, fan_out).rounds, rounds, "{units} by {fan_out}");
        }
        assert_eq!(plan(9, 0), plan(9, 2));
        assert_eq!(plan(9, u32::MAX), plan(9, MAX_FAN_OUT));
    }

    #[test]
    fn dear_moves_make_large_rounds_and_dear_bytes_small_ones() {
        let units = 1 << 30;
        let pick = |per_move, per_byte| cheapest_fan_out(units, MoveCost { per_move, per_byte });
        let (bytes, moves) = (pick(0, 1), pick(1, 0));
        assert!(bytes.fan_out < 16, "{bytes:?}");
        assert_eq!(moves.rounds, plan(units, MAX_FAN_OUT).rounds);
        let between = pick(3_000, 1);
        assert!(bytes.fan_out < between.fan_out && between.rounds < bytes.rounds);
        // Nothing else is cheaper.
        let cost = MoveCost {
            per_move: 3_000,
            per_byte: 1,
        };
        assert!((2..=MAX_FAN_OUT).all(|n| plan(units, n).cost(cost) >= between.cost(cost)));
        assert!(
            pick(u64::MAX, u64::MAX).cost(MoveCost {
                per_move: u64::MAX,
                per_byte: u64::MAX
            }) > 0
        );
    }
}
