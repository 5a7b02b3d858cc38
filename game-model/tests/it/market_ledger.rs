//! The ledger beside its closed form, and what a whitewasher would gain.

use narthex_game_model::{
    Ratio,
    market::{
        Audit, Decay, Ledger, LedgerError, LedgerRecord, ONE, Policy, PolicyError, PolicyRecord,
        RecomputerId, Standing,
    },
    rational::{Rational, exact, fraction},
};
use num_traits::pow;
use proptest::prelude::*;

fn policy(record: PolicyRecord) -> Policy {
    Policy::new(record).unwrap()
}

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

fn audit(job: u64, recomputer: u8, passed: bool) -> Audit {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&job.to_be_bytes());
    Audit {
        job: id,
        recomputer: RecomputerId([recomputer; 32]),
        passed,
        height: 800_000,
    }
}

/// λ^s·x₀ + (1−λ^s)/(1−λ), and s + x₀ for λ = 1: x after s increments and no other fading.
fn closed(lambda: &Rational, start: &Rational, s: usize) -> Rational {
    let left = pow(lambda.clone(), s);
    match *lambda == exact(1) {
        true => exact(s as u64) + start,
        false => &left * start + (exact(1) - &left) / (exact(1) - lambda),
    }
}

fn value(count: u64) -> Rational {
    Rational::new(count.into(), ONE.into())
}

/// At most this far from the exact value: one unit lost per step, faded as the steps are, and one for
/// the start value. That sum is the closed form from 1, in units of 2⁻³².
fn bound(lambda: &Rational, s: usize) -> Rational {
    closed(lambda, &exact(1), s) / exact(ONE)
}

fn fractions() -> impl Strategy<Value = Ratio> {
    prop_oneof![
        Just(Ratio::ONE),
        (1..2_000_u32).prop_map(|d| ratio(d, d + 1)),
        (1..=u32::MAX, 1..=u32::MAX).prop_map(|(a, b)| ratio(a.min(b), a.max(b))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn counted_follows_the_closed_form(
        lambda in fractions(),
        alpha in (0..50_u32, 1..9_u32),
        beta in (1..50_u32, 1..9_u32),
        audits in prop::collection::vec(any::<bool>(), 0..160),
    ) {
        let policy = policy(PolicyRecord {
            lambda,
            alpha: ratio(alpha.0, alpha.1),
            beta: ratio(beta.0, beta.1),
            decay: Decay::Counted,
            ..Default::default()
        });
        let mut ledger = Ledger::new(policy);
        for (job, passed) in audits.iter().enumerate() {
            // Another recomputer in between changes nothing.
            ledger.enter(audit(job as u64, 2, !passed)).unwrap();
            ledger.enter(audit(job as u64, 1, *passed)).unwrap();
        }
        let standing = ledger.standing(&RecomputerId([1; 32]));
        let passed = audits.iter().filter(|passed| **passed).count();
        let failed = audits.len() - passed;
        prop_assert_eq!((standing.passed as usize, standing.failed as usize), (passed, failed));
        let lambda = fraction(lambda);
        let low = closed(&lambda, &Rational::new(alpha.0.into(), alpha.1.into()), passed);
        let high = closed(&lambda, &Rational::new(beta.0.into(), beta.1.into()), failed);
        let (below, above) = (&low - value(standing.alpha), value(standing.beta) - &high);
        prop_assert!(below >= exact(0) && below <= bound(&lambda, passed), "alpha {} off", below);
        prop_assert!(above >= exact(0) && above <= bound(&lambda, failed), "beta {} off", above);
        prop_assert!(standing.estimate() <= &low / (&low + &high));
    }

    #[test]
    fn both_follows_its_sum(lambda in fractions(), audits in prop::collection::vec(any::<bool>(), 0..160)) {
        let policy = policy(PolicyRecord { lambda, ..Default::default() });
        let mut standing = Standing::newcomer(&policy);
        for passed in &audits {
            standing = standing.after(&policy, *passed).unwrap();
        }
        // Σ λ^(n−i) over the passed ones, from the latest back.
        let (lambda, n) = (fraction(lambda), audits.len());
        let mut weight = exact(1);
        let (mut alpha, mut beta) = (exact(0), exact(0));
        for passed in audits.iter().rev() {
            match passed {
                true => alpha += &weight,
                false => beta += &weight,
            }
            weight *= &lambda;
        }
        let (below, above) = (alpha + &weight - value(standing.alpha), value(standing.beta) - beta - &weight);
        for off in [below, above] {
            prop_assert!(off >= exact(0) && off <= bound(&lambda, n), "{} off", off);
        }
    }

    #[test]
    fn a_changed_record_does_not_replay(flip in 0..40_usize, what in 0..4_u8) {
        let mut ledger = Ledger::new(policy(PolicyRecord::default()));
        for job in 0..40 {
            ledger.enter(audit(job, (job % 3) as u8, job % 7 != 0)).unwrap();
        }
        let text = serde_json::to_string(&ledger.record()).unwrap();
        let mut record: LedgerRecord = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&Ledger::replay(&record).unwrap(), &ledger);
        match what {
            0 => record.audits[flip].passed ^= true,
            1 => record.audits[flip].job[9] ^= 1,
            2 => drop(record.audits.remove(flip)),
            _ => record.policy.caution = ratio(flip as u32, 39).min(Ratio::HALF),
        }
        let refused = matches!(Ledger::replay(&record), Err(LedgerError::Head { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn refused_audits_change_nothing() {
    let mut ledger = Ledger::new(policy(PolicyRecord::default()));
    ledger.enter(audit(1, 1, false)).unwrap();
    let before = ledger.clone();
    // The other way round it is the same audit still.
    for passed in [false, true] {
        let error = ledger.enter(audit(1, 1, passed)).unwrap_err();
        assert!(matches!(error, LedgerError::CountedTwice { .. }), "{error}");
    }
    let old = Audit {
        height: 799_999,
        ..audit(2, 1, true)
    };
    let order = LedgerError::OutOfOrder {
        height: 799_999,
        last: 800_000,
    };
    assert_eq!(ledger.enter(old), Err(order));
    assert_eq!(ledger, before);
    // The same job of another recomputer, and another job of the same recomputer, do count.
    ledger.enter(audit(1, 2, true)).unwrap();
    ledger.enter(audit(2, 1, true)).unwrap();
    assert_eq!(ledger.standings().count(), 2);
}

#[test]
fn policies_have_bounds() {
    let with = |change: fn(&mut PolicyRecord)| {
        let mut record = PolicyRecord::default();
        change(&mut record);
        Policy::new(record).unwrap_err()
    };
    assert_eq!(
        with(|r| r.lambda = Ratio::ZERO),
        PolicyError::Lambda(Ratio::ZERO)
    );
    assert!(matches!(
        with(|r| r.lambda = ratio(2, 1)),
        PolicyError::Lambda(_)
    ));
    assert!(matches!(
        with(|r| r.caution = ratio(u32::MAX, 1)),
        PolicyError::TooLarge { .. }
    ));
    let nothing = with(|r| (r.alpha, r.beta) = (Ratio::ZERO, Ratio::ZERO));
    assert_eq!(nothing, PolicyError::NothingKnown);
    let negative = r#"{"lambda":"-1/2","alpha":"1","beta":"1","caution":"2","decay":"both"}"#;
    assert!(serde_json::from_str::<PolicyRecord>(negative).is_err());
}

/// Under [`Decay::Counted`] with λ < 1 a long record says nothing: 99 of 100 passed audits and 50 of
/// 100 come to the same estimate, 1/2. Under [`Decay::Both`] the two stay apart.
#[test]
fn counted_forgets_the_difference_and_both_does_not() {
    let run = |decay: Decay, every: u32| {
        let lambda = ratio(9, 10);
        let policy = policy(PolicyRecord {
            lambda,
            decay,
            ..Default::default()
        });
        (1..=20_000).fold(Standing::newcomer(&policy), |standing, audit| {
            standing.after(&policy, audit % every != 0).unwrap()
        })
    };
    let near = |standing: Standing, num: u32, den: u32| {
        let off = standing.estimate() - fraction(ratio(num, den));
        off < fraction(ratio(1, 1000)) && off > -fraction(ratio(1, 1000))
    };
    for every in [2, 100] {
        assert!(near(run(Decay::Counted, every), 1, 2), "one in {every}");
    }
    // After its last failure: 9/10·(α+β = 10 less what failed) each.
    assert!(near(run(Decay::Both, 100), 9, 10));
    assert!(near(run(Decay::Both, 2), 9, 19));
}

#[test]
fn a_failure_in_a_good_record_is_better_than_a_new_id() {
    for (lambda, decay) in [
        (Ratio::ONE, Decay::Both),
        (ratio(999, 1000), Decay::Both),
        (ratio(99, 100), Decay::Both),
        (ratio(999, 1000), Decay::Counted),
    ] {
        let policy = policy(PolicyRecord {
            lambda,
            decay,
            ..Default::default()
        });
        let least = policy.record_worth_keeping(1).unwrap();
        // By hand for λ = 1: (1+s)/(1+s+2+2) > 1/4 from s = 1 on.
        assert_eq!(least, 1, "lambda {lambda}, {decay:?}");
        let fresh = Standing::newcomer(&policy).cautious(&policy);
        let mut standing = Standing::newcomer(&policy);
        for passes in 1..3_000 {
            standing = standing.after(&policy, true).unwrap();
            let failed = standing.after(&policy, false).unwrap();
            assert!(failed.cautious(&policy) > fresh, "{passes} passes");
            // And a failure does cost something.
            assert!(failed.cautious(&policy) < standing.cautious(&policy));
        }
    }
}

#[test]
fn a_generous_start_makes_a_new_id_pay() {
    // Nine passes on credit: a failure after fewer than nine real ones is worth running away from.
    let generous = PolicyRecord {
        lambda: Ratio::ONE,
        alpha: ratio(9, 1),
        caution: Ratio::ZERO,
        ..Default::default()
    };
    assert_eq!(policy(generous).record_worth_keeping(1), Some(10));
    assert_eq!(
        policy(PolicyRecord {
            caution: ratio(8, 1),
            ..generous
        })
        .record_worth_keeping(1),
        Some(2)
    );
    // λ = 1/2: two passes are all it remembers, so against nine on credit no record is worth keeping.
    let forgetful = PolicyRecord {
        lambda: Ratio::HALF,
        ..generous
    };
    assert_eq!(policy(forgetful).record_worth_keeping(1), None);
}
