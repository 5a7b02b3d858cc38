//! Exact fractions of any size, for probabilities and for the game: a claim about an equilibrium or
//! about what is found out never rests on a rounded number. (Money has [`crate::Ratio`].)

use bitcoin_units::Amount;
use num_bigint::BigInt;
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

/// The nearest float, for charts and statistics only.
pub fn approximate(value: &Rational) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

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
