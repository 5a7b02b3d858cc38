//! Plans for random economics are honest in the tree with every move, and the cheapest size of the sample is found.

use crate::common;
use narthex_game_model::game::plan::{PlanError, Wish, best_sample, plan};
use narthex_game_model::game::{Economics, Fees, Verdict, build, inequalities, rival, solve};
use narthex_game_model::{Amount, ParamsRecord, Ratio};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

/// What a panel of 2 of 3 weighs, with the child of each, in vbytes.
fn fees(rate: u64) -> Fees {
    let of = |vbytes: u64| sat(rate * (vbytes + 153));
    Fees {
        settlement: of(167),
        time_out: of(228),
        late: of(210),
        admission: of(228),
        unappealed: of(228),
        failed: of(357),
        convicted: of(296),
        acquitted: of(271),
        delivery: of(124),
        approval: of(124),
        rejection: of(124),
        appeal: of(297),
    }
}

fn wish(z: u64, gain: u64, right: u64, steps: u64, bad: u64, rate: u64) -> Wish {
    Wish {
        economics: Economics {
            worker_cost: sat(z),
            outside_gain: sat(gain),
            right_value: sat(right),
            bad_steps: bad,
            fees: fees(rate),
            ..Economics::example()
        },
        base: ParamsRecord {
            steps,
            ..ParamsRecord::example(3, 2, 800_000)
        },
        verification_overhead: ratio(11, 10),
        verification_fixed: sat(100),
        margin: ratio(1, 10),
        resist_bribes: true,
        capital_cost: ratio(1, 1_000),
        samples: Vec::new(),
    }
}

#[test]
fn random_plans_are_honest_with_every_deviation() {
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        // Solving a game takes seconds: the figures that fail are said as they are.
        max_shrink_iters: 0,
        ..ProptestConfig::with_cases(common::times(20))
    });
    let figures = (
        (500u64..200_000, 0u64..500_000, 2u64..12),
        (200u64..50_000, 1u64..60, 10u32..400),
        0u64..30,
    );
    let planned = std::cell::Cell::new((0, 0));
    let done = runner.run(
        &figures,
        |((z, gain, worth), (steps, share, sample), rate)| {
            let bad = (steps * share / 1_000).clamp(1, 2_000);
            let right = z * worth + 50_000;
            let mut wish = wish(z, gain, right, steps, bad, rate);
            wish.samples = vec![sample.min(u32::try_from(steps).unwrap())];
            let (honest, none) = planned.get();
            let point = match plan(&wish, |_| ()) {
                Ok(plan) => plan.frontier[plan.best].clone(),
                Err(PlanError::NoStake { unmet, .. }) => {
                    prop_assert!(!unmet.starts_with("the tree"), "{unmet}");
                    planned.set((honest, none + 1));
                    // Another wish is drawn in its place: every case is a plan.
                    return Err(TestCaseError::reject("no stake makes it honest"));
                }
                Err(other) => {
                    prop_assert!(
                        matches!(other, PlanError::Share { .. } | PlanError::Sample { .. }),
                        "{other}"
                    );
                    return Err(TestCaseError::reject("no such sample"));
                }
            };
            planned.set((honest + 1, none));
            let economics = Economics {
                verifier_cost: point.verifier_cost,
                capital_cost: wish.capital_cost,
                ..wish.economics.clone()
            };
            let game = build(&point.params, &economics).unwrap();
            let solution = solve(&game);
            prop_assert_eq!(&solution.verdict, &Verdict::Unique);
            let rows = inequalities(&point.params, &economics).unwrap();
            prop_assert!(rows.iter().all(|row| row.holds()));
            prop_assert_eq!(rival(&game, &solution), None);
            Ok(())
        },
    );
    done.unwrap_or_else(|failure| panic!("{failure}"));
    let (honest, none) = planned.get();
    println!("{honest} plans, all honest; {none} wishes have none");
    assert_eq!(honest, common::times(20), "{none} wishes have none");
}

#[test]
fn the_best_sample_is_the_best_of_all() {
    for (z, gain, bad) in [(5_000, 20_000, 2), (40_000, 3_000, 1), (2_000, 90_000, 9)] {
        let mut wish = wish(z, gain, 900_000, 150, bad, 1);
        let best = best_sample(&wish).unwrap();
        wish.samples = (1..=150).collect();
        let plan = plan(&wish, |_| ()).unwrap();
        let least = &plan.frontier[plan.best].total_cost;
        let found = plan
            .frontier
            .iter()
            .find(|p| p.params.sample() == best)
            .unwrap();
        let near = least * narthex_game_model::game::Rational::new(1_001.into(), 1_000.into());
        assert!(
            found.total_cost <= near,
            "{best} {}",
            plan.frontier[plan.best].params.sample()
        );
    }
}
