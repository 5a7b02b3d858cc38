//! Fee rates.

use narthex::contracts::terms::{FeeRate, FeeRules};

use super::decimal;

/// What scenarios may multiply a rate with, where they raise a fee.
const RAISE: u64 = 4;

/// A fee rate in sat/vB, with up to 3 decimals, rounded up to the next 0.004. Any rate: who takes it checks it.
pub(crate) fn fee_rate(text: &str) -> Result<FeeRate, String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.strip_suffix("sat/vb").unwrap_or(&lower).trim_end();
    let thousandths = decimal(number, 3)
        .ok_or("a fee rate is in sat/vB, with at most 3 decimals, such as 2 or 0.5")?;
    // 1 sat/vB is 250 sat/kwu.
    let rate = thousandths.div_ceil(1_000 / u128::from(FeeRate::PER_VB));
    let rate = u64::try_from(rate).map(FeeRate::from_sat_per_kwu);
    rate.map_err(|_| format!("{number} sat/vB are more than all money for a single byte"))
}

/// A fee rate for a play: one that contracts take, with room for scenarios that raise it.
pub(crate) fn play_fee_rate(text: &str) -> Result<FeeRate, String> {
    let rate = fee_rate(text)?;
    let most = FeeRate::from_sat_per_kwu(FeeRate::MOST.to_sat_per_kwu() / RAISE);
    if !(FeeRate::LEAST..=most).contains(&rate) {
        return Err(format!(
            "{}: plays take {} (the least that nodes relay) to {} (scenarios raise it up to {RAISE} times, and \
             contracts take {} at most)",
            rate.per_vb(),
            FeeRate::LEAST.per_vb(),
            most.per_vb(),
            FeeRate::MOST.per_vb()
        ));
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_bounds() {
        for (text, rate) in [
            ("0", 0),
            ("2", 500),
            ("2sat/vB", 500),
            ("2 sat/vb", 500),
            ("0.1", 25),
            ("0.5", 125),
            ("1.001", 251),
            ("10000", 2_500_000),
            ("9223372036854775808", u64::MAX),
        ] {
            let expected = match text {
                // 2⁶³ sat/vB do not fit, and do not wrap.
                "9223372036854775808" => None,
                _ => Some(FeeRate::from_sat_per_kwu(rate)),
            };
            assert_eq!(fee_rate(text).ok(), expected, "{text}");
        }
        for text in ["", "-1", "1.0001", "1e3", "two", "1/2", "1 sat", "inf"] {
            assert!(fee_rate(text).is_err(), "{text}");
        }
        assert_eq!(play_fee_rate("0.1"), Ok(FeeRate::from_sat_per_kwu(25)));
        assert_eq!(
            play_fee_rate("2500"),
            Ok(FeeRate::from_sat_per_kwu(625_000))
        );
        for text in ["0", "0.096", "2500.001", "73786976294838206463"] {
            assert!(play_fee_rate(text).is_err(), "{text}");
        }
    }
}
