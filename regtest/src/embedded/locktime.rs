//! Absolute and relative locktimes: BIP65's field, BIP68, BIP113. The opcodes are the interpreter's business.

use bitcoin::absolute::LOCK_TIME_THRESHOLD;
use bitcoin::{Sequence, Transaction};

use super::consensus::Coin;

/// Bit of a sequence number that says "in units of 512 seconds" (BIP68).
const TYPE_FLAG: u32 = 1 << 22;
const VALUE_MASK: u32 = 0xffff;
/// Relative times count 512 seconds each.
const GRANULARITY_BITS: u32 = 9;

/// The block that a transaction is to be in, as locktimes see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockContext {
    /// Height of that block.
    pub(crate) height: u32,
    /// Median time past of the block before it, in Unix seconds (BIP113).
    pub(crate) median_time: u32,
}

/// Whether the absolute locktime allows the transaction in that block.
pub(crate) fn is_final(tx: &Transaction, context: LockContext) -> bool {
    let lock = tx.lock_time.to_consensus_u32();
    let reached = if lock < LOCK_TIME_THRESHOLD {
        context.height
    } else {
        context.median_time
    };
    lock == 0 || lock < reached || tx.input.iter().all(|input| input.sequence == Sequence::MAX)
}

/// What relative locktimes demand of the block that a transaction is to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockPoints {
    /// Lowest height that satisfies all of them.
    min_height: u64,
    /// Lowest median time past that satisfies all of them, in Unix seconds.
    min_median_time: u64,
    /// Height of the youngest coin that was confirmed when this was reckoned: as long as its block stands, so does
    /// this. As in Core, coins that were not confirmed don't count, nor do those whose input has no relative lock.
    pub(crate) newest_coin: u32,
}

impl LockPoints {
    /// Reckons for `tx` in the block at `next_height`, where unconfirmed coins are taken to be confirmed too.
    ///
    /// `median_time_before` gives the median time past of the block *before* the one at a height: relative times are
    /// measured from the earliest time that the coin's block could have had.
    pub(crate) fn new(
        tx: &Transaction,
        spent: &[Coin],
        next_height: u32,
        median_time_before: impl Fn(u32) -> u32,
    ) -> Self {
        let mut points = Self {
            min_height: 0,
            min_median_time: 0,
            newest_coin: 0,
        };
        let newest = |points: &mut Self, coin: &Coin| {
            if coin.height != next_height {
                points.newest_coin = points.newest_coin.max(coin.height);
            }
        };
        // As an unsigned number, so that a negative version is not seen as an old one.
        if (tx.version.0 as u32) < 2 {
            spent.iter().for_each(|coin| newest(&mut points, coin));
            return points;
        }
        for (input, coin) in tx.input.iter().zip(spent) {
            let sequence = input.sequence.to_consensus_u32();
            let value = u64::from(sequence & VALUE_MASK);
            if !input.sequence.is_relative_lock_time() {
                continue;
            }
            newest(&mut points, coin);
            if sequence & TYPE_FLAG != 0 {
                let earliest =
                    u64::from(median_time_before(coin.height)) + (value << GRANULARITY_BITS);
                points.min_median_time = points.min_median_time.max(earliest);
            } else {
                points.min_height = points.min_height.max(u64::from(coin.height) + value);
            }
        }
        points
    }

    pub(crate) fn allow(self, context: LockContext) -> bool {
        self.min_height <= u64::from(context.height)
            && self.min_median_time <= u64::from(context.median_time)
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, OutPoint, ScriptBuf, TxIn, TxOut, Witness};

    use super::*;

    fn tx(version: i32, lock_time: u32, sequence: u32) -> Transaction {
        Transaction {
            version: Version(version),
            lock_time: LockTime::from_consensus(lock_time),
            input: vec![TxIn {
                previous_output: OutPoint::null(),
                script_sig: ScriptBuf::new(),
                sequence: Sequence(sequence),
                witness: Witness::new(),
            }],
            output: vec![],
        }
    }

    fn coin(height: u32) -> [Coin; 1] {
        let output = TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new(),
        };
        [Coin {
            output,
            height,
            coinbase: false,
        }]
    }

    #[test]
    fn an_absolute_lock_names_the_last_block_that_may_not_hold_it() {
        let at = |height| LockContext {
            height,
            median_time: 1_700_000_000,
        };
        assert!(!is_final(&tx(2, 100, 0), at(100)) && is_final(&tx(2, 100, 0), at(101)));
        assert!(
            !is_final(&tx(2, 1_700_000_000, 0), at(7)) && is_final(&tx(2, 1_699_999_999, 0), at(7))
        );
        assert!(
            is_final(&tx(2, 100, u32::MAX), at(5)),
            "final inputs switch the lock off"
        );
        assert!(is_final(&tx(2, 0, 0), at(5)));
    }

    #[test]
    fn a_relative_lock_counts_blocks_or_512_seconds_from_the_coin() {
        let passes = |version, sequence, height, median_time| {
            let context = LockContext {
                height,
                median_time,
            };
            let points = LockPoints::new(&tx(version, 0, sequence), &coin(50), height, |height| {
                height * 600
            });
            points.allow(context)
        };
        assert!(!passes(2, 10, 59, 0) && passes(2, 10, 60, 0));
        assert!(passes(1, 10, 51, 0), "version 1 knows no relative locks");
        assert!(!passes(-1, 10, 51, 0), "versions are unsigned");
        assert!(
            passes(2, 10 | 1 << 31, 51, 0),
            "disabled by its highest bit"
        );
        let two_units = TYPE_FLAG | 2;
        assert!(!passes(2, two_units, 51, 31_023) && passes(2, two_units, 51, 31_024));
    }
}
