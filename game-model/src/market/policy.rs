//! How a ledger counts: how fast it forgets, where a newcomer starts, how much it is mistrusted.

use serde::{Deserialize, Serialize};

use super::ledger::Standing;
use crate::ratio::Ratio;
use crate::tagged::TaggedHasher;

/// 1 in a ledger's fixed point: 32 bits behind the point.
pub const ONE: u64 = 1 << 32;

/// Largest start value and largest caution: far above any use, far below what a count can hold.
const MAX_START: u32 = 1 << 20;

/// Which count an audit lets fade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Both: α ← λα + 1, β ← λβ on a passed audit, the other way round on a failed one. α + β tends
    /// to 1/(1−λ), and α/(α+β) to the share of passed audits among the latest 1/(1−λ) or so.
    Both,
    /// The one that grows, and no other: α ← λα + 1 on a passed audit, β ← λβ + 1 on a failed one.
    /// For λ < 1 both counts tend to 1/(1−λ) whatever the recomputer does, so α/(α+β) tends to 1/2 for
    /// every recomputer that fails now and then: fit for short records only (docs/adr/0027).
    Counted,
}

/// A policy as proposed: the JSON form of [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// λ, above 0 and at most 1: what is left of a count after the next audit.
    pub lambda: Ratio,
    /// α₀: passed audits that a newcomer is credited with.
    pub alpha: Ratio,
    /// β₀: failed audits that a newcomer is debited with.
    pub beta: Ratio,
    /// Failed audits that are added to β whenever a recomputer is priced.
    pub caution: Ratio,
    /// Which count an audit lets fade.
    pub decay: Decay,
}

impl Default for PolicyRecord {
    /// λ = 999/1000 (half of an audit's weight is gone 693 audits later), a newcomer with one passed
    /// and one failed audit, two more failures as caution.
    fn default() -> Self {
        Self {
            lambda: Ratio::new(999, 1000).unwrap_or(Ratio::ONE),
            alpha: Ratio::ONE,
            beta: Ratio::ONE,
            caution: Ratio::new(2, 1).unwrap_or(Ratio::ONE),
            decay: Decay::Both,
        }
    }
}

/// A policy whose bounds hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    record: PolicyRecord,
    alpha: u64,
    beta: u64,
    caution: u64,
}

impl Policy {
    /// Checks a proposal.
    ///
    /// # Errors
    /// [`PolicyError`] names the first bound that does not hold.
    pub fn new(record: PolicyRecord) -> Result<Self, PolicyError> {
        let PolicyRecord {
            lambda,
            alpha,
            beta,
            caution,
            ..
        } = record;
        if lambda == Ratio::ZERO || lambda > Ratio::ONE {
            return Err(PolicyError::Lambda(lambda));
        }
        for (name, value) in [("alpha", alpha), ("beta", beta), ("caution", caution)] {
            if value.floor_of_u64(1) >= u64::from(MAX_START) {
                return Err(PolicyError::TooLarge { name, value });
            }
        }
        let policy = Self {
            record,
            alpha: alpha.floor_of_u64(ONE),
            beta: beta.ceil_of_u64(ONE),
            caution: caution.ceil_of_u64(ONE),
        };
        if policy.alpha == 0 && policy.beta == 0 {
            return Err(PolicyError::NothingKnown);
        }
        Ok(policy)
    }

    /// The proposal.
    pub const fn record(&self) -> &PolicyRecord {
        &self.record
    }

    /// α₀ in fixed point, rounded down.
    pub const fn alpha(&self) -> u64 {
        self.alpha
    }

    /// β₀ in fixed point, rounded up.
    pub const fn beta(&self) -> u64 {
        self.beta
    }

    /// The caution in fixed point, rounded up.
    pub const fn caution(&self) -> u64 {
        self.caution
    }

    /// What an audit makes of (α, β); α is rounded down and β up, so that an estimate is never above
    /// the exact one. `None` if a count would not fit.
    pub(super) fn count(&self, alpha: u64, beta: u64, passed: bool) -> Option<(u64, u64)> {
        let lambda = self.record.lambda;
        let both = self.record.decay == Decay::Both;
        let fade = |counted: bool| both || counted;
        let alpha = match fade(passed) {
            true => lambda.floor_of_u64(alpha),
            false => alpha,
        };
        let beta = match fade(!passed) {
            true => lambda.ceil_of_u64(beta),
            false => beta,
        };
        Some(match passed {
            true => (alpha.checked_add(ONE)?, beta),
            false => (alpha, beta.checked_add(ONE)?),
        })
    }

    /// The least number of passed audits, none failed before, after which a recomputer that then fails
    /// `failures` audits is priced above a newcomer, so that running away from its name does not pay.
    /// `None` if no record up to a million audits is that good: such a policy invites whitewashing.
    ///
    /// For λ = 1: the least s with s·(β₀ + c) > α₀·failures.
    pub fn record_worth_keeping(&self, failures: u8) -> Option<u32> {
        let fresh = Standing::newcomer(self);
        // Counts of a million audits and start values below a million: products below 2¹⁰⁸.
        let all =
            |s: &Standing| u128::from(s.alpha) + u128::from(s.beta) + u128::from(self.caution);
        let above = |standing: &Standing| {
            u128::from(standing.alpha) * all(&fresh) > u128::from(fresh.alpha) * all(standing)
        };
        let mut standing = fresh;
        for passes in 0..=MAX_START {
            let mut failed = Some(standing);
            for _ in 0..failures {
                failed = failed.and_then(|standing| standing.after(self, false));
            }
            if failed.as_ref().is_some_and(above) {
                return Some(passes);
            }
            let next = standing.after(self, true)?;
            // α no longer grows and β no longer fades: nothing new will come.
            if (next.alpha, next.beta) == (standing.alpha, standing.beta) {
                return None;
            }
            standing = next;
        }
        None
    }

    pub(super) fn hash_into(&self, hasher: TaggedHasher) -> TaggedHasher {
        let record = &self.record;
        let numbers = [record.lambda, record.alpha, record.beta, record.caution];
        numbers
            .iter()
            .fold(hasher, |hasher, ratio| {
                hasher
                    .number(ratio.numerator().into())
                    .number(ratio.denominator().into())
            })
            .number(match record.decay {
                Decay::Both => 0,
                Decay::Counted => 1,
            })
    }
}

/// Why a proposal is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// λ is 0 or above 1.
    #[error("lambda is {0}; it must be above 0 and at most 1")]
    Lambda(Ratio),
    /// A start value or the caution is out of range.
    #[error("{name} is {value}; it must be below {MAX_START}")]
    TooLarge {
        /// Which value.
        name: &'static str,
        /// What it is.
        value: Ratio,
    },
    /// α₀ + β₀ = 0, so a newcomer has no estimate.
    #[error("alpha and beta are both 0; a newcomer would have no estimate")]
    NothingKnown,
}
