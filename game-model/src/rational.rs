//! Exact fractions of any size, for probabilities and for the game: a claim about an equilibrium or
//! about what is found out never rests on a rounded number. (Money has [`crate::Ratio`].)

use bitcoin_units::Amount;
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};

use crate::ratio::Ratio;

/// An exact fraction of any size.
pub type Rational = BigRational;

/// A whole number.
pub fn exact(value: impl Into<BigInt>) -> Rational {
    Rational::from_integer(value.into())
}

pub(crate) fn sat(amount: Amount) -> Rational {
    exact(amount.to_sat())
}

/// A fraction of the contract's.
pub fn fraction(ratio: Ratio) -> Rational {
    Rational::new(ratio.numerator().into(), ratio.denominator().into())
}

/// A readable form with at most `places` decimals, for display only.
///
/// Rounded towards zero; a value that is cut short ends in `…`.
pub fn rounded(value: &Rational, places: u32) -> String {
    let scale = BigInt::from(10_u8).pow(places);
    let scaled = (value.abs() * Rational::from_integer(scale.clone())).trunc();
    let cut = if scaled == value.abs() * Rational::from_integer(scale.clone()) {
        ""
    } else {
        "…"
    };
    let digits = scaled.to_integer();
    let (whole, part) = (&digits / &scale, &digits % &scale);
    let sign = if value.is_negative() { "-" } else { "" };
    let part = format!("{part:0width$}", width = places as usize);
    let part = part.trim_end_matches('0');
    if part.is_empty() || places == 0 {
        format!("{sign}{whole}{cut}")
    } else {
        format!("{sign}{whole}.{part}{cut}")
    }
}

/// The mean of values, each with its probability.
///
/// Probabilities that share a long denominator are added up over it and reduced once: a product and a sum of
/// fractions each reduce, and that is what long ones cost.
pub(crate) fn mean<'a>(branches: impl Iterator<Item = (&'a Rational, Rational)>) -> Rational {
    let mut numerator = BigInt::from(0);
    let mut shared = BigInt::from(1);
    let mut values = BigInt::from(1);
    for (p, value) in branches {
        if *p.denom() != shared {
            let both = shared.lcm(p.denom());
            numerator *= &both / &shared;
            shared = both;
        }
        if values != *value.denom() {
            let both = values.lcm(value.denom());
            numerator *= &both / &values;
            values = both;
        }
        numerator += p.numer() * (&shared / p.denom()) * value.numer() * (&values / value.denom());
    }
    Rational::new(numerator, shared * values)
}

/// A fraction that is no more than 2⁻⁶⁴ below this one and short to reckon with: for a search whose result is then
/// asked with the exact one. Short fractions stay as they are.
pub(crate) fn shortened(value: &Rational) -> Rational {
    const BITS: u64 = 64;
    if value.denom().bits() <= BITS {
        return value.clone();
    }
    let scale = BigInt::from(1) << BITS;
    Rational::new((value.numer() * &scale) / value.denom(), scale)
}

/// The nearest float, for charts and statistics only.
pub fn approximate(value: &Rational) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_the_sum_of_the_products() {
        let of = |n: i64, d: i64| Rational::new(n.into(), d.into());
        let branches = [
            (of(1, 3), of(5, 2)),
            (of(1, 6), of(-7, 3)),
            (of(1, 2), of(0, 1)),
        ];
        let sum: Rational = branches.iter().map(|(p, v)| p * v).sum();
        assert_eq!(mean(branches.iter().map(|(p, v)| (p, v.clone()))), sum);
        assert_eq!(mean([].into_iter()), of(0, 1));
    }

    #[test]
    fn a_short_fraction_is_kept_and_a_long_one_is_a_little_less() {
        let third = Rational::new(1.into(), 3.into());
        assert_eq!(shortened(&third), third);
        let (two, three) = (BigInt::from(2_u8).pow(80), BigInt::from(3_u8).pow(60));
        let long = Rational::new(two, three);
        let short = shortened(&long);
        assert!(short < long && short.denom().bits() <= 65);
        assert!(&long - &short <= Rational::new(1.into(), BigInt::from(1) << 64));
    }

    #[test]
    fn shows_as_many_places_as_asked() {
        let third = Rational::new(1.into(), 3.into());
        assert_eq!(rounded(&third, 3), "0.333…");
        assert_eq!(rounded(&-third, 2), "-0.33…");
        assert_eq!(rounded(&exact(-5), 2), "-5");
        assert_eq!(rounded(&Rational::new(5.into(), 4.into()), 4), "1.25");
        assert_eq!(rounded(&Rational::new(1.into(), 1000.into()), 2), "0…");
        assert_eq!(rounded(&Rational::new(5.into(), 2.into()), 0), "2…");
    }
}
