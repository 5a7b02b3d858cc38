//! Arbiters rule by the same evidence, whatever litigants in league with one of them bring to whom, and when.

use std::collections::BTreeSet;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use narthex_channel::Machine as _;
use narthex_channel::contract::{
    ContractChange, ContractEffect, ContractInput, Done, Judging, MAX_SIDE_BYTES, Parcel, Said,
    Task, Thing,
};
use narthex_contracts::{graph::TxGraph, template::Exit, terms::Role};
use narthex_game_model::{Accusation, Ruling, Template, commitment::ReceiptKind, ruling::Litigant};

use crate::contract_support::{
    CLIENT, MESSAGE, PANEL, SETTLES, Seat, VERIFIER, WORKER, in_template, world,
};

const DELIVERED: u32 = 115;
const VERDICT: u32 = DELIVERED + 20;
const ACCUSED: u32 = VERDICT + 25;
/// Sides of the case, in a contract whose window has room for the rounds.
const SIDES: [Role; 2] = [WORKER, CLIENT];

/// An arbiter with a case.
fn arbiter(me: Role) -> Seat<Judging> {
    in_template(Template::Audited);
    let mut seat = Seat::<Judging>::of(me);
    let path = [
        (Exit::DELIVERED, DELIVERED),
        (Exit::APPROVED, VERDICT),
        (Exit::CHALLENGED, ACCUSED),
    ];
    let path = path.map(|(name, height)| (world().node(name), height));
    seat.path.extend(path);
    seat.tip(ACCUSED);
    seat
}

/// It signs for what it has heard: what it is asked for, with its tip there.
fn hears(seat: &mut Seat<Judging>, (by, hash): (Role, [u8; 32]), tip: u32) -> bool {
    let thing = Thing::Part(hash);
    if !seat.is_asked(Task::Look(thing)) {
        return false;
    }
    let me = seat.book().contract().role();
    let receipt = world().receipt((ReceiptKind::Heard, hash), (me, by), tip);
    seat.done(Done::Acknowledged { thing, receipt });
    true
}

fn last() -> u32 {
    world().panel_schedule(ACCUSED).evidence
}

#[test]
fn a_part_is_in_time_as_long_as_so_many_arbiters_have_passed_it_on() {
    in_template(Template::Audited);
    let hash = [1; 32];
    for (heard, rounds) in [(&[][..], 0), (&PANEL[1..2], 1), (&PANEL[1..], 2)] {
        let until = last_of(rounds);
        for (tip, is_taken) in [(until, true), (until + 1, false)] {
            let mut seat = arbiter(PANEL[0]);
            let from = heard.first().copied().unwrap_or(WORKER);
            let tips = ACCUSED..=tip.min(world().closed(ACCUSED) - 1);
            tips.for_each(|tip| {
                seat.tip(tip);
            });
            seat.said(from, world().passed_on((WORKER, hash), heard, tip));
            assert_eq!(hears(&mut seat, (WORKER, hash), tip), is_taken, "{tip}");
            let counted = seat.book().counted();
            assert_eq!(counted.len(), usize::from(is_taken));
        }
    }
}

fn last_of(rounds: u32) -> u32 {
    last() + rounds * world().panel_schedule(ACCUSED).round
}

#[test]
fn what_an_arbiter_has_heard_it_signs_and_passes_on() {
    let mut seat = arbiter(PANEL[0]);
    let hash = [1; 32];
    seat.said(
        PANEL[2],
        world().passed_on((CLIENT, hash), &PANEL[2..], last()),
    );
    let passed = Parcel::Evidence(hash);
    assert_eq!(seat.sends(passed), []);
    assert!(hears(&mut seat, (CLIENT, hash), last()));
    assert_eq!(seat.sends(passed), PANEL[1..]);
    // Nobody is told of a part that came too late, nor is another's signature on it kept.
    let receipts = seat.book().papers().receipts().len();
    let late = world().passed_on((CLIENT, [2; 32]), &PANEL[2..], last_of(1) + 1);
    seat.said(PANEL[2], late);
    assert_eq!(seat.book().papers().receipts().len(), receipts);
}

#[test]
fn nobody_makes_up_what_another_brings_or_has_heard() {
    let mut seat = arbiter(PANEL[0]);
    let hash = [1; 32];
    let said = |change: &dyn Fn(&mut narthex_channel::contract::PartSaid)| {
        let Said::Evidence(mut said) = world().passed_on((WORKER, hash), &PANEL[1..], last())
        else {
            unreachable!()
        };
        change(&mut said);
        Said::Evidence(said)
    };
    let wrong = [
        // Of other bytes, and of another's than signs.
        said(&|said| said.hash = [2; 32]),
        said(&|said| {
            said.brought = world().receipt((ReceiptKind::Brought, hash), (PANEL[1], WORKER), 0)
        }),
        said(&|said| {
            said.brought = world().receipt((ReceiptKind::Heard, hash), (WORKER, WORKER), 0)
        }),
        said(&|said| said.brought.signature[7] ^= 1),
        // Heard by nobody, or by somebody who rules on nothing.
        said(&|said| said.heard[1].signature[7] ^= 1),
        said(&|said| {
            said.heard[0] = world().receipt((ReceiptKind::Heard, hash), (VERIFIER, WORKER), 0)
        }),
        said(&|said| {
            said.heard[0] = world().receipt((ReceiptKind::Heard, [2; 32]), (PANEL[1], WORKER), 0)
        }),
    ];
    for what in wrong {
        assert!(seat.try_said(PANEL[1], what).is_err());
    }
    // Nor does a litigant bring another's.
    assert!(seat.try_said(VERIFIER, said(&|_| ())).is_err());
    assert_eq!(seat.book().papers().brought().len(), 0);
    seat.said(PANEL[1], said(&|_| ()));
    assert_eq!(seat.book().papers().brought().len(), 1);
}

#[test]
fn a_case_is_closed_behind_the_rounds_and_not_before() {
    let mut seat = arbiter(PANEL[0]);
    for by in SIDES {
        seat.said(by, world().evidence(by, [1; 32]));
    }
    for tip in ACCUSED + 1..world().closed(ACCUSED) {
        seat.tip(tip);
        assert!(!seat.is_asked(Task::Rule), "{tip}");
    }
    seat.tip(world().closed(ACCUSED));
    assert!(seat.is_asked(Task::Rule));
}

#[test]
fn who_brings_more_than_is_kept_has_brought_nothing_and_the_order_says_nothing() {
    let mut seat = arbiter(PANEL[0]);
    let mut other = arbiter(PANEL[1]);
    for number in 0..7u8 {
        seat.said(WORKER, world().evidence(WORKER, [number; 32]));
        other.said(WORKER, world().evidence(WORKER, [6 - number; 32]));
    }
    let root = |seat: &Seat<Judging>| (seat.book().counted(), seat.book().evidence_root());
    assert_eq!(root(&seat), root(&other));
    assert_eq!(seat.book().counted().len(), 7);
    seat.said(WORKER, world().evidence(WORKER, [7; 32]));
    assert_eq!(seat.book().counted(), []);
}

/// What a reorganisation makes the case is heard before an arbiter sees that, and what was brought to the other is none of it.
#[test]
fn a_part_is_brought_to_one_case() {
    let mut seat = arbiter(PANEL[0]);
    let to = |case: Accusation, by: Role, hash| {
        let Said::Evidence(mut said) = world().evidence(by, hash) else {
            unreachable!()
        };
        said.case = case;
        Said::Evidence(said)
    };
    seat.said(WORKER, to(Accusation::Challenge, WORKER, [1; 32]));
    assert!(hears(&mut seat, (WORKER, [1; 32]), ACCUSED));
    for number in 0..8u8 {
        seat.said(WORKER, to(Accusation::Appeal, WORKER, [10 + number; 32]));
    }
    seat.said(VERIFIER, to(Accusation::Appeal, VERIFIER, [3; 32]));
    // No side of this one.
    seat.said(VERIFIER, to(Accusation::Challenge, VERIFIER, [4; 32]));
    seat.said(CLIENT, to(Accusation::Appeal, CLIENT, [5; 32]));
    let by = |seat: &Seat<Judging>| seat.book().counted();
    assert_eq!(by(&seat), [(Litigant::Worker, [1; 32])]);
    // It signs for none of the other yet, and passes none on.
    assert!(!hears(&mut seat, (VERIFIER, [3; 32]), ACCUSED));
    seat.path.truncate(2);
    let other = [(Exit::REJECTED, VERDICT), (Exit::APPEALED, ACCUSED)];
    let other = other.map(|(name, height)| (world().node(name), height));
    seat.path.extend(other);
    seat.tip(ACCUSED + 1);
    // The eighth of one side makes that side's nothing, as before.
    assert_eq!(by(&seat), [(Litigant::Verifier, [3; 32])]);
    assert!(hears(&mut seat, (VERIFIER, [3; 32]), ACCUSED + 1));
    assert!(!hears(&mut seat, (WORKER, [1; 32]), ACCUSED + 1));
}

/// A side that floods the panel with bytes makes no arbiter silent: the shortest of what it brings are heard, by all alike.
#[test]
fn the_parts_of_a_side_are_bounded_together() {
    let mut seat = arbiter(PANEL[0]);
    let long = |number: u8, bytes: u32| {
        let Said::Evidence(mut said) = world().evidence(WORKER, [number; 32]) else {
            unreachable!()
        };
        said.bytes = bytes;
        Said::Evidence(said)
    };
    let half = u32::try_from(MAX_SIDE_BYTES / 2).unwrap();
    for (number, bytes) in [(1, half + 1), (2, 7), (3, half), (4, half - 7)] {
        seat.said(WORKER, long(number, bytes));
    }
    let heard = |numbers: &[u8]| {
        let parts = numbers.iter();
        let parts = parts.map(|number| (Litigant::Worker, [*number; 32]));
        parts.collect::<Vec<_>>()
    };
    // 7, half less 7 and half are as much as there may be.
    assert_eq!(seat.book().counted(), heard(&[2, 3, 4]));
    seat.said(WORKER, long(0, 1));
    assert_eq!(seat.book().counted(), heard(&[0, 2, 4]));
}

/// What an arbiter sends another: a part, with who has signed for it, and until when it comes.
struct Letter {
    to: usize,
    part: (Role, [u8; 32]),
    heard: Vec<Role>,
    by: u32,
}

/// Two honest arbiters, and everybody else in one league. Whether the honest rule by the same, and whether they were brought the same.
fn heard_in_common(seed: u64, passes_on: bool) -> (bool, bool) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut honest = [arbiter(PANEL[0]), arbiter(PANEL[1])];
    let mut letters: Vec<Letter> = Vec::new();
    let mut brought = [BTreeSet::new(), BTreeSet::new()];
    for tip in ACCUSED + 1..=world().closed(ACCUSED) {
        // The league says anything to one of them, and mostly at the last moments.
        let many = if tip + 1 >= last() {
            rng.gen_range(0..4)
        } else {
            u8::from(rng.gen_ratio(1, 6))
        };
        for _ in 0..many {
            let (to, side) = (rng.gen_range(0..2usize), rng.gen_range(0..2u8));
            let by = SIDES[usize::from(side)];
            // Who brings it is part of what is hashed.
            let part = (by, [4 * side + rng.gen_range(0..4u8); 32]);
            // What the honest have not signed it cannot show.
            let signed = (0..2).filter(|at| {
                honest[*at]
                    .book()
                    .papers()
                    .given(Thing::Part(part.1))
                    .is_some()
            });
            let signed = signed.map(|at| PANEL[at]).chain([PANEL[2]]);
            let heard: Vec<_> = signed.filter(|_| rng.gen_ratio(2, 3)).collect();
            brought[to].insert(part);
            let from = *[by, PANEL[2]].choose(&mut rng).unwrap();
            let said = world().passed_on(part, &heard, tip);
            let _ = honest[to].try_said(from, said);
        }
        letters.shuffle(&mut rng);
        let (due, later) = letters
            .into_iter()
            .partition(|letter| letter.by <= tip || rng.r#gen());
        letters = later;
        let due: Vec<Letter> = due;
        for letter in due {
            let said = world().passed_on(letter.part, &letter.heard, tip);
            let _ = honest[letter.to].try_said(PANEL[1 - letter.to], said);
        }
        for at in 0..2 {
            let known: Vec<_> = honest[at]
                .book()
                .papers()
                .brought()
                .iter()
                .map(|part| (Role::from(part.by), part.hash()))
                .collect();
            for part in known {
                if !hears(&mut honest[at], part, tip) || !passes_on {
                    continue;
                }
                let key = |role| world().contract(role).word_key(role).unwrap().serialize();
                let receipts = honest[at].book().papers().receipts().iter();
                let of: Vec<_> = receipts
                    .filter(|of| of.receipt.item == part.1)
                    .map(|of| of.receipt.issuer)
                    .collect();
                let others = PANEL.into_iter().filter(|role| of.contains(&key(*role)));
                let heard = others.chain([PANEL[at]]).collect();
                letters.push(Letter {
                    to: 1 - at,
                    part,
                    heard,
                    // Tips of parties differ by a block.
                    by: tip + MESSAGE + 1,
                });
            }
        }
        honest.iter_mut().for_each(|seat| {
            seat.tip(tip);
        });
    }
    assert!(honest.iter().all(|seat| seat.is_asked(Task::Rule)));
    let [one, other] = honest.map(|seat| (seat.book().counted(), seat.book().evidence_root()));
    (one == other, brought[0] == brought[1])
}

#[test]
fn honest_arbiters_rule_by_the_same_whatever_a_league_brings_to_whom() {
    let (mut parted, mut split) = (0, 0);
    for seed in 0..400 {
        let (is_same, was_same) = heard_in_common(seed, true);
        assert!(is_same, "seed {seed}");
        parted += usize::from(!was_same);
        split += usize::from(!heard_in_common(seed, false).0);
    }
    // They were brought different things nearly always, and without passing them on would rule by those.
    assert!(parted > 300 && split > 200, "{parted}, {split}");
}

/// A-3 of the arbiter service: whoever hears a part in the last block of the last round, judges for a block and is answered by nobody has
/// attested so long before a set without it opens that the fullest one is settled.
#[test]
fn an_arbiter_that_waits_as_long_as_it_may_is_in_time_for_the_fullest_set() {
    let mut seat = arbiter(PANEL[2]);
    for tip in ACCUSED + 1..=last_of(2) {
        seat.tip(tip);
    }
    for by in SIDES {
        let hash = [u8::from(by == CLIENT); 32];
        seat.said(
            PANEL[0],
            world().passed_on((by, hash), &PANEL[..2], last_of(2)),
        );
        assert!(hears(&mut seat, (by, hash), last_of(2)));
    }
    let mut tip = last_of(2) + 1;
    seat.tip(tip);
    assert!(seat.is_asked(Task::Rule));
    tip += 1;
    seat.tip(tip);
    seat.done(Done::Ruled(Ruling::WorkerAtFault));
    seat.done(world().fixed(2, Ruling::WorkerAtFault));
    while !seat.is_asked(Task::Attest) {
        tip += 1;
        seat.tip(tip);
        assert!(tip < ACCUSED + 100, "it never attests");
    }
    let without = Exit::ruled_on(
        Accusation::Challenge,
        Ruling::WorkerAtFault,
        [0, 1].into_iter().collect(),
    );
    let node = world().graph.node(world().node(without)).unwrap();
    let opens = ACCUSED + u32::from(TxGraph::relative_lock_blocks(node));
    assert!(tip + SETTLES < opens, "{tip}, {opens}");
}

/// Nothing of it is lost with a process: what is signed for and passed on follows from the log.
#[test]
fn a_process_that_is_killed_goes_on_with_what_it_has_heard() {
    let mut seat = arbiter(PANEL[0]);
    let hash = [1; 32];
    seat.said(WORKER, world().evidence(WORKER, hash));
    let asked = ContractEffect::Task(Task::Look(Thing::Part(hash)));
    assert!(seat.machine.pending().contains(&asked));
    let receipt = world().receipt((ReceiptKind::Heard, hash), (PANEL[0], WORKER), last());
    let done = ContractInput::Done(Done::Acknowledged {
        thing: Thing::Part(hash),
        receipt,
    });
    let step = seat.machine.step(&done).unwrap();
    assert_eq!(
        step.changes,
        [ContractChange::Acknowledged {
            thing: Thing::Part(hash),
            receipt
        }]
    );
    seat.done(Done::Acknowledged {
        thing: Thing::Part(hash),
        receipt,
    });
    assert_eq!(seat.sends(Parcel::Evidence(hash)), PANEL[1..]);
}
