//! That simulated lives see what is wrong: rules that honest parties do not keep are missed, and with the rule kept the same schedules
//! are clean.

use bitcoin::hex::DisplayHex as _;
use narthex::schedules::{LifeFlaw, LifePlan, Pool, Violation, live, seed_of};
use rayon::prelude::*;

/// Schedules that are searched for each: those up to one in which a longer search has found it.
const SEARCHED: u64 = 16;

/// A rule, the last of these schedules, and what sorts of violation show that it is not kept.
const FLAWS: [(LifeFlaw, u64, &[&str]); 9] = [
    (LifeFlaw::Shallow, 180, &["honest party convicted"]),
    (LifeFlaw::Hasty, 538, &["money"]),
    (LifeFlaw::Deaf, 24_311, &["honest party convicted", "money"]),
    (LifeFlaw::TrustsTree, 47, &["result"]),
    (LifeFlaw::HearsWorker, 43, &["honest party convicted"]),
    (LifeFlaw::HearsVerifier, 9, &["honest party convicted"]),
    (LifeFlaw::ForgetsRoots, 6, &["honest party convicted"]),
    (LifeFlaw::AnyStep, 25, &["honest party convicted"]),
    (LifeFlaw::KeepsToItself, 1_272, &["money"]),
];

/// What is lived, with a rule that is not kept, or with all of them kept.
fn plan(flaw: Option<LifeFlaw>) -> LifePlan {
    LifePlan {
        flaw,
        ..LifePlan::default()
    }
}

/// What is found in the schedules up to this one.
fn found(pool: &Pool, last: u64, plan: &LifePlan) -> Vec<(String, Violation)> {
    let numbers = (last + 1).saturating_sub(SEARCHED)..last + 1;
    let lived = numbers.into_par_iter().flat_map_iter(|number| {
        let seed = seed_of(&[0; 32], number);
        let found = live(&seed, pool, plan).violations;
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
        let missed = found(&pool, last, &plan(Some(flaw)));
        let is_seen = missed
            .iter()
            .any(|(_, violation)| sorts.contains(&violation.sort()));
        assert!(is_seen, "{flaw:?}: {missed:?}");
        let kept = found(&pool, last, &plan(None));
        assert_eq!(kept, [], "the rule of {flaw:?} is kept");
    }
    // Each has its line.
    let tried = FLAWS.map(|(flaw, ..)| flaw);
    assert_eq!(tried, LifeFlaw::ALL);
}

/// Looks for the schedules in which a flaw is seen, of `NARTHEX_FLAW` (its name), from `NARTHEX_FIRST` on, for so many as `NARTHEX_MANY`.
#[test]
#[ignore = "it takes minutes: for whoever changes what happens in a life, and has to look for a flaw's schedule anew"]
fn where_a_flaw_is_seen() {
    let said = |name| std::env::var(name).unwrap_or_default();
    let flaw = said("NARTHEX_FLAW");
    let mut all = LifeFlaw::ALL.into_iter();
    let flaw = all.find(|known| format!("{known:?}") == flaw).unwrap();
    let first: u64 = said("NARTHEX_FIRST").parse().unwrap_or(0);
    let many: u64 = said("NARTHEX_MANY").parse().unwrap_or(1_000);
    let pool = Pool::open(Pool::USUAL, |_| ()).unwrap();
    (first..first + many).into_par_iter().for_each(|number| {
        let seed = seed_of(&[0; 32], number);
        for violation in live(&seed, &pool, &plan(Some(flaw))).violations {
            // What is wrong with the rule kept too shows nothing of the flaw.
            if live(&seed, &pool, &plan(None)).violations.is_empty() {
                println!("{number}: {}: {violation}", violation.sort());
            }
        }
    });
}
