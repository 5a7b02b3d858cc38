//! The cheapest parameters for which honest play is the only equilibrium.
//!
//! For each size of the sample: rewards a margin above costs, a bounty above what a cheat could
//! offer for silence, and the least worker's stake for which [`solve()`] finds honest play unique.
//! The other stakes follow from the bounds (w ≤ v ≤ a). Small samples need large stakes, large ones
//! much verification: the frontier between the two is what a client chooses from.

use bitcoin_units::Amount;
use num_traits::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::build::build_with;
use super::economics::{Economics, EconomicsError};
use super::solve::solve;
use crate::params::{MAX_MONEY_SAT, Params, ParamsError, ParamsRecord};
use crate::ratio::{Ratio, RatioError};
use crate::rational::{Rational, approximate, exact, fraction, sat, shortened};

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
    /// Whether the bounty is to exceed any bribe (b > z + B).
    pub resist_bribes: bool,
    /// What locking coins costs: the share of them per 1,000 blocks.
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
    let mut frontier = Vec::new();
    let mut why_not = PlanError::NoSample;
    let mut samples = wish.samples.clone();
    samples.sort_unstable();
    samples.dedup();
    for sample in samples {
        progress(sample);
        match cheapest(wish, sample) {
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

fn cheapest(wish: &Wish, sample: u32) -> Result<Point, PlanError> {
    let draft = Draft::new(wish, sample)?;
    let near = shortened(&draft.hit);
    // Below the least stake the record is refused; from there on, twice as much until it works.
    let mut low = draft.least_stake()?;
    let mut high = low;
    // What every stake so far was refused for: that is not the stake's fault.
    let mut refusal = draft.params(low).err();
    while !draft.works(high, &near)? {
        low = high;
        refusal = match (refusal, draft.params(low)) {
            (Some(before), Err(now)) => before.shared_with(&now),
            _ => None,
        };
        high = match high.checked_mul(2).filter(|w| *w <= MAX_MONEY_SAT) {
            Some(twice) => twice,
            None => {
                return Err(refusal.map_or(
                    PlanError::NoStake {
                        sample,
                        largest_sat: low,
                    },
                    PlanError::Params,
                ));
            }
        };
    }
    // To a thousandth, upwards: a satoshi more or less is nobody's concern.
    while high - low > (high / 1_000).max(1) {
        let middle = low + (high - low) / 2;
        if draft.works(middle, &near)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    // The search went by a shortened probability; what is said of the stake found rests on the exact one.
    while !draft.works(high, &draft.hit)? {
        high = match high.checked_add((high / 1_000).max(1)) {
            Some(more) if more <= MAX_MONEY_SAT => more,
            _ => {
                return Err(PlanError::NoStake {
                    sample,
                    largest_sat: high,
                });
            }
        };
    }
    draft.point(high)
}

/// Everything but the stakes.
struct Draft<'a> {
    wish: &'a Wish,
    economics: Economics,
    record: ParamsRecord,
    /// p, exact: hundreds of digits where many bad steps meet a large sample.
    hit: Rational,
}

impl<'a> Draft<'a> {
    fn new(wish: &'a Wish, sample: u32) -> Result<Self, PlanError> {
        let mut economics = wish.economics.clone();
        let steps = wish.base.steps;
        let z = sat(economics.worker_cost);
        let overhead = fraction(wish.verification_overhead);
        let y = z * overhead * Rational::new(sample.into(), steps.max(1).into());
        economics.verifier_cost = ceil(&(y + sat(wish.verification_fixed)))?;
        let margin = exact(1) + fraction(wish.margin);
        let above = |cost: Amount| ceil(&(sat(cost) * &margin + exact(1)));
        // The worker pays for the settlement when all goes well.
        let honest = economics
            .worker_cost
            .checked_add(economics.fees.settlement)
            .ok_or(PlanError::TooMuch)?;
        let (worker, verifier) = (above(honest)?, above(economics.verifier_cost)?);
        let reward = worker.checked_add(verifier).ok_or(PlanError::TooMuch)?;
        let bribe = economics.worker_cost.checked_add(economics.outside_gain);
        let bribe = bribe.and_then(|b| b.checked_add(Amount::ONE_SAT));
        let bounty = if wish.resist_bribes {
            bribe.ok_or(PlanError::TooMuch)?
        } else {
            Amount::ZERO
        };
        let record = ParamsRecord {
            reward,
            rho: Ratio::from_u64(worker.to_sat(), reward.to_sat()).map_err(|_| {
                PlanError::Share {
                    worker_sat: worker.to_sat(),
                    reward_sat: reward.to_sat(),
                }
            })?,
            bounty,
            ..wish.base.clone()
        };
        economics.check_draws(sample.into())?;
        let hit = super::hit_probability(steps, economics.bad_steps, sample.into());
        Ok(Self {
            wish,
            economics,
            hit,
            record: (record.for_job(steps, sample)).map_err(|reason| PlanError::Sample {
                sample,
                steps,
                reason,
            })?,
        })
    }

    /// The least w with φ + b ≤ δw, and twice the dust limit.
    fn least_stake(&self) -> Result<u64, PlanError> {
        let delta = fraction(self.record.delta);
        if delta == exact(0) {
            return Err(PlanError::TooMuch);
        }
        let rho = self.record.rho.complement().unwrap_or(Ratio::ZERO);
        let owed = sat(rho.floor_of(self.record.reward)) + sat(self.record.bounty);
        let least = ceil(&(owed / delta))?.to_sat();
        Ok(least
            .max(self.record.dust_limit.to_sat().saturating_mul(2))
            .max(1))
    }

    fn params(&self, stake: u64) -> Result<Params, ParamsError> {
        let stake = Amount::from_sat(stake);
        Params::new(ParamsRecord {
            worker_stake: stake,
            verifier_stake: stake,
            arbiter_stake: stake,
            ..self.record.clone()
        })
    }

    /// Whether honest play is the only equilibrium where the sample hits with this probability: the exact one, or the
    /// shortened one for a search.
    fn works(&self, stake: u64, hit: &Rational) -> Result<bool, PlanError> {
        let Ok(params) = self.params(stake) else {
            return Ok(false);
        };
        let game = build_with(&params, &self.economics, hit.clone())?;
        Ok(solve(&game).verdict.honest_play_pays())
    }

    fn point(&self, stake: u64) -> Result<Point, PlanError> {
        let params = self.params(stake)?;
        let z = sat(self.economics.worker_cost).max(exact(1));
        let panel = exact(params.arbiters());
        let locked = sat(params.contract_value()) + sat(params.stake_output_value()) * &panel;
        let blocks = exact(params.stake_lock_blocks());
        let capital = fraction(self.wish.capital_cost) * locked * blocks / exact(1_000);
        Ok(Point {
            verifier_cost: self.economics.verifier_cost,
            verification_share: sat(self.economics.verifier_cost) / z,
            hit: self.hit.clone(),
            total_cost: sat(params.reward()) + sat(params.retainer()) * panel + capital,
            params,
        })
    }
}

fn ceil(value: &Rational) -> Result<Amount, PlanError> {
    let whole = value.ceil().to_integer().to_u64();
    let whole = whole.filter(|sat| *sat <= MAX_MONEY_SAT);
    whole.map(Amount::from_sat).ok_or(PlanError::TooMuch)
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
         equilibrium; is the result worth more to the client than it costs?"
    )]
    NoStake {
        /// Sample.
        sample: u32,
        /// Largest stake tried.
        largest_sat: u64,
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
