//! How likely a draw without replacement finds what is bad: steps of a job, chunks of a file.

use num_bigint::BigUint;
use num_traits::One;

use crate::rational::Rational;

/// Probability that `sample` distinct steps, drawn evenly from `steps`, hold at least one of `bad`
/// steps: 1 − C(N−m, k) / C(N, k). More than there are count as all of them.
///
/// The cost grows with the smaller of `bad` and `sample`.
pub fn hit_probability(steps: u64, bad: u64, sample: u64) -> Rational {
    let (bad, sample) = (bad.min(steps), sample.min(steps));
    let (few, many) = (bad.min(sample), bad.max(sample));
    // C(N−m, k) / C(N, k) = Π_{i<m} (N−k−i) / (N−i), and m and k may change places.
    let mut missed = BigUint::one();
    let mut all = BigUint::one();
    for i in 0..few {
        missed *= (steps - many).saturating_sub(i);
        all *= steps - i;
    }
    Rational::one() - Rational::new(missed.into(), all.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rational::exact;

    #[test]
    fn agrees_with_counting() {
        // 10 steps, 2 bad, 3 sampled: C(8,3) = 56 of C(10,3) = 120 samples miss.
        let p = hit_probability(10, 2, 3);
        assert_eq!(p, Rational::new((120 - 56).into(), 120.into()));
        assert_eq!(hit_probability(10, 3, 2), p);
        assert_eq!(hit_probability(10, 0, 3), exact(0));
        assert_eq!(hit_probability(10, 1, 10), exact(1));
        assert_eq!(hit_probability(10, 8, 3), exact(1));
        assert_eq!(hit_probability(10, 99, 1), exact(1));
        assert_eq!(
            hit_probability(1_000, 1, 100),
            Rational::new(1.into(), 10.into())
        );
    }

    #[test]
    fn a_percent_of_bad_steps_as_the_specification_says() {
        for (sample, percent) in [(100, 63), (300, 95), (460, 99)] {
            let p = hit_probability(1_000_000, 10_000, sample) * exact(100);
            assert_eq!(p.to_integer(), percent.into(), "{sample} sampled");
        }
    }
}
