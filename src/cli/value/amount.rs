//! Amounts.

use bitcoin::Amount;

use super::decimal;

/// Satoshi in a bitcoin, as decimal places.
const BTC_PLACES: u32 = 8;

/// An amount: `1000`, `1000sat` or `0.00001btc`, at most 21 million bitcoin.
pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, places) = match (lower.strip_suffix("btc"), lower.strip_suffix("sat")) {
        (Some(number), _) => (number, BTC_PLACES),
        (_, Some(number)) => (number, 0),
        (None, None) => (lower.as_str(), 0),
    };
    let sat = decimal(number.trim_end(), places).ok_or_else(|| match places {
        0 if decimal(number.trim_end(), BTC_PLACES).is_some() => format!(
            "there is no part of a satoshi, which amounts are in unless they say btc: write {}btc, if that was meant",
            number.trim_end()
        ),
        _ => "an amount is written 1000, 1000sat or 0.00001btc (8 decimals at most)".to_owned(),
    })?;
    let value = u64::try_from(sat).ok().map(Amount::from_sat);
    value
        .filter(|value| *value <= Amount::MAX_MONEY)
        .ok_or_else(|| format!("{sat} sat are more than there is, 21 million bitcoin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, sat) in [
            ("0", 0),
            ("1000", 1_000),
            ("1000sat", 1_000),
            ("1000 sat", 1_000),
            ("0.00001btc", 1_000),
            ("0.00001 BTC", 1_000),
            ("21000000btc", 2_100_000_000_000_000),
            ("2100000000000000", 2_100_000_000_000_000),
        ] {
            assert_eq!(amount(text), Ok(Amount::from_sat(sat)), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_what_was_understood() {
        for (text, part) in [
            (
                "2100000000000001",
                "2100000000000001 sat are more than there is",
            ),
            (
                "18446744073709551616",
                "18446744073709551616 sat are more than there is",
            ),
            (
                "21000000.00000001btc",
                "2100000000000001 sat are more than there is",
            ),
            ("0.5", "write 0.5btc"),
            ("0.000000001btc", "8 decimals at most"),
            ("", "1000sat"),
            ("-1", "1000sat"),
            ("1 msat", "1000sat"),
            ("1,000", "1000sat"),
            ("satsat", "1000sat"),
        ] {
            let error = amount(text).err().unwrap_or_default();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
