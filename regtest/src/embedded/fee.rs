//! Fee rates of Bitcoin Core 31.99's default policy.

use std::cmp::Ordering;

use bitcoin::Amount;

/// Fee rates in satoshis per 1000 virtual bytes.
pub(crate) const MIN_RELAY_SAT_PER_KVB: u64 = 100;
pub(crate) const INCREMENTAL_RELAY_SAT_PER_KVB: u64 = 100;
pub(crate) const DUST_RELAY_SAT_PER_KVB: u64 = 3_000;
pub(crate) const BLOCK_MIN_SAT_PER_KVB: u64 = 1;

/// Fee for `vsize` virtual bytes at `sat_per_kvb`, rounded up.
pub(crate) fn fee_for(sat_per_kvb: u64, vsize: u64) -> Amount {
    Amount::from_sat(sat_per_kvb.saturating_mul(vsize).div_ceil(1_000))
}

/// A fee paid for a size, compared by their ratio without rounding; Bitcoin Core's `FeeFrac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeeFrac {
    /// Satoshis.
    pub(crate) fee: u64,
    /// Weight units or virtual bytes, the same for everything it is compared with.
    pub(crate) size: u64,
}

impl FeeFrac {
    pub(crate) fn cmp_ratio(self, other: Self) -> Ordering {
        let left = u128::from(self.fee) * u128::from(other.size);
        left.cmp(&(u128::from(other.fee) * u128::from(self.size)))
    }
}
