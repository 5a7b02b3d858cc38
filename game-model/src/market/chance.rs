//! Probabilities as whole numbers of 10⁻¹⁸, rounded the way each use says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rational::Rational;

/// 1 in units of 10⁻¹⁸; below 2⁶⁰, so that a product of two chances fits 128 bits.
const UNIT: u64 = 1_000_000_000_000_000_000;
/// Decimals of the unit.
const PLACES: usize = 18;

/// A probability, a whole number of 10⁻¹⁸. Written as `0.999` or `99.9%`.
///
/// ```
/// use narthex_game_model::market::Chance;
///
/// let asked: Chance = "99.9%".parse()?;
/// assert_eq!((asked.to_string(), asked.percent()), ("0.999".into(), "99.9%".into()));
/// # Ok::<(), narthex_game_model::market::NoChance>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chance(u64);

impl Chance {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Always.
    pub const ONE: Self = Self(UNIT);

    /// `part / whole`, rounded down; 0 of nothing, and 1 if `part` is the larger.
    pub fn floor_of(part: u64, whole: u128) -> Self {
        let scaled = u128::from(part) * u128::from(UNIT);
        Self::clamped(scaled.checked_div(whole).unwrap_or(0))
    }

    /// So many units of 10⁻¹⁸; 1 if they are more.
    pub fn from_atto(atto: u128) -> Self {
        Self::clamped(atto)
    }

    /// In units of 10⁻¹⁸.
    pub const fn atto(self) -> u64 {
        self.0
    }

    /// 1 − self, exactly.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(UNIT - self.0)
    }

    /// The chance as an exact fraction.
    pub fn exact(self) -> Rational {
        Rational::new(self.0.into(), UNIT.into())
    }

    /// Both of two independent events, rounded down.
    pub(super) fn and_down(self, other: Self) -> Self {
        Self::clamped(u128::from(self.0) * u128::from(other.0) / u128::from(UNIT))
    }

    /// Both of two independent events, rounded up.
    pub(super) fn and_up(self, other: Self) -> Self {
        Self::clamped((u128::from(self.0) * u128::from(other.0)).div_ceil(u128::from(UNIT)))
    }

    /// Either of two events that exclude each other; above 1 only by rounding up, which is cut off.
    pub(super) fn or(self, other: Self) -> Self {
        Self::clamped(u128::from(self.0) + u128::from(other.0))
    }

    fn clamped(atto: u128) -> Self {
        Self(u64::try_from(atto).map_or(UNIT, |atto| atto.min(UNIT)))
    }

    /// In percent, all decimals that are not 0.
    pub fn percent(self) -> String {
        format!("{}%", decimal(self.0, PLACES - 2))
    }

    /// The nearest float, for charts and statistics only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }
}

/// `number · 10^−places`, without zeros at the end.
fn decimal(number: u64, places: usize) -> String {
    let text = format!("{number:0width$}", width = places + 1);
    let (whole, part) = text.split_at(text.len() - places);
    match part.trim_end_matches('0') {
        "" => whole.to_string(),
        part => format!("{whole}.{part}"),
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.0, PLACES))
    }
}

impl FromStr for Chance {
    type Err = NoChance;

    fn from_str(text: &str) -> Result<Self, NoChance> {
        let (number, places) = match text.strip_suffix('%') {
            Some(number) => (number, PLACES - 2),
            None => (text, PLACES),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let error = || NoChance(text.chars().take(40).collect());
        if !digits(whole) || !digits(part) || whole.len() > 3 || part.len() > places {
            return Err(error());
        }
        // At most 3 + 18 digits.
        let atto = format!("{whole}{part:0<places$}").parse::<u128>();
        match atto.map(u64::try_from) {
            Ok(Ok(atto)) if atto <= UNIT => Ok(Self(atto)),
            _ => Err(error()),
        }
    }
}

impl Serialize for Chance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text is no probability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no probability; write 0.999 or 99.9%, at most 1, with at most 18 decimals")]
pub struct NoChance(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, atto) in [
            ("0", 0),
            ("1", UNIT),
            ("100%", UNIT),
            ("0.5%", UNIT / 200),
            ("0.000000000000000001", 1),
            ("0.0000000000000001%", 1),
            ("00.5", UNIT / 2),
        ] {
            let chance: Chance = text.parse().unwrap();
            assert_eq!(chance.atto(), atto, "{text}");
            assert_eq!(chance.to_string().parse(), Ok(chance));
            assert_eq!(chance.percent().parse(), Ok(chance));
        }
        for text in [
            "",
            "%",
            ".5",
            "1.",
            "-0",
            "+1",
            "1.1",
            "101%",
            "1e-3",
            "0.5 %",
            "1/2",
            "99.9%%",
            "0.0000000000000000001",
            "999999999999999999999",
            "٣",
        ] {
            assert!(text.parse::<Chance>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn rounds_outward() {
        let third = Chance::floor_of(1, 3);
        assert_eq!(third.atto(), 333_333_333_333_333_333);
        assert_eq!(third.and_up(third).atto() - third.and_down(third).atto(), 1);
        assert_eq!(Chance::ONE.and_up(third), third);
        assert_eq!(Chance::floor_of(1, 0), Chance::ZERO);
        assert_eq!(Chance::floor_of(u64::MAX, u64::MAX.into()), Chance::ONE);
        assert_eq!(Chance::ONE.or(third), Chance::ONE);
    }
}
