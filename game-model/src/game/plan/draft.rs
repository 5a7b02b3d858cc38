//! One size of the sample: what follows from it, and the least stake.

use bitcoin_units::Amount;
use num_traits::ToPrimitive;

use super::{PlanError, Point, Wish};
use crate::detection::hit_probability;
use crate::game::build::build_with;
use crate::game::economics::{Economics, SidePayments};
use crate::game::inequality::{Deposits, Symbols, locking};
use crate::game::solve::solve;
use crate::params::{MAX_MONEY_SAT, Params, ParamsError, ParamsRecord};
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat, shortened};

/// How often a stake is raised for which the inequalities hold by a shortened probability and the exact tree says no.
const MOST_RAISES: u32 = 4;

/// What parts of stakes that are floored in parameters can make up for in an inequality, in satoshi: more than there are parts.
const FLOORED: u64 = 64;

/// Everything but the stakes and the retainer, which follows from them.
pub(super) struct Draft<'a> {
    wish: &'a Wish,
    pub(super) economics: Economics,
    record: ParamsRecord,
    sample: u32,
    /// p, exact: hundreds of digits where many bad steps meet a large sample.
    hit: Rational,
}

/// y for a sample of this size.
pub(super) fn verifying(wish: &Wish, sample: u32) -> Result<Amount, PlanError> {
    let z = sat(wish.economics.worker_cost);
    let share = Rational::new(sample.into(), wish.base.steps.max(1).into());
    let y = z * fraction(wish.verification_overhead) * share;
    ceil(&(y + sat(wish.verification_fixed)))
}

impl<'a> Draft<'a> {
    pub(super) fn new(wish: &'a Wish, sample: u32) -> Result<Self, PlanError> {
        let steps = wish.base.steps;
        wish.economics.check_draws(sample.into())?;
        let hit = hit_probability(steps, wish.economics.bad_steps, sample.into());
        Self::with_hit(wish, sample, hit)
    }

    /// The same where the sample hits with probability `hit`.
    pub(super) fn with_hit(wish: &'a Wish, sample: u32, hit: Rational) -> Result<Self, PlanError> {
        let steps = wish.base.steps;
        let y = verifying(wish, sample)?;
        let mut draft = Self::with(wish, sample, y, hit)?;
        draft.record =
            (draft.record.for_job(steps, sample)).map_err(|reason| PlanError::Sample {
                sample,
                steps,
                reason,
            })?;
        Ok(draft)
    }

    /// For figures that need not belong together: bounds of a search.
    pub(super) fn with(
        wish: &'a Wish,
        sample: u32,
        y: Amount,
        hit: Rational,
    ) -> Result<Self, PlanError> {
        let economics = Economics {
            verifier_cost: y,
            capital_cost: wish.capital_cost,
            side_payments: if wish.resist_bribes {
                wish.economics.side_payments
            } else {
                SidePayments::Impossible
            },
            ..wish.economics.clone()
        };
        let margin = exact(1) + fraction(wish.margin);
        let above = |cost: &Rational| ceil(&(cost * &margin + exact(1)));
        let fees = &economics.fees;
        let (z, y) = (sat(economics.worker_cost), sat(y));
        // The worker pays for the settlement when all goes well.
        let worker = above(&(&z + sat(fees.settlement)))?;
        let verifier = above(&y)?;
        let reward = worker.checked_add(verifier).ok_or(PlanError::TooMuch)?;
        let rho = Ratio::from_u64(worker.to_sat(), reward.to_sat());
        let rho = rho.map_err(|_| PlanError::Share {
            worker_sat: worker.to_sat(),
            reward_sat: reward.to_sat(),
        })?;
        // Strictly above each: the next whole number.
        let mut bounty = fees.rejecting().floor() + exact(1);
        if economics.side_payments == SidePayments::Possible && hit > exact(0) {
            let gain = sat(economics.outside_gain);
            let bribe = (&gain + &y) / &hit;
            let idle = &z + &y;
            let offered = bribe.max(idle) + fees.catching();
            let delivered = (gain / &hit).max(z) + fees.rejecting() - sat(fees.approval);
            bounty = bounty.max(offered.max(delivered).floor() + exact(1));
        }
        Ok(Self {
            wish,
            record: ParamsRecord {
                reward,
                rho,
                bounty: ceil(&bounty)?,
                ..wish.base.clone()
            },
            economics,
            sample,
            hit,
        })
    }

    /// The least retainer that pays for locking a stake with the margin, or the one of the base if that is more.
    fn retainer(&self, stake: u64) -> Result<Amount, PlanError> {
        let asked = match self.locking() {
            None => exact(0),
            Some(locking) => {
                let margin = exact(1) + fraction(self.wish.margin);
                let locking = locking * margin;
                if locking >= exact(1) {
                    return Err(PlanError::TooMuch);
                }
                // r > (a + r) · locking
                (exact(stake) * &locking / (exact(1) - locking)).floor() + exact(1)
            }
        };
        // An arbiter in the minority has an output of its retainer alone.
        let asked = match ceil(&asked)? {
            Amount::ZERO => Amount::ZERO,
            more => more.max(self.record.dust_limit),
        };
        Ok(asked.max(self.wish.base.retainer))
    }

    /// Less than any retainer with this stake.
    pub(super) fn least_retainer(&self, stake: &Rational) -> Rational {
        let base = sat(self.wish.base.retainer);
        match self.locking().filter(|locking| *locking < exact(1)) {
            Some(locking) => base
                .max(stake * &locking / (exact(1) - &locking))
                .max(sat(self.record.dust_limit)),
            None => base,
        }
    }

    fn locking(&self) -> Option<Rational> {
        // Only windows and the panel are asked.
        let blocks = self.record.stake_lock_blocks();
        locking(self.economics.capital_cost, blocks)
    }

    /// What the stakes have to pay if the verifier has caught a worker: φ + b.
    pub(super) fn owed(&self) -> Rational {
        let rho = self.record.rho.complement().unwrap_or(Ratio::ZERO);
        sat(rho.floor_of(self.record.reward)) + sat(self.record.bounty)
    }

    /// The letters of the inequalities for a stake w = v = a, nothing floored.
    fn symbols(&self, stake: &Rational, hit: &Rational) -> Symbols {
        let deposits = Deposits {
            w: stake.clone(),
            v: stake.clone(),
            a: stake.clone(),
            retainer: self.least_retainer(stake),
        };
        let part = |share: Ratio, stake: &Rational| fraction(share) * stake;
        Symbols::of(&self.record, deposits, part, &self.economics, hit.clone())
    }

    /// By inequality, the least stake that it asks for; 0 where it asks for none. All are linear in the stake, so two
    /// points tell. The first is φ + b ≤ δw.
    pub(super) fn asked(&self) -> Result<Vec<Rational>, PlanError> {
        let delta = fraction(self.record.delta);
        if delta == exact(0) {
            return Err(PlanError::TooMuch);
        }
        let (one, two) = (exact(1u64 << 40), exact(1u64 << 41));
        let rows = self.symbols(&one, &self.hit).rows().into_iter();
        let each = rows
            .zip(self.symbols(&two, &self.hit).rows())
            .map(|(at_one, at_two)| {
                let gap = |row: &super::super::Inequality| &row.left - &row.right;
                let slope = (gap(&at_two) - gap(&at_one)) / &one;
                let start = gap(&at_one) - &slope * &one;
                if slope > exact(0) && start <= exact(0) {
                    -start / slope
                } else {
                    exact(0)
                }
            });
        let budget = self.owed() / delta;
        Ok(std::iter::once(budget).chain(each).collect())
    }

    /// The least w by the inequalities, before anything is floored.
    fn least_stake(&self) -> Result<u64, PlanError> {
        let asked = self.asked()?.into_iter().max().unwrap_or_default();
        let least = ceil(&asked)?.to_sat();
        Ok(least
            .max(self.record.dust_limit.to_sat().saturating_mul(2))
            .max(1))
    }

    fn params(&self, stake: u64) -> Result<Params, Refused> {
        let retainer = self.retainer(stake).map_err(Refused::Plan)?;
        let stake = Amount::from_sat(stake);
        Params::new(ParamsRecord {
            worker_stake: stake,
            verifier_stake: stake,
            arbiter_stake: stake,
            retainer,
            ..self.record.clone()
        })
        .map_err(Refused::Params)
    }

    /// Whether the record is valid and all inequalities hold where the sample hits with this probability.
    fn suffices(&self, stake: u64, hit: &Rational) -> Result<(), Refused> {
        let params = self.params(stake)?;
        let symbols = Symbols::with_hit(&params, &self.economics, hit.clone());
        let broken = symbols.rows().into_iter().find(|row| !row.holds());
        broken.map_or(Ok(()), |row| Err(Refused::Row(row.name)))
    }

    /// Whether honest play is the only equilibrium.
    fn solves(&self, stake: u64) -> Result<bool, PlanError> {
        let Ok(params) = self.params(stake) else {
            return Ok(false);
        };
        let game = build_with(&params, &self.economics, self.hit.clone())?;
        Ok(solve(&game).verdict.honest_play_pays())
    }

    /// The least stake for which the inequalities hold by a shortened probability, to a thousandth.
    fn priced(&self) -> Result<u64, PlanError> {
        let near = shortened(&self.hit);
        // Where what is floored breaks an inequality, a little more; where something else does, twice as much.
        let mut low = self.least_stake()?;
        let mut high = low;
        // What every stake so far was refused for: that is not the stake's fault.
        let mut refusal = match self.params(low) {
            Err(Refused::Params(refused)) => Some(refused),
            _ => None,
        };
        if let (None, Some(unmet)) = (&refusal, self.hopeless(low, &near)) {
            return Err(PlanError::NoStake {
                sample: self.sample,
                largest_sat: MAX_MONEY_SAT,
                unmet,
            });
        }
        while let Err(reason) = self.suffices(high, &near) {
            low = high;
            refusal = match (refusal, &reason) {
                (Some(before), Refused::Params(now)) => before.shared_with(now),
                _ => None,
            };
            high = match high.checked_mul(2).filter(|w| *w <= MAX_MONEY_SAT) {
                Some(twice) => twice,
                None => {
                    let largest_sat = low;
                    return Err(match (refusal, reason) {
                        (Some(refused), _) => PlanError::Params(refused),
                        (None, Refused::Plan(why)) => why,
                        (None, Refused::Row(unmet)) => PlanError::NoStake {
                            sample: self.sample,
                            largest_sat,
                            unmet: self.first_unmet().unwrap_or(unmet),
                        },
                        (None, Refused::Params(_)) => PlanError::NoStake {
                            sample: self.sample,
                            largest_sat,
                            unmet: self.first_unmet().unwrap_or("a bound of the record"),
                        },
                    });
                }
            };
        }
        // To a thousandth, upwards: a satoshi more or less is nobody's concern.
        while high - low > (high / 1_000).max(1) {
            let middle = low + (high - low) / 2;
            match self.suffices(middle, &near) {
                Ok(()) => high = middle,
                Err(_) => low = middle,
            }
        }
        Ok(high)
    }

    /// An inequality that fails at this stake, and at every larger one, where the sample hits with this probability. Each is linear in the stake but for the larger of the retainers that
    /// it may hold, so its slope only grows or only falls: where it is nowhere upwards at both ends of the search, it is nowhere upwards
    /// between.
    fn hopeless(&self, least: u64, hit: &Rational) -> Option<&'static str> {
        let gaps = |stake: &Rational| {
            let rows = self.symbols(stake, hit).rows().into_iter();
            let gaps = rows.map(|row| (row.name, &row.left - &row.right));
            gaps.collect::<Vec<_>>()
        };
        let (least, most) = (exact(least), exact(MAX_MONEY_SAT));
        let two = exact(2);
        let ends = [&least, &(&least * &two), &(&most / &two), &most].map(gaps);
        let [at_least, after, before, at_most] = ends;
        let steps = at_least.iter().zip(after).zip(before.iter().zip(at_most));
        let hopeless = steps.into_iter().find(|((low, next), (last, most))| {
            let falls = next.1 <= low.1 && most.1 <= last.1;
            falls && low.1 < -exact(FLOORED)
        });
        hopeless.map(|((row, _), _)| row.0)
    }

    /// What the contract costs with the least stake, before the tree is asked.
    pub(super) fn least_cost(&self) -> Result<Rational, PlanError> {
        let stake = self.priced()?;
        Ok(self.cost(&exact(stake), &sat(self.retainer(stake)?)))
    }

    pub(super) fn cheapest(&self) -> Result<Point, PlanError> {
        let mut high = self.priced()?;
        // The search went by a shortened probability; what is said of the stake found rests on the exact one, and on the
        // tree.
        for _ in 0..MOST_RAISES {
            if self.suffices(high, &self.hit).is_ok() && self.solves(high)? {
                return self.point(high);
            }
            high = match high.checked_add((high / 1_000).max(1)) {
                Some(more) if more <= MAX_MONEY_SAT => more,
                _ => break,
            };
        }
        Err(PlanError::NoStake {
            sample: self.sample,
            largest_sat: high,
            unmet: "the tree, where all conditions hold",
        })
    }

    /// An inequality that fails at the stake that they ask for together: which one is at fault.
    fn first_unmet(&self) -> Option<&'static str> {
        let stake = self.asked().ok()?.into_iter().max()?;
        let rows = self.symbols(&(stake + exact(2)), &self.hit).rows();
        rows.iter().find(|row| !row.holds()).map(|row| row.name)
    }

    fn point(&self, stake: u64) -> Result<Point, PlanError> {
        let params = self.params(stake).map_err(Refused::into_plan)?;
        let z = sat(self.economics.worker_cost).max(exact(1));
        Ok(Point {
            verifier_cost: self.economics.verifier_cost,
            verification_share: sat(self.economics.verifier_cost) / z,
            hit: self.hit.clone(),
            total_cost: self.cost(&exact(stake), &sat(params.retainer())),
            params,
        })
    }

    /// c, retainers and the cost of locking everything, for stakes w = v = a.
    pub(super) fn cost(&self, stake: &Rational, retainer: &Rational) -> Rational {
        let panel = exact(self.record.arbiters);
        let reward = sat(self.record.reward);
        let locked = &reward + stake * exact(2) + (stake + retainer) * &panel;
        let capital = self.locking().map_or(exact(0), |cost| cost * locked);
        reward + retainer * panel + capital
    }
}

/// Why a stake is none.
enum Refused {
    Params(ParamsError),
    Row(&'static str),
    Plan(PlanError),
}

impl Refused {
    fn into_plan(self) -> PlanError {
        match self {
            Self::Params(refused) => PlanError::Params(refused),
            Self::Plan(why) => why,
            Self::Row(_) => PlanError::TooMuch,
        }
    }
}

pub(super) fn ceil(value: &Rational) -> Result<Amount, PlanError> {
    let whole = value.ceil().to_integer().to_u64();
    let whole = whole.filter(|sat| *sat <= MAX_MONEY_SAT);
    whole.map(Amount::from_sat).ok_or(PlanError::TooMuch)
}
