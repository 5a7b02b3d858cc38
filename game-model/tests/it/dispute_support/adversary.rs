//! A party that does anything at all, as data, and a match of it against an honest one.

use narthex_game_model::computation::UnitProgram;
use narthex_game_model::dispute::{
    Dispute, Duty, Entry, Equivocation, Event, HonestPlayer, Interval, Move, Phase, Reveal, Side,
    SignedMove, Transcript, failed_digest,
};
use narthex_game_model::play::Finding;
use narthex_game_model::tagged::TaggedHasher;
use proptest::prelude::*;

use super::programs::Diverging;
use super::{DEPTH, OPENED_AT, World, keypair, sign_without_a_book};

/// What the adversary tries when it is to move.
#[derive(Clone, Debug)]
pub enum Act {
    /// What an honest party would do.
    Honest,
    /// What a party would do that believes in the liar's story.
    Story,
    /// Posts what is right up to a point, then noise. Chooses or reveals at random.
    LieFrom(u64),
    /// Posts the other side's or the disputed digest everywhere.
    Copy,
    /// Posts that everything has failed.
    AllFailed,
    /// A random part, or a random state.
    Noise(u32),
    /// A move of another kind than is due.
    WrongKind,
    /// One digest too many or too few; a part beyond the last.
    WrongCount(bool),
    /// The last move that was recorded, again.
    Replay,
    /// A move signed for another dispute.
    Foreign,
    /// A move signed with another key.
    Forged,
    /// A move with another number.
    WrongNumber(u32),
    /// A move that follows another entry.
    WrongPrevious,
    /// After the deadline.
    Late,
    /// Two moves at once.
    Equivocate(u32),
    /// Nothing, for good.
    Silent,
}

pub fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Honest),
        8 => Just(Act::Story),
        2 => any::<u64>().prop_map(Act::LieFrom),
        2 => (0u64..300).prop_map(Act::LieFrom),
        1 => Just(Act::Copy),
        1 => Just(Act::AllFailed),
        3 => (0u32..12).prop_map(Act::Noise),
        1 => Just(Act::WrongKind),
        1 => any::<bool>().prop_map(Act::WrongCount),
        1 => Just(Act::Replay),
        1 => Just(Act::Foreign),
        1 => Just(Act::Forged),
        1 => any::<u32>().prop_map(Act::WrongNumber),
        1 => Just(Act::WrongPrevious),
        1 => Just(Act::Late),
        1 => any::<u32>().prop_map(Act::Equivocate),
        1 => Just(Act::Silent),
    ]
}

/// How a match went.
pub struct Played {
    pub finding: Finding,
    pub transcript: Transcript,
    /// Moves that counted.
    pub moves: u32,
}

/// Plays `honest` against `acts`, one after the other and again from the first, on the other side.
/// The adversary's moves come `delay` blocks after the last entry.
pub fn play<P: UnitProgram + Clone>(
    world: &World<P>,
    honest: Side,
    story: &Diverging<P>,
    acts: &[Act],
    delay: u32,
) -> Played {
    let program = world.job.program();
    let (record, proof) = world.job.prove_record(world.terms.index).unwrap();
    let mut player = HonestPlayer::new(program, record.clone(), proof.clone());
    let mut liar = HonestPlayer::new(story, record.clone(), proof.clone());
    let mut double = HonestPlayer::new(program, record, proof);
    let mut dispute = Dispute::open(world.terms.clone(), OPENED_AT, program).unwrap();
    let mut transcript = Transcript::of(&dispute);
    let (mut acts, mut moves) = (acts.iter().cycle(), 0);
    let finding = loop {
        let (side, number, deadline) = match dispute.duty() {
            Duty::Rule(finding) => break finding,
            Duty::Move {
                side,
                number,
                deadline,
            } => (side, number, deadline),
        };
        let last = transcript.complete_to;
        if side == honest {
            let action = player.answer(&dispute, side).unwrap().unwrap();
            // The honest party uses the whole of its window.
            record_move(&mut dispute, &mut transcript, program, action, deadline)
                .unwrap_or_else(|e| panic!("honest move {number} refused: {e}"));
            moves += 1;
            continue;
        }
        let mut moved = false;
        for _ in 0..3 {
            let act = acts.next().unwrap();
            if let Act::Silent = act {
                break;
            }
            let height = match act {
                Act::Late => deadline + 1,
                _ => (last + delay).min(deadline),
            };
            let players = (&mut double, &mut liar);
            let events = attempt(&dispute, act, players, &transcript);
            let entries = events.into_iter().map(|event| Entry { height, event });
            for entry in entries {
                let is_move = matches!(entry.event, Event::Moved(_));
                // What is refused changes nothing; the adversary goes on with the next act.
                if let Ok(step) = dispute.step(program, &entry) {
                    dispute.merge(step.changes);
                    transcript.push(entry);
                    moves += u32::from(is_move);
                    moved = true;
                }
            }
            if moved {
                break;
            }
        }
        if !moved {
            assert_eq!(
                dispute.timed_out(deadline),
                None,
                "in time until the deadline"
            );
            let deep = deadline + u32::from(DEPTH);
            assert_eq!(dispute.timed_out(deep - 1), None, "not deep enough yet");
            transcript.complete_to = deadline;
            break dispute.timed_out(deep).unwrap();
        }
    };
    // The record is read until the last date counts.
    transcript.complete_to += u32::from(DEPTH);
    Played {
        finding,
        transcript,
        moves,
    }
}

fn record_move<P: UnitProgram>(
    dispute: &mut Dispute,
    transcript: &mut Transcript,
    program: &P,
    action: Move,
    height: u32,
) -> Result<(), narthex_game_model::dispute::MoveError> {
    let (number, _) = dispute.place();
    let signed = sign(dispute, Side::of(number), action);
    let event = Event::Moved(signed);
    let entry = Entry { height, event };
    let step = dispute.step(program, &entry)?;
    dispute.merge(step.changes);
    transcript.push(entry);
    Ok(())
}

pub fn sign(dispute: &Dispute, side: Side, action: Move) -> SignedMove {
    sign_without_a_book(
        &keypair(side),
        dispute.id(),
        dispute.place(),
        action,
        &[0; 32],
    )
}

pub type Players<'a, 'p, P> = (
    &'a mut HonestPlayer<'p, P>,
    &'a mut HonestPlayer<'p, Diverging<P>>,
);

pub fn attempt<P: UnitProgram>(
    dispute: &Dispute,
    act: &Act,
    (double, liar): Players<'_, '_, P>,
    transcript: &Transcript,
) -> Vec<Event> {
    let place = dispute.place();
    let side = Side::of(place.0);
    // A player that is at a point it never agreed to makes something up.
    let mut usual = || {
        let answer = liar.answer(dispute, side).ok().flatten();
        answer.unwrap_or_else(|| noise(dispute, 1))
    };
    let good = |action| vec![Event::Moved(sign(dispute, side, action))];
    let with = |key, id: &[u8; 32], place, action| {
        let signed = sign_without_a_book(&keypair(key), id, place, action, &[0; 32]);
        vec![Event::Moved(signed)]
    };
    match act {
        Act::Honest => {
            let answer = double.answer(dispute, side).ok().flatten();
            good(answer.unwrap_or_else(|| noise(dispute, 0)))
        }
        Act::Story | Act::Late | Act::Silent => good(usual()),
        Act::LieFrom(point) => good(lie_from(dispute, double, *point)),
        Act::Copy => good(everywhere(dispute, interval(dispute).disputed_digest)),
        Act::AllFailed => good(everywhere(dispute, failed_digest())),
        Act::Noise(seed) => good(noise(dispute, *seed)),
        Act::WrongKind => good(match dispute.phase() {
            Phase::Post(_) => Move::Choose { part: 0 },
            _ => Move::Post { digests: vec![] },
        }),
        Act::WrongCount(more) => good(match usual() {
            Move::Post { mut digests } if *more => {
                digests.push([3; 32]);
                Move::Post { digests }
            }
            Move::Post { mut digests } => {
                digests.pop();
                Move::Post { digests }
            }
            Move::Choose { .. } => Move::Choose { part: u32::MAX },
            reveal @ Move::Reveal(_) => reveal,
        }),
        Act::Replay => transcript
            .entries
            .last()
            .map(|entry| entry.event.clone())
            .into_iter()
            .collect(),
        Act::Foreign => with(side, &[0xee; 32], place, usual()),
        Act::Forged => with(side.other(), dispute.id(), place, usual()),
        Act::WrongNumber(number) => with(side, dispute.id(), (*number, place.1), usual()),
        Act::WrongPrevious => with(side, dispute.id(), (place.0, [5; 32]), usual()),
        Act::Equivocate(seed) => {
            let first = sign(dispute, side, usual());
            let second = sign(dispute, side, noise(dispute, *seed));
            // The other side saw both and shows them; it cannot where they are the same.
            vec![
                Event::Equivocated(Equivocation {
                    first: first.clone(),
                    second,
                }),
                Event::Moved(first),
            ]
        }
    }
}

fn interval(dispute: &Dispute) -> Interval {
    match dispute.phase() {
        Phase::Post(phase) => phase.interval,
        Phase::Choice(phase) => phase.interval,
        Phase::Reveal(phase) => phase.interval,
        Phase::Ended(_) => panic!("ended"),
    }
}

fn everywhere(dispute: &Dispute, digest: [u8; 32]) -> Move {
    let fan_out = dispute.terms().fan_out;
    let interval = interval(dispute);
    match dispute.phase() {
        Phase::Choice(_) => Move::Choose {
            part: interval.parts(fan_out) - 1,
        },
        Phase::Reveal(_) => Move::Reveal(Reveal::Failed),
        _ => Move::Post {
            digests: vec![digest; interval.cuts(fan_out).len()],
        },
    }
}

fn noise(dispute: &Dispute, seed: u32) -> Move {
    let interval = interval(dispute);
    let fan_out = dispute.terms().fan_out;
    let hash = |i: usize| {
        TaggedHasher::new("test/noise")
            .number(u64::from(seed))
            .number(i as u64)
            .finish()
    };
    match dispute.phase() {
        Phase::Choice(_) => Move::Choose {
            part: seed % interval.parts(fan_out),
        },
        Phase::Reveal(_) => Move::Reveal(Reveal::State {
            state: hash(0).to_vec(),
        }),
        _ => Move::Post {
            digests: (0..interval.cuts(fan_out).len()).map(hash).collect(),
        },
    }
}

fn lie_from<P: UnitProgram>(dispute: &Dispute, double: &mut HonestPlayer<P>, point: u64) -> Move {
    let fan_out = dispute.terms().fan_out;
    let interval = interval(dispute);
    let Phase::Post(_) = dispute.phase() else {
        return noise(dispute, point as u32);
    };
    // A point anywhere in the interval, so that large numbers say something too.
    let point = interval.agreed + point % interval.transitions().max(1);
    let digest = |at: u64| match at < point {
        true => double.digest_at(at).unwrap(),
        false => TaggedHasher::new("test/lie").number(at).finish(),
    };
    Move::Post {
        digests: interval.cuts(fan_out).map(digest).collect(),
    }
}
