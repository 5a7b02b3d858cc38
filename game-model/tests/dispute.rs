//! Disputes refuse what is malformed, foreign, late or out of turn, by name.

#![allow(clippy::unwrap_used, clippy::panic)]

mod dispute_support;

use dispute_support::adversary::{Act, play, sign};
use dispute_support::programs::{Chain, Diverging};
use dispute_support::{OPENED_AT, WINDOW, World, keypair};
use narthex_game_model::Ruling;
use narthex_game_model::commitment::{ProofError, state_digest};
use narthex_game_model::computation::StepProgram;
use narthex_game_model::dispute::{
    Dispute, DisputeTerms, Duty, Entry, Equivocation, Event, HonestPlayer, MAX_ENTRIES, MAX_UNITS,
    Move, MoveCost, MoveError, Phase, ReplayError, Reveal, Side, SignedMove, Standing, TermsError,
    Transcript, TranscriptError, cheapest_fan_out, judge_dispute, plan, reconcile,
};
use narthex_game_model::play::{Evidence, judge};
use narthex_game_model::workload::Records;

const UNITS: u64 = 30;
const INDEX: u64 = 1;

fn records() -> Records {
    Records::from_bytes(2, vec![1, 2, 3, 4, 5, 6]).unwrap()
}

fn chain() -> Chain {
    Chain { units: UNITS }
}

fn world(claimed: [u8; 32]) -> World<Chain> {
    World::new(chain(), records(), INDEX, claimed, 4)
}

fn right() -> [u8; 32] {
    state_digest(&chain().run(&[3, 4]).unwrap())
}

fn story() -> Diverging<Chain> {
    Diverging {
        inner: chain(),
        one_in: 9,
        start_too: false,
        byte: 20,
    }
}

/// A whole dispute over a wrong digest, both sides playing to the end.
fn played() -> (World<Chain>, Transcript) {
    let world = world([9; 32]);
    let played = play(&world, Side::Challenger, &story(), &[Act::Story], 1);
    assert_eq!(played.finding.ruling, Ruling::WorkerAtFault);
    (world, played.transcript)
}

fn moved(dispute: &Dispute, action: Move, height: u32) -> Entry {
    let (number, _) = dispute.place();
    Entry {
        height,
        event: Event::Moved(sign(dispute, Side::of(number), action)),
    }
}

fn advance(dispute: &mut Dispute, action: Move, height: u32) {
    let step = dispute
        .step(&chain(), &moved(dispute, action, height))
        .unwrap();
    assert_eq!(step.duty, {
        dispute.merge(step.changes);
        dispute.duty()
    });
}

#[test]
fn terms_that_open_no_dispute_are_named() {
    let good = world([9; 32]).terms;
    let error = |change: &dyn Fn(&mut DisputeTerms)| {
        let mut terms = good.clone();
        change(&mut terms);
        Dispute::open(terms, &chain()).unwrap_err()
    };
    assert!(Dispute::open(good.clone(), &chain()).is_ok());
    let other = Chain { units: UNITS + 1 };
    assert!(matches!(
        Dispute::open(good.clone(), &other),
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
    assert_eq!(error(&|t| t.challenger = t.worker), TermsError::OneKey);
    assert_eq!(error(&|t| t.index = 2), TermsError::NotOpened { index: 2 });
    let wrong_leaf = error(&|t| t.opening.leaves[0].digest[0] ^= 1);
    assert_eq!(wrong_leaf, TermsError::Leaf(ProofError::OtherRoot));
    let huge = Chain {
        units: MAX_UNITS + 1,
    };
    let mut terms = good.clone();
    terms.max_units = huge.units;
    terms.job.program = huge.id();
    terms.commitment.job = terms.job.id();
    assert!(matches!(
        Dispute::open(terms, &huge),
        Err(TermsError::TooManyUnits { .. })
    ));

    // Everything that is agreed on is in the identity.
    let id = good.id().unwrap();
    let changes: [&dyn Fn(&mut DisputeTerms); 9] = [
        &|t| t.contract[0] ^= 1,
        &|t| t.job.steps += 1,
        &|t| t.commitment.plaintext_hash[0] ^= 1,
        &|t| t.opening.leaves[0].digest[0] ^= 1,
        &|t| t.challenger = t.worker,
        &|t| t.max_units += 1,
        &|t| t.fan_out += 1,
        &|t| t.response_blocks += 1,
        &|t| t.opened_at += 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut terms = good.clone();
        change(&mut terms);
        assert_ne!(terms.id().unwrap(), id, "change {number}");
    }
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<DisputeTerms>(&json).unwrap(), good);
}

#[test]
fn moves_that_do_not_count_are_named_and_change_nothing() {
    let world = world([9; 32]);
    let program = chain();
    let dispute = Dispute::open(world.terms.clone(), &program).unwrap();
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
    let (height, since) = (OPENED_AT - 1, OPENED_AT);
    assert_eq!(
        error(&|e| e.height = height),
        MoveError::RunsBack { height, since }
    );
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
    let elsewhere = Dispute::open(elsewhere, &program).unwrap();
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
    let mut dispute = Dispute::open(world.terms.clone(), world.job.program()).unwrap();
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
        let (spec, commitment) = (world.job.spec(), &world.terms.commitment);
        let whole = judge(&chain(), spec, commitment, &evidence).unwrap();
        let honest = match whole.ruling {
            Ruling::VerifierAtFault => Side::Worker,
            Ruling::WorkerAtFault => Side::Challenger,
        };
        let played = play(&world, honest, &story(), &[Act::Story], 1);
        assert_eq!(played.finding.ruling, whole.ruling);
    }
}

#[test]
fn silence_loses_after_the_deadline_and_not_at_it() {
    let world = world([9; 32]);
    let program = chain();
    let dispute = Dispute::open(world.terms.clone(), &program).unwrap();
    let mut transcript = Transcript::of(&dispute);
    let deadline = OPENED_AT + u32::from(WINDOW);
    let pending = Standing::Pending {
        side: Side::Worker,
        number: 0,
        deadline,
    };
    transcript.complete_to = deadline;
    assert_eq!(transcript.replay(&world.terms, &program), Ok(pending));
    let side = Side::Worker;
    assert_eq!(
        judge_dispute(&program, &world.terms, &transcript),
        Err(ReplayError::Pending { side, deadline })
    );
    transcript.complete_to = deadline + 1;
    let finding = judge_dispute(&program, &world.terms, &transcript).unwrap();
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);

    // The challenger's silence.
    let mut next = dispute;
    let post = Move::Post {
        digests: vec![[1; 32]; 3],
    };
    advance(&mut next, post, OPENED_AT + 2);
    let deadline = OPENED_AT + 2 + u32::from(WINDOW);
    assert_eq!(next.timed_out(deadline), None);
    let finding = next.timed_out(deadline + 1).unwrap();
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    // At the end of all heights deadlines do not wrap.
    let mut terms = world.terms.clone();
    terms.opened_at = u32::MAX;
    let last = Dispute::open(terms, &program).unwrap();
    assert_eq!(last.timed_out(u32::MAX), None);
}

#[test]
fn two_moves_of_one_number_convict_their_signer_and_nobody_else() {
    let world = world([9; 32]);
    let dispute = Dispute::open(world.terms.clone(), &chain()).unwrap();
    let post = |byte| Move::Post {
        digests: vec![[byte; 32]; 3],
    };
    let two = Equivocation {
        first: sign(&dispute, Side::Worker, post(1)),
        second: sign(&dispute, Side::Worker, post(2)),
    };
    let terms = &world.terms;
    assert_eq!(two.prove(terms).unwrap().ruling, Ruling::WorkerAtFault);
    let error = |first: &SignedMove, second: &SignedMove| {
        let (first, second) = (first.clone(), second.clone());
        Equivocation { first, second }.prove(terms).unwrap_err()
    };
    // One move signed twice is one move.
    let key = keypair(Side::Worker);
    let again = SignedMove::sign(&key, dispute.id(), dispute.place(), post(1), &[3; 32]);
    assert_ne!(again.signature, two.first.signature);
    assert!(matches!(
        error(&two.first, &again),
        MoveError::NoEquivocation(_)
    ));
    let mut next = dispute.clone();
    advance(&mut next, post(1), OPENED_AT);
    let choice = sign(&next, Side::Challenger, Move::Choose { part: 0 });
    assert!(matches!(
        error(&two.first, &choice),
        MoveError::NoEquivocation(_)
    ));
    // Framed by the other side.
    let framed = sign(&dispute, Side::Challenger, post(2));
    let bad_signature = MoveError::Signature {
        number: 0,
        side: Side::Worker,
    };
    assert_eq!(error(&two.first, &framed), bad_signature);
    let mut altered = two.second.clone();
    altered.action = post(7);
    assert_eq!(error(&two.first, &altered), bad_signature);
    // Moves of the challenger convict the challenger, on whatever they follow.
    let place = (1, [4; 32]);
    let key = keypair(Side::Challenger);
    let other = SignedMove::sign(
        &key,
        dispute.id(),
        place,
        Move::Choose { part: 0 },
        &[0; 32],
    );
    let both = Equivocation {
        first: choice,
        second: other,
    };
    assert_eq!(both.prove(terms).unwrap().ruling, Ruling::VerifierAtFault);
}

#[test]
fn transcripts_that_part_convict_who_signed_both() {
    let (world, whole) = played();
    let terms = &world.terms;
    let cut = |length: usize| Transcript {
        entries: whole.entries[..length].to_vec(),
        complete_to: whole.complete_to,
        ..whole.clone()
    };
    let ruled = whole.replay(terms, &chain()).unwrap();
    // The last move left out and a time-out claimed: the longer transcript shows better.
    let short = cut(whole.entries.len() - 1);
    for (a, b) in [(&whole, &short), (&short, &whole)] {
        assert_eq!(reconcile(&chain(), terms, a, b).as_ref(), Ok(&ruled));
    }
    let mut forked = cut(0);
    let dispute = Dispute::open(terms.clone(), &chain()).unwrap();
    let post = Move::Post {
        digests: vec![[6; 32]; 3],
    };
    forked.push(moved(&dispute, post, whole.entries[0].height));
    let Ok(Standing::Ruled(finding)) = reconcile(&chain(), terms, &whole, &forked) else {
        panic!("an equivocation");
    };
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);
    let mut earlier = cut(1);
    earlier.entries[0].height -= 1;
    earlier.complete_to = earlier.entries[0].height;
    assert_eq!(
        reconcile(&chain(), terms, &whole, &earlier),
        Err(ReplayError::RecordsDiffer { position: 0 })
    );
}

#[test]
fn transcripts_of_something_else_are_named() {
    let (world, whole) = played();
    let error = |change: &dyn Fn(&mut Transcript)| {
        let mut transcript = whole.clone();
        change(&mut transcript);
        transcript.replay(&world.terms, &chain()).unwrap_err()
    };
    assert_eq!(error(&|t| t.dispute[0] ^= 1), ReplayError::OtherDispute);
    assert!(matches!(
        error(&|t| t.complete_to = 3),
        ReplayError::Incomplete { .. }
    ));
    let first = whole.entries[0].clone();
    let many = error(&|t| t.entries = vec![first.clone(); MAX_ENTRIES + 1]);
    assert_eq!(
        many,
        ReplayError::TooManyEntries {
            entries: MAX_ENTRIES + 1
        }
    );
    let at = |position, error| ReplayError::Entry { position, error };
    let twice = MoveError::Number {
        number: 1,
        found: 0,
    };
    assert_eq!(error(&|t| t.entries.insert(1, first.clone())), at(1, twice));
    let gap = MoveError::Number {
        number: 1,
        found: 2,
    };
    let without_second = error(&|t| {
        t.entries.remove(1);
        t.entries[1].height = t.entries[0].height;
    });
    assert_eq!(without_second, at(1, gap));
    let swapped = MoveError::Number {
        number: 0,
        found: 1,
    };
    let other_order = error(&|t| {
        t.entries.swap(0, 1);
        t.entries[0].height = OPENED_AT;
    });
    assert_eq!(other_order, at(0, swapped));
    // Heights are signed by whoever answers.
    let moved = MoveError::Previous { number: 1 };
    assert_eq!(error(&|t| t.entries[0].height += 1), at(1, moved));
    let more = error(&|t| t.entries.push(first.clone()));
    assert_eq!(more, at(whole.entries.len(), MoveError::Ended));
}

#[test]
fn every_byte_of_a_transcript_counts() {
    let (world, whole) = played();
    let ruled = whole.replay(&world.terms, &chain()).unwrap();
    let bytes = whole.to_bytes();
    let Some(Event::Moved(last)) = whole.entries.last().map(|entry| &entry.event) else {
        panic!("a move");
    };
    let last_height = bytes.len() - last.encoded_bytes() - 5;
    assert_eq!(Transcript::from_bytes(&bytes), Ok(whole));
    for length in 0..bytes.len() {
        let cut = Transcript::from_bytes(&bytes[..length]);
        assert_eq!(cut, Err(TranscriptError::Truncated), "{length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        Transcript::from_bytes(&longer),
        Err(TranscriptError::TrailingBytes(1))
    );
    assert_eq!(
        Transcript::from_bytes(&[2]),
        Err(TranscriptError::Version(2))
    );
    // Version, identity, height, count, height, kind of entry, number, previous, kind of move.
    for place in [1 + 32 + 4 + 4 + 4, 1 + 32 + 4 + 4 + 4 + 1 + 4 + 32] {
        let mut kind = bytes.clone();
        kind[place] = 9;
        assert_eq!(Transcript::from_bytes(&kind), Err(TranscriptError::Kind(9)));
    }
    // The height of the last entry and that of completeness are facts about the record: they may
    // change without a signature noticing. Nothing else may, and no flipped bit changes the ruling.
    let unsigned = [33..37, last_height..last_height + 4];
    for place in (0..bytes.len()).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        if let Ok(read) = Transcript::from_bytes(&flipped)
            && let Ok(standing) = read.replay(&world.terms, &chain())
        {
            assert_eq!(standing, ruled);
            assert!(
                unsigned.iter().any(|range| range.contains(&place)),
                "{place}"
            );
        }
    }
    // Lengths that promise what is not there make nobody reserve space for it.
    let mut huge = bytes;
    huge[37..41].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        Transcript::from_bytes(&huge),
        Err(TranscriptError::Truncated)
    );
}

#[test]
fn the_plan_counts_the_bytes_that_are_sent() {
    let (world, transcript) = played();
    let fan_out = world.terms.fan_out;
    // 32 transitions by 4: 8, 2, 1.
    let plan = plan(UNITS, fan_out);
    assert_eq!((plan.rounds, plan.moves), (3, 7));
    let sizes = transcript.entries.iter().map(|entry| match &entry.event {
        Event::Moved(signed) => {
            let state = match &signed.action {
                Move::Reveal(Reveal::State { state }) => state.len(),
                Move::Reveal(Reveal::Record { record, proof }) => {
                    record.len() + 4 + 32 * proof.siblings.len()
                }
                _ => 0,
            };
            (signed.encoded_bytes() - state) as u64
        }
        Event::Equivocated(_) => panic!("no equivocation here"),
    });
    assert_eq!(sizes.sum::<u64>(), plan.bytes);
    let cost = MoveCost {
        per_move: 150,
        per_byte: 1,
    };
    assert!(cheapest_fan_out(UNITS, cost).cost(cost) <= plan.cost(cost));
}
