//! The reduced normal form of a skeleton, and its equilibria.

use std::collections::BTreeMap;

use num_traits::{One, Zero};

use super::Equilibrium;
use super::skeleton::{Part, Skeleton};
use crate::game::bimatrix;
use crate::game::tree::InfoSetId;
use crate::rational::{Rational, mean};

/// Most reduced strategies of one player.
const MAX_STRATEGIES: usize = 256;
/// Most combinations of strategies.
const MAX_PROFILES: usize = 5_000;

/// What a player does at the information sets that its own play reaches.
type Strategy = BTreeMap<InfoSetId, usize>;

pub(super) struct NormalForm {
    /// By player.
    strategies: Vec<Vec<Strategy>>,
    /// Payoffs of each profile; the first player's strategy is the slowest index.
    payoffs: Vec<Vec<Rational>>,
    /// By player, the strategies that are not strictly dominated.
    kept: Vec<Vec<usize>>,
}

impl NormalForm {
    /// `None` if it would be too large.
    pub(super) fn new(skeleton: &Skeleton<'_>) -> Option<Self> {
        let strategies = (0..skeleton.players())
            .map(|player| strategies(skeleton, player))
            .collect::<Option<Vec<_>>>()?;
        let profiles = strategies
            .iter()
            .try_fold(1_usize, |all, own| all.checked_mul(own.len()))
            .filter(|all| *all <= MAX_PROFILES)?;
        let mut form = Self {
            kept: strategies
                .iter()
                .map(|own| (0..own.len()).collect())
                .collect(),
            strategies,
            payoffs: Vec::with_capacity(profiles),
        };
        for index in 0..profiles {
            let profile = form.profile(index);
            let chosen = profile
                .iter()
                .zip(&form.strategies)
                .map(|(s, own)| &own[*s])
                .collect::<Vec<_>>();
            form.payoffs.push(expected(skeleton, 0, &chosen));
        }
        form.eliminate();
        Some(form)
    }

    /// All equilibria found, and whether these are all there are.
    pub(super) fn equilibria(&self, skeleton: &Skeleton<'_>) -> (Vec<Equilibrium>, bool) {
        let active = (0..self.kept.len())
            .filter(|p| self.kept[*p].len() > 1)
            .collect::<Vec<_>>();
        match active.as_slice() {
            // Alone, each best strategy is an extreme equilibrium, and there are no others.
            _ if self.kept.len() < 2 => (self.pure(skeleton), true),
            [] | [_] | [_, _] => {
                // Players without a choice stand in where fewer than two have one.
                let mut pair = active.clone();
                pair.extend((0..self.kept.len()).filter(|p| !active.contains(p)));
                match self.two_players(skeleton, pair[0], pair[1]) {
                    Some(found) => (found, true),
                    None => (self.pure(skeleton), false),
                }
            }
            _ => (self.pure(skeleton), false),
        }
    }

    fn two_players(&self, skeleton: &Skeleton<'_>, p: usize, q: usize) -> Option<Vec<Equilibrium>> {
        let base = self.kept.iter().map(|own| own[0]).collect::<Vec<_>>();
        let table = |player: usize| {
            let row = |s: &usize| {
                let cell = |t: &usize| {
                    let mut profile = base.clone();
                    profile[p] = *s;
                    profile[q] = *t;
                    self.payoff(&profile)[player].clone()
                };
                self.kept[q].iter().map(cell).collect()
            };
            self.kept[p].iter().map(row).collect::<Vec<Vec<_>>>()
        };
        let found = bimatrix::equilibria(&table(p), &table(q))?;
        let full = |player: usize, mixed: &[Rational]| {
            let mut all = vec![Rational::zero(); self.strategies[player].len()];
            for (s, probability) in self.kept[player].iter().zip(mixed) {
                all[*s] = probability.clone();
            }
            all
        };
        let each = found.into_iter().map(|(x, y)| {
            let mut mixed = self.certainly(&base);
            mixed[p] = full(p, &x);
            mixed[q] = full(q, &y);
            self.equilibrium(skeleton, &mixed)
        });
        Some(each.collect())
    }

    fn pure(&self, skeleton: &Skeleton<'_>) -> Vec<Equilibrium> {
        let is_best = |profile: &[usize], player: usize| {
            let own = &self.payoff(profile)[player];
            self.kept[player].iter().all(|other| {
                let mut changed = profile.to_vec();
                changed[player] = *other;
                self.payoff(&changed)[player] <= *own
            })
        };
        (0..self.payoffs.len())
            .map(|index| self.profile(index))
            .filter(|profile| {
                profile
                    .iter()
                    .zip(&self.kept)
                    .all(|(s, kept)| kept.contains(s))
            })
            .filter(|profile| (0..profile.len()).all(|player| is_best(profile, player)))
            .map(|profile| self.equilibrium(skeleton, &self.certainly(&profile)))
            .collect()
    }

    /// A profile of pure strategies as mixed ones.
    fn certainly(&self, profile: &[usize]) -> Vec<Vec<Rational>> {
        let each = profile.iter().zip(&self.strategies).map(|(s, own)| {
            let mut all = vec![Rational::zero(); own.len()];
            all[*s] = Rational::one();
            all
        });
        each.collect()
    }

    /// Iterated elimination of strategies that a pure one strictly dominates.
    fn eliminate(&mut self) {
        while let Some((player, s)) = self.dominated() {
            self.kept[player].retain(|kept| *kept != s);
        }
    }

    fn dominated(&self) -> Option<(usize, usize)> {
        (0..self.kept.len()).find_map(|player| {
            let own = &self.kept[player];
            let worse = own.iter().find(|worse| {
                own.iter()
                    .any(|better| self.always_better(player, *better, **worse))
            })?;
            Some((player, *worse))
        })
    }

    fn always_better(&self, player: usize, better: usize, worse: usize) -> bool {
        if better == worse {
            return false;
        }
        // What a strategy of each player adds to the index of a profile.
        let mut strides = vec![1; self.strategies.len()];
        for slot in (1..strides.len()).rev() {
            strides[slot - 1] = strides[slot] * self.strategies[slot].len();
        }
        let others = (0..strides.len()).filter(|other| *other != player);
        let others = others.collect::<Vec<_>>();
        let mut chosen = vec![0; others.len()];
        loop {
            let pairs = others.iter().zip(&chosen);
            let rest = pairs.map(|(other, at)| self.kept[*other][*at] * strides[*other]);
            let rest = rest.sum::<usize>();
            let of = |s: usize| &self.payoffs[rest + s * strides[player]][player];
            if of(better) <= of(worse) {
                return false;
            }
            // The next combination of what the others may still do.
            let mut slot = 0;
            while slot < chosen.len() {
                chosen[slot] += 1;
                if chosen[slot] < self.kept[others[slot]].len() {
                    break;
                }
                chosen[slot] = 0;
                slot += 1;
            }
            if slot == chosen.len() {
                return true;
            }
        }
    }

    fn profile(&self, mut index: usize) -> Vec<usize> {
        let mut profile = vec![0; self.strategies.len()];
        for (slot, own) in profile.iter_mut().zip(&self.strategies).rev() {
            *slot = index % own.len();
            index /= own.len();
        }
        profile
    }

    fn payoff(&self, profile: &[usize]) -> &Vec<Rational> {
        let each = profile.iter().zip(&self.strategies);
        let index = each.fold(0, |index, (s, own)| index * own.len() + s);
        &self.payoffs[index]
    }

    fn equilibrium(&self, skeleton: &Skeleton<'_>, mixed: &[Vec<Rational>]) -> Equilibrium {
        let mut payoffs = vec![Rational::zero(); mixed.len()];
        for (index, outcome) in self.payoffs.iter().enumerate() {
            let profile = self.profile(index);
            let each = profile.iter().zip(mixed).map(|(s, own)| &own[*s]);
            let weight: Rational = each.fold(Rational::one(), |all, p| all * p);
            if !weight.is_zero() {
                for (sum, payoff) in payoffs.iter_mut().zip(outcome) {
                    *sum += &weight * payoff;
                }
            }
        }
        Equilibrium {
            payoffs,
            behaviour: self.behaviour(skeleton, mixed),
        }
    }

    fn behaviour(
        &self,
        skeleton: &Skeleton<'_>,
        mixed: &[Vec<Rational>],
    ) -> BTreeMap<InfoSetId, Vec<Rational>> {
        let mut behaviour: BTreeMap<InfoSetId, Vec<Rational>> = BTreeMap::new();
        for (own, probabilities) in self.strategies.iter().zip(mixed) {
            for (strategy, p) in own.iter().zip(probabilities).filter(|(_, p)| !p.is_zero()) {
                for (set, action) in strategy {
                    let actions = skeleton.allowed[set].len();
                    let slot = behaviour
                        .entry(*set)
                        .or_insert_with(|| vec![Rational::zero(); actions]);
                    slot[*action] += p;
                }
            }
        }
        for probabilities in behaviour.values_mut() {
            let sum: Rational = probabilities.iter().sum();
            for p in probabilities {
                *p /= &sum;
            }
        }
        behaviour
    }
}

/// The reduced strategies of a player: one without a choice has one, which is empty.
fn strategies(skeleton: &Skeleton<'_>, player: usize) -> Option<Vec<Strategy>> {
    let mut all = vec![Strategy::new()];
    let sets = skeleton.live_sets().into_iter();
    for set in sets.filter(|set| skeleton.game.infosets[*set].player == player) {
        let past = &skeleton.past[&set];
        let mut next = Vec::new();
        for strategy in all {
            // Own earlier actions come first in preorder, so they are decided by now.
            if !past.iter().all(|(s, a)| strategy.get(s) == Some(a)) {
                next.push(strategy);
                continue;
            }
            let allowed = skeleton.allowed[&set].iter().enumerate();
            for (action, _) in allowed.filter(|(_, allowed)| **allowed) {
                let mut longer = strategy.clone();
                longer.insert(set, action);
                next.push(longer);
            }
        }
        all = next;
        if all.len() > MAX_STRATEGIES {
            return None;
        }
    }
    Some(all)
}

fn expected(skeleton: &Skeleton<'_>, part: usize, profile: &[&Strategy]) -> Vec<Rational> {
    match &skeleton.parts[part] {
        Part::Value(payoffs) => payoffs.clone(),
        Part::Choice(set, children) => {
            let player = skeleton.game.infosets[*set].player;
            // A set on the path of play is in its player's strategy.
            let action = profile[player].get(set).copied().unwrap_or_default();
            expected(skeleton, children[action], profile)
        }
        Part::Nature(branches) => {
            let each = branches
                .iter()
                .map(|(p, child)| (p, expected(skeleton, *child, profile)));
            let each = each.collect::<Vec<_>>();
            let of = |player: usize| mean(each.iter().map(|(p, all)| (*p, all[player].clone())));
            (0..profile.len()).map(of).collect()
        }
    }
}
