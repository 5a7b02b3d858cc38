//! That simulated lives see what is wrong: rules that honest parties do not keep are missed, and with the rule kept the same schedules
//! are clean.

use bitcoin::hex::DisplayHex as _;
use narthex::schedules::{LifeFlaw, LifePlan, Pool, Violation, live, seed_of};
use rayon::prelude::*;

/// Schedules that are searched for each: those up to one in which a longer search has found it.
const SEARCHED: u64 = 16;

/// A rule, the last of these schedules, and what sorts of violation show that it is not kept.
const FLAWS: [(LifeFlaw, u64, &[&str]); 8] = [
    (LifeFlaw::Shallow, 180, &["honest party convicted"]),
    (LifeFlaw::Hasty, 318, &["money"]),
    (LifeFlaw::Deaf, 7_671, &["honest party convicted", "money"]),
    (LifeFlaw::TrustsTree, 47, &["result"]),
    (LifeFlaw::HearsWorker, 64, &["honest party convicted"]),
    (LifeFlaw::HearsVerifier, 9, &["honest party convicted"]),
    (LifeFlaw::ForgetsRoots, 6, &["honest party convicted"]),
    (LifeFlaw::AnyStep, 25, &["honest party convicted"]),
];

/// What is found in the schedules up to this one.
fn found(pool: &Pool, last: u64, flaw: Option<LifeFlaw>) -> Vec<(String, Violation)> {
    let plan = LifePlan {
        flaw,
        ..LifePlan::default()
    };
    let numbers = (last + 1).saturating_sub(SEARCHED)..last + 1;
    let lived = numbers.into_par_iter().flat_map_iter(|number| {
        let seed = seed_of(&[0; 32], number);
        let found = live(&seed, pool, &plan).violations;
        found
            .into_iter()
            .map(move |violation| (seed.to_lower_hex_string(), violation))
    });
    lived.collect()
}

#[test]
fn a_rule_that_is_not_kept_is_missed() {
    let pool = Pool::open(Pool::USUAL, |_| ()).unwrap();
    for (flaw, last, sorts) in FLAWS {
        let missed = found(&pool, last, Some(flaw));
        let is_seen = missed
            .iter()
            .any(|(_, violation)| sorts.contains(&violation.sort()));
        assert!(is_seen, "{flaw:?}: {missed:?}");
        assert_eq!(found(&pool, last, None), [], "the rule of {flaw:?} is kept");
    }
    // Each has its line.
    let tried = FLAWS.map(|(flaw, ..)| flaw);
    assert_eq!(tried, LifeFlaw::ALL);
}
