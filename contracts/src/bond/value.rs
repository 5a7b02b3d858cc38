//! What a bond weighs in a draw.

use bitcoin::Amount;
use narthex_game_model::Ratio;

use super::{
    BlockTime, Lock,
    interest::{exp_minus_one, power},
};

/// Seconds of a mean Gregorian year, 365.2425 days.
pub const YEAR_SECONDS: u32 = 31_556_952;

/// Bits behind the point of a weight by [`Interest`].
pub const VALUE_FRACTION_BITS: u32 = 16;

/// Remaining lock that counts at most where value is linear, in blocks.
///
/// A lock costs its owner the interest: with r = 0.015 per year the value e^{rT} − 1 reaches the whole coin at
/// T = ln 2 / r = 46.2 years, 2,430,000 blocks of ten minutes. Beyond that a lock is no dearer than burning the
/// coin; without the cap a few satoshis locked for ten thousand years would outweigh every honest bond.
pub const LOCK_CAP_BLOCKS: u32 = 2_430_000;

/// Largest denominator of an exponent: what keeps a power cheap.
const MAX_EXPONENT_DENOMINATOR: u32 = 100;

/// A coin and its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// What it holds.
    pub value: Amount,
    /// Until when.
    pub lock: Lock,
    /// The block that confirmed it.
    pub confirmed: BlockTime,
}

/// Parameters that make no valuation. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValuationError {
    /// The exponent is 0 or above 2, or its denominator is above 100.
    #[error(
        "an exponent of {exponent}: it must be above 0, at most 2, with a denominator of at most 100"
    )]
    Exponent {
        /// The exponent.
        exponent: Ratio,
    },
}

/// How bonds are weighed. Everybody who draws alone must use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valuation {
    /// Satoshis times the blocks that are left, up to [`LOCK_CAP_BLOCKS`]: neither splitting a bond over many
    /// identities nor pooling bonds gains weight.
    Linear,
    /// What the lock costs, to a power: pooling under one identity pays, splitting loses.
    Interest(Interest),
}

/// `V = (sats·a)^p` with `a = max(0, min(1, e^{rT} − 1) − min(1, e^{r·max(0, t − L)} − 1))`: T the years from
/// confirmation to lock L, t the present, r the interest per year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    rate: Ratio,
    exponent: Ratio,
}

impl Default for Interest {
    /// r = 0.015 per year, p = 1.3.
    fn default() -> Self {
        let ratio = |num, den| Ratio::new(num, den).unwrap_or(Ratio::ONE);
        Interest {
            rate: ratio(3, 200),
            exponent: ratio(13, 10),
        }
    }
}

impl Interest {
    /// With another rate per year or exponent.
    pub fn new(rate: Ratio, exponent: Ratio) -> Result<Interest, ValuationError> {
        let (num, den) = (exponent.numerator(), exponent.denominator());
        if num == 0 || den > MAX_EXPONENT_DENOMINATOR || num > 2 * den {
            return Err(ValuationError::Exponent { exponent });
        }
        Ok(Interest { rate, exponent })
    }

    /// Interest per year.
    pub fn rate(&self) -> Ratio {
        self.rate
    }

    /// The power that the cost is taken to.
    pub fn exponent(&self) -> Ratio {
        self.exponent
    }

    /// a, with 64 bits behind the point: too low by less than 2⁻⁵⁸ before the lock, within 2⁻⁵⁸ after it.
    pub fn discount(&self, bond: &Locked, now: BlockTime) -> u128 {
        let whole = bond.lock.seconds_after(bond.confirmed);
        let late = bond.lock.seconds_after(now).saturating_neg();
        self.growth(whole).saturating_sub(self.growth(late))
    }

    /// min(1, e^{r·seconds} − 1), 0 for negative times.
    fn growth(&self, seconds: i64) -> u128 {
        let seconds = u128::from(seconds.max(0).unsigned_abs());
        exp_minus_one(
            u128::from(self.rate.numerator()) * seconds,
            u128::from(self.rate.denominator()) * u128::from(YEAR_SECONDS),
        )
    }

    /// V with [`VALUE_FRACTION_BITS`] bits behind the point, rounded down.
    fn weight(&self, bond: &Locked, now: BlockTime) -> u128 {
        // No amount above all bitcoin (2⁵¹ sat), so the product is below 2¹¹⁵ and V below 2¹⁰².
        let sat = u128::from(bond.value.min(Amount::MAX_MONEY).to_sat());
        let cost = sat * self.discount(bond, now);
        let (num, den) = (self.exponent.numerator(), self.exponent.denominator());
        power(cost, num, den, VALUE_FRACTION_BITS).unwrap_or(u128::MAX >> 10)
    }
}

impl Default for Valuation {
    fn default() -> Self {
        Valuation::Interest(Interest::default())
    }
}

impl Valuation {
    /// The bond's weight at `now`: an integer, the same on every machine. Below 2⁷³ if linear, below 2¹¹⁸ by
    /// interest.
    ///
    /// Floating point would not do: `exp` and `pow` differ between machines in their last bit, and parties that
    /// disagree on one bit disagree on who is drawn.
    pub fn weight(&self, bond: &Locked, now: BlockTime) -> u128 {
        match self {
            Valuation::Linear => {
                let blocks = bond.lock.blocks_after(now).min(LOCK_CAP_BLOCKS);
                u128::from(bond.value.to_sat()) * u128::from(blocks)
            }
            Valuation::Interest(interest) => interest.weight(bond, now),
        }
    }
}
