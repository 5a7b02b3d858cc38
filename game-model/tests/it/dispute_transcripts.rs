//! Transcripts: deadlines, equivocations, replay, bytes.

use crate::dispute_support;
use narthex_base::codec::DecodeError;

use dispute_support::adversary::sign;
use dispute_support::small::{UNITS, advance, chain, moved, played, world};
use dispute_support::{DEPTH, OPENED_AT, WINDOW, keypair, sign_without_a_book};
use narthex_game_model::Ruling;
use narthex_game_model::dispute::{
    Dispute, Equivocation, Event, MAX_ENTRIES, Move, MoveCost, MoveError, ReplayError, Reveal,
    Side, SignedMove, Standing, TermsError, Transcript, TranscriptError, cheapest_fan_out,
    judge_dispute, plan, reconcile,
};
use narthex_game_model::params::{AcceptedJob, JobBounds, JobMisfit};

#[test]
fn silence_loses_after_the_deadline_and_not_at_it() {
    let world = world([9; 32]);
    let program = chain();
    let dispute = Dispute::open(world.terms.clone(), OPENED_AT, &program).unwrap();
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
        judge_dispute(
            &program,
            &world.accepted(),
            &world.terms,
            &transcript,
            transcript.complete_to
        ),
        Err(ReplayError::Pending { side, deadline })
    );
    // Past the deadline nothing counts any more, but until it is deep the date may still change.
    for tip in [deadline + 1, deadline + u32::from(DEPTH) - 1] {
        transcript.complete_to = tip;
        assert!(matches!(
            transcript.replay(&world.terms, &program),
            Ok(Standing::Shallow { .. })
        ));
        let (date, depth) = (deadline, DEPTH);
        assert_eq!(
            judge_dispute(
                &program,
                &world.accepted(),
                &world.terms,
                &transcript,
                transcript.complete_to
            ),
            Err(ReplayError::Shallow { date, depth })
        );
    }
    transcript.complete_to = deadline + u32::from(DEPTH);
    let finding = judge_dispute(
        &program,
        &world.accepted(),
        &world.terms,
        &transcript,
        transcript.complete_to,
    )
    .unwrap();
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);

    // The challenger's silence.
    let mut next = dispute;
    let post = Move::Post {
        digests: vec![[1; 32]; 3],
    };
    advance(&mut next, post, OPENED_AT + 2);
    let deadline = OPENED_AT + 2 + u32::from(WINDOW);
    assert_eq!(next.timed_out(deadline), None);
    assert_eq!(next.timed_out(deadline + u32::from(DEPTH) - 1), None);
    let finding = next.timed_out(deadline + u32::from(DEPTH)).unwrap();
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    // It says from which dates.
    for part in [
        "move 1 until height 1008",
        "move 0 at height 1002",
        "2 blocks",
    ] {
        assert!(finding.reason.contains(part), "{}", finding.reason);
    }
    // At the end of all heights deadlines do not wrap.
    for opened_at in [u32::MAX, u32::MAX - u32::from(WINDOW)] {
        let last = Dispute::open(world.terms.clone(), opened_at, &program).unwrap();
        assert_eq!(last.timed_out(u32::MAX), None);
    }
}

#[test]
fn two_moves_of_one_number_convict_their_signer_and_nobody_else() {
    let world = world([9; 32]);
    let dispute = Dispute::open(world.terms.clone(), OPENED_AT, &chain()).unwrap();
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
    let again = sign_without_a_book(&key, dispute.id(), dispute.place(), post(1), &[3; 32]);
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
    // Moves of the challenger convict the challenger, of whatever branch, if they follow one move.
    let key = keypair(Side::Challenger);
    let signed = |previous, part| {
        let (place, action) = ((1, previous), Move::Choose { part });
        sign_without_a_book(&key, dispute.id(), place, action, &[0; 32])
    };
    let both = Equivocation {
        first: signed([4; 32], 0),
        second: signed([4; 32], 1),
    };
    assert_eq!(both.prove(terms).unwrap().ruling, Ruling::VerifierAtFault);
    // Who answers both branches of the other side is convicted of nothing.
    for part in [0, 1] {
        assert!(matches!(
            error(&choice, &signed([4; 32], part)),
            MoveError::NoEquivocation(_)
        ));
    }
}

/// Above everything that these transcripts speak of.
const TIP: u32 = OPENED_AT + 10_000;

/// A time-out in blocks that nobody has seen is none, whoever is asked.
#[test]
fn a_transcript_beyond_the_tip_is_refused() {
    let (world, whole) = played();
    let (terms, program, job) = (&world.terms, chain(), world.accepted());
    // The last move left out, and a time-out claimed at the depth that it needs.
    let mut cut = whole.clone();
    let last = cut.entries.pop().unwrap().height;
    cut.complete_to = last + u32::from(WINDOW) + u32::from(DEPTH);
    let complete_to = cut.complete_to;
    assert!(matches!(
        cut.replay(terms, &program),
        Ok(Standing::Ruled(_))
    ));
    for tip in [last, complete_to - 1] {
        let refused = ReplayError::BeyondTip { complete_to, tip };
        let judged = judge_dispute(&program, &job, terms, &cut, tip);
        assert_eq!(judged, Err(refused.clone()));
        for (a, b) in [(&whole, &cut), (&cut, &whole), (&cut, &cut)] {
            assert!(whole.complete_to <= tip || (a, b) != (&whole, &whole));
            let found = reconcile(&program, terms, a, b, tip);
            assert!(
                matches!(&found, Err(ReplayError::BeyondTip { tip: t, .. }) if *t == tip),
                "{found:?}"
            );
        }
    }
    // Whoever has read the chain so far and no further is told what it can be told.
    assert!(judge_dispute(&program, &job, terms, &whole, whole.complete_to).is_ok());
    assert!(judge_dispute(&program, &job, terms, &whole, whole.complete_to - 1).is_err());
}

/// A judge rules on the job that it accepted, under the bounds under which it did.
#[test]
fn a_judge_rules_on_no_other_job_than_it_accepted() {
    let (world, whole) = played();
    let (terms, program) = (&world.terms, chain());
    let judge = |job: AcceptedJob| judge_dispute(&program, &job, terms, &whole, TIP);
    assert!(judge(world.accepted()).is_ok());
    let narrower = JobBounds {
        fuel_per_second: terms.bounds.fuel_per_second - 1,
        ..terms.bounds
    };
    let elsewhere = narrower.accepts_job(&world.job).unwrap();
    let other_bounds = ReplayError::Terms(JobMisfit::OtherBounds.into());
    assert_eq!(judge(elsewhere), Err(other_bounds));
    let mut spec = *world.job.spec();
    spec.input_root = [0; 32];
    let other = terms.bounds.accepts(&spec, &program, 2).unwrap();
    let other_job = ReplayError::Terms(TermsError::OtherJob);
    assert_eq!(judge(other), Err(other_job));
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
        assert_eq!(reconcile(&chain(), terms, a, b, TIP).as_ref(), Ok(&ruled));
    }
    let mut forked = cut(0);
    let dispute = Dispute::open(terms.clone(), OPENED_AT, &chain()).unwrap();
    let post = Move::Post {
        digests: vec![[6; 32]; 3],
    };
    forked.push(moved(&dispute, post, whole.entries[0].height));
    let Ok(Standing::Ruled(finding)) = reconcile(&chain(), terms, &whole, &forked, TIP) else {
        panic!("an equivocation");
    };
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);
    // Dates that both have seen deep enough cannot differ.
    let mut earlier = cut(1);
    earlier.entries[0].height -= 1;
    let conflict = Err(ReplayError::RecordsDiffer { position: 0 });
    for (a, b) in [(&whole, &earlier), (&earlier, &whole)] {
        assert_eq!(reconcile(&chain(), terms, a, b, TIP), conflict);
    }
    // A shallow one says nothing against a deep one.
    earlier.complete_to = earlier.entries[0].height + u32::from(DEPTH) - 1;
    for (a, b) in [(&whole, &earlier), (&earlier, &whole)] {
        assert_eq!(reconcile(&chain(), terms, a, b, TIP).as_ref(), Ok(&ruled));
    }
    // Of two shallow ones the higher tip.
    let mut later = cut(1);
    later.entries[0].height += 1;
    later.complete_to = later.entries[0].height;
    let pending = Standing::Pending {
        side: Side::Challenger,
        number: 1,
        deadline: later.entries[0].height + u32::from(WINDOW),
    };
    for (a, b) in [(&later, &earlier), (&earlier, &later)] {
        assert_eq!(reconcile(&chain(), terms, a, b, TIP).as_ref(), Ok(&pending));
    }
    // The opening is a date too.
    let mut opened = whole.clone();
    opened.opened_at -= 1;
    assert_eq!(reconcile(&chain(), terms, &whole, &opened, TIP), conflict);
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
    // Heights are signed by nobody: another date leaves every move what it is, and a late one late.
    let mut redated = whole.clone();
    redated.entries[0].height += 1;
    let ruled = whole.replay(&world.terms, &chain()).unwrap();
    assert_eq!(redated.replay(&world.terms, &chain()), Ok(ruled));
    let deadline = OPENED_AT + u32::from(WINDOW);
    let height = deadline + 1;
    let late = MoveError::Late { height, deadline };
    assert_eq!(error(&|t| t.entries[0].height = height), at(0, late));
    // Another predecessor is what a signature does notice.
    let other = MoveError::Previous { number: 1 };
    let branch = error(&|t| match &mut t.entries[1].event {
        Event::Moved(signed) => signed.previous[0] ^= 1,
        Event::Equivocated(_) => panic!("a move"),
    });
    assert_eq!(branch, at(1, other));
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
    assert_eq!(Transcript::from_bytes(&bytes).as_ref(), Ok(&whole));
    for length in 0..bytes.len() {
        let cut = Transcript::from_bytes(&bytes[..length]);
        let early = matches!(
            cut,
            Err(TranscriptError::Codec(DecodeError::Truncated { .. }))
        );
        assert!(early, "{length} bytes: {cut:?}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        Transcript::from_bytes(&longer),
        Err(DecodeError::Trailing { extra: 1 }.into())
    );
    assert_eq!(
        Transcript::from_bytes(&[1]),
        Err(TranscriptError::Version(1))
    );
    // Version, identity, two heights, count, height, kind of entry, number, previous, kind of move.
    for place in [1 + 32 + 8 + 4 + 4, 1 + 32 + 8 + 4 + 4 + 1 + 4 + 32] {
        let mut kind = bytes.clone();
        kind[place] = 9;
        assert_eq!(Transcript::from_bytes(&kind), Err(TranscriptError::Kind(9)));
    }
    // Heights are facts about the record: they may change without a signature noticing. Nothing else
    // may, and no flipped bit changes the ruling, which a made-up date may only put off.
    let mut unsigned = vec![33..41, last_height..last_height + 4];
    let mut at = 1 + 32 + 8 + 4;
    for entry in &whole.entries {
        let Event::Moved(signed) = &entry.event else {
            panic!("a move");
        };
        unsigned.push(at..at + 4);
        at += 4 + 1 + signed.encoded_bytes();
    }
    assert_eq!(at, bytes.len());
    for place in (0..bytes.len()).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        if let Ok(read) = Transcript::from_bytes(&flipped)
            && let Ok(standing) = read.replay(&world.terms, &chain())
        {
            match standing {
                Standing::Shallow { finding, .. } => assert_eq!(Standing::Ruled(finding), ruled),
                standing => assert_eq!(standing, ruled),
            }
            assert!(
                unsigned.iter().any(|range| range.contains(&place)),
                "{place}"
            );
        }
    }
    // Lengths that promise what is not there make nobody reserve space for it.
    let entries = bytes.len() - 45;
    let mut huge = bytes;
    huge[41..45].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        Transcript::from_bytes(&huge),
        Err(DecodeError::Truncated {
            field: "entries",
            missing: u32::MAX as usize * 106 - entries
        }
        .into())
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
