//! Fee rates, and which fees are taken for a mistake.
//!
//! One check for every fee that a user names or this program computes. Its bounds are those of Bitcoin Core: the least
//! rate that nodes relay (`-minrelaytxfee`), the rate above which a wallet refuses (`-maxfeerate`, 0.10 BTC/kvB). A
//! payment without deadline may in addition not give more than a tenth of its coins away.

use bitcoin::{Amount, FeeRate, Weight};

/// The largest part of the coins that a payment without deadline may pay as fee: one in this many.
const SHARE: u64 = 10;

/// What is asked of a [`FeeRate`] here: whether it is plausible, and what it costs without wrapping. Terms and JSON hold it
/// in sat per 1000 weight units (1 sat/vB is 250).
pub trait FeeRules: Copy {
    /// 0.1 sat/vB: nodes relay nothing below it (Bitcoin Core 30, `DEFAULT_MIN_RELAY_TX_FEE`).
    const LEAST: FeeRate;

    /// 10,000 sat/vB, 0.10 BTC/kvB: more is taken for a mistake (Bitcoin Core, `DEFAULT_MAX_RAW_TX_FEE_RATE`).
    const MOST: FeeRate;

    /// Sat per 1000 weight units in 1 sat/vB.
    const PER_VB: u64;

    /// The fee of `weight`, rounded up; `None` if there is not as much money.
    fn fee(self, weight: Weight) -> Option<Amount>;

    /// The fee of `weight` at a rate that is no mistake: [`FeeError::Low`] or [`FeeError::High`] otherwise.
    fn checked_fee(self, weight: Weight) -> Result<Amount, FeeError>;

    /// Whether it is between [`FeeRules::LEAST`] and [`FeeRules::MOST`].
    fn check(self) -> Result<(), FeeError>;

    /// To be read by people, in sat/vB, exactly: [`FeeRate`] itself prints the bare number of sat per 1000 weight units.
    fn per_vb(self) -> SatPerVb;
}

impl FeeRules for FeeRate {
    const LEAST: FeeRate = FeeRate::from_sat_per_kwu(25);
    const MOST: FeeRate = FeeRate::from_sat_per_kwu(2_500_000);
    const PER_VB: u64 = 250;

    fn fee(self, weight: Weight) -> Option<Amount> {
        let fee = self.to_sat_per_kwu().checked_mul(weight.to_wu())?;
        let fee = Amount::from_sat(fee.div_ceil(1000));
        Some(fee).filter(|fee| *fee <= Amount::MAX_MONEY)
    }

    fn checked_fee(self, weight: Weight) -> Result<Amount, FeeError> {
        self.check()?;
        self.fee(weight).ok_or(FeeError::Overflow {
            rate: self,
            weight: weight.to_wu(),
        })
    }

    fn check(self) -> Result<(), FeeError> {
        if self < FeeRate::LEAST {
            return Err(FeeError::Low { rate: self });
        }
        if self > FeeRate::MOST {
            return Err(FeeError::High { rate: self });
        }
        Ok(())
    }

    fn per_vb(self) -> SatPerVb {
        SatPerVb(self)
    }
}

/// A fee rate as it is shown: `1.5 sat/vB`. See [`FeeRules::per_vb`].
#[derive(Debug, Clone, Copy)]
pub struct SatPerVb(FeeRate);

impl std::fmt::Display for SatPerVb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rate = self.0.to_sat_per_kwu();
        let (whole, part) = (rate / FeeRate::PER_VB, rate % FeeRate::PER_VB * 4);
        let part = format!("{part:03}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole} sat/vB"),
            part => write!(f, "{whole}.{part} sat/vB"),
        }
    }
}

/// A fee that is refused as a mistake. The fault of whoever named its rate; nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeeError {
    /// Nobody would relay it.
    #[error(
        "a fee rate of {} is below {}, the least that nodes relay",
        rate.per_vb(), FeeRate::LEAST.per_vb()
    )]
    Low {
        /// The rate.
        rate: FeeRate,
    },
    /// No transaction has needed it.
    #[error(
        "a fee rate of {} is above {}; refused as a mistake",
        rate.per_vb(), FeeRate::MOST.per_vb()
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
    #[error("at {}, {weight} weight units cost more than there is", rate.per_vb())]
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
        assert_eq!(
            FeeRate::from_sat_per_kwu(0).check(),
            low(FeeRate::from_sat_per_kwu(0))
        );
        assert_eq!(
            FeeRate::from_sat_per_kwu(24).check(),
            low(FeeRate::from_sat_per_kwu(24))
        );
        assert_eq!(FeeRate::from_sat_per_kwu(25).check(), Ok(()));
        assert_eq!(FeeRate::from_sat_per_kwu(2_500_000).check(), Ok(()));
        assert_eq!(
            FeeRate::from_sat_per_kwu(2_500_001).check(),
            high(FeeRate::from_sat_per_kwu(2_500_001))
        );
        assert_eq!(
            FeeRate::from_sat_per_kwu(u64::MAX).check(),
            high(FeeRate::from_sat_per_kwu(u64::MAX))
        );
    }

    #[test]
    fn nothing_wraps() {
        let all = Weight::from_wu(4_000_000);
        for rate in [1 << 63, u64::MAX, (1 << 63) / 1000 * 250] {
            let rate = FeeRate::from_sat_per_kwu(rate);
            assert_eq!(rate.fee(all), None);
            let weight = 4_000_000;
            let error = Err(FeeError::Overflow { rate, weight });
            assert_eq!(Fees::waived(rate).in_time(all, sat(0)), error);
        }
        // 21 million bitcoin are the most.
        assert_eq!(
            FeeRate::from_sat_per_kwu(2_100_000_000_000_001).fee(Weight::from_wu(1_000)),
            None
        );
        let most = FeeRate::from_sat_per_kwu(2_100_000_000_000_000).fee(Weight::from_wu(1_000));
        assert_eq!(most, Some(Amount::MAX_MONEY));
    }

    #[test]
    fn a_tenth_and_not_a_satoshi_more() {
        let fees = Fees::from(FeeRate::from_sat_per_kwu(500));
        assert_eq!(fees.check_share(sat(100), sat(1_009)), Ok(()));
        let (fee, coins) = (sat(101), sat(1_009));
        let error = FeeError::Share { fee, coins };
        assert_eq!(fees.check_share(fee, coins), Err(error));
        assert_eq!(
            Fees::waived(FeeRate::from_sat_per_kwu(500)).check_share(fee, coins),
            Ok(())
        );
        assert!(error.to_string().contains("0.00000101 BTC"), "{error}");
    }

    #[test]
    fn what_must_be_in_time_is_checked_by_rate_alone() {
        let weight = Weight::from_wu(1_000);
        assert_eq!(
            Fees::from(FeeRate::from_sat_per_kwu(500)).in_time(weight, sat(0)),
            Ok(sat(500))
        );
        assert_eq!(
            Fees::from(FeeRate::from_sat_per_kwu(500)).in_time(weight, sat(900)),
            Ok(sat(900))
        );
        let rate = FeeRate::from_sat_per_kwu(0);
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
            assert_eq!(FeeRate::from_sat_per_kwu(rate).per_vb().to_string(), text);
        }
    }
}
