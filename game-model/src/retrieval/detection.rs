//! How likely an audit catches a loss, in exact fractions.
//!
//! m of N chunks are lost, k distinct ones are challenged. The audit misses with
//! C(N−m, k) / C(N, k), which is at most (1−x)^k for x = m/N; so 1 − (1−x)^k is what can be promised
//! whatever N is.

use num_rational::BigRational;
use num_traits::One;

use super::shape::Shape;
use crate::detection::hit_probability;

/// Probability that at least one of `lost` chunks is among `challenged` distinct ones drawn from
/// `chunks`; 1 if there are too few others to draw. Numbers beyond `chunks` count as `chunks`.
pub fn caught(chunks: u32, lost: u32, challenged: u32) -> BigRational {
    hit_probability(chunks.into(), lost.into(), challenged.into())
}

/// 1 − (1−x)^k: at least this likely is the loss of a share x of the chunks caught by k challenged
/// ones, however many there are. `share` outside 0..=1 is cut off there.
pub fn promised(share: &BigRational, challenged: u32) -> BigRational {
    let one = BigRational::one();
    let share = share.clone().clamp(BigRational::default(), one.clone());
    let power = i32::try_from(challenged).unwrap_or(i32::MAX);
    one.clone() - (one - share).pow(power)
}

/// Fewest chunks to challenge so that the loss of `lost` of `chunks` is caught with at least the
/// probability `wanted`; `None` if nothing is lost, or `wanted` is above 1.
pub fn challenges(chunks: u32, lost: u32, wanted: &BigRational) -> Option<u32> {
    let enough = |challenged| caught(chunks, lost, challenged) >= *wanted;
    // Doubling first: products stay as short as the answer asks for.
    let mut high = 1;
    while !enough(high) {
        if high >= chunks {
            return None;
        }
        high = chunks.min(high.saturating_mul(2));
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Fewest chunks to challenge so that a file which is past recovery (more than M chunks lost) is
/// found out with at least the probability `wanted`.
pub fn challenges_for_recovery(shape: Shape, wanted: &BigRational) -> Option<u32> {
    let chunks = u32::try_from(shape.chunks()).ok()?;
    let lost = u32::try_from(shape.parity_chunks() + 1).ok()?;
    challenges(chunks, lost, wanted)
}
