//! Takes away actions that no belief can justify.

use num_traits::Zero;

use super::skeleton::{Part, Skeleton};
use crate::game::tree::InfoSetId;
use crate::rational::{Rational, mean};

/// Removes conditionally dominated actions, round after round, until none is left.
///
/// All that a round finds is found against the same possibilities, so the result does not depend
/// on an order.
pub(super) fn eliminate(skeleton: &mut Skeleton<'_>) {
    loop {
        let reached = skeleton.reached();
        let mut gone: Vec<(InfoSetId, usize)> = Vec::new();
        for player in 0..skeleton.players() {
            let mut sets = skeleton
                .allowed
                .iter()
                .filter(|(set, allowed)| {
                    skeleton.game.infosets[**set].player == player
                        && allowed.iter().filter(|a| **a).count() > 1
                })
                .map(|(set, _)| *set)
                .peekable();
            if sets.peek().is_none() {
                continue;
            }
            let ranges = ranges(skeleton, player);
            for set in sets {
                gone.extend(
                    dominated(skeleton, set, &ranges, &reached).map(|action| (set, action)),
                );
            }
        }
        if gone.is_empty() {
            return;
        }
        for (set, action) in gone {
            if let Some(allowed) = skeleton.allowed.get_mut(&set) {
                allowed[action] = false;
            }
        }
    }
}

/// Least and greatest payoff of a player from each part on, over all possible actions.
fn ranges(skeleton: &Skeleton<'_>, player: usize) -> Vec<(Rational, Rational)> {
    let mut ranges = vec![(Rational::zero(), Rational::zero()); skeleton.parts.len()];
    for (index, part) in skeleton.parts.iter().enumerate().rev() {
        ranges[index] = match part {
            Part::Value(payoffs) => (payoffs[player].clone(), payoffs[player].clone()),
            Part::Nature(branches) => {
                let sum = |pick: &dyn Fn(usize) -> Rational| {
                    mean(branches.iter().map(|(p, child)| (p, pick(*child))))
                };
                (sum(&|c| ranges[c].0.clone()), sum(&|c| ranges[c].1.clone()))
            }
            Part::Choice(set, children) => {
                let allowed = skeleton.allowed[set].iter();
                let possible = children.iter().zip(allowed).filter(|(_, a)| **a);
                let possible = possible.map(|(child, _)| &ranges[*child]);
                let low = possible.clone().map(|r| &r.0).min().cloned();
                let high = possible.map(|r| &r.1).max().cloned();
                (low.unwrap_or_default(), high.unwrap_or_default())
            }
        };
    }
    ranges
}

/// Actions of a set to which another is strictly better at each of its nodes, whatever follows.
fn dominated<'a>(
    skeleton: &'a Skeleton<'_>,
    set: InfoSetId,
    ranges: &'a [(Rational, Rational)],
    reached: &[bool],
) -> impl Iterator<Item = usize> + 'a {
    let all = skeleton
        .parts
        .iter()
        .enumerate()
        .filter_map(move |(index, part)| match part {
            Part::Choice(other, children) if *other == set => Some((index, children)),
            _ => None,
        });
    // A set that nobody reaches any more is judged by all its nodes.
    let live = all.clone().filter(|(index, _)| reached[*index]);
    let mut nodes = live.map(|(_, children)| children).collect::<Vec<_>>();
    if nodes.is_empty() {
        nodes = all.map(|(_, children)| children).collect();
    }
    let allowed = &skeleton.allowed[&set];
    let possible = move || (0..allowed.len()).filter(|a| allowed[*a]);
    possible().filter(move |worse| {
        possible().any(|better| {
            nodes
                .iter()
                .all(|children| ranges[children[better]].0 > ranges[children[*worse]].1)
        })
    })
}
