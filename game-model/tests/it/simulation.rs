//! Simulated games against the closed forms. All seeds are fixed, so nothing here is left to chance;
//! bounds are five standard deviations of what the closed form says.

use crate::simulation_support;

use std::collections::BTreeSet;

use narthex_game_model::play::{
    Appeal, ArbiterStrategy, Strategy, VerifierStrategy, WorkerStrategy,
};
use narthex_game_model::simulation::closed::{detection, grinding_tries};
use narthex_game_model::simulation::{
    Arena, Costs, Detection, Dice, RootRule, SeedRule, Setup, SetupError, Tally, Unbacked,
    detection_by_seeds,
};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive};

use simulation_support::{agrees, falsify, fraction, params, ratio, run, setup};

#[test]
fn measured_detection_agrees_with_the_hypergeometric() {
    let steps = 20_000;
    let bad: BTreeSet<u64> = (0..200).map(|i| i * 97).collect();
    for (sample, percent) in [(100, 63), (300, 95), (460, 99)] {
        let found = detection_by_seeds([7; 32], 3_000, steps, sample, &bad).unwrap();
        let expected = detection(steps, 200, u64::from(sample)).unwrap();
        assert!(agrees(found.caught, found.samples, &expected), "{found:?}");
        assert!((found.rate() * 100.0 - f64::from(percent)).abs() < 5.0);
    }
    // The bound would notice two in a hundred.
    let found = detection_by_seeds([7; 32], 20_000, steps, 100, &bad).unwrap();
    let p = detection(steps, 200, 100).unwrap();
    assert!(agrees(found.caught, found.samples, &p));
    for off in [-2, 2] {
        assert!(!agrees(
            found.caught,
            found.samples,
            &(&p + fraction(off, 100))
        ));
    }
    assert!(detection_by_seeds([7; 32], 1, 10, 11, &bad).is_err());
}

#[test]
fn whole_games_and_bare_samples_agree_seed_by_seed() {
    let steps = Strategy::Target {
        steps: [3, 17, 31, 40].into(),
    };
    let bad = steps.bad_steps(60);
    let setup = setup(WorkerStrategy::Deliver(steps), 60, 12);
    let job = setup.job().unwrap();
    let arena = Arena::new(&setup, &job).unwrap();
    let mut fast = Detection::default();
    let mut full = 0;
    for number in 0..300 {
        let game = arena.play(&Dice::new([1; 32], number)).unwrap();
        let seed = game.sample_seed.unwrap();
        let caught = fast.note(&seed, 60, 12, &bad).unwrap();
        assert_eq!(
            (game.detected, game.sampled),
            (caught, caught),
            "game {number}"
        );
        assert_eq!(game, arena.play(&Dice::new([1; 32], number)).unwrap());
        full += u64::from(game.detected);
    }
    assert_eq!(full, fast.caught);
    assert!(agrees(full, 300, &detection(60, 4, 12).unwrap()));
}

#[test]
fn an_honest_game_is_scheme_3_and_pays_what_the_table_says() {
    let mut setup = setup(WorkerStrategy::Deliver(Strategy::Honest), 40, 4);
    setup.costs = Costs {
        work_sat: 5_000,
        verify_sat: 500,
        arbitrate_sat: 1_000,
        outside_gain_sat: 20_000,
        right_result_sat: 150_000,
        wrong_result_sat: 90_000,
        bad_steps: 0,
    };
    let tally = run(&setup, 2, 50);
    assert_eq!(tally.scheme("3"), 50);
    assert_eq!(tally.transfers.worker_sat, 50 * 80_000);
    assert_eq!(tally.payoffs.worker_sat, 50 * (80_000 - 5_000));
    assert_eq!(tally.payoffs.verifier_sat, 50 * (20_000 - 500));
    assert_eq!(tally.payoffs.client_sat, 50 * (150_000 - 100_000));
    assert_eq!((tally.payoffs.arbiters_sat, tally.wrong_deliveries), (0, 0));

    // Time-out and silence.
    let late = run(
        &Setup {
            worker: WorkerStrategy::TimeOut,
            ..setup.clone()
        },
        2,
        20,
    );
    assert_eq!(late.scheme("1"), 20);
    assert_eq!(late.payoffs.worker_sat, 20 * -180_000);
    assert_eq!(late.payoffs.verifier_sat, 0);
    let silent = Setup {
        verifier: VerifierStrategy::Silent,
        ..setup
    };
    let silent = run(&silent, 2, 20);
    assert_eq!(silent.scheme("2"), 20);
    assert_eq!(silent.payoffs.verifier_sat, 20 * -55_000);
}

#[test]
fn cheats_end_by_the_sample_and_pay_as_the_game_says() {
    // Five bad steps of 50, ten sampled.
    let mut setup = setup(WorkerStrategy::Deliver(falsify("1/10")), 50, 10);
    setup.costs.outside_gain_sat = 20_000;
    let games = 600;
    let tally = run(&setup, 3, games);
    let p = detection(50, 5, 10).unwrap();
    assert_eq!(
        (tally.wrong_deliveries, tally.detected),
        (games, tally.sampled)
    );
    assert!(agrees(tally.detected, games, &p), "{tally:?}");
    // The guilty admits: −δw where caught; ρc + B where not.
    assert_eq!(tally.scheme("4"), tally.detected);
    assert_eq!(tally.scheme("3"), games - tally.detected);
    let (caught, missed) = (
        i128::from(tally.detected),
        i128::from(games - tally.detected),
    );
    assert_eq!(
        tally.payoffs.worker_sat,
        missed * 100_000 - caught * 150_000
    );
    assert_eq!(tally.wrong_accepted, games - tally.detected);

    // A right tree with garbage in as many boxes is found as often, and the panel finds against it too.
    let garbage = Strategy::Garbage {
        fraction: ratio("1/10"),
        seed: 0,
    };
    let sealed = Setup {
        worker: WorkerStrategy::Deliver(garbage),
        ..setup.clone()
    };
    let boxes = run(&sealed, 3, games);
    assert_eq!(
        (boxes.wrong_deliveries, boxes.detected),
        (games, boxes.sampled)
    );
    assert!(agrees(boxes.detected, games, &p), "{boxes:?}");
    assert_eq!(boxes.wrong_accepted, games - boxes.detected);
    let appeal = Appeal::Always;
    let appealed = run(&Setup { appeal, ..sealed }, 3, 50);
    assert_eq!(appealed.scheme("6"), appealed.detected);

    // An appeal of the guilty costs it the rest of its stake.
    let appealing = run(
        &Setup {
            appeal: Appeal::Always,
            ..setup.clone()
        },
        3,
        100,
    );
    assert_eq!(appealing.scheme("6"), appealing.detected);
    assert!(appealing.detected > 50);
    let per_appeal = appealing.transfers.worker_sat - i128::from(appealing.scheme("3")) * 80_000;
    assert_eq!(per_appeal, -200_000 * i128::from(appealing.detected));

    // Whoever skips saves its work, whoever falsifies does not.
    setup.costs.work_sat = 5_000;
    setup.verifier = VerifierStrategy::Silent;
    let cost = |work| {
        let setup = Setup {
            worker: WorkerStrategy::Deliver(work),
            ..setup.clone()
        };
        let tally = run(&setup, 4, 1);
        tally.transfers.worker_sat + 20_000 - tally.payoffs.worker_sat
    };
    let (fraction, seed) = (ratio("1/10"), 0);
    assert_eq!(cost(Strategy::Skip { fraction, seed }), 4_500);
    assert_eq!(cost(Strategy::Falsify { fraction, seed }), 5_000);
}

#[test]
fn grinding_pays_against_the_root_alone_and_not_against_the_full_seed() {
    let (steps, bad, sample) = (100, 15, 10);
    let grind = WorkerStrategy::Grind {
        work: falsify("15/100"),
        most_tries: 500,
    };
    let mut setup = setup(grind, steps, sample);
    setup.seed_rule = SeedRule::RootAlone;
    let games = 400;
    let tally = run(&setup, 5, games);
    // It always finds a tree, and is never caught.
    assert_eq!(
        (tally.ground, tally.detected, tally.scheme("3")),
        (games, 0, games)
    );
    // Tries are geometric: mean 1/q, variance (1−q)/q².
    let mean = grinding_tries(steps, bad, u64::from(sample)).unwrap();
    let q = mean.recip();
    let off = BigRational::from(BigInt::from(tally.tries)) - fraction(games as i64, 1) * &mean;
    let variance = fraction(games as i64, 1) * (BigRational::one() - &q) * &mean * &mean;
    assert!(
        &off * &off <= fraction(25, 1) * variance,
        "{} tries",
        tally.tries
    );
    assert!(mean.to_f64().unwrap() > 5.0 && tally.tries > 4 * games);

    // The same grinder, the same trees; the sample hangs on nonce and block too.
    setup.seed_rule = SeedRule::Full;
    let tally = run(&setup, 5, games);
    let p = detection(steps, bad, u64::from(sample)).unwrap();
    assert_eq!(tally.ground, games);
    assert!(
        agrees(tally.detected, games, &p),
        "{} of {games}",
        tally.detected
    );
    // No gain: as often caught as without grinding, within the bounds of two samples.
    let worker = WorkerStrategy::Deliver(falsify("15/100"));
    let plain = run(&Setup { worker, ..setup }, 5, games);
    assert!(agrees(plain.detected, games, &p));

    // A grinder that is out of tries delivers what it has.
    let worker = WorkerStrategy::Grind {
        work: falsify("1"),
        most_tries: 3,
    };
    let mut hopeless = Setup {
        worker,
        ..Setup::honest(params(20, 2))
    };
    hopeless.seed_rule = SeedRule::RootAlone;
    let tally = run(&hopeless, 5, 10);
    assert_eq!((tally.tries, tally.ground, tally.detected), (30, 0, 10));
}

#[test]
fn another_root_gains_nothing_where_a_worker_is_bound_to_one() {
    let (steps, bad, sample, games) = (100, 15, 6, 400);
    let mut setup = setup(WorkerStrategy::Deliver(falsify("15/100")), steps, sample);
    setup.costs.outside_gain_sat = 20_000;
    let plain = run(&setup, 12, games);
    let redraw = |roots: u32| {
        let work = falsify("15/100");
        let most_roots = roots;
        WorkerStrategy::Redraw { work, most_roots }
    };
    setup.worker = redraw(2);
    let p = detection(steps, bad, u64::from(sample)).unwrap();
    let bound = run(&setup, 12, games);
    assert!(agrees(bound.detected, games, &p), "{bound:?}");
    // Not the chance that two samples both hit: the bound tells the two apart.
    assert!(!agrees(bound.detected, games, &(&p * &p)), "{bound:?}");
    // Caught as often as who never redraws, paid as much, and each time the panel would find so by the record.
    assert_eq!(bound.payoffs, plain.payoffs);
    assert_eq!(bound.schemes, plain.schemes);
    assert_eq!(
        (bound.other_roots, bound.by_record),
        (bound.detected, bound.detected)
    );
    // An appeal is lost by that row, whatever the other sample holds.
    let appeal = Appeal::Always;
    let appealed = run(
        &Setup {
            appeal,
            ..setup.clone()
        },
        12,
        60,
    );
    assert!(appealed.scheme("6") > 10);
    assert_eq!(
        (appealed.scheme("6"), appealed.scheme("3")),
        (appealed.by_record, 60 - appealed.by_record)
    );

    // Were it not bound, it would be caught only if all its samples hit, and gain by it.
    setup.roots = RootRule::Latest;
    for roots in [2, 3] {
        setup.worker = redraw(roots);
        let free = run(&setup, 12, games);
        let all_hit = num_traits::pow(p.clone(), roots as usize);
        assert!(agrees(free.detected, games, &all_hit), "{roots}: {free:?}");
        assert!(!agrees(free.detected, games, &p), "{roots}: {free:?}");
        assert!(free.payoffs.worker_sat > bound.payoffs.worker_sat + 10_000_000);
        assert_eq!(free.by_record, 0);
        assert!(free.other_roots > bound.other_roots / 2);
    }
    // Nor does it help with garbage in the boxes.
    setup.roots = RootRule::One;
    let work = Strategy::Garbage {
        fraction: ratio("15/100"),
        seed: 0,
    };
    setup.worker = WorkerStrategy::Redraw {
        work,
        most_roots: 5,
    };
    let boxes = run(&setup, 12, games);
    assert!(agrees(boxes.detected, games, &p), "{boxes:?}");
    assert_eq!(boxes.by_record, boxes.detected);
}

#[test]
fn who_does_nothing_when_found_out_ends_in_scheme_1() {
    let mut setup = setup(WorkerStrategy::Deliver(falsify("1/10")), 50, 10);
    setup.appeal = Appeal::Idle;
    let tally = run(&setup, 13, 100);
    assert_eq!((tally.scheme("1"), tally.scheme("4")), (tally.detected, 0));
    // αw, more than the δw of who admits; and its verifier has nothing.
    let missed = i128::from(tally.scheme("3"));
    let idle = i128::from(tally.detected);
    assert!(idle > 50);
    assert_eq!(tally.transfers.worker_sat, missed * 80_000 - idle * 180_000);
    assert_eq!(tally.transfers.verifier_sat, missed * 20_000);
}

#[test]
fn a_copier_cannot_open_and_where_it_can_it_is_not_paid() {
    // Its victim opened another sample, and nobody else has the salts.
    let mut setup = setup(WorkerStrategy::Copy, 50, 10);
    let tally = run(&setup, 6, 100);
    assert_eq!((tally.unopened, tally.scheme("4")), (100, 100));
    // Where everything is sampled, the victim has opened everything: the copy passes the check, and
    // then lacks the secret whose point is in its own contract.
    setup.params = params(20, 20);
    let whole = run(&setup, 6, 20);
    assert_eq!((whole.unopened, whole.scheme("1'")), (0, 20));
    assert!(whole.transfers.worker_sat < 0);
    // A verifier that does not look, or says nothing, does not change that.
    for (verifier, unbacked) in [
        (VerifierStrategy::Silent, Unbacked::CountsAsSilence),
        (VerifierStrategy::RubberStamp, Unbacked::CountsAsSilence),
        (VerifierStrategy::RubberStamp, Unbacked::Stands),
    ] {
        let tally = run(
            &Setup {
                verifier,
                unbacked,
                ..setup.clone()
            },
            6,
            10,
        );
        assert_eq!(tally.scheme("1") + tally.scheme("1'"), 10, "{verifier:?}");
    }
}

#[test]
fn a_rubber_stamp_is_found_out_by_its_digests() {
    let mut setup = setup(WorkerStrategy::Deliver(falsify("1/10")), 50, 10);
    setup.verifier = VerifierStrategy::RubberStamp;
    setup.costs.verify_sat = 500;
    // Approving without the token: the contract goes on, and stake and reward are nobody's.
    let burnt = run(&setup, 7, 100);
    assert_eq!((burnt.unbacked_approvals, burnt.scheme("3")), (100, 100));
    assert_eq!(burnt.payoffs.verifier_sat, 100 * -220_000);
    assert_eq!(burnt.transfers.nobody_sat, 100 * 240_000);
    assert_eq!(burnt.transfers.worker_sat, 100 * 80_000);
    setup.unbacked = Unbacked::CountsAsSilence;
    let tally = run(&setup, 7, 100);
    // None of its approvals can be backed, right or wrong; it loses βv each time.
    assert_eq!((tally.unbacked_approvals, tally.scheme("2")), (100, 100));
    assert_eq!(tally.payoffs.verifier_sat, 100 * -55_000);
    // Where nobody looks at digests, signing without checking is its best move: φ, at no cost.
    setup.unbacked = Unbacked::Stands;
    let paper = run(&setup, 7, 100);
    assert_eq!(
        (paper.scheme("3"), paper.wrong_accepted, paper.detected),
        (100, 100, 0)
    );
    assert_eq!(paper.payoffs.verifier_sat, 100 * 20_000);
    let honest = Setup {
        worker: WorkerStrategy::Deliver(Strategy::Honest),
        verifier: VerifierStrategy::Honest,
        ..setup
    };
    assert_eq!(run(&honest, 7, 100).payoffs.verifier_sat, 100 * 19_500);
}

#[test]
fn a_blind_accusation_loses_before_the_panel() {
    let mut setup = setup(WorkerStrategy::Deliver(Strategy::Honest), 50, 10);
    setup.verifier = VerifierStrategy::BlindAccuse;
    let tally = run(&setup, 8, 100);
    assert_eq!((tally.scheme("7"), tally.detected), (100, 0));
    assert_eq!(tally.transfers.verifier_sat, 100 * -220_000);
    assert_eq!(tally.transfers.worker_sat, 100 * 100_000);
    // Against a cheat it wins where the step that it named happens to be bad.
    setup.worker = WorkerStrategy::Deliver(falsify("1/10"));
    let tally = run(&setup, 8, 300);
    assert_eq!(tally.scheme("4") + tally.scheme("7"), 300);
    assert!(
        agrees(tally.scheme("4"), 300, &fraction(1, 10)),
        "{tally:?}"
    );
}

#[test]
fn setups_that_do_not_fit_are_named() {
    let mut small = setup(WorkerStrategy::TimeOut, 10, 1);
    let job = small.job().unwrap();
    small.arbiters.pop();
    let panel = SetupError::Panel {
        panel: 3,
        strategies: 2,
    };
    assert_eq!(small.job().unwrap_err(), panel);
    assert_eq!(Arena::new(&small, &job).unwrap_err(), panel);
    let other = setup(WorkerStrategy::TimeOut, 11, 1);
    assert_eq!(
        Arena::new(&other, &job).unwrap_err(),
        SetupError::OtherJob {
            job: 10,
            params: 11
        }
    );
    let steps = 1_000_001;
    let huge = setup(WorkerStrategy::TimeOut, steps, 1);
    assert_eq!(huge.job().unwrap_err(), SetupError::Steps { steps });
}

#[test]
fn strategies_and_tallies_are_data() {
    let worker = WorkerStrategy::Grind {
        work: falsify("1/10"),
        most_tries: 7,
    };
    let json = serde_json::to_string(&worker).unwrap();
    assert_eq!(
        json,
        r#"{"grind":{"work":{"falsify":{"fraction":"1/10","seed":0}},"most_tries":7}}"#
    );
    assert_eq!(
        serde_json::from_str::<WorkerStrategy>(&json).unwrap(),
        worker
    );
    assert!(serde_json::from_str::<WorkerStrategy>(r#"{"grind":{"most_tries":7}}"#).is_err());
    let erring: ArbiterStrategy = serde_json::from_str(
        r#"{"erring":{"convicts_innocent":"1/100","acquits_guilty":"0","undecided":"1/2"}}"#,
    )
    .unwrap();
    assert!(matches!(erring, ArbiterStrategy::Erring { .. }));
    let tally = run(&setup(WorkerStrategy::TimeOut, 10, 1), 11, 3);
    let json = serde_json::to_string(&tally).unwrap();
    assert_eq!(serde_json::from_str::<Tally>(&json).unwrap(), tally);
}
