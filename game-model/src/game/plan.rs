//! The cheapest parameters for which honest play is the only equilibrium.
//!
//! For each size of the sample: rewards a margin above costs, a bounty above what a cheat could
//! offer its verifier, a retainer above what locking a stake costs, and the least worker's stake for which all of
//! [`inequalities`](super::inequalities()) hold; then [`solve`](super::solve()) is asked, with exact figures, whether honest play is
//! unique. The other stakes follow from the bounds (w ≤ v ≤ a). Small samples need large stakes, large ones
//! much verification: the frontier between the two is what a client chooses from, and [`best_sample`] finds the cheapest
//! of all sizes.

mod draft;
mod search;

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use super::economics::{Economics, EconomicsError};
use crate::params::{Params, ParamsError, ParamsRecord};
use crate::ratio::{Ratio, RatioError};
use crate::rational::{Rational, approximate, sat};
use draft::Draft;
pub use search::best_sample;

/// What is wanted and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Costs and values; its verifier's cost is replaced by what the sample costs.
    pub economics: Economics,
    /// Template, panel, shares α … ε and windows; rewards, stakes, bounty and sample are replaced.
    pub base: ParamsRecord,
    /// What verifying one step costs by what doing it costs the worker.
    pub verification_overhead: Ratio,
    /// What verifying costs whatever the sample.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "verification_fixed_sat"
    )]
    pub verification_fixed: Amount,
    /// By how much ρc exceeds z and the fee of a settlement, and φ exceeds y.
    pub margin: Ratio,
    /// Whether the bounty is to exceed any bribe; without it [`Economics::side_payments`] are taken for impossible.
    pub resist_bribes: bool,
    /// What locking coins costs: the share of them per 1,000 blocks. It replaces that of the economics.
    pub capital_cost: Ratio,
    /// The samples to look at.
    pub samples: Vec<u32>,
}

/// The cheapest contract with a sample of this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The whole record, valid.
    pub params: Params,
    /// y for this sample, in satoshi.
    pub verifier_cost: Amount,
    /// y / z.
    pub verification_share: Rational,
    /// p, the probability that the sample hits the cheat.
    pub hit: Rational,
    /// c, retainers and the cost of locking all deposits, in satoshi.
    pub total_cost: Rational,
}

impl Point {
    /// The figures of a chart: sample and worker's stake in satoshi.
    pub fn coordinates(&self) -> (f64, f64) {
        let stake = sat(self.params.worker_stake());
        (f64::from(self.params.sample()), approximate(&stake))
    }

    /// The figures of a chart: sample and total cost in satoshi.
    pub fn cost_coordinates(&self) -> (f64, f64) {
        let cost = approximate(&self.total_cost);
        (f64::from(self.params.sample()), cost)
    }
}

/// The frontier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By ascending sample; samples without any solution are missing.
    pub frontier: Vec<Point>,
    /// Index of the cheapest point.
    pub best: usize,
}

/// Finds the frontier. `progress` is told each sample before it is looked at.
///
/// # Errors
/// [`PlanError`] if no sample has a contract that makes honest play the only equilibrium.
pub fn plan(wish: &Wish, mut progress: impl FnMut(u32)) -> Result<Plan, PlanError> {
    wish.base.check_but_amounts()?;
    let mut frontier = Vec::new();
    let mut why_not = PlanError::NoSample;
    let mut samples = wish.samples.clone();
    samples.sort_unstable();
    samples.dedup();
    for sample in samples {
        progress(sample);
        match Draft::new(wish, sample).and_then(|draft| draft.cheapest()) {
            Ok(point) => frontier.push(point),
            // That there is no stake is the answer; a sample that is refused is only not asked about.
            Err(reason) if !matches!(why_not, PlanError::NoStake { .. }) => why_not = reason,
            Err(reason @ PlanError::NoStake { .. }) => why_not = reason,
            Err(_) => {}
        }
    }
    let each = frontier.iter().enumerate();
    let best = each.min_by(|(_, a), (_, b)| a.total_cost.cmp(&b.total_cost));
    match best {
        Some((best, _)) => Ok(Plan { frontier, best }),
        None => Err(why_not),
    }
}

/// Why there is no plan. The wish is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No sample size was given.
    #[error("there is no sample size to look at")]
    NoSample,
    /// Whatever the stake, honest play is not the only equilibrium.
    #[error(
        "with a sample of {sample} no stake up to {largest_sat} sat makes honest play the only \
         equilibrium: what fails is \"{unmet}\"; is the result worth more to the client than it costs?"
    )]
    NoStake {
        /// Sample.
        sample: u32,
        /// Largest stake tried.
        largest_sat: u64,
        /// The name of a condition that cannot be met.
        unmet: &'static str,
    },
    /// Sums beyond 21 million bitcoin.
    #[error("the costs add up to more than there is money")]
    TooMuch,
    /// The sample is no fraction of the steps.
    #[error("a sample of {sample} is no fraction of {steps} steps")]
    Sample {
        /// The sample.
        sample: u32,
        /// N.
        steps: u64,
        /// Why not.
        #[source]
        reason: RatioError,
    },
    /// The worker's part of the reward is no fraction that a record can hold.
    #[error(
        "{worker_sat} sat for the worker out of a reward of {reward_sat} sat are no fraction that parameters can hold \
         (in lowest terms, 32 bits above and below): the costs are too large"
    )]
    Share {
        /// ρc.
        worker_sat: u64,
        /// c.
        reward_sat: u64,
    },
    /// The base record breaks a bound whatever the stakes.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The figures make no game.
    #[error(transparent)]
    Economics(#[from] EconomicsError),
}
