//! The order in which dependent transactions are best mined, and its fee-rate diagram.
//!
//! A *chunk* is a set of transactions with everything that they depend on, and of the highest fee rate that any such
//! set has. Taking chunk after chunk gives the best order. Such a set is found exactly: for a guessed rate λ, the set
//! that maximises `fee − λ·size` is a maximum-weight closure, a minimum cut; a set that beats λ is the next guess
//! (Dinkelbach), until none does. Clusters have at most 64 transactions, so plain augmenting paths are fast enough.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use super::fee::FeeFrac;

/// A transaction with what it pays, what it takes, and what must come before it.
pub(crate) struct Node<Id> {
    pub(crate) id: Id,
    /// Satoshis.
    pub(crate) fee: u64,
    /// Weight units, above zero.
    pub(crate) size: u64,
    /// Ids of other nodes in the same call; unknown ids are no dependencies.
    pub(crate) parents: BTreeSet<Id>,
}

/// Transactions that are mined together or not at all, parents first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<Id> {
    pub(crate) members: Vec<Id>,
    pub(crate) rate: FeeFrac,
}

/// Cuts `nodes` into chunks, best first.
pub(crate) fn chunks<Id: Copy + Ord>(nodes: Vec<Node<Id>>) -> Vec<Chunk<Id>> {
    let index_of = |id: &Id| nodes.iter().position(|node| node.id == *id);
    let parents: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| node.parents.iter().filter_map(index_of).collect())
        .collect();
    let mut remaining: BTreeSet<usize> = (0..nodes.len()).collect();
    let mut chunks = Vec::new();
    while !remaining.is_empty() {
        let best = best_closed_set(&nodes, &parents, &remaining);
        remaining.retain(|index| !best.contains(index));
        let rate = rate(&nodes, &best);
        let members = parents_first(&parents, &best)
            .into_iter()
            .map(|index| nodes[index].id)
            .collect();
        chunks.push(Chunk { members, rate });
    }
    chunks
}

/// How two fee-rate diagrams compare: at every size, which order has earned more? `None` when each is better somewhere.
pub(crate) fn compare_diagrams<Id>(left: &[Chunk<Id>], right: &[Chunk<Id>]) -> Option<Ordering> {
    let (left, right) = (corners(left), corners(right));
    let sizes: BTreeSet<u64> = left
        .iter()
        .chain(&right)
        .map(|corner| corner.size)
        .collect();
    let mut seen = Ordering::Equal;
    for size in sizes {
        let ((fee_l, size_l), (fee_r, size_r)) = (earned(&left, size), earned(&right, size));
        match (seen, (fee_l * size_r).cmp(&(fee_r * size_l))) {
            (_, Ordering::Equal) => {}
            (Ordering::Equal, here) => seen = here,
            (before, here) if before != here => return None,
            _ => {}
        }
    }
    Some(seen)
}

/// Running totals of fee and size.
fn corners<Id>(chunks: &[Chunk<Id>]) -> Vec<FeeFrac> {
    let mut total = FeeFrac { fee: 0, size: 0 };
    let mut corners = vec![total];
    for chunk in chunks {
        total = FeeFrac {
            fee: total.fee + chunk.rate.fee,
            size: total.size + chunk.rate.size,
        };
        corners.push(total);
    }
    corners
}

/// Fee earned with the first `size` weight units, as a fraction: between two corners it grows evenly.
fn earned(corners: &[FeeFrac], size: u64) -> (u128, u128) {
    for pair in corners.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if size <= to.size {
            let (width, gain) = (
                u128::from(to.size - from.size),
                u128::from(to.fee - from.fee),
            );
            return (
                u128::from(from.fee) * width + gain * u128::from(size.saturating_sub(from.size)),
                width,
            );
        }
    }
    (u128::from(corners.last().map_or(0, |last| last.fee)), 1)
}

fn rate<Id>(nodes: &[Node<Id>], set: &BTreeSet<usize>) -> FeeFrac {
    let fee = set.iter().map(|index| nodes[*index].fee).sum();
    FeeFrac {
        fee,
        size: set.iter().map(|index| nodes[*index].size).sum(),
    }
}

fn parents_first(parents: &[Vec<usize>], set: &BTreeSet<usize>) -> Vec<usize> {
    let mut ordered = Vec::new();
    let mut waiting: Vec<usize> = set.iter().copied().collect();
    while !waiting.is_empty() {
        let ready = |index: &usize| {
            parents[*index]
                .iter()
                .all(|parent| !set.contains(parent) || ordered.contains(parent))
        };
        let (next, rest): (Vec<_>, Vec<_>) = waiting.iter().partition(|index| ready(index));
        if next.is_empty() {
            // A cycle, which transaction ids rule out; any order is as good.
            ordered.extend(rest);
            break;
        }
        ordered.extend(next);
        waiting = rest;
    }
    ordered
}

fn best_closed_set<Id>(
    nodes: &[Node<Id>],
    parents: &[Vec<usize>],
    remaining: &BTreeSet<usize>,
) -> BTreeSet<usize> {
    let mut best = remaining.clone();
    if best.len() == 1 {
        return best;
    }
    loop {
        let guess = rate(nodes, &best);
        let gain = |index: usize| {
            let (fee, size) = (i128::from(nodes[index].fee), i128::from(nodes[index].size));
            fee * i128::from(guess.size) - size * i128::from(guess.fee)
        };
        let better = max_closure(parents, remaining, gain);
        if better.is_empty() || rate(nodes, &better).cmp_ratio(guess) != Ordering::Greater {
            return best;
        }
        best = better;
    }
}

/// The set, closed under `parents` within `remaining`, with the highest sum of `gain`; empty when none is above zero.
fn max_closure(
    parents: &[Vec<usize>],
    remaining: &BTreeSet<usize>,
    gain: impl Fn(usize) -> i128,
) -> BTreeSet<usize> {
    let (source, sink) = (parents.len(), parents.len() + 1);
    let mut flow = Flow::new(parents.len() + 2);
    for &index in remaining {
        let gain = gain(index);
        if gain > 0 {
            flow.capacity[source][index] = gain;
        } else {
            flow.capacity[index][sink] = -gain;
        }
        for &parent in parents[index]
            .iter()
            .filter(|parent| remaining.contains(parent))
        {
            flow.capacity[index][parent] = i128::MAX / 4;
        }
    }
    while flow.augment(source, sink) {}
    let reached = flow.reach(source);
    remaining
        .iter()
        .copied()
        .filter(|index| reached[*index].is_some())
        .collect()
}

/// Residual capacities, dense.
struct Flow {
    capacity: Vec<Vec<i128>>,
}

impl Flow {
    fn new(nodes: usize) -> Self {
        Self {
            capacity: vec![vec![0; nodes]; nodes],
        }
    }

    /// For each node that can be reached through free capacity, the node before it.
    fn reach(&self, source: usize) -> Vec<Option<usize>> {
        let mut before = vec![None; self.capacity.len()];
        before[source] = Some(source);
        let mut queue = VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            for (next, capacity) in self.capacity[node].iter().enumerate() {
                if *capacity > 0 && before[next].is_none() {
                    before[next] = Some(node);
                    queue.push_back(next);
                }
            }
        }
        before
    }

    /// Sends what fits along a shortest path; false when there is none left.
    fn augment(&mut self, source: usize, sink: usize) -> bool {
        let before = self.reach(source);
        let mut path = Vec::new();
        let mut node = sink;
        while node != source {
            let Some(previous) = before[node] else {
                return false;
            };
            path.push((previous, node));
            node = previous;
        }
        let fits = path
            .iter()
            .map(|&(from, to)| self.capacity[from][to])
            .min()
            .unwrap_or(0);
        for (from, to) in path {
            self.capacity[from][to] -= fits;
            self.capacity[to][from] += fits;
        }
        fits > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(id: usize, fee: u64, size: u64, parents: &[usize]) -> Node<usize> {
        Node {
            id,
            fee,
            size,
            parents: parents.iter().copied().collect(),
        }
    }

    fn members(chunks: &[Chunk<usize>]) -> Vec<Vec<usize>> {
        chunks.iter().map(|chunk| chunk.members.clone()).collect()
    }

    #[test]
    fn a_child_pulls_its_parent_up_but_not_down() {
        assert_eq!(
            members(&chunks(vec![node(0, 0, 100, &[]), node(1, 900, 100, &[0])])),
            [[0, 1]]
        );
        assert_eq!(
            members(&chunks(vec![
                node(0, 900, 100, &[]),
                node(1, 10, 100, &[0])
            ])),
            [[0], [1]]
        );
    }

    #[test]
    fn the_best_set_may_need_several_children_for_one_parent() {
        let nodes = vec![
            node(0, 0, 300, &[]),
            node(1, 500, 100, &[0]),
            node(2, 500, 100, &[0]),
            node(3, 150, 100, &[]),
        ];
        assert_eq!(members(&chunks(nodes)), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn diagrams_can_be_better_worse_or_neither() {
        let low = chunks(vec![node(0, 100, 100, &[])]);
        let high = chunks(vec![node(0, 200, 100, &[])]);
        let long = chunks(vec![node(0, 150, 300, &[])]);
        assert_eq!(compare_diagrams(&high, &low), Some(Ordering::Greater));
        assert_eq!(compare_diagrams(&low, &high), Some(Ordering::Less));
        assert_eq!(compare_diagrams(&low, &low), Some(Ordering::Equal));
        assert_eq!(
            compare_diagrams(&low, &long),
            None,
            "more at once, less in the end"
        );
    }

    /// Every closed set, tried one by one.
    fn best_by_force(nodes: &[Node<usize>]) -> FeeFrac {
        let closed = |set: u32| {
            nodes
                .iter()
                .all(|n| set >> n.id & 1 == 0 || n.parents.iter().all(|p| set >> p & 1 == 1))
        };
        (1u32..1 << nodes.len())
            .filter(|set| closed(*set))
            .map(|set| {
                rate(
                    nodes,
                    &(0..nodes.len()).filter(|i| set >> i & 1 == 1).collect(),
                )
            })
            .reduce(|best, next| {
                if next.cmp_ratio(best) == Ordering::Greater {
                    next
                } else {
                    best
                }
            })
            .unwrap_or(FeeFrac { fee: 0, size: 1 })
    }

    proptest! {
        #[test]
        fn the_first_chunk_is_the_best_closed_set(
            nodes in prop::collection::vec((0u64..50, 1u64..20, any::<u16>()), 1..9)
        ) {
            let nodes: Vec<_> = nodes.iter().enumerate().map(|(id, (fee, size, links))| {
                node(id, *fee, *size, &(0..id).filter(|parent| links >> parent & 1 == 1).collect::<Vec<_>>())
            }).collect();
            let best = best_by_force(&nodes);
            let count = nodes.len();
            let chunks = chunks(nodes);
            prop_assert_eq!(chunks[0].rate.cmp_ratio(best), Ordering::Equal);
            prop_assert!(chunks.windows(2).all(|pair| pair[0].rate.cmp_ratio(pair[1].rate) != Ordering::Less));
            prop_assert_eq!(chunks.iter().map(|chunk| chunk.members.len()).sum::<usize>(), count);
        }
    }
}
