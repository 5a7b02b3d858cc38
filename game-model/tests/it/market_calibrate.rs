//! Predictions of a simulated market beside what happened. Seeds are fixed and printed.

use narthex_game_model::{
    Ratio,
    market::{
        Chance, Decay, PolicyRecord,
        calibrate::{CalibrateError, Conduct, Report, Setup, SlotLine, calibrate},
    },
};

const SEED: [u8; 32] = [21; 32];

fn run(setup: &Setup) -> Report {
    let report = calibrate(setup, || ()).unwrap();
    println!("{report:#?}");
    report
}

/// With a true prior, ρ is the posterior mean and observed − predicted a sum of martingale
/// differences, whoever was hired and audited: five standard deviations are five.
#[test]
fn estimates_are_calibrated_when_the_prior_is_true() {
    let mut judged = 0;
    for seed in [[1; 32], [2; 32], [3; 32], [4; 32]] {
        let report = run(&Setup::matched(seed, 1_500, 12, 1));
        for bin in report.by_estimate.iter().filter(|bin| bin.count >= 50) {
            assert!(bin.deviations.abs() < 5.0, "{bin:?}");
            assert!(
                bin.low <= bin.predicted && bin.predicted <= bin.high,
                "{bin:?}"
            );
            judged += 1;
        }
    }
    assert!(judged >= 12, "{judged}");
}

#[test]
fn what_is_asked_for_is_met_when_the_prior_is_true() {
    for seed in [[1; 32], [2; 32], [3; 32], [4; 32]] {
        let report = run(&Setup::matched(seed, 1_500, 12, 1));
        assert_met(&report);
    }
}

fn assert_met(report: &Report) {
    for line in &report.by_asked {
        let (n, asked) = (line.served.count as f64, line.asked.to_f64());
        let sigma = (asked * (1.0 - asked) * n).sqrt();
        assert!(
            line.served.right as f64 >= asked * n - 5.0 * sigma,
            "{line:?}"
        );
    }
    let served: u64 = report.by_asked.iter().map(|line| line.served.count).sum();
    assert!(served > u64::from(report.requests) / 2, "{served} served");
}

#[test]
fn a_market_of_all_kinds() {
    let report = run(&Setup::mixed(SEED, 4_000, 20));
    assert_met(&report);
    // Knowing costs something, but less than the price again.
    assert!(
        report.regret > 0.0 && report.regret < 1.0,
        "{}",
        report.regret
    );
    // One that turns bad is not hired for long.
    let turned = report.recomputers[6];
    assert!(matches!(turned.conduct, Conduct::Turns { .. }));
    assert!(
        turned.hired > 100 && turned.hired_after_turn < 200,
        "{turned:?}"
    );
    assert!(turned.last_hired.unwrap() < 3_000, "{turned:?}");
    // A cluster that comes back under new names earns less than any steady recomputer that asks about as much.
    let sybils: Vec<&SlotLine> = report.recomputers[7..].iter().collect();
    let twin = report.recomputers[3];
    for sybil in sybils {
        assert!(sybil.names > 3, "{sybil:?}");
        assert!(sybil.gain_sat() <= 0, "{sybil:?}");
        assert!(
            sybil.gain_sat() < twin.gain_sat(),
            "{sybil:?} beside {twin:?}"
        );
    }
}

/// Recomputers that do not change are not priced as better than they are, with a fading ledger too.
#[test]
fn steady_recomputers_are_not_overpriced() {
    for seed in [[1; 32], [2; 32], [3; 32], SEED] {
        let mut setup = Setup::mixed(seed, 3_000, 20);
        setup.cast.truncate(5);
        let report = run(&setup);
        let judged = report.by_price.iter().filter(|bin| bin.count >= 50);
        assert!(judged.clone().count() >= 4);
        for bin in judged {
            assert!(bin.deviations > -5.0, "{bin:?}");
        }
        assert_met(&report);
    }
}

/// However patient a cluster is, the same two places earn more by being right under one name.
#[test]
fn whitewashing_pays_less_than_staying() {
    for seed in [SEED, [1; 32], [2; 32]] {
        let mut honest = Setup::mixed(seed, 3_000, 0);
        for character in &mut honest.cast[7..] {
            let right = Chance::ONE;
            character.conduct = Conduct::Steady { right };
        }
        let gain = |setup: &Setup| -> i64 {
            run(setup).recomputers[7..]
                .iter()
                .map(SlotLine::gain_sat)
                .sum()
        };
        let staying = gain(&honest);
        for patience in [0, 1, 5, 20, 60, 200] {
            let coming_back = gain(&Setup::mixed(seed, 3_000, patience));
            assert!(
                coming_back < staying,
                "{patience}: {coming_back} beside {staying}"
            );
        }
    }
}

/// The same market without caution and with a generous start: a new name is hired at once.
#[test]
fn a_generous_start_pays_whitewashers() {
    let mut setup = Setup::mixed(SEED, 2_000, 5);
    let careful = run(&setup);
    setup.policy = PolicyRecord {
        alpha: Ratio::new(30, 1).unwrap(),
        caution: Ratio::ZERO,
        ..PolicyRecord::default()
    };
    let generous = run(&setup);
    let gain = |report: &Report| {
        report.recomputers[7..]
            .iter()
            .map(SlotLine::gain_sat)
            .sum::<i64>()
    };
    assert!(
        gain(&generous) > 0 && gain(&careful) <= 0,
        "{} {}",
        gain(&generous),
        gain(&careful)
    );
    let wrong = |report: &Report| report.by_asked.iter().map(|line| line.wrong).sum::<u64>();
    assert!(
        wrong(&generous) > 3 * wrong(&careful),
        "{} {}",
        wrong(&generous),
        wrong(&careful)
    );
}

/// λ → 1 adapts slowly: the longer the memory, the longer a recomputer that turned bad is hired.
#[test]
fn a_long_memory_lags() {
    let hired = |lambda: Ratio| {
        let mut setup = Setup::mixed(SEED, 3_000, 20);
        setup.policy.lambda = lambda;
        run(&setup).recomputers[6]
    };
    let (short, long) = (hired(Ratio::new(99, 100).unwrap()), hired(Ratio::ONE));
    assert!(
        short.hired_after_turn < long.hired_after_turn,
        "{short:?} {long:?}"
    );
    assert!(short.estimate < long.estimate, "{short:?} {long:?}");
}

/// Fading only the count that grows ends at 1/2 for everybody, good and bad.
#[test]
fn the_counted_rule_loses_its_estimates() {
    let mut setup = Setup::mixed(SEED, 4_000, 20);
    setup.policy.lambda = Ratio::new(19, 20).unwrap();
    setup.policy.decay = Decay::Counted;
    let report = run(&setup);
    let good = report.recomputers[2].estimate;
    let low: Chance = "0.85".parse().unwrap();
    assert!(
        good < low,
        "a recomputer that is right 97% of the time is at {good}"
    );
}

#[test]
fn one_seed_one_market_and_bounds() {
    let setup = Setup::mixed(SEED, 60, 3);
    assert_eq!(run(&setup), run(&setup));
    assert_ne!(run(&setup), run(&Setup::mixed([22; 32], 60, 3)));
    for setup in [
        Setup {
            requests: 0,
            ..setup.clone()
        },
        Setup {
            requests: u32::MAX,
            ..setup.clone()
        },
        Setup {
            asked: vec![],
            ..setup.clone()
        },
        Setup {
            cast: vec![],
            ..setup.clone()
        },
        Setup {
            cast: vec![setup.cast[0]; 13],
            ..setup.clone()
        },
    ] {
        let error = calibrate(&setup, || ()).unwrap_err();
        assert!(matches!(error, CalibrateError::Empty { .. }), "{error}");
    }
    let hops = calibrate(&Setup { hops: 7, ..setup }, || ()).unwrap_err();
    assert!(matches!(hops, CalibrateError::Price(_)), "{hops}");
}
