//! Every deadline in one place, and the ledger that says which of them a party cannot keep.

use narthex_game_model::schedule::{
    Dates, LedgerRow, Pace, PanelSchedule, Schedule, stake_unlock_height,
};
use narthex_game_model::{Params, ParamsRecord};

const HEIGHT: u32 = 800_000;

fn params(n: u8, k: u8, change: impl FnOnce(&mut ParamsRecord)) -> Params {
    let mut record = ParamsRecord::example(n, k, HEIGHT);
    change(&mut record);
    Params::new(record).unwrap()
}

fn paced(n: u8, k: u8, pace: &Pace) -> Params {
    let record = ParamsRecord::example(n, k, HEIGHT).paced(pace, 0).unwrap();
    Params::new(record).unwrap()
}

fn broken(pace: &Pace, params: &Params, dates: &Dates) -> Vec<LedgerRow> {
    match pace.check(params, dates) {
        Ok(()) => Vec::new(),
        Err(error) => error.broken().iter().map(|broken| broken.row).collect(),
    }
}

#[test]
fn deadlines_are_parts_of_the_window_rounded_down() {
    for (window, expected) in [
        (96, [32, 40, 48, 64, 72, 96]),
        (24, [8, 10, 12, 16, 18, 24]),
        // ⌊Δ/3⌋, ⌊5Δ/12⌋, ⌊Δ/2⌋, ⌊2Δ/3⌋, ⌊3Δ/4⌋, Δ.
        (25, [8, 10, 12, 16, 18, 25]),
        (6, [2, 2, 3, 4, 4, 6]),
        (u16::MAX / 4, [5_461, 6_826, 8_191, 10_922, 12_287, 16_383]),
    ] {
        let params = params(3, 2, |r| r.windows.verdict_blocks = window);
        let s = Schedule::of(&params, 1_000);
        let found = [s.record, s.nonce, s.token, s.reply, s.opening, s.verdict];
        assert_eq!(found, expected.map(|blocks| 1_000 + blocks), "{window}");
        assert_eq!(s.delivered, 1_000);
    }
    let params = params(3, 2, |_| {});
    assert_eq!(Schedule::of(&params, u32::MAX).verdict, u32::MAX);
}

#[test]
fn the_sample_is_drawn_by_the_block_after_delivery_and_record() {
    assert_eq!(Schedule::sample_height(1_000, 1_010), 1_011);
    assert_eq!(Schedule::sample_height(1_000, 990), 1_001);
    assert_eq!(Schedule::sample_height(u32::MAX, 0), u32::MAX);
}

/// M4: an arbiter must have spoken before the first set without it can be used, which is Δ_Q blocks after the appeal
/// wherever a majority can do without one.
#[test]
fn the_panel_has_as_long_as_nobody_is_slashed_for_silence() {
    let some = params(5, 3, |_| {});
    let windows = some.windows();
    assert!(windows.per_missing_blocks < windows.decide_blocks);
    assert_eq!(PanelSchedule::blocks(&some), windows.per_missing_blocks);
    let all = params(3, 3, |_| {});
    assert_eq!(PanelSchedule::blocks(&all), all.windows().decide_blocks);
    let long = params(5, 4, |r| {
        r.windows.per_missing_blocks = 31;
        r.windows.decide_blocks = 37;
    });
    let s = PanelSchedule::of(&long, 2_000);
    assert_eq!(
        (s.accused, s.evidence, s.moves, s.settled),
        (2_000, 2_010, 2_020, 2_031)
    );
}

/// ADR 121: the rounds follow from the terms alone, end before the last five twelfths, and are none below two blocks.
#[test]
fn the_rounds_of_a_panel_follow_from_the_terms() {
    for (n, k) in [(3, 2), (3, 3), (5, 3), (15, 8)] {
        let rounds = u32::from(n - k) + 1;
        for window in 9..300u16 {
            let params = params(n, k, |r| {
                r.windows.per_missing_blocks = window;
                r.windows.decide_blocks = match k < n {
                    true => 5_000,
                    false => window,
                };
            });
            let s = PanelSchedule::of(&params, 2_000);
            let window = u32::from(window);
            assert_eq!(s.heard, s.evidence + rounds * s.round);
            assert!(s.round != 1 && s.settled - s.heard >= window - 7 * window / 12);
            let next = rounds * (s.round.max(1) + 1);
            assert!(next > window / 4, "{k}-of-{n}, {window}: {}", s.round);
        }
        let rows = |pace: &Pace, message: u16| {
            let pace = Pace { message, ..*pace };
            let shortest = paced(n, k, &pace);
            let round = PanelSchedule::of(&shortest, 0).round;
            assert!(round > u32::from(message), "{k}-of-{n}: {round}");
            let slower = Pace {
                message: u16::try_from(round).unwrap(),
                ..pace
            };
            broken(&slower, &shortest, &Dates::default())
        };
        for message in [1, 2, 5] {
            assert!(rows(&Pace::MAINNET, message).contains(&LedgerRow::DecideRound));
        }
    }
}

#[test]
fn the_stakes_unlock_after_the_longest_story() {
    let params = params(3, 2, |_| {});
    // 800000 + 6 + max(6, 6 + 2·12).
    assert_eq!(stake_unlock_height(&params), 800_036);
}

#[test]
fn the_shortest_windows_of_a_pace_fit_and_one_block_less_does_not() {
    for pace in [Pace::MAINNET, Pace::REGTEST] {
        for (n, k) in [(3, 2), (3, 3), (5, 3), (5, 4), (15, 8)] {
            let fits = paced(n, k, &pace);
            let dates = Dates::default();
            assert_eq!(broken(&pace, &fits, &dates), [], "{k}-of-{n}");
            let rows = |change: fn(&mut ParamsRecord)| {
                let mut record = fits.record().clone();
                change(&mut record);
                Params::new(record).map(|shorter| broken(&pace, &shorter, &dates))
            };
            let work = rows(|r| r.windows.work_blocks -= 1).unwrap();
            assert_eq!(work, [LedgerRow::Work]);
            let verdict = rows(|r| r.windows.verdict_blocks -= 1).unwrap();
            assert!(verdict.contains(&LedgerRow::VerdictTwelfth), "{verdict:?}");
            if let Ok(appeal) = rows(|r| r.windows.appeal_blocks -= 1) {
                assert_eq!(appeal, [LedgerRow::Appeal]);
            }
            if let Ok(complete) = rows(|r| r.windows.complete_blocks -= 1) {
                assert_eq!(complete, [LedgerRow::Complete]);
            }
            let panel = match k < n {
                true => rows(|r| r.windows.per_missing_blocks -= 1).unwrap(),
                false => rows(|r| r.windows.decide_blocks -= 1).unwrap(),
            };
            let panels = [
                LedgerRow::DecideJudge,
                LedgerRow::DecideRound,
                LedgerRow::DecideHear,
            ];
            assert!(panels.iter().any(|row| panel.contains(row)), "{panel:?}");
        }
    }
}

/// M8: a verifier may reject in the block of the delivery, and the worker appeals only when its root is on record and deep. At 2b + r it
/// fits, a block below it does not.
#[test]
fn a_worker_that_is_rejected_at_once_has_time_for_its_root_and_its_appeal() {
    for (confirm, reorg, blocks) in [(6, 6, 18), (6, 1, 13), (6, 0, 12), (1, 6, 8), (1, 1, 3)] {
        let pace = Pace {
            confirm,
            reorg,
            ..Pace::MAINNET
        };
        let mut record = paced(3, 2, &pace).into_record();
        assert_eq!(record.windows.appeal_blocks, blocks, "{pace:?}");
        let fits = Params::new(record.clone()).unwrap();
        assert_eq!(broken(&pace, &fits, &Dates::default()), [], "{pace:?}");
        record.windows.appeal_blocks -= 1;
        let params = Params::new(record).unwrap();
        let rows = broken(&pace, &params, &Dates::default());
        assert_eq!(rows, [LedgerRow::Appeal], "{pace:?}");
    }
}

/// M6: with 6/6/1 a twelfth must hold a reorganisation, a round of messages and a block: Δ_V ≥ 96.
#[test]
fn a_twelfth_of_the_verdict_window_outlasts_a_reorganisation() {
    let pace = Pace::MAINNET;
    assert_eq!(pace.windows(3, 2, 0).unwrap().verdict_blocks, 96);
    for (blocks, holds) in [(96, true), (95, false), (24, false)] {
        let mut record = paced(3, 2, &pace).into_record();
        record.windows.verdict_blocks = blocks;
        let params = Params::new(record).unwrap();
        let rows = broken(&pace, &params, &Dates::default());
        assert_eq!(!rows.contains(&LedgerRow::VerdictTwelfth), holds);
    }
    // From any moment of one deadline to the next there is a twelfth.
    for window in 6..2_000 {
        let params = params(3, 2, |r| r.windows.verdict_blocks = window);
        let s = Schedule::of(&params, 0);
        let twelfth = u32::from(window) / 12;
        let steps = [s.record, s.nonce, s.token, s.reply, s.opening, s.verdict];
        assert!(steps.windows(2).all(|two| two[1] - two[0] >= twelfth));
        assert!(s.reply - s.token >= u32::from(window) / 6);
    }
}

#[test]
fn every_row_is_named_with_its_values() {
    let example = params(3, 2, |_| {});
    let error = Pace::MAINNET
        .check(&example, &Dates::default())
        .unwrap_err();
    let rows: Vec<_> = error.broken().iter().map(|broken| broken.row).collect();
    assert_eq!(
        rows,
        [
            LedgerRow::VerdictRecord,
            LedgerRow::VerdictTwelfth,
            LedgerRow::VerdictCheck,
            LedgerRow::VerdictConfirm,
            LedgerRow::Appeal,
            LedgerRow::Complete,
            LedgerRow::Quorum,
            LedgerRow::DecideEvidence,
            LedgerRow::DecideJudge,
            LedgerRow::DecideRound,
            LedgerRow::DecideHear,
        ]
    );
    assert!(error.breaks(LedgerRow::Quorum) && !error.breaks(LedgerRow::Work));
    let text = error.to_string();
    assert!(text.contains(
        "verdict: verdict window / 12 >= m + r + 1 violated: verdict window / 12 = 0 blocks, m + r + 1 = 8 blocks"
    ), "{text}");
}

#[test]
fn dates_count_where_they_are_known() {
    let pace = Pace::MAINNET;
    let fits = paced(3, 2, &pace);
    let work = u32::from(fits.windows().work_blocks);
    let latest = HEIGHT - work;
    let dates = |change: fn(&mut Dates, u32), value| {
        let mut dates = Dates {
            tip: Some(latest - 18),
            funding: Some(latest),
            ..Dates::default()
        };
        change(&mut dates, value);
        broken(&pace, &fits, &dates)
    };
    let tip = |d: &mut Dates, v| d.tip = Some(v);
    assert_eq!(dates(tip, latest - 18), []);
    assert_eq!(dates(tip, latest - 17), [LedgerRow::FundInTime]);
    let funding = |d: &mut Dates, v| d.funding = Some(v);
    assert_eq!(dates(funding, latest + 1), [LedgerRow::FundBeforeWork]);
    let unlock = stake_unlock_height(&fits) + 6;
    let bonds = |d: &mut Dates, v| d.bonds_end = Some(v);
    assert_eq!(dates(bonds, unlock + 1), []);
    assert_eq!(dates(bonds, unlock), [LedgerRow::Bonds]);
    let w = fits.windows();
    let total = u32::from(w.verdict_blocks + w.appeal_blocks + 2 * w.decide_blocks);
    let longest = |d: &mut Dates, v| d.longest_dispute = Some(v);
    assert_eq!(dates(longest, total), []);
    assert_eq!(dates(longest, total - 1), [LedgerRow::Lock]);
    let third = u32::from(PanelSchedule::blocks(&fits)) / 3;
    let search = |d: &mut Dates, v| d.search_blocks = v;
    assert_eq!(dates(search, third), []);
    assert_eq!(dates(search, third + 1), [LedgerRow::DecideSearch]);
    // A search makes the windows longer.
    let record = fits.record().clone().paced(&pace, 500).unwrap();
    let longer = Params::new(record).unwrap();
    let searched = Dates {
        search_blocks: 500,
        ..Dates::default()
    };
    assert_eq!(broken(&pace, &longer, &searched), []);
    assert!(fits.record().clone().paced(&pace, 50_000).is_err());
    // Nothing overflows.
    assert_eq!(dates(tip, u32::MAX), [LedgerRow::FundInTime]);
}

#[test]
fn the_paper_template_has_no_schedule_to_keep() {
    let paper = Params::new(ParamsRecord::paper_example(3, 2, HEIGHT)).unwrap();
    let rows = broken(&Pace::REGTEST, &paper, &Dates::default());
    assert_eq!(rows, [LedgerRow::Hardened]);
}

/// The worker serves the client after the last moment of the root, and the client looks and challenges after that.
#[test]
fn a_challenge_window_holds_what_both_sides_need() {
    let audited = |blocks: Option<u16>| {
        let record = ParamsRecord::audited_example(3, 2, HEIGHT);
        let mut record = record.paced(&Pace::MAINNET, 0).unwrap();
        let audit = record.audit.as_mut().unwrap();
        audit.challenge_blocks = blocks.unwrap_or(audit.challenge_blocks);
        Params::new(record).unwrap()
    };
    let (fits, dates) = (audited(None), Dates::default());
    assert_eq!(broken(&Pace::MAINNET, &fits, &dates), []);
    // ⌊Δ_V/3⌋ = 32, a round of messages, six blocks that a reorganisation may undo, and the one that draws.
    assert_eq!(fits.challenge_blocks(), 3 * (32 + 1 + 6 + 1));
    let short = audited(Some(3 * 40 - 1));
    let rows = broken(&Pace::MAINNET, &short, &dates);
    assert_eq!(rows, [LedgerRow::ChallengeServe]);
    // A client that takes long to look is a block short, or not.
    for (check, fails) in [(80 - 7, false), (80 - 6, true)] {
        let slow = Pace {
            check,
            ..Pace::MAINNET
        };
        let rows = broken(&slow, &fits, &dates);
        assert_eq!(rows.contains(&LedgerRow::Challenge), fails, "{rows:?}");
    }
}
