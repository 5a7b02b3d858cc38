//! A small dispute over a hash chain, with named helpers.

use narthex_game_model::Ruling;
use narthex_game_model::commitment::state_digest;
use narthex_game_model::computation::StepProgram;
use narthex_game_model::dispute::{Dispute, Entry, Event, Move, Side, Transcript};
use narthex_game_model::workload::Records;

use super::World;
use super::adversary::{Act, play, sign};
use super::programs::{Chain, Diverging};

pub const UNITS: u64 = 30;
pub const INDEX: u64 = 1;

pub fn records() -> Records {
    Records::from_bytes(2, vec![1, 2, 3, 4, 5, 6]).unwrap()
}

pub fn chain() -> Chain {
    Chain { units: UNITS }
}

pub fn world(claimed: [u8; 32]) -> World<Chain> {
    World::new(chain(), records(), INDEX, claimed, 4)
}

pub fn right() -> [u8; 32] {
    state_digest(&chain().run(&[3, 4]).unwrap())
}

pub fn story() -> Diverging<Chain> {
    Diverging {
        inner: chain(),
        one_in: 9,
        start_too: false,
        byte: 20,
    }
}

/// A whole dispute over a wrong digest, both sides playing to the end.
pub fn played() -> (World<Chain>, Transcript) {
    let world = world([9; 32]);
    let played = play(&world, Side::Challenger, &story(), &[Act::Story], 1);
    assert_eq!(played.finding.ruling, Ruling::WorkerAtFault);
    (world, played.transcript)
}

pub fn moved(dispute: &Dispute, action: Move, height: u32) -> Entry {
    let (number, _) = dispute.place();
    Entry {
        height,
        event: Event::Moved(sign(dispute, Side::of(number), action)),
    }
}

pub fn advance(dispute: &mut Dispute, action: Move, height: u32) {
    let step = dispute
        .step(&chain(), &moved(dispute, action, height))
        .unwrap();
    assert_eq!(step.duty, {
        dispute.merge(step.changes);
        dispute.duty()
    });
}
