//! Every bound can be broken, is named with both sides, and valid records have one byte form.

use crate::common;
use narthex_base::codec;

use common::ratio;
use narthex_game_model::params::{Bound, BrokenBound, DecodeError, Quantity};
use narthex_game_model::{
    Amount, ArbiterSet, Outcome, PaperLocks, Params, ParamsRecord, Party, Ratio, Template, Windows,
    params, params::Audit,
};
use proptest::prelude::*;

const HEIGHT: u32 = 800_000;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn hardened(change: impl FnOnce(&mut ParamsRecord)) -> ParamsRecord {
    let mut record = ParamsRecord::example(3, 2, HEIGHT);
    change(&mut record);
    record
}

fn paper(change: impl FnOnce(&mut ParamsRecord)) -> ParamsRecord {
    let mut record = ParamsRecord::paper_example(3, 2, HEIGHT);
    change(&mut record);
    record
}

fn audited(change: impl FnOnce(&mut Audit)) -> ParamsRecord {
    let mut record = ParamsRecord::audited_example(3, 2, HEIGHT);
    record.audit.as_mut().map(change).unwrap();
    record
}

fn paper_locks(t1: u32, t2: u32, t3: u32, t4: u32) -> ParamsRecord {
    paper(|r| r.paper_locks = Some(PaperLocks { t1, t2, t3, t4 }))
}

#[test]
fn examples_of_every_panel_are_valid() {
    for n in 3..=15 {
        for k in n / 2 + 1..=n {
            let params = Params::new(ParamsRecord::example(n, k, HEIGHT)).unwrap();
            assert_eq!((params.arbiters(), params.quorum()), (n, k));
            let paper = Params::new(ParamsRecord::paper_example(n, k, HEIGHT)).unwrap();
            assert_eq!(paper.template(), Template::Paper);
            let audited = ParamsRecord::audited_example(n, k, HEIGHT);
            let audited = Params::new(audited).unwrap();
            assert_eq!(audited.template(), Template::Audited);
        }
    }
}

#[test]
fn derived_values_of_the_example() {
    let params = Params::new(ParamsRecord::example(5, 3, HEIGHT)).unwrap();
    assert_eq!(params.worker_share(), sat(80_000));
    assert_eq!(params.verifier_reward(), sat(20_000));
    assert_eq!(params.contract_value(), sat(520_000));
    assert_eq!(params.stake_output_value(), sat(250_000));
    // 12 + 6 + 6 + 2·14 + 5·2.
    assert_eq!(params.stake_lock_blocks(), 62);
    assert_eq!(params.pot(Outcome::Normal), Some(sat(520_000)));
    let failed = Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    };
    assert_eq!(params.pot(failed), Some(sat(520_000 + 5 * 250_000)));
}

/// One record per bound that breaks it. A bound missing here would be one that never fires.
fn breaking_records() -> Vec<(Bound, ParamsRecord)> {
    use Bound::*;
    let over = ratio(11, 10);
    vec![
        (RewardPositive, hardened(|r| r.reward = Amount::ZERO)),
        (
            WorkerStakePositive,
            hardened(|r| r.worker_stake = Amount::ZERO),
        ),
        (
            VerifierStakePositive,
            hardened(|r| r.verifier_stake = Amount::ZERO),
        ),
        (
            WorkerStakeAtMostVerifierStake,
            hardened(|r| r.worker_stake = sat(220_001)),
        ),
        (
            ArbiterStakeAtLeastVerifierStake,
            hardened(|r| r.arbiter_stake = sat(219_999)),
        ),
        (PanelAtLeastThree, hardened(|r| r.arbiters = 2)),
        (PanelAtMostFifteen, hardened(|r| r.arbiters = 16)),
        (FundScriptNotEmpty, hardened(|r| r.fund.clear())),
        (FundScriptLength, hardened(|r| r.fund = vec![0x51; 84])),
        (AlphaPositive, hardened(|r| r.alpha = Ratio::ZERO)),
        (AlphaAtMostOne, hardened(|r| r.alpha = over)),
        (BetaPositive, hardened(|r| r.beta = Ratio::ZERO)),
        (BetaAtMostOne, hardened(|r| r.beta = over)),
        (GammaPositive, hardened(|r| r.gamma = Ratio::ZERO)),
        (GammaBelowEpsilon, hardened(|r| r.gamma = r.epsilon)),
        (DeltaPositive, hardened(|r| r.delta = Ratio::ZERO)),
        (DeltaAtMostOne, hardened(|r| r.delta = over)),
        (EpsilonPositive, hardened(|r| r.epsilon = Ratio::ZERO)),
        (EpsilonAtMostOne, hardened(|r| r.epsilon = over)),
        (
            GammaPlusEpsilonAtMostOne,
            paper(|r| r.epsilon = ratio(19, 20)),
        ),
        (MajorityAboveHalf, hardened(|r| r.mu = Ratio::HALF)),
        (MajorityAtMostOne, hardened(|r| r.mu = over)),
        (RhoPositive, hardened(|r| r.rho = Ratio::ZERO)),
        (RhoBelowOne, hardened(|r| r.rho = Ratio::ONE)),
        (SigmaPositive, hardened(|r| r.sigma = Ratio::ZERO)),
        (SigmaAtMostOne, hardened(|r| r.sigma = over)),
        (StepsPositive, hardened(|r| r.steps = 0)),
        (SampleIsSigmaOfSteps, hardened(|r| r.sample = 101)),
        (
            VerifierPaidFromAdmission,
            hardened(|r| r.bounty = sat(130_001)),
        ),
        (
            PaperAdmissionAtMostStake,
            paper(|r| r.delta = ratio(91, 100)),
        ),
        (
            PotAtMostVerifierStake,
            hardened(|r| r.verifier_stake = sat(149_999)),
        ),
        (PaperHasNoBounty, paper(|r| r.bounty = sat(1_000))),
        (PaperHasNoRetainer, paper(|r| r.retainer = sat(1_000))),
        (WorkWindowMinimum, hardened(|r| r.windows.work_blocks = 0)),
        (
            VerdictWindowMinimum,
            hardened(|r| r.windows.verdict_blocks = 5),
        ),
        (
            AppealWindowMinimum,
            hardened(|r| r.windows.appeal_blocks = 1),
        ),
        (
            CompleteWindowMinimum,
            hardened(|r| r.windows.complete_blocks = 1),
        ),
        (
            DecideWindowMinimum,
            hardened(|r| r.windows.decide_blocks = 1),
        ),
        (
            PerMissingWindowMinimum,
            hardened(|r| r.windows.per_missing_blocks = 0),
        ),
        (
            DecisionLeavesSlowestMajorityAppealWindow,
            hardened(|r| r.windows.decide_blocks = 7),
        ),
        (
            RelativeLocksFit,
            hardened(|r| r.windows.decide_blocks = 32_765),
        ),
        (
            StakeLockFits,
            hardened(|r| r.windows.verdict_blocks = 65_488),
        ),
        (DeliverHeightPositive, hardened(|r| r.deliver_height = 0)),
        (
            DeliverHeightIsHeight,
            hardened(|r| r.deliver_height = 500_000_000),
        ),
        (PaperLocksPresent, paper(|r| r.paper_locks = None)),
        (PaperLocksAbsent, {
            let locks = ParamsRecord::paper_example(3, 2, HEIGHT).paper_locks;
            hardened(|r| r.paper_locks = locks)
        }),
        (AuditPresent, {
            let mut record = audited(|_| ());
            record.audit = None;
            record
        }),
        (AuditAbsent, {
            let audit = audited(|_| ()).audit;
            hardened(|r| r.audit = audit)
        }),
        (ChallengeBondPositive, audited(|a| a.bond = Amount::ZERO)),
        (
            ChallengePaidFromStakes,
            audited(|a| {
                a.compensation = sat(180_000);
                a.bond = sat(240_001);
            }),
        ),
        (ChallengeBondAboveDust, audited(|a| a.bond = sat(989))),
        (
            CompensationFromWorkerStake,
            audited(|a| a.compensation = sat(180_001)),
        ),
        (AuditStepsPositive, audited(|a| a.steps = 0)),
        (AuditStepsAtMost, audited(|a| a.steps = 1_001)),
        (ChallengeAfterRecord, audited(|a| a.challenge_blocks = 8)),
        (
            // The bond comes back by an output of the client's own.
            ShareAboveDust {
                outcome: Outcome::Normal,
                party: Party::Client,
            },
            audited(|a| a.bond = sat(329)),
        ),
        (StakeLockFits, audited(|a| a.challenge_blocks = 65_488)),
        (PaperLockOneBeforeTwo, paper_locks(2, 2, 3, 4)),
        (PaperLockTwoBeforeThree, paper_locks(1, 3, 3, 4)),
        (PaperLockThreeBeforeFour, paper_locks(1, 2, 4, 4)),
        (PaperLocksAreHeights, paper_locks(1, 2, 3, 500_000_000)),
        (
            TotalWithinSupply,
            hardened(|r| r.arbiter_stake = sat(700_000_000_000_000)),
        ),
        (
            StakeOutputAboveDust,
            hardened(|r| r.dust_limit = sat(250_001)),
        ),
        (
            // β so large that the verifier keeps 100 sat in scheme 2.
            ShareAboveDust {
                outcome: Outcome::VerifierTimedOut,
                party: Party::Verifier,
            },
            hardened(|r| r.beta = ratio(219_900, 220_000)),
        ),
        (
            // ε so large that each silent arbiter keeps 1 sat.
            ShareAboveDust {
                outcome: Outcome::ArbitrationFailed {
                    ruled: ArbiterSet::empty(),
                },
                party: Party::Arbiter(2),
            },
            hardened(|r| r.epsilon = ratio(249_999, 250_000)),
        ),
        (
            // The verifier's part is more than the worker has staked.
            OutcomeSolvent {
                outcome: Outcome::FaultyUnappealed,
            },
            hardened(|r| r.bounty = sat(190_000)),
        ),
    ]
}

#[test]
fn each_bound_is_broken_by_its_record() {
    for (bound, record) in breaking_records() {
        let error = match Params::new(record) {
            Err(error) => error,
            Ok(_) => panic!("{bound:?} did not fire"),
        };
        assert!(error.breaks(bound), "{bound:?} missing from: {error}");
        let (left, relation, right) = bound.inequality();
        let named = format!("{left} {relation} {right} violated: {left} = ");
        assert!(error.to_string().contains(&named), "{error}");
    }
}

#[test]
fn values_at_the_limit_are_accepted() {
    let at_limit = [
        hardened(|r| r.worker_stake = r.verifier_stake),
        hardened(|r| r.arbiter_stake = r.verifier_stake),
        hardened(|r| r.bounty = sat(130_000)),
        hardened(|r| r.fund = vec![0x51; 83]),
        hardened(|r| r.windows.decide_blocks = 8),
        audited(|a| a.compensation = sat(180_000)),
        audited(|a| {
            a.compensation = sat(180_000);
            a.bond = sat(240_000);
        }),
        audited(|a| a.bond = sat(990)),
        audited(|a| a.steps = 1_000),
        audited(|a| a.challenge_blocks = 9),
        // 12 + 6 + Δ_C + 2·12 + 3·2 ≤ 65535.
        audited(|a| a.challenge_blocks = 65_487),
        hardened(|r| r.windows.decide_blocks = 32_752),
        hardened(|r| r.windows.work_blocks = 65_493),
        hardened(|r| r.windows.verdict_blocks = 65_487),
        hardened(|r| r.windows.complete_blocks = 65_517),
        hardened(|r| r.deliver_height = 499_999_999),
        hardened(|r| (r.alpha, r.beta, r.delta) = (Ratio::ONE, Ratio::ONE, Ratio::ONE)),
        hardened(|r| r.epsilon = Ratio::ONE),
        // The verifier keeps exactly 330 sat in scheme 2.
        hardened(|r| r.beta = ratio(219_670, 220_000)),
        hardened(|r| r.arbiter_stake = sat(699_999_999_826_666)),
        paper(|r| r.delta = ratio(9, 10)),
        paper(|r| r.epsilon = ratio(9, 10)),
        paper_locks(0, 1, 2, 499_999_999),
    ];
    for record in at_limit {
        if let Err(error) = Params::new(record.clone()) {
            panic!("{error}: {record:?}");
        }
    }
}

/// The bounds on windows that a record breaks, with the values of both sides.
fn broken_windows(windows: Windows, n: u8, k: u8) -> Vec<(Bound, u64, u64)> {
    let record = ParamsRecord {
        windows,
        ..ParamsRecord::example(n, k, HEIGHT)
    };
    let broken = match Params::new(record) {
        Ok(_) => return Vec::new(),
        Err(error) => error.broken().to_vec(),
    };
    let sides = |b: BrokenBound| match (b.lhs, b.rhs) {
        (Quantity::Blocks(lhs), Quantity::Blocks(rhs)) => (b.bound, lhs, rhs),
        _ => panic!("{b:?} is no bound on windows"),
    };
    broken.into_iter().map(sides).collect()
}

/// The shortest windows there are, for a panel that must agree.
const SHORTEST: Windows = Windows {
    work_blocks: params::MIN_WORK_BLOCKS,
    verdict_blocks: params::MIN_VERDICT_BLOCKS,
    appeal_blocks: params::MIN_APPEAL_BLOCKS,
    complete_blocks: params::MIN_COMPLETE_BLOCKS,
    decide_blocks: params::MIN_DECIDE_BLOCKS,
    per_missing_blocks: params::MIN_PER_MISSING_BLOCKS,
};

#[test]
fn each_window_has_a_minimum() {
    assert_eq!(broken_windows(SHORTEST, 3, 3), []);
    type Field = fn(&mut Windows) -> &mut u16;
    let fields: [(Bound, u64, Field); 6] = [
        (Bound::WorkWindowMinimum, 1, |w| &mut w.work_blocks),
        (Bound::VerdictWindowMinimum, 6, |w| &mut w.verdict_blocks),
        (Bound::AppealWindowMinimum, 2, |w| &mut w.appeal_blocks),
        (Bound::CompleteWindowMinimum, 2, |w| &mut w.complete_blocks),
        (Bound::DecideWindowMinimum, 2, |w| &mut w.decide_blocks),
        (Bound::PerMissingWindowMinimum, 1, |w| {
            &mut w.per_missing_blocks
        }),
    ];
    for (bound, least, field) in fields {
        let mut windows = SHORTEST;
        *field(&mut windows) -= 1;
        // A decision window that is too short for itself is so for the majority as well.
        let broken = broken_windows(windows, 3, 3);
        assert_eq!(broken[0], (bound, least - 1, least));
        assert_eq!(broken.len() > 1, bound == Bound::DecideWindowMinimum);
        assert_eq!(bound.inequality().2, least.to_string());
        // Nothing is excused in the template that does not use the windows.
        let error = Params::new(paper(|r| r.windows = windows)).unwrap_err();
        assert!(error.breaks(bound));
    }
}

#[test]
fn the_slowest_majority_has_the_chain_to_itself_for_an_appeal_window() {
    for n in 3..=15 {
        for k in n / 2 + 1..=n {
            let opens = 3 * u16::from(n - k);
            let windows = |decide_blocks| Windows {
                appeal_blocks: 5,
                decide_blocks,
                per_missing_blocks: 3,
                ..SHORTEST
            };
            assert_eq!(broken_windows(windows(opens + 5), n, k), []);
            let bound = Bound::DecisionLeavesSlowestMajorityAppealWindow;
            let sides = (bound, u64::from(opens) + 4, u64::from(opens) + 5);
            assert_eq!(broken_windows(windows(opens + 4), n, k), [sides]);
        }
    }
}

#[test]
fn the_stake_lock_is_the_longest_story_and_fits_a_relative_lock() {
    let lock = |change: fn(&mut Windows)| {
        Params::new(hardened(|r| change(&mut r.windows)))
            .map(|params| params.stake_lock_blocks())
            .map_err(|error| error.broken().to_vec())
    };
    let too_long = |bound, lhs| BrokenBound {
        bound,
        lhs: Quantity::Blocks(lhs),
        rhs: Quantity::Blocks(65_535),
    };
    let stake = too_long(Bound::StakeLockFits, 65_536);
    // 12 + 6 + max(6, 6 + 2·12 + 3·2), then with a completion as long as the dispute and longer.
    assert_eq!(lock(|_| ()), Ok(54));
    assert_eq!(lock(|w| w.complete_blocks = 36), Ok(54));
    assert_eq!(lock(|w| w.complete_blocks = 37), Ok(55));
    assert_eq!(lock(|w| w.work_blocks = 65_493), Ok(65_535));
    assert_eq!(lock(|w| w.work_blocks = 65_494), Err(vec![stake]));
    assert_eq!(lock(|w| w.verdict_blocks = 65_487), Ok(65_535));
    assert_eq!(lock(|w| w.verdict_blocks = 65_488), Err(vec![stake]));
    assert_eq!(lock(|w| w.complete_blocks = 65_517), Ok(65_535));
    assert_eq!(lock(|w| w.complete_blocks = 65_518), Err(vec![stake]));
    assert_eq!(lock(|w| w.decide_blocks = 32_752), Ok(65_534));
    assert_eq!(lock(|w| w.decide_blocks = 32_753), Err(vec![stake]));
    // The locks of the decision itself fit longer than those of the stakes.
    let stake = |lhs| too_long(Bound::StakeLockFits, lhs);
    assert_eq!(lock(|w| w.decide_blocks = 32_764), Err(vec![stake(65_558)]));
    let decision = too_long(Bound::RelativeLocksFit, 65_536);
    assert_eq!(
        lock(|w| w.decide_blocks = 32_765),
        Err(vec![decision, stake(65_560)])
    );
}

#[test]
fn the_text_names_both_sides_and_all_bounds_are_reported() {
    let record = hardened(|r| {
        r.worker_stake = sat(230_000);
        r.alpha = Ratio::ZERO;
        r.windows.verdict_blocks = 5;
    });
    let error = Params::new(record).unwrap_err();
    assert_eq!(error.broken().len(), 3);
    assert_eq!(
        error.to_string(),
        "w <= v violated: w = 230000 sat, v = 220000 sat; \
         alpha > 0 violated: alpha = 0, 0 = 0; \
         verdict window >= 6 violated: verdict window = 5 blocks, 6 = 6 blocks"
    );
    assert_eq!(error.broken()[0].lhs, Quantity::Sat(230_000));
}

#[test]
fn extreme_records_are_refused_without_overflow() {
    let max = sat(u64::MAX);
    let record = hardened(|r| {
        (r.reward, r.worker_stake, r.verifier_stake) = (max, max, max);
        (r.arbiter_stake, r.bounty, r.retainer, r.dust_limit) = (max, max, max, max);
        (r.steps, r.sample, r.deliver_height) = (u64::MAX, u32::MAX, u32::MAX);
        (r.arbiters, r.delta) = (u8::MAX, ratio(u32::MAX, 1));
        (r.mu, r.rho, r.sigma) = (r.delta, r.delta, r.delta);
        r.windows = Windows {
            work_blocks: u16::MAX,
            verdict_blocks: u16::MAX,
            appeal_blocks: u16::MAX,
            complete_blocks: u16::MAX,
            decide_blocks: u16::MAX,
            per_missing_blocks: u16::MAX,
        };
    });
    let error = Params::new(record).unwrap_err();
    assert!(error.breaks(Bound::StakeLockFits));
    assert!(error.breaks(Bound::TotalWithinSupply) && error.breaks(Bound::PanelAtMostFifteen));
}

#[test]
fn each_malformed_encoding_is_named() {
    let bytes = Params::new(ParamsRecord::example(3, 2, HEIGHT))
        .unwrap()
        .to_bytes();
    let with = |position: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[position] = value;
        Params::from_bytes(&changed).unwrap_err()
    };
    assert_eq!(with(0, 1), DecodeError::Version(1));
    assert_eq!(with(0, 2), DecodeError::Version(2));
    assert_eq!(with(0, 4), DecodeError::Version(4));
    assert_eq!(with(1, 3), DecodeError::Template(3));
    assert_eq!(with(59, 84), DecodeError::FundScriptLength(84));
    // γ is 1/10; 2/10 and 1/0 are not in lowest terms.
    let gamma = 60 + bytes[59] as usize + 16;
    assert_eq!(
        with(gamma + 3, 2),
        DecodeError::Fraction { num: 2, den: 10 }
    );
    assert_eq!(with(gamma + 7, 0), DecodeError::Fraction { num: 1, den: 0 });
    assert_eq!(with(bytes.len() - 1, 3), DecodeError::Special(3));
    // A challenge's terms are announced, and there are none.
    let missing = codec::DecodeError::Truncated {
        field: "challenge bond",
        missing: 8,
    };
    assert_eq!(with(bytes.len() - 1, 2), missing.into());
    // Another template's special terms are a broken bound, whatever they say.
    assert!(matches!(with(1, 2), DecodeError::Bounds(e) if e.breaks(Bound::AuditPresent)));
    assert!(matches!(with(58, 2), DecodeError::Bounds(e) if e.breaks(Bound::PanelAtLeastThree)));
    for cut in 0..bytes.len() {
        let refused = Params::from_bytes(&bytes[..cut]);
        let Err(DecodeError::Codec(codec::DecodeError::Truncated { missing, .. })) = refused else {
            panic!("{cut} bytes: {refused:?}");
        };
        assert!((1..=bytes.len() - cut).contains(&missing), "{cut} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        Params::from_bytes(&longer),
        Err(codec::DecodeError::Trailing { extra: 1 }.into())
    );
}

#[test]
fn json_is_readable_and_strict() {
    let record = ParamsRecord::example(3, 2, HEIGHT);
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["delta"], "3/4");
    assert_eq!(json["reward_sat"], 100_000);
    assert_eq!(json["fund_script"], "6a076e617274686578");
    assert_eq!(
        serde_json::from_value::<ParamsRecord>(json.clone()).unwrap(),
        record
    );
    let mut unknown = json;
    unknown["zeta"] = "1/2".into();
    assert!(serde_json::from_value::<ParamsRecord>(unknown).is_err());
}

proptest! {
    /// A record whose named bounds hold can pay every outcome: nothing is refused as insolvent
    /// that the inequalities allow.
    #[test]
    fn bounds_imply_solvency(record in common::record()) {
        if let Err(error) = Params::new(record) {
            let insolvent = |b: &BrokenBound| matches!(b.bound, Bound::OutcomeSolvent { .. });
            let dust = |b: &BrokenBound| matches!(b.bound, Bound::ShareAboveDust { .. });
            let explained = error.broken().iter().any(|b| !insolvent(b) && !dust(b));
            prop_assert!(explained || !error.broken().iter().any(insolvent), "{}", error);
        }
    }

    #[test]
    fn bytes_round_trip_and_the_hash_tells_records_apart(
        a in common::params(),
        b in common::params(),
    ) {
        prop_assert_eq!(&Params::from_bytes(&a.to_bytes()).unwrap(), &a);
        prop_assert!(a.to_bytes().len() <= 308);
        prop_assert_eq!(a == b, a.hash() == b.hash());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_have_two_encodings(
        params in common::params(),
        position in any::<proptest::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = params.to_bytes();
        let position = position.index(bytes.len());
        bytes[position] = value;
        if let Ok(read) = Params::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}

/// The sufficient inequalities of the game for the example's costs, in integers (scaled by 200,
/// which clears e1 = e2 = e5 = 1/100 and the halves).
#[test]
fn the_example_makes_honest_play_pay() {
    let p = Params::new(ParamsRecord::example(3, 2, HEIGHT)).unwrap();
    let s = |amount: Amount| amount.to_sat() as i64;
    let (c, w, v, a) = (
        s(p.reward()),
        s(p.worker_stake()),
        s(p.verifier_stake()),
        s(p.arbiter_stake()),
    );
    let (rho_c, phi, b) = (s(p.worker_share()), s(p.verifier_reward()), s(p.bounty()));
    let (alpha_w, delta_w) = (
        s(p.alpha().floor_of(p.worker_stake())),
        s(p.delta().floor_of(p.worker_stake())),
    );
    let beta_v = s(p.beta().floor_of(p.verifier_stake()));
    let (z, y, g, gain) = (5_000, 500, 1_000, 20_000);
    // ε = 1/2, so ε·x·e5 = x/200 and p_I = p_G = 98/100.
    let u = 196 * c - 2 * w - w; // 200·U
    assert!(rho_c > z && phi > y && phi + beta_v > y, "participation");
    assert!(
        rho_c - z > -delta_w && rho_c - z > -alpha_w,
        "skip, time-out"
    );
    assert!(rho_c + delta_w > gain, "target at p = 1/2");
    assert!(
        u - 200 * z > -200 * alpha_w && u - 200 * z > -200 * delta_w,
        "honest appeals"
    );
    assert!(u + 200 * delta_w > 196 * gain, "honest appeals at p = 1/2");
    assert!(
        -200 * delta_w > -196 * w + 2 * (c + gain) - w,
        "guilty admits"
    );
    assert!(
        200 * (phi - y) > -196 * v + 2 * (phi + b) - v,
        "no blind verdict"
    );
    assert!(a / 2 > g && (w - phi - b) / 3 - g > -a, "arbiters check");
    assert!(b > z + gain, "bribe");
}

/// Parameters know no costs; whoever does is told what a ruling would take.
#[test]
fn a_bond_that_does_not_pay_for_the_ruling_makes_no_game() {
    use narthex_game_model::game::{Economics, EconomicsError, Fees};
    let params = Params::new(ParamsRecord::audited_example(3, 2, HEIGHT)).unwrap();
    let with = |cost: u64, fee: u64| Economics {
        arbiter_cost: sat(cost),
        fees: Fees {
            acquitted: sat(fee),
            ..Fees::default()
        },
        ..Economics::example()
    };
    assert_eq!(with(20_000, 0).check(&params), Ok(()));
    assert_eq!(with(19_999, 3).check(&params), Ok(()));
    for (cost, fee, needed) in [(20_000, 1, 60_001), (20_001, 0, 60_003)] {
        let refused = with(cost, fee).check(&params).unwrap_err();
        let expected = EconomicsError::Bond {
            bond: sat(60_000),
            needed: sat(needed),
        };
        assert_eq!(refused, expected, "{refused}");
    }
    let hardened = Params::new(ParamsRecord::example(3, 2, HEIGHT)).unwrap();
    assert_eq!(with(1_000_000, 0).check(&hardened), Ok(()));
}
