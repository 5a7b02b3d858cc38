//! Exact fractions for the parameters α … ρ.
//!
//! A contract's parties must agree on every satoshi, so no fraction is ever a float: it is two
//! 32-bit integers in lowest terms, and products are floored in 128-bit arithmetic.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use bitcoin_units::Amount;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A non-negative fraction in lowest terms, so that equal fractions have equal bytes.
///
/// ```
/// use bitcoin_units::Amount;
/// use narthex_game_model::Ratio;
///
/// let delta: Ratio = "6/8".parse()?;
/// assert_eq!(delta.to_string(), "3/4");
/// assert_eq!(delta.floor_of(Amount::from_sat(201)), Amount::from_sat(150));
/// # Ok::<(), narthex_game_model::RatioError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: u32,
    den: u32,
}

impl Ratio {
    /// 0.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// 1.
    pub const ONE: Self = Self { num: 1, den: 1 };
    /// 1/2.
    pub const HALF: Self = Self { num: 1, den: 2 };

    /// `num / den`, reduced.
    ///
    /// # Errors
    /// [`RatioError::ZeroDenominator`] if `den` is 0.
    pub const fn new(num: u32, den: u32) -> Result<Self, RatioError> {
        if den == 0 {
            return Err(RatioError::ZeroDenominator);
        }
        let divisor = gcd(num, den);
        Ok(Self {
            num: num / divisor,
            den: den / divisor,
        })
    }

    /// `num / den` for 64-bit parts whose lowest terms fit 32 bits.
    ///
    /// # Errors
    /// [`RatioError::ZeroDenominator`], or [`RatioError::TooLarge`] if a reduced part does not fit.
    pub fn from_u64(num: u64, den: u64) -> Result<Self, RatioError> {
        if den == 0 {
            return Err(RatioError::ZeroDenominator);
        }
        let (mut a, mut b) = (num, den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        match (u32::try_from(num / a), u32::try_from(den / a)) {
            (Ok(num), Ok(den)) => Ok(Self { num, den }),
            _ => Err(RatioError::TooLarge),
        }
    }

    /// Numerator in lowest terms.
    pub const fn numerator(self) -> u32 {
        self.num
    }

    /// Denominator in lowest terms, never 0.
    pub const fn denominator(self) -> u32 {
        self.den
    }

    /// `⌊self · amount⌋` in satoshi. A product beyond 2⁶⁴−1 sat saturates, which no fraction up to
    /// 1 can reach.
    pub fn floor_of(self, amount: Amount) -> Amount {
        let product = u128::from(amount.to_sat()) * u128::from(self.num) / u128::from(self.den);
        Amount::from_sat(u64::try_from(product).unwrap_or(u64::MAX))
    }

    /// `⌊self · count⌋`, saturating at 2⁶⁴−1 (which no fraction up to 1 can reach).
    pub fn floor_of_u64(self, count: u64) -> u64 {
        self.floor_of(Amount::from_sat(count)).to_sat()
    }

    /// `⌈self · count⌉`, saturating at 2³²−1 (which no fraction up to 1 can reach).
    pub fn ceil_of(self, count: u32) -> u32 {
        u32::try_from(self.ceil_of_u64(u64::from(count))).unwrap_or(u32::MAX)
    }

    /// `⌈self · count⌉`, saturating at 2⁶⁴−1 (which no fraction up to 1 can reach).
    pub fn ceil_of_u64(self, count: u64) -> u64 {
        let product = (u128::from(count) * u128::from(self.num)).div_ceil(u128::from(self.den));
        u64::try_from(product).unwrap_or(u64::MAX)
    }

    /// `1 − self`, or `None` above 1.
    pub const fn complement(self) -> Option<Self> {
        match self.den.checked_sub(self.num) {
            // gcd(den − num, den) = gcd(num, den) = 1: still in lowest terms.
            Some(num) => Some(Self { num, den: self.den }),
            None => None,
        }
    }

    /// Whether `self + other ≤ 1`, exactly.
    pub fn sum_at_most_one(self, other: Self) -> bool {
        let sum = u128::from(self.num) * u128::from(other.den)
            + u128::from(other.num) * u128::from(self.den);
        sum <= u128::from(self.den) * u128::from(other.den)
    }

    /// An approximate value for display and statistics, never for settlement.
    pub fn to_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (u64::from(self.num) * u64::from(other.den))
            .cmp(&(u64::from(other.num) * u64::from(self.den)))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, RatioError> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        let part = |part: &str| {
            // `u32::from_str` would take a leading plus sign, which no canonical text has.
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits
                .then(|| part.parse().ok())
                .flatten()
                .ok_or_else(|| RatioError::Malformed(text.chars().take(40).collect()))
        };
        Self::new(part(num)?, part(den)?)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why two numbers or a text make no [`Ratio`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RatioError {
    /// The denominator is 0.
    #[error("a fraction's denominator must not be 0")]
    ZeroDenominator,
    /// A part does not fit 32 bits, even in lowest terms.
    #[error("a fraction's lowest terms must fit 32 bits")]
    TooLarge,
    /// Not of the form `3/4` or `1` with decimal parts of at most 32 bits.
    #[error("`{0}` is not a fraction such as 3/4")]
    Malformed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    #[test]
    fn reduces_orders_and_prints() {
        assert_eq!(ratio("6/8"), ratio("3/4"));
        assert_eq!(ratio("0/9"), Ratio::ZERO);
        assert_eq!(ratio("4/4").to_string(), "1");
        assert!(ratio("1/3") < ratio("334/1000"));
        assert_eq!(ratio("3/4").complement(), Some(ratio("1/4")));
        assert_eq!(ratio("5/4").complement(), None);
        assert!(ratio("1/3").sum_at_most_one(ratio("2/3")));
        assert!(!ratio("1/3").sum_at_most_one(ratio("667/1000")));
    }

    #[test]
    fn rounds_down_amounts_and_up_counts_at_the_extremes() {
        let max = Amount::from_sat(u64::MAX);
        assert_eq!(Ratio::ONE.floor_of(max), max);
        assert_eq!(
            ratio("4294967295/1").floor_of(max),
            max,
            "saturates, never wraps"
        );
        assert_eq!(
            ratio("1/3").floor_of(Amount::from_sat(2)),
            Amount::from_sat(0)
        );
        assert_eq!(ratio("2/3").ceil_of(15), 10);
        assert_eq!(ratio("3/5").ceil_of(7), 5);
        assert_eq!(
            ratio("1/4294967295").ceil_of_u64(u64::MAX),
            u64::from(u32::MAX) + 2
        );
    }

    #[test]
    fn malformed_text_is_named() {
        for text in [
            "",
            "/",
            "1/",
            "/2",
            "-1/2",
            "+1/2",
            "1/2/3",
            "0.5",
            "4294967296/1",
            " 1/2",
        ] {
            assert!(
                matches!(text.parse::<Ratio>(), Err(RatioError::Malformed(_))),
                "{text:?} was accepted"
            );
        }
        assert_eq!("1/0".parse::<Ratio>(), Err(RatioError::ZeroDenominator));
        assert_eq!(Ratio::from_u64(1, u64::MAX), Err(RatioError::TooLarge));
        assert_eq!(Ratio::from_u64(u64::MAX / 2, u64::MAX - 1), Ok(Ratio::HALF));
    }

    #[test]
    fn json_is_the_text() {
        assert_eq!(serde_json::to_string(&ratio("3/4")).unwrap(), "\"3/4\"");
        assert!(serde_json::from_str::<Ratio>("\"1/0\"").is_err());
    }
}
