//! Asks for small contracts that are turned away.

use narthex_channel::{
    small::{AskFault, Declined},
    wire::{Ack, AskDeclined, Close, Frame, Outcome, SMALL, Standing},
};

use super::{close, greeted};
use crate::wire_support::{head, sign};

/// What comes of contracts that are closed is said to be read, and is no contract that the peer begins: it may come of any number of them, as far as
/// bytes go.
#[test]
fn what_comes_of_closed_contracts_is_read() {
    let mut node = greeted(Standing::Known);
    let closed = |number: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        id
    };
    let mut told = 0;
    for number in 0..300u16 {
        let (contract, seq) = (closed(number), u64::from(number % 3));
        let body = vec![1; 30];
        let signed = sign(head(2, contract, seq, SMALL, &body), 2);
        let envelope = signed.with_body(body).unwrap();
        let mut out = node
            .link
            .received(&Frame::Envelope(envelope).to_bytes(), 0)
            .unwrap();
        let head = match out.pop() {
            Some(Outcome::Knock(envelope)) if seq == 0 => *envelope.head(),
            Some(Outcome::Unknown(signed)) if seq > 0 => signed.head,
            other => panic!("{other:?}"),
        };
        let out = node.link.read_over(&head, 0);
        let [Outcome::Send(bytes)] = &out[..] else {
            panic!("{out:?}");
        };
        let ack = Ack {
            contract,
            to: head.to,
            next: seq + 1,
        };
        assert_eq!(Frame::from_bytes(bytes), Ok(Frame::Ack(ack)));
        told += 1;
    }
    assert_eq!(told, 300);
    // Those that are not closed count: so many, and no more.
    let mut last = None;
    for number in 300..400u16 {
        let body = vec![1; 30];
        let signed = sign(head(2, closed(number), 1, SMALL, &body), 2);
        let frame = Frame::Envelope(signed.with_body(body).unwrap()).to_bytes();
        last = node.link.received(&frame, 0).unwrap().pop();
        if matches!(last, Some(Outcome::Close(_))) {
            assert_eq!(number, 300 + 64);
            break;
        }
    }
    assert!(
        matches!(last, Some(Outcome::Close(Close::Contracts { most: 64 }))),
        "{last:?}"
    );
}

/// An ask that is turned away is no contract of a stranger's: it is heard again and again, as far as its bytes go.
#[test]
fn a_stranger_that_was_turned_away_may_knock_again() {
    let mut node = greeted(Standing::Stranger);
    let why = Declined::new(AskFault::Unknown, "not here");
    let (mut knocks, mut last) = (0, None);
    for contract in 0..200 {
        let body = vec![1; 30];
        let signed = sign(head(2, [contract; 32], 0, SMALL, &body), 2);
        let envelope = signed.with_body(body).unwrap();
        let frame = Frame::Envelope(envelope.clone()).to_bytes();
        let mut out = node.link.received(&frame, 0).unwrap();
        let Some(Outcome::Knock(_)) = out.pop() else {
            last = close(&mut node, &frame);
            break;
        };
        knocks += 1;
        let out = node.link.turn_away([contract; 32], why.clone(), 0);
        let [Outcome::Send(bytes)] = &out[..] else {
            panic!("{out:?}");
        };
        let told = AskDeclined {
            contract: [contract; 32],
            why: why.clone(),
        };
        assert_eq!(Frame::from_bytes(bytes), Ok(Frame::Declined(told)));
    }
    assert!((20..100).contains(&knocks), "{knocks}");
    assert!(matches!(last, Some(Close::Stranger { .. })), "{last:?}");
    // Of one that is not answered there may be one, as before.
    let mut node = greeted(Standing::Stranger);
    assert_eq!(node.link.turn_away([9; 32], why, 0).len(), 1);
}
