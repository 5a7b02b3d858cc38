//! A job that travels keeps the laws of machines, and what was asked for of it comes in order.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    Machine as _,
    fetch::{FETCH_WINDOW, FetchInput, FetchMachine, FetchRefusal, FetchWindow},
    laws::{Effort, Subject, check},
};
use narthex_game_model::bundle::{Bundle, CHUNK_BYTES};

use crate::rows;

fn bundle(root: u8) -> Bundle {
    Bundle::new([root; 32], vec![300, 0, 4 * CHUNK_BYTES as u64 + 1]).unwrap()
}

struct Fetching;

impl Subject for Fetching {
    type Machine = FetchMachine;
    type State = FetchMachine;

    fn fresh(&self) -> FetchMachine {
        FetchMachine::default()
    }

    fn state(&self, machine: &FetchMachine) -> FetchMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &FetchMachine, rng: &mut StdRng) -> FetchInput {
        let contract = [rng.gen_range(0..3); 32];
        match rng.gen_range(0..20) {
            0 => FetchInput::Wanted {
                bundle: bundle(2),
                contract,
            },
            1..=5 => FetchInput::Wanted {
                bundle: bundle(1),
                contract,
            },
            6 => FetchInput::Packed { bundle: bundle(1) },
            7 => FetchInput::Lost,
            8 => FetchInput::Useless {
                why: "no job".into(),
            },
            9..=11 => FetchInput::Dismissed { contract },
            _ => FetchInput::Kept {
                chunks: machine.kept() + rng.gen_range(0..4),
            },
        }
    }
}

#[test]
fn it_keeps_the_laws() {
    rows::print(&mut Fetching, 400, 20);
    check(&mut Fetching, Effort::new(11, 400, 30)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn what_was_no_job_is_not_fetched_again() {
    let mut machine = FetchMachine::default();
    let mut take = |input: FetchInput| {
        let step = machine.step(&input)?;
        step.changes.iter().for_each(|change| machine.apply(change));
        Ok::<_, FetchRefusal>(machine.standing())
    };
    let contract = [1; 32];
    let wanted = || FetchInput::Wanted {
        bundle: bundle(1),
        contract,
    };
    assert_eq!(take(wanted()), Ok("fetching"));
    assert_eq!(take(FetchInput::Kept { chunks: 3 }), Ok("fetching"));
    let (given, kept, all) = (2, 3, 6);
    let fewer = FetchRefusal::Chunks { given, kept, all };
    assert_eq!(take(FetchInput::Kept { chunks: 2 }), Err(fewer));
    let (given, kept, all) = (7, 3, 6);
    let more = FetchRefusal::Chunks { given, kept, all };
    assert_eq!(take(FetchInput::Kept { chunks: 7 }), Err(more));
    assert_eq!(take(FetchInput::Kept { chunks: 6 }), Ok("held"));
    let why = "no job".to_owned();
    assert_eq!(
        take(FetchInput::Useless { why: why.clone() }),
        Ok("useless")
    );
    assert_eq!(take(wanted()), Err(FetchRefusal::Useless(why)));
}

/// Whatever comes when, and is lost: chunks are taken in order, each once, and no more are on their way than may be.
#[test]
fn chunks_are_asked_for_until_all_have_come() {
    let all = 3 * FETCH_WINDOW + 1;
    let mut window = FetchWindow::new(2, all, 0);
    let first: Vec<_> = window.ask().collect();
    assert_eq!(first, (2..2 + FETCH_WINDOW).collect::<Vec<_>>());
    assert_eq!(window.ask().count(), 0, "nothing is asked for twice");
    assert!(!window.awaits(1) && !window.awaits(3), "the next one alone");
    let mut taken = Vec::new();
    let mut waiting: std::collections::VecDeque<_> = first.into();
    while let Some(index) = waiting.pop_front() {
        assert!(window.awaits(index));
        window.took(7);
        taken.push(index);
        waiting.extend(window.ask());
        assert!(waiting.len() <= FETCH_WINDOW as usize);
    }
    assert_eq!(taken, (2..all).collect::<Vec<_>>());
    assert!(!window.awaits(all), "there is none behind the last");
    assert_eq!((window.silent_ms(10), window.silent_ms(5)), (3, 0));
}
