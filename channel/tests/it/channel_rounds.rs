//! Rounds of a channel: what each message must bring before the next leaves (R1 to R8 and their amendments), and what a crash costs.

use narthex_channel::channel::{ChannelFault, ChannelInput, ChannelMessage, Order, Outcome};
use narthex_contracts::{
    channel::{ChannelError, Proof, Side},
    musig::AdaptorSignature,
};

use crate::channel_support::{CAPACITY, PUSH, Sides, fault, fulfil, point, secret};

pub const A: Side = Side::Opener;
pub const B: Side = Side::Accepter;

pub fn heard(message: ChannelMessage) -> ChannelInput {
    ChannelInput::Heard(message)
}

/// A side's one answer to its one ask.
pub fn answered(sides: &mut Sides, side: Side) -> ChannelMessage {
    let asks = sides.asks(side);
    let [ask] = &asks[..] else { panic!("{asks:?}") };
    let inputs = sides.answer(side, ask);
    let [ChannelInput::Signed(message)] = &inputs[..] else {
        panic!("{inputs:?}")
    };
    message.clone()
}

/// A side answers its ask, and the message is durable.
pub fn signs(sides: &mut Sides, side: Side) -> ChannelMessage {
    let message = answered(sides, side);
    sides
        .step(side, ChannelInput::Signed(message.clone()))
        .unwrap();
    message
}

/// Stages of a side reach the other.
pub fn stages(sides: &mut Sides, side: Side) {
    for message in sides.says(side) {
        if matches!(message, ChannelMessage::Stage { .. }) {
            sides.step(side.other(), heard(message)).unwrap();
        }
    }
}

pub fn of(name: &str, message: &ChannelMessage) -> ChannelMessage {
    let is = match message {
        ChannelMessage::Propose { .. } => "propose",
        ChannelMessage::Accept { .. } => "accept",
        ChannelMessage::Commit { .. } => "commit",
        ChannelMessage::Revoke { .. } => "revoke",
        _ => "other",
    };
    assert_eq!(is, name);
    message.clone()
}

#[test]
fn payments_go_both_ways_and_come_to_their_ends() {
    let mut sides = Sides::opened(1);
    let first = sides.pay(A, 10_000, point(1), 900);
    let second = sides.pay(B, 20_000, point(2), 900);
    let third = sides.pay(A, 30_000, point(3), 900);
    sides.settle();
    for side in Side::BOTH {
        assert_eq!(sides.pending(side).len(), 3);
        assert_eq!(
            sides.balances(side),
            [CAPACITY - PUSH - 40_000, PUSH - 20_000]
        );
    }
    sides.order(B, fulfil(first, 1));
    sides.order(A, fulfil(second, 2));
    sides.order(B, Order::GiveBack(third));
    sides.settle();
    for side in Side::BOTH {
        assert!(sides.pending(side).is_empty());
        assert_eq!(
            sides.balances(side),
            [CAPACITY - PUSH + 10_000, PUSH - 10_000]
        );
        let machine = sides.machine(side);
        assert_eq!(machine.outcome(first), Some(&Outcome::Paid));
        assert_eq!(machine.outcome(second), Some(&Outcome::Paid));
        assert_eq!(machine.outcome(third), Some(&Outcome::Failed));
        assert_eq!(machine.proof(first), Some(&Proof::Secret(secret(1))));
        assert_eq!(machine.proof(third), None);
    }
}

/// R1: the other side's new commitment is not signed while a claim on it is not: each list is short by one, and false in one.
#[test]
fn nothing_is_signed_before_every_claim_on_it_is() {
    let mut sides = Sides::opened(2);
    let first = sides.pay(A, 10_000, point(1), 900);
    sides.pay(B, 20_000, point(2), 900);
    sides.settle();
    // A round later the old payments are on new commitments: signed for anew.
    sides.pay(A, 11_000, point(3), 900);
    stages(&mut sides, A);
    let (owner, other) = if sides.words()[0] == "idle" {
        (A, B)
    } else {
        (B, A)
    };
    let propose = of("propose", &signs(&mut sides, owner));
    let ChannelMessage::Propose {
        number,
        cut,
        claims,
    } = &propose
    else {
        panic!()
    };
    let with = |claims: Vec<AdaptorSignature>| {
        heard(ChannelMessage::Propose {
            number: *number,
            cut: *cut,
            claims,
        })
    };
    assert!(!claims.is_empty());
    let short = claims[1..].to_vec();
    let refused = fault(sides.step(other, with(short)));
    assert!(
        matches!(refused, ChannelFault::Channel(ChannelError::Count { .. })),
        "{refused}"
    );
    for at in 0..claims.len() {
        let mut wrong = claims.clone();
        wrong[at].0[40] ^= 1;
        let refused = fault(sides.step(other, with(wrong)));
        let ChannelFault::Channel(ChannelError::Signature { side, .. }) = refused else {
            panic!("{refused}")
        };
        assert_eq!(side, owner);
    }
    assert!(sides.asks(other).is_empty(), "nothing to sign yet");
    sides.step(other, heard(propose)).unwrap();
    let accept = of("accept", &signs(&mut sides, other));
    let ChannelMessage::Accept {
        number,
        claims,
        share,
        second,
    } = &accept
    else {
        panic!()
    };
    let with = |claims: &[AdaptorSignature], second: &[AdaptorSignature]| {
        let (claims, second) = (claims.to_vec(), second.to_vec());
        heard(ChannelMessage::Accept {
            number: *number,
            claims,
            share: *share,
            second,
        })
    };
    fault(sides.step(owner, with(&claims[1..], second)));
    fault(sides.step(owner, with(claims, &second[1..])));
    let mut wrong = second.clone();
    wrong.swap(0, 1);
    fault(sides.step(owner, with(claims, &wrong)));
    assert!(sides.asks(owner).is_empty());
    sides.step(owner, heard(accept)).unwrap();
    assert_eq!(sides.asks(owner).len(), 1);
    let _ = first;
}

/// R2: the secret of the old commitment is asked for once the new one is whole and durable, and not before.
#[test]
fn no_side_revokes_before_its_new_commitment_is_whole() {
    let mut sides = Sides::opened(3);
    sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    let propose = signs(&mut sides, A);
    let early = |sides: &mut Sides, side: Side, message: &ChannelMessage| {
        fault(sides.step(side, ChannelInput::Signed(message.clone())))
    };
    sides.step(B, heard(propose)).unwrap();
    let accept = signs(&mut sides, B);
    // Of another channel that went on: the signer's answer is not taken here.
    let mut other = Sides::opened(3);
    other.pay(A, 10_000, point(1), 900);
    stages(&mut other, A);
    let its = signs(&mut other, A);
    other.step(B, heard(its)).unwrap();
    let its = signs(&mut other, B);
    other.step(A, heard(its)).unwrap();
    let commit = of("commit", &signs(&mut other, A));
    early(&mut sides, A, &commit);
    let ChannelMessage::Accept {
        number,
        claims,
        share,
        second,
    } = &accept
    else {
        panic!()
    };
    let mut wrong = *share;
    wrong.share.0[31] ^= 1;
    let (claims, second) = (claims.clone(), second.clone());
    let wrong = ChannelMessage::Accept {
        number: *number,
        claims,
        share: wrong,
        second,
    };
    fault(sides.step(A, heard(wrong)));
    assert!(sides.asks(A).is_empty(), "the commitment is not whole");
    sides.step(A, heard(accept)).unwrap();
    // Durable: a crash does not change what is asked.
    sides.crash(A);
    let commit = of("commit", &signs(&mut sides, A));
    let ChannelMessage::Commit {
        number,
        share,
        second,
        revocation,
    } = &commit
    else {
        panic!()
    };
    let mut wrong = *share;
    wrong.share.0[31] ^= 1;
    let second = second.clone();
    let wrong = ChannelMessage::Commit {
        number: *number,
        share: wrong,
        second,
        revocation: *revocation,
    };
    fault(sides.step(B, heard(wrong)));
    assert!(sides.asks(B).is_empty());
    sides.step(B, heard(commit)).unwrap();
    sides.crash(B);
    let revoke = of("revoke", &signs(&mut sides, B));
    let ChannelMessage::Revoke {
        number,
        revocation,
        keep,
    } = &revoke
    else {
        panic!()
    };
    let mut wrong = *revocation;
    wrong.secret = secret(9);
    let wrong = ChannelMessage::Revoke {
        number: *number,
        revocation: wrong,
        keep: *keep,
    };
    assert_eq!(
        fault(sides.step(A, heard(wrong))),
        ChannelFault::NotRevoked { number: 0 }
    );
    sides.step(A, heard(revoke)).unwrap();
}

/// R3 and Q1: a payment counts when the other side's commitment without it is revoked, durably: for whom it is offered to in message 3,
/// for the proposer behind message 4.
#[test]
fn a_payment_counts_once_it_is_locked() {
    let mut sides = Sides::opened(4);
    let theirs = sides.pay(B, 20_000, point(2), 900);
    let ours = sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    stages(&mut sides, B);
    let not_locked = |sides: &mut Sides, side, order| {
        fault(sides.step(side, ChannelInput::Order(order)))
            == ChannelFault::NotLocked(if side == A { theirs } else { ours })
    };
    let propose = signs(&mut sides, A);
    sides.step(B, heard(propose)).unwrap();
    assert!(not_locked(&mut sides, B, fulfil(ours, 1)));
    let accept = signs(&mut sides, B);
    assert!(not_locked(&mut sides, B, fulfil(ours, 1)));
    sides.step(A, heard(accept)).unwrap();
    assert!(not_locked(&mut sides, A, fulfil(theirs, 2)));
    let commit = signs(&mut sides, A);
    sides.step(B, heard(commit)).unwrap();
    assert_eq!(sides.pending(B).len(), 2, "locked for B");
    sides.crash(B);
    assert_eq!(sides.pending(B).len(), 2, "durably");
    assert!(
        not_locked(&mut sides, A, fulfil(theirs, 2)),
        "B may still publish what has no payment"
    );
    let revoke = signs(&mut sides, B);
    sides.step(A, heard(revoke)).unwrap();
    sides.order(A, fulfil(theirs, 2));
    sides.order(B, fulfil(ours, 1));
    sides.settle();
    assert!(sides.pending(A).is_empty());
}
