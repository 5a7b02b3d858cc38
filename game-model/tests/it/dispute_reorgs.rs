//! Reorganisations: they change dates, never what was signed, and cost an honest party nothing.

use crate::common;
use crate::dispute_support;
use narthex_base::codec::DecodeError;

use dispute_support::adversary::sign;
use dispute_support::branches::{Branch, Cheat, Honest, Record, Seeded, Seen, play_branches};
use dispute_support::programs::{Chain, Diverging};
use dispute_support::small::{INDEX, chain, records, right, story, world};
use dispute_support::{DEPTH, OPENED_AT, WINDOW, World, keypair, sign_without_a_book};
use narthex_game_model::Ruling;
use narthex_game_model::commitment::state_digest;
use narthex_game_model::computation::StepProgram;
use narthex_game_model::dispute::{
    BookError, Dispute, Entry, Equivocation, Event, HonestPlayer, Move, MoveBook, MoveError,
    ReplayError, Side, SignedMove, Standing, Transcript, TranscriptError, judge_dispute,
};
use proptest::prelude::*;

/// The latest height at which a move counts that answers one at this height.
const fn until(height: u32) -> u32 {
    height + WINDOW as u32
}

/// The tip from which on a date at this height counts.
const fn deep(height: u32) -> u32 {
    height + DEPTH as u32
}

fn at(height: u32, signed: &SignedMove) -> Entry {
    let event = Event::Moved(signed.clone());
    Entry { height, event }
}

/// Written down.
fn kept(_: &SignedMove) -> Result<(), String> {
    Ok(())
}

/// A lying worker's dispute, with two first moves of its and the challenger's honest answer to each.
struct Forked {
    world: World<Chain>,
    posts: [SignedMove; 2],
    answers: [SignedMove; 2],
    book: MoveBook,
}

fn forked() -> Forked {
    let world = world([9; 32]);
    let program = chain();
    let fresh = Dispute::open(world.terms.clone(), OPENED_AT, &program).unwrap();
    let (record, proof) = world.job.prove_record(INDEX).unwrap();
    let mut player = HonestPlayer::new(&program, record, proof);
    let mut book = MoveBook::new(&fresh);
    let posts = [1, 2].map(|byte| {
        let digests = vec![[byte; 32]; 3];
        sign(&fresh, Side::Worker, Move::Post { digests })
    });
    let answers = [0, 1].map(|i: usize| {
        let mut dispute = fresh.clone();
        let step = dispute.step(&program, &at(OPENED_AT + 1, &posts[i]));
        dispute.merge(step.unwrap().changes);
        let action = player.answer(&dispute, Side::Challenger).unwrap().unwrap();
        let key = keypair(Side::Challenger);
        book.sign(&key, &dispute, action, &[0; 32], kept).unwrap()
    });
    Forked {
        world,
        posts,
        answers,
        book,
    }
}

impl Forked {
    /// The challenger's book, after a restart.
    fn book_again(&self) -> MoveBook {
        let fresh = Dispute::open(self.world.terms.clone(), OPENED_AT, &chain()).unwrap();
        MoveBook::restore(&fresh, self.book.moves().iter().cloned()).unwrap()
    }

    fn read(&self, recorded: &[Entry], tip: u32) -> Transcript {
        Transcript::gather(&chain(), &self.world.terms, OPENED_AT, recorded, tip).unwrap()
    }

    fn standing(&self, recorded: &[Entry], tip: u32) -> Standing {
        let transcript = self.read(recorded, tip);
        transcript.replay(&self.world.terms, &chain()).unwrap()
    }

    /// Whose turn it is, and until when.
    fn pending(&self, recorded: &[Entry], tip: u32) -> (Side, u32, u32) {
        match self.standing(recorded, tip) {
            Standing::Pending {
                side,
                number,
                deadline,
            } => (side, number, deadline),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_reorganised_height_does_not_convict_the_honest_challenger() {
    let f = forked();
    let [post, _] = &f.posts;
    let [answer, _] = &f.answers;
    // The very same move, recorded at 1001 and then at 1002: what answered it stays its answer.
    for height in [OPENED_AT + 1, OPENED_AT + 2] {
        let recorded = [at(height, post), at(height + 1, answer)];
        let (side, number, deadline) = f.pending(&recorded, height + 1);
        assert_eq!((side, number), (Side::Worker, 2));
        assert_eq!(deadline, until(height + 1));
    }
    // It is asked for one move, whatever the height, and writes one down.
    let mut book = f.book_again();
    for height in [OPENED_AT + 1, OPENED_AT + 2] {
        let transcript = f.read(&[at(height, post)], height);
        let dispute = transcript.dispute_after(&f.world.terms, &chain()).unwrap();
        let action = Move::Choose { part: 3 };
        let key = keypair(Side::Challenger);
        let signed = book
            .sign(&key, &dispute, action, &[5; 32], |_| {
                Err("asked twice".into())
            })
            .unwrap();
        assert_eq!(&signed, answer, "the one that is written down");
    }
    assert_eq!(book, f.book);
    // The worker made it answer two moves. That convicts the worker.
    let two = |[first, second]: &[SignedMove; 2]| {
        let (first, second) = (first.clone(), second.clone());
        Equivocation { first, second }.prove(&f.world.terms)
    };
    assert!(matches!(two(&f.answers), Err(MoveError::NoEquivocation(_))));
    assert_eq!(two(&f.posts).unwrap().ruling, Ruling::WorkerAtFault);
}

#[test]
fn tips_apart_give_one_ruling_or_none_yet() {
    let f = forked();
    let [post, _] = &f.posts;
    let posted = OPENED_AT + 1;
    let deadline = until(posted);
    // One observer sees no answer, the other one in the last block in time.
    let without = [at(posted, post)];
    let with = [at(posted, post), at(deadline, &f.answers[0])];
    for tip in deadline + 1..deep(deadline) {
        let Standing::Shallow { date, depth, .. } = f.standing(&without, tip) else {
            panic!("ruled from a date that can change, at {tip}");
        };
        assert_eq!((date, depth), (deadline, DEPTH));
        assert_eq!(f.pending(&with, tip).1, 2);
    }
    // When the first rules, no reorganisation within the depth brings the answer any more.
    let late = f.standing(&without, deep(deadline));
    let Standing::Ruled(finding) = &late else {
        panic!("{late:?}");
    };
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    for part in [
        format!("until height {deadline}"),
        format!("move 0 at height {posted}"),
        format!("{DEPTH} blocks lie above"),
    ] {
        assert!(finding.reason.contains(&part), "{}", finding.reason);
    }
    assert_eq!(f.standing(&without, deep(deadline) + 9), late);
}

#[test]
fn late_on_one_branch_and_in_time_on_the_other_is_decided_at_depth() {
    let f = forked();
    let posted = OPENED_AT + 1;
    let deadline = until(posted);
    let on = |height| [at(posted, &f.posts[0]), at(height, &f.answers[0])];
    let (in_time, late) = (on(deadline), on(deadline + 1));
    for tip in deadline + 1..deep(deadline) {
        assert_eq!(f.pending(&in_time, tip).0, Side::Worker);
        assert!(matches!(f.standing(&late, tip), Standing::Shallow { .. }));
        // The late one is on record and counts for nothing.
        assert_eq!(f.read(&late, tip).entries.len(), 1);
    }
    let tip = deep(deadline);
    assert_eq!(f.pending(&in_time, tip).0, Side::Worker);
    assert!(matches!(f.standing(&late, tip), Standing::Ruled(_)));
}

#[test]
fn reordered_moves_count_when_what_they_answer_does() {
    let f = forked();
    let post_at = OPENED_AT + 3;
    for (answer_at, order) in [(post_at - 2, false), (post_at, false), (post_at, true)] {
        let mut recorded = vec![at(answer_at, &f.answers[0]), at(post_at, &f.posts[0])];
        if order {
            recorded.swap(0, 1);
        }
        let transcript = f.read(&recorded, post_at);
        let heights: Vec<_> = transcript.entries.iter().map(|e| e.height).collect();
        assert_eq!(heights, [post_at, answer_at]);
        // Counted from the later of the two: the worker loses no time by it.
        let (side, number, deadline) = f.pending(&recorded, post_at);
        assert_eq!((side, number, deadline), (Side::Worker, 2, until(post_at)));
        // Whoever is handed the entries comes to the same.
        let read = Transcript::from_bytes(&transcript.to_bytes()).unwrap();
        assert_eq!(read, transcript);
    }
    // An answer without what it answers is nothing yet.
    let alone = [at(OPENED_AT + 1, &f.answers[0])];
    assert_eq!(f.pending(&alone, OPENED_AT + 1).1, 0);
}

#[test]
fn a_dropped_move_is_recorded_again_and_a_repeated_one_counts_once() {
    let f = forked();
    let (post, answer) = (&f.posts[0], &f.answers[0]);
    let posted = OPENED_AT + 1;
    // Dropped: its turn again, with the same deadline; recorded again: it counts.
    let dropped = [at(posted, post)];
    let turn = f.pending(&dropped, posted + 3);
    assert_eq!(turn, (Side::Challenger, 1, until(posted)));
    let again = [at(posted, post), at(until(posted), answer)];
    assert_eq!(f.pending(&again, until(posted)).1, 2);
    // Recorded twice: the first date counts, and no signature makes two moves of one.
    let dispute = Dispute::open(f.world.terms.clone(), OPENED_AT, &chain()).unwrap();
    let key = keypair(Side::Worker);
    let action = post.action.clone();
    let resigned = sign_without_a_book(&key, dispute.id(), dispute.place(), action, &[3; 32]);
    assert_ne!(&resigned, post);
    let twice = [
        at(posted, post),
        at(posted + 1, post),
        at(posted + 2, &resigned),
        at(posted + 3, answer),
        at(posted + 4, answer),
    ];
    let once = [at(posted, post), at(posted + 3, answer)];
    let tip = posted + 4;
    assert_eq!(f.read(&twice, tip), f.read(&once, tip));
    // If the first record of it goes, the second one counts.
    assert_eq!(f.read(&twice[1..], tip).entries[0].height, posted + 1);
}

#[test]
fn the_branch_decides_which_of_two_moves_counts_and_both_are_answered() {
    let f = forked();
    let posted = OPENED_AT + 1;
    let [answer, other] = &f.answers;
    for (first, answer) in [(0, answer), (1, other)] {
        let posts = [&f.posts[first], &f.posts[1 - first]];
        // Both answers have been sent; the one to the move that counts does.
        let recorded = [
            at(posted, posts[0]),
            at(posted, posts[1]),
            at(posted + 1, other),
            at(posted + 1, &f.answers[0]),
        ];
        let transcript = f.read(&recorded, posted + 1);
        assert_eq!(transcript.entries.len(), 2);
        assert_eq!(transcript.entries[1].event, Event::Moved(answer.clone()));
    }
}

#[test]
fn evidence_that_is_reorganised_away_is_shown_again() {
    let f = forked();
    let [first, second] = f.posts.clone();
    let two = Event::Equivocated(Equivocation { first, second });
    let shown = |height| Entry {
        height,
        event: two.clone(),
    };
    let posted = OPENED_AT + 1;
    let before = vec![at(posted, &f.posts[0])];
    let with = |height| [before.clone(), vec![shown(height)]].concat();
    // Not deep: nothing is ruled.
    assert!(matches!(
        f.standing(&with(posted + 1), deep(posted + 1) - 1),
        Standing::Shallow { .. }
    ));
    // Gone: it is the challenger's turn as if nothing had been; shown later: it counts then.
    assert_eq!(f.pending(&before, posted + 2).0, Side::Challenger);
    let again = f.standing(&with(until(posted)), deep(until(posted)));
    let Standing::Ruled(finding) = &again else {
        panic!("{again:?}");
    };
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);
    // Before the moves that it is about, or before the opening, it says the same.
    let early = [vec![shown(OPENED_AT - 1)], before].concat();
    assert_eq!(f.standing(&early, deep(posted)), again);
}

#[test]
fn a_deeper_reorganisation_leaves_signatures_what_they_are() {
    let f = forked();
    let posted = OPENED_AT + 1;
    // The chain on which the challenger was ruled against goes, with more blocks than the depth.
    let silent = f.standing(&[at(posted, &f.posts[0])], deep(until(posted)));
    assert!(matches!(silent, Standing::Ruled(_)));
    // On the one that replaces it everything signed is valid; only dates have changed.
    let recorded = [at(posted + 5, &f.posts[0]), at(posted + 6, &f.answers[0])];
    assert_eq!(f.pending(&recorded, until(posted + 6)).1, 2);
    // The two tell different dates, and nobody rules from that.
    let (old, new) = (
        f.read(&[at(posted, &f.posts[0])], deep(until(posted))),
        f.read(&recorded, deep(posted + 6)),
    );
    let terms = &f.world.terms;
    let found =
        narthex_game_model::dispute::reconcile(&chain(), terms, &old, &new, deep(posted + 20));
    assert_eq!(found, Err(ReplayError::RecordsDiffer { position: 0 }));
}

#[test]
fn what_is_no_chain_is_named() {
    let f = forked();
    let [post, answer] = [&f.posts[0], &f.answers[0]];
    let gather = |recorded: &[Entry], tip| {
        Transcript::gather(&chain(), &f.world.terms, OPENED_AT, recorded, tip).unwrap_err()
    };
    let backwards = [at(OPENED_AT + 2, post), at(OPENED_AT + 1, answer)];
    let unordered = ReplayError::Unordered { position: 1 };
    assert_eq!(gather(&backwards, OPENED_AT + 9), unordered);
    let (complete_to, last) = (OPENED_AT + 1, OPENED_AT + 2);
    let above = ReplayError::Incomplete { complete_to, last };
    assert_eq!(gather(&backwards[..1], OPENED_AT + 1), above);
    let last = OPENED_AT;
    let complete_to = OPENED_AT - 1;
    let unopened = ReplayError::Incomplete { complete_to, last };
    assert_eq!(gather(&[], OPENED_AT - 1), unopened);
}

#[test]
fn a_book_signs_once_after_each_move_and_for_its_own_party_only() {
    let f = forked();
    let program = chain();
    let key = keypair(Side::Challenger);
    let mut book = f.book_again();
    let fresh = Dispute::open(f.world.terms.clone(), OPENED_AT, &program).unwrap();
    let choose = Move::Choose { part: 0 };
    let (side, number) = (Side::Worker, 0);
    let refused = book.sign(&key, &fresh, choose.clone(), &[0; 32], kept);
    assert_eq!(refused, Err(BookError::OtherTurn { side, number }));
    let mut elsewhere = f.world.terms.clone();
    elsewhere.contract[0] ^= 1;
    let elsewhere = Dispute::open(elsewhere, OPENED_AT, &program).unwrap();
    let refused = book.sign(&key, &elsewhere, choose, &[0; 32], kept);
    assert_eq!(refused, Err(BookError::OtherDispute));
    assert_eq!(book, f.book);
    assert_eq!(book.moves(), &f.answers);
    // Written down and read again, in whatever order and some of it twice, it is the same book.
    let bytes: Vec<_> = book.moves().iter().map(SignedMove::to_bytes).collect();
    let read = || bytes.iter().map(|b| SignedMove::from_bytes(b).unwrap());
    assert_eq!(MoveBook::restore(&fresh, read()), Ok(f.book_again()));
    let twice = MoveBook::restore(&fresh, read().chain(read()));
    assert_eq!(twice.as_ref(), Ok(&book));
    let backwards = MoveBook::restore(&fresh, read().rev()).unwrap();
    assert_eq!(
        backwards.moves(),
        [f.answers[1].clone(), f.answers[0].clone()]
    );
    let longer = [&bytes[0][..], &[0]].concat();
    assert_eq!(
        SignedMove::from_bytes(&longer),
        Err(DecodeError::Trailing { extra: 1 }.into())
    );
    for length in 0..bytes[0].len() {
        let cut = SignedMove::from_bytes(&bytes[0][..length]);
        let early = matches!(
            cut,
            Err(TranscriptError::Codec(DecodeError::Truncated { .. }))
        );
        assert!(early, "{length} bytes: {cut:?}");
    }
}

/// What a process that dies leaves behind decides what it signs next: never a second move.
#[test]
fn a_move_leaves_only_after_it_was_written_down() {
    let f = forked();
    let program = chain();
    let key = keypair(Side::Challenger);
    let fresh = Dispute::open(f.world.terms.clone(), OPENED_AT, &program).unwrap();
    let mut dispute = fresh.clone();
    let step = dispute.step(&program, &at(OPENED_AT + 1, &f.posts[0]));
    dispute.merge(step.unwrap().changes);
    let choose = |part| Move::Choose { part };
    let number = 1;

    // The disk says no: nothing leaves, also not by way of the list of moves. Nothing else is signed there either.
    let mut book = MoveBook::new(&dispute);
    let mut shown = Vec::new();
    for part in [0, 1] {
        let full = |signed: &SignedMove| {
            shown.push(signed.clone());
            Err("the disk is full".to_owned())
        };
        let why = "the disk is full".into();
        let refused = book.sign(&key, &dispute, choose(part), &[part as u8; 32], full);
        assert_eq!(refused, Err(BookError::NotKept { number, why }));
        assert_eq!((book.moves(), book.written(&dispute)), (&[][..], None));
    }
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0].action, choose(0));
    // Then it does, and is asked no more.
    let mut disk = Vec::new();
    let keep = |signed: &SignedMove| {
        disk.push(signed.to_bytes());
        Ok(())
    };
    let sent = book.sign(&key, &dispute, choose(1), &[9; 32], keep);
    assert_eq!(sent.as_ref(), Ok(&shown[0]));
    let never = |_: &SignedMove| Err("asked again".to_owned());
    assert_eq!(book.sign(&key, &dispute, choose(1), &[9; 32], never), sent);
    // Killed after writing, before sending: what is on disk is what it says from then on.
    drop(book);
    let read = || disk.iter().map(|b| SignedMove::from_bytes(b).unwrap());
    let mut book = MoveBook::restore(&fresh, read()).unwrap();
    assert_eq!(book.sign(&key, &dispute, choose(1), &[9; 32], never), sent);

    // What two books have signed, or another dispute's, or nobody, makes none.
    let second = sign_without_a_book(&key, dispute.id(), dispute.place(), choose(1), &[0; 32]);
    let two = MoveBook::restore(&fresh, read().chain([second.clone()]));
    assert_eq!(two, Err(BookError::TwoMoves { number }));
    let mut elsewhere = f.world.terms.clone();
    elsewhere.contract[0] ^= 1;
    let elsewhere = Dispute::open(elsewhere, OPENED_AT, &program).unwrap();
    let not_ours = Err(BookError::NotOurs { number });
    assert_eq!(MoveBook::restore(&elsewhere, read()), not_ours);
    let mut altered = second;
    altered.action = choose(2);
    assert_eq!(MoveBook::restore(&fresh, [altered]), not_ours);
}

/// One play of an honest party against a cheat that has blocks of its own.
fn play_seed(seed: u64, seen: &mut Seen) {
    let mut rng = Seeded::new(seed);
    let honest_side = [Side::Worker, Side::Challenger][rng.below(2) as usize];
    let program = chain();
    let story = Diverging {
        one_in: 1 + rng.below(30) as u16,
        start_too: rng.one_in(4),
        ..story()
    };
    let claimed = match honest_side {
        Side::Worker => right(),
        Side::Challenger => match story.run(&[3, 4]).map(|output| state_digest(&output)) {
            Ok(digest) if digest != right() && !rng.one_in(3) => digest,
            _ => [9; 32],
        },
    };
    let fan_out = 2 + rng.below(8) as u32;
    let mut world = World::new(chain(), records(), INDEX, claimed, fan_out);
    let depth = 1 + rng.below(4) as u16;
    world.terms.date_depth = depth;
    world.terms.response_blocks = 2 * depth + 1 + rng.below(3) as u16;
    let accepted = world.accepted();
    let terms = &world.terms;
    let (record, proof) = world.job.prove_record(INDEX).unwrap();
    let mut honest = Honest {
        side: honest_side,
        player: HonestPlayer::new(&program, record.clone(), proof.clone()),
        book: None,
        kept: Vec::new(),
        shows: rng.one_in(3),
    };
    let mut cheat = Cheat {
        side: honest_side.other(),
        double: HonestPlayer::new(&program, record.clone(), proof.clone()),
        liar: HonestPlayer::new(&story, record, proof),
        said: Vec::new(),
        pace: 1 + rng.below(4),
        rng: Seeded::new(!seed),
    };
    let reorg_one_in = 1 + rng.below(6);
    let world = (&program, terms);
    let (transcript, standing) = play_branches(world, &mut honest, &mut cheat, reorg_one_in, seen);

    // Anybody comes to the same ruling, from the bytes alone.
    let read = Transcript::from_bytes(&transcript.to_bytes()).unwrap();
    let finding = judge_dispute(&program, &accepted, terms, &read, read.complete_to).unwrap();
    assert_eq!(Standing::Ruled(finding), standing);
    // Nothing that the honest party ever signed convicts it.
    let moves = honest.book.as_ref().map_or(&[][..], MoveBook::moves);
    for (i, first) in moves.iter().enumerate() {
        for second in &moves[i + 1..] {
            seen.answered_twice += u32::from(first.number == second.number);
            let (first, second) = (first.clone(), second.clone());
            assert!(Equivocation { first, second }.prove(terms).is_err());
        }
    }
}

/// The honest side never loses, and comes to its ruling. A failure names its seed.
#[test]
fn an_honest_party_never_loses_to_who_chooses_the_branch() {
    let mut seen = Seen::default();
    for seed in 0..u64::from(common::times(120)) {
        let played = std::panic::catch_unwind(|| {
            let mut seen = Seen::default();
            play_seed(seed, &mut seen);
            seen
        });
        let now = played.unwrap_or_else(|_| panic!("seed {seed}"));
        seen.add(&now);
    }
    // The plays did try something.
    let tried = [
        seen.reorganised,
        seen.dates_changed,
        seen.moves_dropped,
        seen.moves_replaced,
        seen.out_of_order,
        seen.answered_twice,
        seen.timed_out,
        seen.equivocated,
        seen.revealed,
    ];
    assert!(tried.iter().all(|count| *count >= 5), "{seen:?}");
    println!("{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: common::times(60), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nor_in_plays_of_other_seeds(seed in any::<u64>()) {
        play_seed(seed, &mut Seen::default());
    }
}

/// The chain of the plays reads as the entries do.
#[test]
fn a_branch_is_read_in_its_order() {
    let f = forked();
    let said = |signed: &SignedMove| Record::Said(Event::Moved(signed.clone()));
    let mut branch = Branch::default();
    branch.mine(&[]).mine(&[said(&f.posts[0])]);
    assert_eq!(branch.read(&chain(), &f.world.terms), None);
    branch.mine(&[Record::Opening, said(&f.answers[0])]);
    let read = branch.read(&chain(), &f.world.terms).unwrap();
    assert_eq!((read.opened_at, read.entries.len()), (branch.tip(), 2));
}
