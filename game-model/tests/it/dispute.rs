//! Disputes refuse terms and moves that are malformed, foreign, late or out of turn, by name.

use crate::dispute_support;

use dispute_support::adversary::{Act, play, sign};
use dispute_support::programs::Chain;
use dispute_support::small::{INDEX, UNITS, advance, chain, moved, right, story, world};
use dispute_support::{DEPTH, OPENED_AT, WINDOW, World};
use narthex_game_model::Ruling;
use narthex_game_model::commitment::{OpeningFault, ProofError};
use narthex_game_model::computation::StepProgram;
use narthex_game_model::dispute::{
    Dispute, DisputeTerms, Duty, Entry, Event, HonestPlayer, MAX_UNITS, Move, MoveError, Phase,
    Reveal, Side, SignedMove, TermsError,
};
use narthex_game_model::params::{JobBounds, JobMisfit};
use narthex_game_model::play::{Evidence, judge};

#[test]
fn terms_that_open_no_dispute_are_named() {
    let good = world([9; 32]).terms;
    let error = |change: &dyn Fn(&mut DisputeTerms)| {
        let mut terms = good.clone();
        change(&mut terms);
        Dispute::open(terms, OPENED_AT, &chain()).unwrap_err()
    };
    assert!(Dispute::open(good.clone(), OPENED_AT, &chain()).is_ok());
    let other = Chain { units: UNITS + 1 };
    assert!(matches!(
        Dispute::open(good.clone(), OPENED_AT, &other),
        Err(TermsError::OtherProgram {
            units: 31,
            max_units: 30
        })
    ));
    assert!(matches!(
        error(&|t| t.max_units = 3),
        TermsError::OtherProgram { .. }
    ));
    assert_eq!(error(&|t| t.commitment.job[0] ^= 1), TermsError::OtherJob);
    assert_eq!(error(&|t| t.commitment.steps += 1), TermsError::OtherJob);
    assert_eq!(error(&|t| t.fan_out = 1), TermsError::FanOut { fan_out: 1 });
    assert_eq!(
        error(&|t| t.fan_out = 1_025),
        TermsError::FanOut { fan_out: 1_025 }
    );
    assert_eq!(error(&|t| t.response_blocks = 0), TermsError::NoTime);
    assert_eq!(error(&|t| t.date_depth = 0), TermsError::NoDepth);
    // A window leaves room for a branch that nobody saw coming, and for a move behind it.
    for (response_blocks, date_depth) in [(2 * DEPTH, DEPTH), (WINDOW, WINDOW / 2), (1, u16::MAX)] {
        let refused = error(&|t| (t.response_blocks, t.date_depth) = (response_blocks, date_depth));
        let window = TermsError::Window {
            response_blocks,
            date_depth,
        };
        assert_eq!(refused, window);
    }
    let mut tight = good.clone();
    tight.response_blocks = 2 * DEPTH + 1;
    assert!(Dispute::open(tight, OPENED_AT, &chain()).is_ok());
    assert_eq!(error(&|t| t.challenger = t.worker), TermsError::OneKey);
    assert_eq!(error(&|t| t.index = 2), TermsError::NotOpened { index: 2 });
    let wrong_leaf = error(&|t| t.opening.leaves[0].digest[0] ^= 1);
    assert_eq!(
        wrong_leaf,
        TermsError::Leaf(OpeningFault::Leaves(ProofError::OtherRoot))
    );
    let huge = Chain {
        units: MAX_UNITS + 1,
    };
    let mut terms = good.clone();
    terms.max_units = huge.units;
    terms.job.program = huge.id();
    terms.commitment.job = terms.job.id();
    assert!(matches!(
        Dispute::open(terms, OPENED_AT, &huge),
        Err(TermsError::TooManyUnits { .. })
    ));

    // Everything that is agreed on is in the identity.
    let id = good.id().unwrap();
    let changes: [&dyn Fn(&mut DisputeTerms); 16] = [
        &|t| t.contract[0] ^= 1,
        &|t| t.job.steps += 1,
        &|t| t.commitment.coefficients[0] ^= 1,
        &|t| t.opening.leaves[0].digest[0] ^= 1,
        &|t| t.challenger = t.worker,
        &|t| t.max_units += 1,
        &|t| t.fan_out += 1,
        &|t| t.response_blocks += 1,
        &|t| t.date_depth += 1,
        &|t| t.bounds.fuel -= 1,
        &|t| t.bounds.units -= 1,
        &|t| t.bounds.memory_bytes -= 1,
        &|t| t.bounds.program_bytes -= 1,
        &|t| t.bounds.record_bytes -= 1,
        &|t| t.bounds.output_bytes -= 1,
        &|t| t.bounds.fuel_per_second -= 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut terms = good.clone();
        change(&mut terms);
        assert_ne!(terms.id().unwrap(), id, "change {number}");
    }
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<DisputeTerms>(&json).unwrap(), good);
}

/// The chain of these tests may burn 1,000 fuel in each of 30 units, its start and its output, and 5 for the 40 bytes of
/// its state between any two: 32,160 for a move, which runs them all again.
#[test]
fn a_window_that_an_honest_party_cannot_keep_is_refused() {
    let open = |fuel_per_second, response_blocks, date_depth| {
        let mut terms = world([9; 32]).terms;
        terms.bounds.fuel_per_second = fuel_per_second;
        (terms.response_blocks, terms.date_depth) = (response_blocks, date_depth);
        Dispute::open(terms, OPENED_AT, &chain()).map(|_| ())
    };
    let too_slow = |in_time, fuel_per_second, blocks| {
        Err(TermsError::TooSlow {
            fuel: 32_160,
            in_time,
            fuel_per_second,
            blocks,
        })
    };
    // Two blocks of 60 seconds are left of six beside twice a depth of two.
    assert_eq!(open(268, 6, 2), Ok(()));
    assert_eq!(open(267, 6, 2), too_slow(32_040, 267, 2));
    // One block more or less of window, one more of depth.
    assert_eq!(open(268, 5, 2), too_slow(16_080, 268, 1));
    assert_eq!(open(536, 5, 2), Ok(()));
    assert_eq!(open(535, 5, 2), too_slow(32_100, 535, 1));
    assert_eq!(open(179, 7, 2), Ok(()));
    assert_eq!(open(178, 7, 2), too_slow(32_040, 178, 3));
    assert_eq!(open(268, 7, 3), too_slow(16_080, 268, 1));
    assert_eq!(open(1, 540, 2), Ok(()));
    assert_eq!(open(1, 539, 2), too_slow(32_100, 1, 535));
    assert_eq!(open(0, u16::MAX, 1), too_slow(0, 0, 65_533));
    let said = open(267, 6, 2).unwrap_err().to_string();
    for part in ["32160 fuel", "267 a second", "32040", "2 blocks"] {
        assert!(said.contains(part), "{said}");
    }
}

/// Whatever a job may take beyond its contract's bounds, no dispute about it is opened, and none goes on.
#[test]
fn a_job_outside_its_bounds_is_not_disputed() {
    let open = |change: &dyn Fn(&mut JobBounds)| {
        let mut terms = world([9; 32]).terms;
        change(&mut terms.bounds);
        Dispute::open(terms, OPENED_AT, &chain()).map(|_| ())
    };
    let exceeds =
        |what, job, bound| Err(TermsError::Misfit(JobMisfit::Exceeds { what, job, bound }));
    assert_eq!(open(&|b| b.fuel = 1_000), Ok(()));
    let fuel = open(&|b| b.fuel = 999);
    assert_eq!(fuel, exceeds("fuel for a unit", 1_000, 999));
    assert_eq!(open(&|b| b.units = 32), Ok(()));
    assert_eq!(open(&|b| b.units = 31), exceeds("units", 32, 31));
    let memory = open(&|b| b.memory_bytes = 39);
    assert_eq!(memory, exceeds("bytes of memory for a step", 40, 39));
    let program = open(&|b| b.program_bytes = 999);
    assert_eq!(program, exceeds("bytes of program", 1_000, 999));
    assert_eq!(open(&|b| b.output_bytes = 8), Ok(()));
    let output = open(&|b| b.output_bytes = 7);
    assert_eq!(output, exceeds("bytes an output", 8, 7));
}

#[test]
fn moves_that_do_not_count_are_named_and_change_nothing() {
    let world = world([9; 32]);
    let program = chain();
    let dispute = Dispute::open(world.terms.clone(), OPENED_AT, &program).unwrap();
    let deadline = OPENED_AT + u32::from(WINDOW);
    let post = |count| Move::Post {
        digests: vec![[1; 32]; count],
    };
    let good = moved(&dispute, post(3), deadline);
    let error = |change: &dyn Fn(&mut Entry)| {
        let mut entry = good.clone();
        change(&mut entry);
        dispute.step(&program, &entry).unwrap_err()
    };
    let signed = |change: &dyn Fn(&mut SignedMove)| {
        error(&|entry| match &mut entry.event {
            Event::Moved(signed) => change(signed),
            Event::Equivocated(_) => panic!("a move"),
        })
    };
    assert!(dispute.step(&program, &good).is_ok());
    let height = deadline + 1;
    assert_eq!(
        error(&|e| e.height += 1),
        MoveError::Late { height, deadline }
    );
    // On record before the opening, after a reorganisation: it counts as made at the opening.
    let mut before = good.clone();
    before.height = OPENED_AT - 1;
    let mut after = dispute.clone();
    after.merge(dispute.step(&program, &before).unwrap().changes);
    assert_eq!(after.since(), OPENED_AT);
    let bad_signature = MoveError::Signature {
        number: 0,
        side: Side::Worker,
    };
    assert_eq!(
        signed(&|m| m.number = 2),
        MoveError::Number {
            number: 0,
            found: 2
        }
    );
    assert_eq!(
        signed(&|m| m.previous[0] ^= 1),
        MoveError::Previous { number: 0 }
    );
    assert_eq!(signed(&|m| m.action = post(2)), bad_signature);
    let other = moved(&dispute, post(2), deadline);
    assert_eq!(
        dispute.step(&program, &other).unwrap_err(),
        MoveError::PostSize {
            expected: 3,
            found: 2
        }
    );
    let other = moved(&dispute, Move::Choose { part: 0 }, deadline);
    assert_eq!(
        dispute.step(&program, &other).unwrap_err(),
        MoveError::Kind {
            number: 0,
            expected: "post",
            found: "choice"
        }
    );
    let foreign = sign(&dispute, Side::Challenger, post(3));
    assert_eq!(
        error(&|e| e.event = Event::Moved(foreign.clone())),
        bad_signature
    );
    // The same move in the dispute of another contract.
    let mut elsewhere = world.terms.clone();
    elsewhere.contract = [0; 32];
    let elsewhere = Dispute::open(elsewhere, OPENED_AT, &program).unwrap();
    assert_eq!(
        elsewhere.step(&program, &good).unwrap_err(),
        MoveError::Previous { number: 0 }
    );
    let other = Chain { units: UNITS + 1 };
    assert!(matches!(
        dispute.step(&other, &good),
        Err(MoveError::Terms(_))
    ));

    let mut next = dispute.clone();
    advance(&mut next, post(3), deadline);
    let beyond = moved(&next, Move::Choose { part: 4 }, deadline);
    assert_eq!(
        next.step(&program, &beyond).unwrap_err(),
        MoveError::Part { part: 4, parts: 4 }
    );
    // The first move again.
    assert_eq!(
        next.step(&program, &good).unwrap_err(),
        MoveError::Number {
            number: 1,
            found: 0
        }
    );
}

/// A dispute in which the challenger always names this part, up to the reveal.
fn narrowed(world: &World<Chain>, last: bool) -> (Dispute, HonestPlayer<'_, Chain>) {
    let (record, proof) = world.job.prove_record(INDEX).unwrap();
    let mut player = HonestPlayer::new(world.job.program(), record, proof);
    let mut dispute = Dispute::open(world.terms.clone(), OPENED_AT, world.job.program()).unwrap();
    loop {
        let action = match dispute.phase() {
            Phase::Reveal(_) => return (dispute, player),
            Phase::Choice(phase) => Move::Choose {
                part: match last {
                    true => phase.interval.parts(4) - 1,
                    false => 0,
                },
            },
            _ => player.answer(&dispute, Side::Worker).unwrap().unwrap(),
        };
        advance(&mut dispute, action, OPENED_AT);
    }
}

#[test]
fn start_and_output_are_bound_to_input_and_leaf() {
    let program = chain();
    let world = world(right());
    // Point 0: the record, and no other step's, and no state.
    let (dispute, mut player) = narrowed(&world, false);
    let good = player.answer(&dispute, Side::Worker).unwrap().unwrap();
    let Move::Reveal(Reveal::Record { record, proof }) = good.clone() else {
        panic!("point 0 is a record");
    };
    let error = |dispute: &Dispute, reveal| {
        let entry = moved(dispute, Move::Reveal(reveal), OPENED_AT);
        dispute.step(&program, &entry).unwrap_err()
    };
    let (other, other_proof) = world.job.prove_record(0).unwrap();
    for (record, proof) in [(vec![3, 5], proof.clone()), (other, other_proof)] {
        let found = error(&dispute, Reveal::Record { record, proof });
        assert_eq!(found, MoveError::Record(ProofError::OtherRoot));
    }
    let kind = MoveError::OtherKindOfPoint { point: 0 };
    assert_eq!(error(&dispute, Reveal::Failed), kind);
    assert_eq!(
        error(
            &dispute,
            Reveal::State {
                state: record.clone()
            }
        ),
        kind
    );
    let mut ended = dispute.clone();
    advance(&mut ended, good, OPENED_AT);
    let Phase::Ended(finding) = ended.phase() else {
        panic!("ended");
    };
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    assert!(finding.reason.starts_with("start"), "{}", finding.reason);
    let late = moved(&ended, Move::Choose { part: 0 }, OPENED_AT);
    assert_eq!(ended.step(&program, &late).unwrap_err(), MoveError::Ended);
    assert_eq!(ended.timed_out(u32::MAX), None);

    // Point M+1: the last state, whose output is compared with the leaf.
    let (dispute, mut player) = narrowed(&world, true);
    let kind = MoveError::OtherKindOfPoint { point: UNITS + 1 };
    assert_eq!(error(&dispute, Reveal::Record { record, proof }), kind);
    let point = UNITS + 1;
    assert_eq!(
        error(&dispute, Reveal::Failed),
        MoveError::OtherState { point }
    );
    let state = vec![0; 40];
    assert_eq!(
        error(&dispute, Reveal::State { state }),
        MoveError::OtherState { point }
    );
    let good = player.answer(&dispute, Side::Worker).unwrap().unwrap();
    let mut ended = dispute;
    advance(&mut ended, good, OPENED_AT);
    let Duty::Rule(finding) = ended.duty() else {
        panic!("ended");
    };
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    assert!(finding.reason.starts_with("output"), "{}", finding.reason);
}

#[test]
fn a_dispute_rules_as_an_arbiter_that_runs_the_whole_step() {
    for claimed in [right(), [9; 32]] {
        let world = world(claimed);
        let opening = world.terms.opening.clone();
        let evidence = Evidence::gather(&world.job, INDEX, opening).unwrap();
        let (job, commitment) = (world.accepted(), &world.terms.commitment);
        let whole = judge(&chain(), &job, commitment, &evidence).unwrap();
        let honest = match whole.ruling {
            Ruling::VerifierAtFault => Side::Worker,
            Ruling::WorkerAtFault => Side::Challenger,
        };
        let played = play(&world, honest, &story(), &[Act::Story], 1);
        assert_eq!(played.finding.ruling, whole.ruling);
    }
}
