//! e^x − 1 and powers with fractional exponents in integers: the same bits on every machine.

use num_bigint::BigUint;

/// Bits behind the point of a discount.
const FRACTION_BITS: u32 = 64;

/// 1 with [`FRACTION_BITS`] bits behind the point.
pub(super) const ONE: u128 = 1 << FRACTION_BITS;

/// min(1, e^x − 1) with 64 bits behind the point, for x = `num`/`den`.
///
/// The Taylor series with every term rounded down. x is below 1 where the result is not 1 anyway; from the 21st on
/// the terms are below 2⁻⁶⁴, and each of those before loses less than 2 units. So the result is never above the true
/// value, and below it by less than 2⁻⁵⁸; and it never falls when x grows.
pub(super) fn exp_minus_one(num: u128, den: u128) -> u128 {
    if num >= den {
        return ONE;
    }
    // num < den < 2⁵⁷ (see `Interest`), so the shift fits.
    let x = (num << FRACTION_BITS) / den;
    let (mut term, mut sum) = (x, 0u128);
    let mut k = 1;
    while term > 0 {
        sum += term;
        k += 1;
        term = ((term * x) >> FRACTION_BITS) / k;
    }
    sum.min(ONE)
}

/// ⌊2^`extra_bits` · (`base` / 2⁶⁴)^(`num`/`den`)⌋, exactly; `den` must not be 0. `None` if it does not fit.
pub(super) fn power(base: u128, num: u32, den: u32, extra_bits: u32) -> Option<u128> {
    if base == 0 {
        return Some(0);
    }
    // The floor of a root of a floor is the floor of the root, so rounding happens once.
    let raised = BigUint::from(base).pow(num) << (u64::from(extra_bits) * u64::from(den));
    let scaled = raised >> (u64::from(FRACTION_BITS) * u64::from(num));
    scaled.nth_root(den).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{ONE, exp_minus_one, power};

    #[test]
    fn the_exponential_is_below_the_truth_by_little_and_never_falls() {
        let mut last = 0;
        for i in 0..=20_000u128 {
            let found = exp_minus_one(i, 20_000);
            assert!(found >= last, "falls at {i}");
            last = found;
            // A double has 53 bits: this checks the curve, `digits_of_known_values` its last bits.
            let exact = (i as f64 / 20_000.0).exp_m1().min(1.0);
            assert!((found as f64 / ONE as f64 - exact).abs() < 1e-15, "{i}");
        }
        assert_eq!((exp_minus_one(0, 1), last), (0, ONE));
    }

    /// e − 1 of 1/2, 1/10 and 3/200 to 64 bits, computed with 60 decimal digits elsewhere.
    #[test]
    fn digits_of_known_values() {
        for (num, den, truth) in [
            (1, 2, 11_966_795_255_776_918_679u128),
            (1, 10, 1_940_061_009_738_545_583),
            (3, 200, 278_786_835_135_603_603),
        ] {
            let found = exp_minus_one(num, den);
            assert!(
                found <= truth && truth - found < 1 << 6,
                "{num}/{den}: {found}"
            );
        }
    }

    #[test]
    fn powers_are_floors() {
        let base = |n: u128| n * ONE;
        assert_eq!(power(base(100), 3, 2, 0), Some(1_000));
        assert_eq!(power(base(100) - 1, 3, 2, 0), Some(999));
        assert_eq!(power(base(1 << 50), 13, 10, 0), Some(1 << 65));
        assert_eq!(power(base(2), 1, 2, 16), Some(92_681));
        assert_eq!(power(0, 13, 10, 16), Some(0));
        assert_eq!(power(u128::MAX, 2, 1, 16), None);
    }
}
