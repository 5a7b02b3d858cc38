//! Fee rates, and which fees are taken for a mistake.
//!
//! One check for every fee that a user names or this program computes. Its bounds are those of Bitcoin Core: the least
//! rate that nodes relay (`-minrelaytxfee`), the rate above which a wallet refuses (`-maxfeerate`, 0.10 BTC/kvB). A
//! payment without deadline may in addition not give more than a tenth of its coins away.

use bitcoin::{Amount, Weight};
use serde::{Deserialize, Serialize};

/// The largest part of the coins that a payment without deadline may pay as fee: one in this many.
const SHARE: u64 = 10;

/// Fee rate in sat per 1000 weight units (1 sat/vB is 250). Any number; [`FeeRate::check`] says which are plausible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeeRate(pub u64);

impl FeeRate {
    /// 0.1 sat/vB: nodes relay nothing below it (Bitcoin Core 30, `DEFAULT_MIN_RELAY_TX_FEE`).
    pub const LEAST: FeeRate = FeeRate(25);

    /// 10,000 sat/vB, 0.10 BTC/kvB: more is taken for a mistake (Bitcoin Core, `DEFAULT_MAX_RAW_TX_FEE_RATE`).
    pub const MOST: FeeRate = FeeRate(2_500_000);

    /// Units of this type in 1 sat/vB.
    pub const PER_VB: u64 = 250;

    /// The fee of `weight`, rounded up; `None` if there is not as much money.
    pub fn fee(self, weight: Weight) -> Option<Amount> {
        let fee = self.0.checked_mul(weight.to_wu())?.div_ceil(1000);
        Some(Amount::from_sat(fee)).filter(|fee| *fee <= Amount::MAX_MONEY)
    }

    /// The fee of `weight` at a rate that is no mistake: [`FeeError::Low`] or [`FeeError::High`] otherwise.
    pub fn checked_fee(self, weight: Weight) -> Result<Amount, FeeError> {
        self.check()?;
        self.fee(weight).ok_or(FeeError::Overflow {
            rate: self,
            weight: weight.to_wu(),
        })
    }

    /// Whether it is between [`FeeRate::LEAST`] and [`FeeRate::MOST`].
    pub fn check(self) -> Result<(), FeeError> {
        if self < FeeRate::LEAST {
            return Err(FeeError::Low { rate: self });
        }
        if self > FeeRate::MOST {
            return Err(FeeError::High { rate: self });
        }
        Ok(())
    }
}

impl std::fmt::Display for FeeRate {
    /// In sat/vB, exactly.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0 / FeeRate::PER_VB, self.0 % FeeRate::PER_VB * 4);
        let part = format!("{part:03}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole} sat/vB"),
            part => write!(f, "{whole}.{part} sat/vB"),
        }
    }
}

/// A fee that is refused as a mistake. The fault of whoever named its rate; nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// Nobody would relay it.
    #[error(
        "a fee rate of {rate} is below {}, the least that nodes relay",
        FeeRate::LEAST
    )]
    Low {
        /// The rate.
        rate: FeeRate,
    },
    /// No transaction has needed it.
    #[error(
        "a fee rate of {rate} is above {}; refused as a mistake",
        FeeRate::MOST
    )]
    High {
        /// The rate.
        rate: FeeRate,
    },
    /// Too much of the coins goes to miners.
    #[error(
        "a fee of {fee} is more than 1/{SHARE} of the {coins} that pay it; refused as a mistake"
    )]
    Share {
        /// The fee.
        fee: Amount,
        /// What the transaction spends.
        coins: Amount,
    },
    /// There is not as much money.
    #[error("at {rate}, {weight} weight units cost more than there is")]
    Overflow {
        /// The rate.
        rate: FeeRate,
        /// What it is to be paid for.
        weight: u64,
    },
}

/// A fee rate, and whether it was said that it is no mistake.
///
/// A plain [`FeeRate`] turns into one that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    rate: FeeRate,
    waived: bool,
}

impl From<FeeRate> for Fees {
    fn from(rate: FeeRate) -> Fees {
        let waived = false;
        Fees { rate, waived }
    }
}

impl Fees {
    /// Any rate and any share: its owner said so.
    pub fn waived(rate: FeeRate) -> Fees {
        let waived = true;
        Fees { rate, waived }
    }

    /// The rate.
    pub fn rate(self) -> FeeRate {
        self.rate
    }

    /// The fee of `weight`, at least `least`; the rate is checked, the share is not: for what must be paid in time,
    /// where a fee of half the coins is better than none of them.
    pub fn in_time(self, weight: Weight, least: Amount) -> Result<Amount, FeeError> {
        if !self.waived {
            self.rate.check()?;
        }
        let (rate, weight) = (self.rate, weight.to_wu());
        let fee = rate.fee(Weight::from_wu(weight));
        Ok(fee.ok_or(FeeError::Overflow { rate, weight })?.max(least))
    }

    /// Whether `fee` is at most a tenth of the coins that pay it.
    pub fn check_share(self, fee: Amount, coins: Amount) -> Result<(), FeeError> {
        if !self.waived && fee > coins / SHARE {
            return Err(FeeError::Share { fee, coins });
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sat(sat: u64) -> Amount {
        Amount::from_sat(sat)
    }

    #[test]
    fn bounds_are_exact() {
        let low = |rate| Err(FeeError::Low { rate });
        let high = |rate| Err(FeeError::High { rate });
        assert_eq!(FeeRate(0).check(), low(FeeRate(0)));
        assert_eq!(FeeRate(24).check(), low(FeeRate(24)));
        assert_eq!(FeeRate(25).check(), Ok(()));
        assert_eq!(FeeRate(2_500_000).check(), Ok(()));
        assert_eq!(FeeRate(2_500_001).check(), high(FeeRate(2_500_001)));
        assert_eq!(FeeRate(u64::MAX).check(), high(FeeRate(u64::MAX)));
    }

    #[test]
    fn nothing_wraps() {
        let all = Weight::from_wu(4_000_000);
        for rate in [1 << 63, u64::MAX, (1 << 63) / 1000 * 250] {
            let rate = FeeRate(rate);
            assert_eq!(rate.fee(all), None);
            let weight = 4_000_000;
            let error = Err(FeeError::Overflow { rate, weight });
            assert_eq!(Fees::waived(rate).in_time(all, sat(0)), error);
        }
        // 21 million bitcoin are the most.
        assert_eq!(
            FeeRate(2_100_000_000_000_001).fee(Weight::from_wu(1_000)),
            None
        );
        let most = FeeRate(2_100_000_000_000_000).fee(Weight::from_wu(1_000));
        assert_eq!(most, Some(Amount::MAX_MONEY));
    }

    #[test]
    fn a_tenth_and_not_a_satoshi_more() {
        let fees = Fees::from(FeeRate(500));
        assert_eq!(fees.check_share(sat(100), sat(1_009)), Ok(()));
        let (fee, coins) = (sat(101), sat(1_009));
        let error = FeeError::Share { fee, coins };
        assert_eq!(fees.check_share(fee, coins), Err(error));
        assert_eq!(Fees::waived(FeeRate(500)).check_share(fee, coins), Ok(()));
        assert!(error.to_string().contains("0.00000101 BTC"), "{error}");
    }

    #[test]
    fn what_must_be_in_time_is_checked_by_rate_alone() {
        let weight = Weight::from_wu(1_000);
        assert_eq!(
            Fees::from(FeeRate(500)).in_time(weight, sat(0)),
            Ok(sat(500))
        );
        assert_eq!(
            Fees::from(FeeRate(500)).in_time(weight, sat(900)),
            Ok(sat(900))
        );
        let rate = FeeRate(0);
        assert_eq!(
            Fees::from(rate).in_time(weight, sat(900)),
            Err(FeeError::Low { rate })
        );
        assert_eq!(Fees::waived(rate).in_time(weight, sat(0)), Ok(sat(0)));
    }

    #[test]
    fn rates_are_shown_in_satoshi_a_virtual_byte() {
        for (rate, text) in [
            (0, "0 sat/vB"),
            (1, "0.004 sat/vB"),
            (25, "0.1 sat/vB"),
            (250, "1 sat/vB"),
            (375, "1.5 sat/vB"),
            (2_500_000, "10000 sat/vB"),
        ] {
            assert_eq!(FeeRate(rate).to_string(), text);
        }
    }
}
