//! A small contract that one node asks another for keeps the laws of machines, and its messages are known by their kinds.

use bitcoin::secp256k1::{
    Secp256k1, SecretKey,
    rand::{Rng, rngs::StdRng},
};
use narthex_base::{codec::Message as _, kinds};
use narthex_channel::{
    laws::{Effort, Subject, check},
    offer::Decline,
    small::{SmallAnswer, SmallAsk, SmallBeginning, SmallInput, SmallMachine},
    wire::{Envelope, SMALL, WireFault, small_kind},
};
use narthex_contracts::depth::Depth;

use crate::{
    rows,
    wire_support::{CONTRACT, head, sign},
};

fn begun(salt: u8, is_own: bool) -> SmallBeginning {
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    SmallBeginning {
        ask: SmallAsk {
            salt: [salt; 32],
            expires_s: 1_000,
            figures: vec![1; 9],
        },
        is_own,
        peer: secret.public_key(&Secp256k1::new()),
        address: "127.0.0.1:9735".into(),
        height: 100,
    }
}

struct Asking;

impl Subject for Asking {
    type Machine = SmallMachine;
    type State = SmallMachine;

    fn fresh(&self) -> SmallMachine {
        SmallMachine::default()
    }

    fn state(&self, machine: &SmallMachine) -> SmallMachine {
        machine.clone()
    }

    fn input(&mut self, _: &SmallMachine, rng: &mut StdRng) -> SmallInput {
        let depth = [None, Some(Depth::LEAST), Some(Depth::USUAL)][rng.gen_range(0..3)];
        let answer = match rng.gen_range(0..3) {
            0 => SmallAnswer::Declines(Decline::new("busy")),
            byte => SmallAnswer::Takes(vec![byte; 9]),
        };
        match rng.gen_range(0..8) {
            0..=2 => SmallInput::Asked(Box::new(begun(rng.gen_range(1..3), rng.r#gen())), depth),
            3..=6 => SmallInput::Answered(answer, depth),
            _ => SmallInput::Ended,
        }
    }
}

#[test]
fn it_keeps_the_laws() {
    rows::print(&mut Asking, 400, 20);
    check(&mut Asking, Effort::new(11, 400, 20)).unwrap_or_else(|e| panic!("{e}"));
}

fn envelope(attempt: u8, body: Vec<u8>) -> Envelope {
    let mut head = head(2, CONTRACT, 0, SMALL, &body);
    head.attempt = attempt;
    sign(head, 2).with_body(body).unwrap()
}

#[test]
fn what_travels_is_of_a_known_kind_and_of_no_attempt() {
    let ask = begun(1, true).ask;
    let kind = small_kind(&envelope(0, ask.to_bytes()));
    assert_eq!(kind, Ok(Some(kinds::SMALL_ASK)));
    let late = small_kind(&envelope(1, ask.to_bytes()));
    let is_inside = |found| matches!(found, Err(WireFault::Inside { .. }));
    assert!(is_inside(late));
    // A message of something else, and one of nothing.
    let foreign = [kinds::SERVED.as_bytes(), &[1; 20]].concat();
    assert!(is_inside(small_kind(&envelope(0, foreign))));
    assert!(is_inside(small_kind(&envelope(0, vec![0; 20]))));
}
