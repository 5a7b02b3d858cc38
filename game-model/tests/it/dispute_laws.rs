//! The law of disputes: an honest party does not lose, whatever the other one does.

use crate::dispute_support;

use dispute_support::adversary::{Act, Played, act, play};
use dispute_support::programs::{Chain, Diverging, Machine};
use dispute_support::{OPENED_AT, World};
use narthex_game_model::Ruling;
use narthex_game_model::commitment::state_digest;
use narthex_game_model::computation::{StepProgram, UnitProgram};
use narthex_game_model::dispute::{Side, Standing, Transcript, failed_digest, judge_dispute, plan};
use narthex_game_model::workload::Records;
use proptest::prelude::*;

const INDEX: u64 = 2;

fn records(bytes: &[u8], width: usize) -> Records {
    let mut all = vec![7; width * 3];
    let start = width * INDEX as usize;
    all[start..start + width].copy_from_slice(&bytes[..width]);
    Records::from_bytes(width, all).unwrap()
}

/// What a cheating worker may have committed to.
#[derive(Clone, Debug)]
enum Claim {
    Noise([u8; 32]),
    Failed,
    OtherOutput(u8),
    Story,
    State,
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        1 => any::<[u8; 32]>().prop_map(Claim::Noise),
        1 => Just(Claim::Failed),
        1 => any::<u8>().prop_map(Claim::OtherOutput),
        3 => Just(Claim::Story),
        1 => Just(Claim::State),
    ]
}

fn end_of<P: UnitProgram>(program: &P, record: &[u8]) -> Option<Vec<u8>> {
    let mut state = program.start(record).ok()?;
    for _ in 0..program.max_units() {
        let next = program.advance(&state).ok()?;
        if next == state {
            break;
        }
        state = next;
    }
    Some(state)
}

fn claimed<P: UnitProgram>(claim: &Claim, story: &Diverging<P>, record: &[u8]) -> [u8; 32] {
    let end = end_of(story, record);
    match claim {
        Claim::Noise(digest) => *digest,
        Claim::Failed => failed_digest(),
        Claim::OtherOutput(byte) => state_digest(&vec![*byte; story.output_bytes()]),
        Claim::Story => end
            .and_then(|end| story.output(&end).ok())
            .map_or([8; 32], |output| state_digest(&output)),
        Claim::State => end.map_or([9; 32], |end| state_digest(&end)),
    }
}

/// What holds after every match.
fn check<P: UnitProgram + Clone>(world: &World<P>, honest: Side, played: &Played) {
    let expected = match honest {
        Side::Worker => Ruling::VerifierAtFault,
        Side::Challenger => Ruling::WorkerAtFault,
    };
    let Played {
        finding,
        transcript,
        moves,
        ..
    } = played;
    assert_eq!(finding.ruling, expected, "{}", finding.reason);
    let plan = plan(world.terms.max_units, world.terms.fan_out);
    assert!(
        *moves <= plan.moves,
        "{moves} moves, {} planned",
        plan.moves
    );

    // Anybody comes to the same, from the bytes and from the JSON.
    let program = world.job.program();
    let read = Transcript::from_bytes(&transcript.to_bytes()).unwrap();
    let json = serde_json::to_string(&transcript).unwrap();
    assert_eq!(serde_json::from_str::<Transcript>(&json).unwrap(), read);
    assert_eq!(
        judge_dispute(
            program,
            &world.accepted(),
            &world.terms,
            &read,
            read.complete_to
        )
        .as_ref(),
        Ok(finding)
    );
    // Every beginning is pending.
    for length in 0..transcript.entries.len() {
        let cut = Transcript {
            entries: transcript.entries[..length].to_vec(),
            complete_to: transcript.entries[..length]
                .last()
                .map_or(OPENED_AT, |entry| entry.height),
            ..transcript.clone()
        };
        let standing = cut.replay(&world.terms, program).unwrap();
        let Standing::Pending { number, side, .. } = standing else {
            panic!("ended after {length} entries");
        };
        assert_eq!((number, side), (length as u32, Side::of(length as u32)));
    }
}

/// Both sides of one step: an honest worker where the step has an output, an honest challenger of
/// what is false.
fn both_sides<P: UnitProgram + Clone>(
    program: &P,
    records: &Records,
    story: &Diverging<P>,
    claim: &Claim,
    fan_out: u32,
    (acts, delay): (&[Act], u32),
) {
    let record = records.get(INDEX).unwrap();
    let right = program.run(record).ok().map(|output| state_digest(&output));
    let world = |digest| World::new(program.clone(), records.clone(), INDEX, digest, fan_out);
    if let Some(right) = right {
        let world = world(right);
        let played = play(&world, Side::Worker, story, acts, delay);
        check(&world, Side::Worker, &played);
    }
    let wrong = claimed(claim, story, record);
    if Some(wrong) != right {
        let world = world(wrong);
        let played = play(&world, Side::Challenger, story, acts, delay);
        check(&world, Side::Challenger, &played);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn an_honest_party_never_loses_over_a_chain(
        units in 0u64..260,
        record in any::<[u8; 5]>(),
        fan_out in 2u32..18,
        one_in in prop_oneof![Just(0u16), 1u16..120],
        start_too in any::<bool>(),
        byte in 0usize..40,
        claim in claim(),
        acts in prop::collection::vec(act(), 1..12),
        delay in 0u32..9,
    ) {
        let story = Diverging { inner: Chain { units }, one_in, start_too, byte };
        both_sides(&Chain { units }, &records(&record, 5), &story, &claim, fan_out, (&acts, delay));
    }

    #[test]
    fn an_honest_party_never_loses_over_a_machine_that_may_fail(
        units in 0u64..80,
        // Instructions of 0xf0 and above fail; so does a first byte of 255.
        record in prop::collection::vec(prop_oneof![9 => 0u8..0xf0, 1 => 0xf0u8..=255], 12),
        fan_out in 2u32..18,
        one_in in 0u16..20,
        start_too in any::<bool>(),
        byte in 0usize..40,
        claim in claim(),
        acts in prop::collection::vec(act(), 1..12),
        delay in 0u32..9,
    ) {
        let story = Diverging { inner: Machine { units }, one_in, start_too, byte };
        let program = Machine { units };
        both_sides(&program, &records(&record, 12), &story, &claim, fan_out, (&acts, delay));
    }
}

/// The adversaries of the property test do get far: otherwise it would show nothing.
#[test]
fn a_consistent_lie_is_followed_down_to_its_unit() {
    let units = 1_000;
    for (fan_out, rounds) in [(2, 10), (10, 4), (32, 2)] {
        let story = Diverging {
            inner: Chain { units },
            one_in: 300,
            start_too: false,
            byte: 20,
        };
        let record = [1, 2, 3, 4, 5];
        let digest = claimed(&Claim::Story, &story, &record);
        let world = World::new(Chain { units }, records(&record, 5), INDEX, digest, fan_out);
        let played = play(&world, Side::Challenger, &story, &[Act::Story], 1);
        check(&world, Side::Challenger, &played);
        // Parts differ by one transition, so that one round less may do.
        assert!((2 * rounds - 1..=2 * rounds + 1).contains(&played.moves));
        assert!(
            played.finding.reason.starts_with("unit "),
            "{}",
            played.finding.reason
        );
        // The liar as challenger of the truth ends there too.
        let right = state_digest(&Chain { units }.run(&record).unwrap());
        let world = World::new(Chain { units }, records(&record, 5), INDEX, right, fan_out);
        let played = play(&world, Side::Worker, &story, &[Act::Story], 1);
        check(&world, Side::Worker, &played);
        assert!(
            played.finding.reason.contains("is right"),
            "{}",
            played.finding.reason
        );
    }
}

/// A search with more points than could be walked: the machine ends early and stays where it is.
#[test]
fn padding_costs_nothing() {
    let units = narthex_game_model::dispute::MAX_UNITS;
    let program = Machine { units };
    // Three instructions, then the end.
    let record = [0x11, 0x62, 0x1b, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let story = Diverging {
        inner: Machine { units },
        one_in: 1,
        start_too: false,
        byte: 2,
    };
    for fan_out in [2, 1_024] {
        let digest = claimed(&Claim::Story, &story, &record);
        let world = World::new(
            program.clone(),
            records(&record, 12),
            INDEX,
            digest,
            fan_out,
        );
        let played = play(&world, Side::Challenger, &story, &[Act::Story], 0);
        check(&world, Side::Challenger, &played);
        assert!(played.moves > 2 * 6, "{}", played.moves);
    }
}
