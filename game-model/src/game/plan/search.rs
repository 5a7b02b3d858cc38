//! The cheapest of all sizes of the sample, without looking at each.
//!
//! Over an interval of sizes the cost is at least what the cheapest verification of it (its first size) and the best
//! detection of it (its last) would cost together. Intervals are cut in halves, the most promising first, until one size
//! is left whose cost is below every other bound.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::draft::{Draft, verifying};
use super::{PlanError, Wish};
use crate::caps::MAX_SAMPLE;
use crate::detection::hit_probability;
use crate::game::economics::MAX_EXACT_DRAWS;
use crate::rational::{Rational, exact, shortened};

/// Most intervals that are cut: far more than it takes, and an end for costs that are flat over millions of sizes.
const MOST_CUTS: usize = 4_000;

/// The size of the sample with the least total cost, of all that a contract over the wish's steps can have and whose odds
/// are computed exactly; [`Wish::samples`] are not asked. To a thousandth, as a plan's stakes are.
///
/// # Errors
/// [`PlanError`] if no size has a contract.
pub fn best_sample(wish: &Wish) -> Result<u32, PlanError> {
    wish.base.check_but_amounts()?;
    let most = wish.base.steps.min(MAX_SAMPLE.into());
    let most = if wish.economics.bad_steps > MAX_EXACT_DRAWS {
        most.min(MAX_EXACT_DRAWS)
    } else {
        most
    };
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    if most == 0 {
        return Err(PlanError::NoSample);
    }
    Search::new(wish).run(most)
}

/// Sizes from the first to the last, and the least that any of them can cost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    least: Rational,
    first: u32,
    last: u32,
}

struct Search<'a> {
    wish: &'a Wish,
    hits: HashMap<u32, Rational>,
}

impl<'a> Search<'a> {
    fn new(wish: &'a Wish) -> Self {
        let hits = HashMap::new();
        Self { wish, hits }
    }

    /// p, at most 2⁻⁶⁴ too low.
    fn hit(&mut self, sample: u32) -> Rational {
        let (steps, bad) = (self.wish.base.steps, self.wish.economics.bad_steps);
        let hit = || shortened(&hit_probability(steps, bad, sample.into()));
        self.hits.entry(sample).or_insert_with(hit).clone()
    }

    /// The least that a size in this interval can cost.
    fn interval(&mut self, first: u32, last: u32) -> Result<Interval, PlanError> {
        let hit = self.hit(last) + Rational::new(1.into(), (1_u128 << 64).into());
        let hit = hit.min(exact(1));
        let (cheap, low) = self.end(first, &hit)?;
        let (_, high) = self.end(last, &hit)?;
        // Each condition is linear in y, so over the interval it asks for no less than at one of its ends.
        let each = low.into_iter().zip(high).map(|(a, b)| a.min(b));
        let stake = each.max().unwrap_or_default();
        let least = cheap.cost(&stake, &cheap.least_retainer(&stake));
        Ok(Interval { least, first, last })
    }

    /// The figures with this size's cost of verifying and that probability, and what each condition asks for.
    fn end(&self, sample: u32, hit: &Rational) -> Result<(Draft<'a>, Vec<Rational>), PlanError> {
        let y = verifying(self.wish, sample)?;
        let draft = Draft::with(self.wish, sample, y, hit.clone())?;
        let asked = draft.asked()?;
        Ok((draft, asked))
    }

    fn run(&mut self, most: u32) -> Result<u32, PlanError> {
        let mut open = BinaryHeap::from([Reverse(self.interval(1, most)?)]);
        let mut best: Option<(Rational, u32)> = None;
        let mut why_not = PlanError::NoSample;
        let mut cuts = 0;
        while let Some(Reverse(Interval { least, first, last })) = open.pop() {
            let near = &least * Rational::new(1_001.into(), 1_000.into());
            if best.as_ref().is_some_and(|(cost, _)| *cost <= near) {
                break;
            }
            if first == last || cuts == MOST_CUTS {
                let hit = self.hit(first);
                let draft = Draft::with_hit(self.wish, first, hit);
                match draft.and_then(|draft| draft.least_cost()) {
                    Ok(cost) if best.as_ref().is_none_or(|(c, _)| cost < *c) => {
                        best = Some((cost, first));
                    }
                    Ok(_) => {}
                    Err(reason) => why_not = reason,
                }
                if cuts == MOST_CUTS && best.is_some() {
                    break;
                }
                continue;
            }
            cuts += 1;
            let middle = first + (last - first) / 2;
            for (first, last) in [(first, middle), (middle + 1, last)] {
                match self.interval(first, last) {
                    Ok(interval) => open.push(Reverse(interval)),
                    // Of figures that no contract can have: only single sizes say so for sure.
                    Err(_) if first < last => open.push(Reverse(Interval {
                        least: least.clone(),
                        first,
                        last,
                    })),
                    Err(reason) => why_not = reason,
                }
            }
        }
        best.map(|(_, sample)| sample).ok_or(why_not)
    }
}
