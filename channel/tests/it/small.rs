//! A small contract that one node asks another for keeps the laws of machines, and its messages are known by their kinds.

use bitcoin::secp256k1::{
    Secp256k1, SecretKey,
    rand::{Rng, rngs::StdRng},
};
use narthex_base::{codec::Message as _, kinds};
use narthex_channel::{
    Machine as _,
    laws::{Effort, Subject, check},
    offer::Decline,
    small::{
        AskFault, AtFault, Declined, SmallAnswer, SmallAsk, SmallBeginning, SmallChange,
        SmallEffect, SmallInput, SmallMachine, SmallPeer, SmallRefusal,
    },
    wire::{Envelope, SMALL, WireFault, small_kind},
};
use narthex_contracts::depth::Depth;

use crate::{
    rows,
    wire_support::{CONTRACT, head, sign},
};

fn peer(byte: u8) -> SmallPeer {
    let secret = SecretKey::from_slice(&[byte; 32]).unwrap();
    SmallPeer {
        node: secret.public_key(&Secp256k1::new()),
        address: "127.0.0.1:9735".into(),
    }
}

fn begun(salt: u8, is_own: bool) -> SmallBeginning {
    let ask = SmallAsk {
        salt: [salt; 32],
        expires_s: 1_000,
        figures: vec![1; 9],
    };
    SmallBeginning::of_two(ask, is_own, peer(7), 100)
}

/// The same asked of so many.
fn among(salt: u8, count: u8, quorum: u8) -> SmallBeginning {
    SmallBeginning {
        peers: (0..count).map(|at| peer(7 + at)).collect(),
        quorum,
        ..begun(salt, true)
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
        let answer = match rng.gen_range(0..4) {
            0 => SmallAnswer::Declines(Decline::new("busy")),
            3 => SmallAnswer::Declined(Declined::new(AskFault::Full, "too many")),
            byte => SmallAnswer::Takes(vec![byte; 9]),
        };
        match rng.gen_range(0..8) {
            0 => SmallInput::Asked(Box::new(begun(rng.gen_range(1..3), rng.r#gen())), depth),
            1..=2 => {
                let (count, quorum) = (rng.gen_range(1..4), rng.gen_range(0..4));
                let among = among(rng.gen_range(1..3), count, quorum);
                SmallInput::Asked(Box::new(among), depth)
            }
            3..=6 => SmallInput::Answered(rng.gen_range(0..4), answer, depth),
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
    let foreign = [kinds::SLICE_EVIDENCE.as_bytes(), &[1; 20]].concat();
    assert!(is_inside(small_kind(&envelope(0, foreign))));
    assert!(is_inside(small_kind(&envelope(0, vec![0; 20]))));
}

/// Between two it is written down as before there were several: logs of older nodes are read on, and nothing is spelt in two ways.
#[test]
fn changes_are_spelt_in_one_way() {
    let two = SmallChange::Begun(Box::new(begun(1, true))).to_bytes();
    assert_eq!(two[kinds::SMALL_CHANGE.as_bytes().len()], 0);
    let three = SmallChange::Begun(Box::new(among(1, 3, 2)));
    assert_eq!(SmallChange::from_bytes(&three.to_bytes()), Ok(three));
    for bad in [
        among(1, 1, 2),
        among(1, 2, 0),
        among(1, 2, 3),
        SmallBeginning {
            peers: vec![peer(7), peer(7)],
            ..among(1, 2, 1)
        },
    ] {
        let change = SmallChange::Begun(Box::new(bad.clone()));
        assert!(SmallChange::from_bytes(&change.to_bytes()).is_err());
        let count = bad.peers.len();
        let asked = SmallInput::Asked(Box::new(bad), Some(Depth::LEAST));
        let refused = SmallMachine::default().step(&asked);
        assert_eq!(refused, Err(SmallRefusal::Peers(count)));
    }
    // One alone, spelt as several are: its quorum stands before its height.
    let mut bytes = SmallChange::Begun(Box::new(among(1, 1, 2))).to_bytes();
    let at = bytes.len() - 5;
    assert_eq!(std::mem::replace(&mut bytes[at], 1), 2);
    assert!(SmallChange::from_bytes(&bytes).is_err());
}

/// Of three of which two are needed one is gone: it is joined, and the third is asked on.
#[test]
fn it_is_joined_by_so_many_as_are_needed() {
    let mut machine = SmallMachine::default();
    let give = |machine: &mut SmallMachine, input: SmallInput| {
        let step = machine.step(&input).unwrap();
        step.changes.iter().for_each(|change| machine.apply(change));
        step.effects
    };
    let asked = SmallInput::Asked(Box::new(among(1, 3, 2)), Some(Depth::LEAST));
    let asks = |places: &[u8]| {
        places
            .iter()
            .map(|at| SmallEffect::Ask(*at))
            .collect::<Vec<_>>()
    };
    assert_eq!(give(&mut machine, asked), asks(&[0, 1, 2]));
    let takes = |by| SmallInput::Answered(by, SmallAnswer::Takes(vec![by]), None);
    assert_eq!(give(&mut machine, takes(2)), asks(&[0, 1]));
    assert_eq!(machine.standing(), "waiting");
    assert_eq!(give(&mut machine, takes(0)), asks(&[1]));
    assert_eq!(machine.standing(), "joined");
    let declines = SmallInput::Answered(1, SmallAnswer::Declines(Decline::new("no")), None);
    assert_eq!(give(&mut machine, declines), asks(&[]));
    assert_eq!(machine.standing(), "joined");
    let mut lost = SmallMachine::default();
    give(
        &mut lost,
        SmallInput::Asked(Box::new(among(1, 2, 2)), Some(Depth::LEAST)),
    );
    let declines = SmallInput::Answered(1, SmallAnswer::Declines(Decline::new("no")), None);
    assert_eq!(give(&mut lost, declines), asks(&[]));
    assert_eq!(lost.standing(), "declined");
}

/// Numbers of faults are those of the wire, and one of a newer program is kept as it came.
#[test]
fn a_fault_has_one_number_and_somebody_or_nobody_has_it() {
    for fault in AskFault::ALL {
        assert_eq!(AskFault::of(fault.code()), fault);
        let answer = SmallAnswer::Declined(Declined::new(fault, "words"));
        assert_eq!(
            SmallAnswer::from_bytes(&answer.to_bytes()),
            Ok(answer.clone())
        );
        assert_eq!(answer.reason(), Some("words"));
    }
    let newer = AskFault::of(200);
    assert_eq!((newer, newer.code()), (AskFault::Other(200), 200));
    assert_eq!(newer.at_fault(), AtFault::Nobody);
    assert_eq!(AskFault::Figures.at_fault().as_str(), "asker");
    assert_eq!(AskFault::Full.at_fault().as_str(), "asked");
}
