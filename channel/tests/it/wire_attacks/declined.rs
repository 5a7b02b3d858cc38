//! Asks for small contracts that are turned away.

use narthex_channel::{
    small::{AskFault, Declined},
    wire::{AskDeclined, Close, Frame, Outcome, SMALL, Standing},
};

use super::{close, greeted};
use crate::wire_support::{head, sign};

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
