//! At which rate a transaction is offered, block by block until its deadline, and what a replacement of it must pay.
//!
//! What to pay is a function of four things that anybody can look up: how long it has been offered, when it must confirm, what
//! is lost if it does not, and what waits in the mempool in its place. Nothing of it need be remembered to be right.

use bitcoin::{Amount, Weight};

use super::{FeeError, FeeRate, FeeRules};

/// What a replacement pays for its own relay on top of all that it evicts (BIP125 rule 4): 1 sat/vB, `-incrementalrelayfee` of
/// Bitcoin Core before 29.1, and ten times what later ones ask.
pub const RELAY: FeeRate = FeeRate::from_sat_per_kwu(250);

/// Largest part of what is at stake that a fee may be: one in this many. Who pays all of it to miners has saved nothing; lnd's
/// sweeper draws the line at the same half.
pub const BUDGET: u64 = 2;

/// Where the offering of a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urgency {
    /// Height of the tip when it was offered first, as far as that is known: whoever does not know begins now.
    pub since: u32,
    /// Height of the tip.
    pub tip: u32,
    /// Last height at which it is surely in time, if another transaction gets its turn then.
    pub until: Option<u32>,
    /// b: blocks in which a transaction confirms at the usual rate, as its owner reckons.
    pub confirm: u32,
}

impl Urgency {
    /// Whether the next block is the last that is surely in time, or it was one before.
    pub fn is_last(&self) -> bool {
        self.until
            .is_some_and(|until| self.tip.saturating_add(1) >= until)
    }

    /// Blocks of the climb that have passed, and all of them: from the first offer, or b blocks before the deadline if that was
    /// earlier, to the tip whose next block is the last in time.
    fn climb(&self, until: u32) -> (u32, u32) {
        let top = until.saturating_sub(1);
        let foot = self.since.min(until.saturating_sub(self.confirm));
        let all = top.saturating_sub(foot).max(1);
        (self.tip.saturating_sub(foot).min(all), all)
    }
}

/// From which rate a transaction and its child climb, and to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCurve {
    first: FeeRate,
    most: FeeRate,
    budget: Amount,
}

impl FeeCurve {
    /// For a package of this weight: from the usual rate to the ceiling of its owner, or less if that would cost more than half of
    /// what is at stake. The usual rate is paid in any case: what must be published is offered once, whatever it is worth.
    ///
    /// # Errors
    /// [`FeeError`] if the usual rate is taken for a mistake; its owner's fault. A ceiling that is one is lowered.
    pub fn new(
        first: FeeRate,
        ceiling: FeeRate,
        (at_stake, package): (Amount, Weight),
    ) -> Result<FeeCurve, FeeError> {
        let usual = first.checked_fee(package)?;
        let part = at_stake / BUDGET;
        let wu = package.to_wu().max(1);
        let affordable = part.to_sat().saturating_mul(1_000) / wu;
        let most = FeeRate::from_sat_per_kwu(affordable);
        let most = most.min(ceiling).min(FeeRate::MOST).max(first);
        Ok(FeeCurve {
            first,
            most,
            budget: part.max(usual),
        })
    }

    /// Most that all of it may cost, whatever it has to replace.
    pub const fn budget(&self) -> Amount {
        self.budget
    }

    /// The rate that is reached at last.
    pub const fn most(&self) -> FeeRate {
        self.most
    }

    /// The rate now. With a deadline it rises as the third power of the time that has passed, so that it is relaxed at first and all
    /// is paid in time for the last block (lnd's *cubic delay*); without one by a quarter with each block (as LDK's
    /// `OnchainTxHandler` does).
    pub fn rate(&self, now: &Urgency) -> FeeRate {
        let (first, most) = (self.first.to_sat_per_kwu(), self.most.to_sat_per_kwu());
        let rate = match now.until {
            Some(until) => {
                let (passed, all) = now.climb(until);
                let cube = |blocks: u32| u128::from(blocks).pow(3);
                let rise = u128::from(most.saturating_sub(first)) * cube(passed) / cube(all);
                first.saturating_add(u64::try_from(rise).unwrap_or(u64::MAX))
            }
            None => {
                let waited = now.tip.saturating_sub(now.since);
                let mut rate = first;
                for _ in 0..waited {
                    if rate >= most {
                        break;
                    }
                    // Rounded up, so that the least rates rise too.
                    rate = rate.saturating_add(rate.div_ceil(4));
                }
                rate
            }
        };
        FeeRate::from_sat_per_kwu(rate.min(most))
    }
}

/// What waits in a mempool and has to go: a child on the same anchor, or another transaction on the same coin with all that
/// depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// What it pays.
    pub fee: Amount,
    /// Weight that it pays for: with the parent's, where that stays.
    pub weight: Weight,
}

impl Evicted {
    /// Least fee of what takes the place of all these: it pays more than all of them together and for its own relay (BIP125 rules 3 and
    /// 4), and more a unit of weight than each (since Bitcoin Core 28 for packages, since 31 for all). `relayed` is what is new
    /// of it, `package` all that it pays for.
    ///
    /// `None` if there is not as much money.
    pub fn least_fee(all: &[Evicted], relayed: Weight, package: Weight) -> Option<Amount> {
        if all.is_empty() {
            return Some(Amount::ZERO);
        }
        let paid = all
            .iter()
            .try_fold(Amount::ZERO, |sum, one| sum.checked_add(one.fee))?;
        // Nodes round sizes up to whole vB.
        let relayed = Weight::from_vb(relayed.to_vbytes_ceil())?;
        let mut least = paid.checked_add(RELAY.fee(relayed)?)?;
        for one in all {
            let (fee, weight) = (u128::from(one.fee.to_sat()), one.weight.to_wu().max(1));
            let same = fee * u128::from(package.to_wu()) / u128::from(weight);
            let more = Amount::from_sat(u64::try_from(same + 1).ok()?);
            least = least.max(more);
        }
        (least <= Amount::MAX_MONEY).then_some(least)
    }
}
