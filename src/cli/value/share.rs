//! Shares of a whole, and other fractions.

use narthex::game_model::{Ratio, market::Chance};

use super::decimal;

/// Decimals that are read.
const PLACES: u32 = 18;

const GRAMMAR: &str = "write it as 1/10, 10% or 0.1";

/// A share of a whole, exactly: 0 to 1.
pub(crate) fn share(text: &str) -> Result<Ratio, String> {
    let ratio = factor(text)?;
    match ratio <= Ratio::ONE {
        true => Ok(ratio),
        false => Err(too_much(ratio)),
    }
}

/// A fraction that may be above 1, exactly.
pub(crate) fn factor(text: &str) -> Result<Ratio, String> {
    let (above, below) = fraction(text)?;
    ratio(above, below).ok_or_else(|| {
        format!("{above}/{below} is too fine: both parts must fit 32 bits in lowest terms")
    })
}

/// A probability: 0 to 1, rounded down to 18 decimals.
pub(crate) fn chance(text: &str) -> Result<Chance, String> {
    let (above, below) = fraction(text)?;
    if above > below {
        let what = match ratio(above, below) {
            Some(ratio) => too_much(ratio),
            None => format!("more than the whole; {GRAMMAR}"),
        };
        return Err(format!("no probability: {what}"));
    }
    // Both are at most 10²⁰, so that no product overflows.
    Ok(Chance::from_atto(above * 10u128.pow(PLACES) / below))
}

fn too_much(ratio: Ratio) -> String {
    format!("that is {ratio}, more than the whole; a share is between 0 and 1: {GRAMMAR}")
}

fn ratio(above: u128, below: u128) -> Option<Ratio> {
    let (mut a, mut b) = (above, below);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let part = |part: u128| u32::try_from(part.checked_div(a)?).ok();
    Ratio::new(part(above)?, part(below)?).ok()
}

/// Numerator and denominator, neither above 10²⁰, the latter not 0.
fn fraction(text: &str) -> Result<(u128, u128), String> {
    let unit = 10u128.pow(PLACES);
    let text = text.trim();
    let whole = |text: &str| decimal(text.trim(), 0).filter(|n| *n <= 100 * unit);
    let number = |text: &str, places| decimal(text.trim(), places).filter(|n| *n <= 100 * unit);
    let found = if let Some((above, below)) = text.split_once('/') {
        whole(above).zip(whole(below))
    } else if let Some(percent) = text.strip_suffix('%') {
        number(percent, PLACES - 2).map(|above| (above, unit))
    } else {
        number(text, PLACES).map(|above| (above, unit))
    };
    let (above, below) = found.ok_or_else(|| GRAMMAR.to_owned())?;
    match below {
        0 => Err("parts of 0 are none".into()),
        _ => Ok((above, below)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_tenth_however_it_is_written() {
        let tenth = Ratio::new(1, 10).unwrap();
        for text in [
            "1/10", "10/100", "1 / 10", "10%", "10 %", "10.0%", "0.1", "0.100", " 0.1 ",
        ] {
            assert_eq!(share(text), Ok(tenth), "{text}");
            assert_eq!(factor(text), Ok(tenth), "{text}");
            assert_eq!(chance(text).unwrap().to_string(), "0.1", "{text}");
        }
        assert_eq!(share("100%"), Ok(Ratio::ONE));
        assert_eq!(share("1"), Ok(Ratio::ONE));
        assert_eq!(share("0"), Ok(Ratio::ZERO));
        assert_eq!(
            chance("99.9999999999999999%").unwrap().atto(),
            999_999_999_999_999_999
        );
        assert_eq!(chance("1/3").unwrap().atto(), 333_333_333_333_333_333);
    }

    #[test]
    fn what_is_none_says_what_was_understood() {
        for (text, part) in [
            ("150%", "that is 3/2, more than the whole"),
            ("3/2", "that is 3/2"),
            ("1.5", "that is 3/2"),
            ("10", "that is 10,"),
            ("1/0", "parts of 0"),
            ("0.00000000001", "too fine"),
            ("", GRAMMAR),
            ("-1%", GRAMMAR),
            ("1/2/3", GRAMMAR),
            ("10%%", GRAMMAR),
            ("0,1", GRAMMAR),
            ("1e-1", GRAMMAR),
            ("NaN", GRAMMAR),
        ] {
            let error = share(text).err().unwrap_or_default();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(factor("150%"), Ok(Ratio::new(3, 2).unwrap()));
        assert!(chance("100.0000000000000001%").is_err());
        assert!(chance("340282366920938463463374607431768211455/1").is_err());
    }
}
