//! What theory says, as exact fractions.

use num_traits::{One, Zero};

use crate::detection::hit_probability;
use crate::ratio::Ratio;
use crate::rational::{Rational, fraction};

/// Most factors of a product: larger ones take minutes.
pub const MAX_FACTORS: u64 = 10_000;

/// C(N−m, k) / C(N, k): that k distinct steps of N, drawn at random, miss all m bad ones.
///
/// # Errors
/// [`ClosedFormError`] if there are not so many steps, or the numbers are too large.
pub fn miss(steps: u64, bad: u64, sample: u64) -> Result<Rational, ClosedFormError> {
    if bad > steps || sample > steps {
        return Err(ClosedFormError::NoSuchSteps { steps, bad, sample });
    }
    check_factors(bad.min(sample))?;
    Ok(Rational::one() - hit_probability(steps, bad, sample))
}

/// 1 − C(N−m, k) / C(N, k): that the sample has a bad step.
///
/// # Errors
/// As [`miss`].
pub fn detection(steps: u64, bad: u64, sample: u64) -> Result<Rational, ClosedFormError> {
    Ok(Rational::one() - miss(steps, bad, sample)?)
}

/// 1 − (1−x)^k: [`detection`] for a share x of ever more steps. It is less than for any number of
/// steps, so it may be promised.
///
/// # Errors
/// [`ClosedFormError`] for a share above 1, or too large a sample.
pub fn detection_limit(share: Ratio, sample: u64) -> Result<Rational, ClosedFormError> {
    Ok(Rational::one() - power_of_rest(share, sample)?)
}

/// C(N, k) / C(N−m, k): how many trees a worker makes on average until the sample that follows from
/// the root alone misses its m bad steps.
///
/// # Errors
/// As [`miss`]; [`ClosedFormError::Never`] if no sample misses them.
pub fn grinding_tries(steps: u64, bad: u64, sample: u64) -> Result<Rational, ClosedFormError> {
    let miss = miss(steps, bad, sample)?;
    if miss.is_zero() {
        return Err(ClosedFormError::Never);
    }
    Ok(miss.recip())
}

/// (1−σ)^−m: [`grinding_tries`] for a sampled share σ of ever more steps.
///
/// # Errors
/// [`ClosedFormError`] for a share of 1 or more, or too many bad steps.
pub fn grinding_tries_limit(sigma: Ratio, bad: u64) -> Result<Rational, ClosedFormError> {
    let miss = power_of_rest(sigma, bad)?;
    if miss.is_zero() {
        return Err(ClosedFormError::Never);
    }
    Ok(miss.recip())
}

/// Σ C(n, i) p^i (1−p)^(n−i) over i ≥ k: that at least k of n arbiters find what is right, each
/// with probability p on its own.
///
/// # Errors
/// [`ClosedFormError`] for a probability above 1.
pub fn majority(arbiters: u8, quorum: u8, right: Ratio) -> Result<Rational, ClosedFormError> {
    let wrong = fraction(right.complement().ok_or(ClosedFormError::AboveOne(right))?);
    let right = fraction(right);
    let power = |base: &Rational, times: u8| num_traits::pow(base.clone(), times.into());
    let ways = |i: u8| {
        let terms = (0..i).map(|j| Rational::new((arbiters - j).into(), (j + 1).into()));
        terms.product::<Rational>()
    };
    Ok((quorum..=arbiters)
        .map(|i| ways(i) * power(&right, i) * power(&wrong, arbiters - i))
        .sum())
}

fn power_of_rest(share: Ratio, times: u64) -> Result<Rational, ClosedFormError> {
    let rest = share.complement().ok_or(ClosedFormError::AboveOne(share))?;
    check_factors(times)?;
    // At most `MAX_FACTORS`, so it fits.
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    Ok(num_traits::pow(fraction(rest), times))
}

fn check_factors(factors: u64) -> Result<(), ClosedFormError> {
    if factors > MAX_FACTORS {
        return Err(ClosedFormError::TooLarge { factors });
    }
    Ok(())
}

/// Why a closed form has no value. The caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosedFormError {
    /// More bad or sampled steps than there are.
    #[error("{bad} bad and {sample} sampled steps of {steps}")]
    NoSuchSteps {
        /// N.
        steps: u64,
        /// m.
        bad: u64,
        /// k.
        sample: u64,
    },
    /// A probability or share above 1.
    #[error("{0} is no share: it is above 1")]
    AboveOne(Ratio),
    /// A product of more than [`MAX_FACTORS`] factors.
    #[error("a product of {factors} factors; at most {MAX_FACTORS} are computed exactly")]
    TooLarge {
        /// Number of factors.
        factors: u64,
    },
    /// What is waited for never happens.
    #[error("every sample has a bad step: no number of tries is enough")]
    Never,
}
