//! The draw is weighted by bond, exactly: χ² tests with fixed seeds, over the first and the second seat.

use crate::panel_support;

use std::{collections::BTreeSet, time::Instant};

use narthex_contracts::panel::{DrawCase, Order, Seed, Snapshot};
use panel_support::{case, digest, pool};

const SEED: &str = "chi-squared 2024";
const DRAWS: u64 = 200_000;

fn setup(bonds: &[u64]) -> (DrawCase, Snapshot, Vec<f64>) {
    let case = case(3, 2);
    let snapshot = pool(bonds).snapshot(case.rules()).unwrap();
    let weights = snapshot
        .entries()
        .iter()
        .map(|e| e.weight(300) as f64)
        .collect();
    (case, snapshot, weights)
}

fn chi_squared(counts: &[u64], probabilities: &[f64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    counts
        .iter()
        .zip(probabilities)
        .map(|(n, p)| (*n as f64 - p * total).powi(2) / (p * total))
        .sum()
}

/// Seven degrees of freedom: 24.32 is exceeded by chance once in a thousand, 14.07 once in twenty.
#[test]
fn seats_fall_in_proportion_to_bonds() {
    let (case, snapshot, weights) = setup(&[
        10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 15_000, 1_000_000,
    ]);
    let n = weights.len();
    let total: f64 = weights.iter().sum();
    let (mut first, mut second) = (vec![0u64; n], vec![0u64; n]);
    for i in 0..DRAWS {
        let order = Order::draw(&case, &snapshot, &Seed::from_bytes(digest(SEED, i))).unwrap();
        let at = |place: usize| {
            let identity = order.entries()[place].identity;
            snapshot
                .entries()
                .iter()
                .position(|e| e.identity == identity)
                .unwrap()
        };
        first[at(0)] += 1;
        second[at(1)] += 1;
    }
    let p1 = weights.iter().map(|w| w / total).collect::<Vec<_>>();
    // Without replacement: the sum over who was first of p(first) · w/(total − w(first)).
    let p2 = (0..n)
        .map(|j| {
            (0..n)
                .filter(|i| *i != j)
                .map(|i| p1[i] * weights[j] / (total - weights[i]))
                .sum()
        })
        .collect::<Vec<f64>>();
    let (x1, x2) = (chi_squared(&first, &p1), chi_squared(&second, &p2));
    println!(
        "seed {SEED:?}, {DRAWS} draws: χ²(7) = {x1:.2} for the first seat, {x2:.2} for the second"
    );
    assert!(x1 < 24.32 && x2 < 24.32, "{x1} {x2}");
    // The test can fail: against equal shares the same counts are far off.
    let equal = vec![1.0 / n as f64; n];
    assert!(chi_squared(&first, &equal) > 1_000.0);
}

#[test]
fn an_order_holds_the_whole_pool_once() {
    let bonds = (0..500).map(|i| 10_000 + i * 37).collect::<Vec<_>>();
    let (case, snapshot, _) = setup(&bonds);
    let mut orders = BTreeSet::new();
    for i in 0..50 {
        let seed = Seed::from_bytes(digest("whole", i));
        let order = Order::draw(&case, &snapshot, &seed).unwrap();
        let all = order
            .entries()
            .iter()
            .map(|e| e.identity)
            .collect::<BTreeSet<_>>();
        assert_eq!((order.entries().len(), all.len()), (500, 500));
        orders.insert(*order.id());
        assert_eq!(Order::draw(&case, &snapshot, &seed).unwrap(), order);
    }
    assert_eq!(orders.len(), 50);
    let empty = setup(&[]);
    let order = Order::draw(&empty.0, &empty.1, &Seed::from_bytes([1; 32])).unwrap();
    assert!(order.entries().is_empty());
}

#[test]
fn a_large_pool_is_drawn_quickly() {
    let bonds = (0..4_000).map(|i| 10_000 + i).collect::<Vec<_>>();
    let (case, snapshot, _) = setup(&bonds);
    let start = Instant::now();
    let order = Order::draw(&case, &snapshot, &Seed::from_bytes([1; 32])).unwrap();
    println!(
        "{} arbiters drawn in {:?}",
        order.entries().len(),
        start.elapsed()
    );
    assert_eq!(order.entries().len(), 4_000);
}
