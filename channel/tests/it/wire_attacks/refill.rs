//! A peer whose disk went back is given again what it had been handed, although nobody's link keeps long bodies.

use narthex_channel::wire::{BOXES, EVIDENCE, ITEM, OPENING};

use super::*;

/// Something short, then boxes, something short, an opening in one frame, evidence.
fn handed_over() -> Pair {
    let mut pair = Pair::new(31);
    for (message, length) in [
        (ITEM, 300),
        (BOXES, 200_000),
        (ITEM, 400),
        (OPENING, 5_000),
        (EVIDENCE, 70_000),
    ] {
        pair.nodes[0].say(message, vec![message as u8; length]);
        pair.nodes[1].say(ITEM, vec![length as u8; 200]);
        pair.run(FAIR);
    }
    pair.check_all_came("handed over");
    pair
}

/// What the contract of a node has is from then on as old as its links.
fn forget(node: &mut Node, entries: usize) {
    node.restore(entries);
    let next = node.link.machine().next(false, &CONTRACT, receivers(2));
    node.got.retain(|seq, _| *seq < next);
}

#[test]
fn boxes_openings_and_evidence_are_given_again_to_whoever_lost_them() {
    let entries = handed_over().nodes[1].entries();
    let mut lost = 0;
    for k in 0..entries {
        let mut pair = handed_over();
        let node = &mut pair.nodes[1];
        node.restore(k);
        node.link.open_contract(CONTRACT, membership(2)).unwrap();
        let next = node.link.machine().next(false, &CONTRACT, receivers(1));
        node.got.retain(|seq, _| *seq < next);
        lost += 5 - next;
        // The sender was started again too: what it knows is on its disk.
        pair.nodes[0].restart();
        pair.connect();
        pair.run(FAIR);
        pair.check_all_came(&format!("back by {} entries", entries - k));
        assert!(pair.nodes[1].missing.is_empty(), "{k}");
        let node = &pair.nodes[1];
        assert!(node.proofs.is_empty() && node.alarms.is_empty(), "{k}");
    }
    assert!(lost > 10, "{lost}");
}

#[test]
fn what_the_sender_cannot_say_yet_is_neither_gone_nor_overtaken() {
    let mut pair = handed_over();
    forget(&mut pair.nodes[1], 0);
    let node = &mut pair.nodes[1];
    node.link.open_contract(CONTRACT, membership(2)).unwrap();
    node.got.clear();
    pair.nodes[0].keeps = Keeps::NotNow;
    pair.nodes[0].restart();
    pair.connect();
    pair.run(FAIR);
    // The boxes are number 1: nothing behind them was taken.
    assert_eq!(pair.nodes[1].got.len(), 1);
    assert!(pair.nodes[1].missing.is_empty());
    // The contract lives.
    pair.nodes[0].keeps = Keeps::All;
    let again = pair.nodes[0].link.refills(&CONTRACT);
    assert!(pair.nodes[0].link.refills(&[9; 32]).is_empty());
    let mut rng = StdRng::seed_from_u64(1);
    pair.nodes[0].act(again, &mut rng).unwrap();
    pair.run(FAIR);
    pair.check_all_came("it lives");
}

#[test]
fn what_is_lost_for_good_is_said_to_be_gone_and_holds_up_nothing() {
    let mut pair = handed_over();
    forget(&mut pair.nodes[1], 0);
    let node = &mut pair.nodes[1];
    node.link.open_contract(CONTRACT, membership(2)).unwrap();
    node.got.clear();
    pair.nodes[0].keeps = Keeps::Nothing;
    pair.connect();
    pair.run(FAIR);
    assert_eq!(pair.nodes[1].missing, [1, 3, 4]);
    let got: Vec<_> = pair.nodes[1].got.keys().copied().collect();
    assert_eq!(got, [0, 2]);
}

#[test]
fn another_body_than_was_signed_is_not_sent() {
    let pair = handed_over();
    let link = &pair.nodes[0].link;
    let signed = link.machine().kept(true, (&CONTRACT, receivers(1)), 3);
    let signed = signed.unwrap().signed;
    assert_eq!(signed.head.message, OPENING);
    let other = link.refilled(&signed, Some(vec![1; 5_000]));
    let gone = Outcome::Send(Frame::Gone(signed).to_bytes());
    assert_eq!(other, [gone]);
}

/// Who asks again and again for what is long makes its peer read nothing without end.
#[test]
fn refills_count_as_what_they_bring() {
    let mut pair = Pair::new(33);
    pair.nodes[0].say(BOXES, vec![7; 6_000_000]);
    pair.run(FAIR);
    pair.check_all_came("boxes");
    // 6 MB each time, of a burst of 16.
    let asked = asked_until_closed(&mut pair.nodes[0], 5);
    assert_eq!(asked, 2);
}
