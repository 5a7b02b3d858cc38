//! Envelopes, openings and closings that somebody changed, copied or made up.

use crate::bounty_support;
use narthex_base::codec::Message as _;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{Message, Secp256k1, schnorr},
};
use bounty_support::{
    Bounty, LAYERS, OPEN, RIGHT, THREE, WRONG, at, identity, layer, left_out, phase, refuses,
    requester, set, signed, signed_by, time,
};
use narthex_contracts::bounty::{BountyError, Envelope, Layer, Opening, restore};
use narthex_contracts::setup::Agreement;

/// An envelope with a layer taken off, swapped, doubled, forged, of another bounty, or with another's commitment.
#[test]
fn layers_cannot_be_changed() {
    let mut bounty = signed(3, 2);
    let good = bounty.layers(&THREE);
    let other = signed_by(bounty_support::record(3, 2, 8));
    let foreign = {
        let mut other = other;
        other.layers(&THREE)
    };
    type Change<'a> = (&'a str, Box<dyn Fn(&mut Vec<Layer>) + 'a>);
    let swap_signatures = |layers: &mut Vec<Layer>| {
        let first = layers[0].signature;
        layers[0].signature = layers[1].signature;
        layers[1].signature = first;
    };
    let changes: Vec<Change<'_>> = vec![
        (
            "the innermost taken off",
            Box::new(|l| l.retain(|layer| layer.seat != 0)),
        ),
        (
            "one taken out",
            Box::new(|l| l.retain(|layer| layer.seat != 1)),
        ),
        ("two swapped", Box::new(|l| l.swap(0, 1))),
        ("one doubled", Box::new(|l| l.insert(1, l[0]))),
        ("the last doubled", Box::new(|l| l.push(l[2]))),
        (
            "another commitment",
            Box::new(|l| l[1].commitment = l[0].commitment),
        ),
        ("another seat", Box::new(|l| l[1].seat = 2)),
        ("no seat", Box::new(|l| l[2].seat = 200)),
        ("signatures swapped", Box::new(swap_signatures)),
        (
            "a layer of another bounty",
            Box::new(|l| l[2] = foreign.layers[2]),
        ),
    ];
    for (what, change) in &changes {
        let mut bad = good.clone();
        change(&mut bad.layers);
        let bytes = Envelope::from_bytes(&bad.to_bytes()).unwrap();
        assert!(bytes.verify(&bounty.terms).is_err(), "{what}");
        assert!(bounty.requester.take_envelope(&bad).is_err(), "{what}");
        assert!(bounty.recomputer(1).hear(100, &bad).is_err(), "{what}");
    }
    refuses(foreign.verify(&bounty.terms), |e| {
        *e == BountyError::Foreign
    });
    // The same layers said to be of this bounty.
    let mut relabelled = foreign.clone();
    relabelled.terms = good.terms;
    refuses(relabelled.verify(&bounty.terms), layer);
}

/// The outermost layers come off without breaking a signature: whoever saw them in time does not open.
#[test]
fn an_outer_layer_taken_off_is_seen() {
    let mut bounty = signed(3, 2);
    let whole = bounty.layers(&THREE);
    let mut stripped = whole.clone();
    stripped.layers.pop();
    stripped.verify(&bounty.terms).unwrap();
    let mut dishonest = signed(3, 2);
    dishonest.requester.take_envelope(&stripped).unwrap();
    refuses(dishonest.requester.seal(LAYERS - 1), time);
    let seal = dishonest.requester.seal(LAYERS).unwrap();
    for seat in 0..3 {
        refuses(bounty.recomputer(seat).open(at(LAYERS), &seal), left_out(2));
    }
    // Before its time an incomplete one is not opened by anybody.
    let mut late = signed(3, 2);
    late.layers(&THREE[..2]);
    refuses(late.recomputer(0).open(at(LAYERS - 1), &seal), time);
    late.recomputer(0).open(at(LAYERS), &seal).unwrap();
    // The inner layers alone are no envelope of recomputer 3's.
    refuses(bounty.recomputer(2).hear(100, &stripped), left_out(2));
}

fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let all = [&[tag.as_byte_array().as_slice(); 2], parts].concat();
    sha256::Hash::hash(&all.concat()).to_byte_array()
}

fn by_recomputer_3(message: [u8; 32]) -> schnorr::Signature {
    let secp = Secp256k1::new();
    secp.sign_schnorr(&Message::from_digest(message), &identity(2).keypair(&secp))
}

/// A layer of recomputer 3's with any commitment, as a recomputer could make it with its own program.
fn layer_of(before: &Envelope, seat: u8, commitment: [u8; 32]) -> Layer {
    let hash = before.hash();
    let parts: [&[u8]; 3] = [hash.as_byte_array(), &[seat], &commitment];
    Layer {
        seat,
        commitment,
        signature: by_recomputer_3(tagged("narthex/bounty-layer", &parts)),
    }
}

/// An opening of recomputer 3's with another's root and salt.
fn opening_of(bounty: &Bounty, seat: u8, other: &Opening) -> Opening {
    let envelope = other.envelope.as_byte_array();
    let parts: [&[u8]; 5] = [
        bounty.terms.id(),
        &[seat],
        envelope,
        &other.root,
        &other.salt,
    ];
    Opening {
        seat,
        signature: by_recomputer_3(tagged("narthex/bounty-opening", &parts)),
        ..*other
    }
}

/// A recomputer that copies another's commitment cannot open it; one that opens something else than it committed to neither.
#[test]
fn copies_cannot_be_opened() {
    let mut bounty = signed(3, 2);
    let empty = Envelope::new(&bounty.terms);
    let first = bounty.recomputer(0).sign(&empty, RIGHT).unwrap();
    let second = bounty.recomputer(1).sign(&first, RIGHT).unwrap();
    // Recomputer 3 signs the first one's commitment as its own: a valid layer.
    let mut copied = second.clone();
    copied
        .layers
        .push(layer_of(&second, 2, first.layers[0].commitment));
    copied.verify(&bounty.terms).unwrap();
    bounty.requester.take_envelope(&copied).unwrap();
    let seal = bounty.requester.seal(LAYERS).unwrap();
    let opening = bounty.recomputer(0).open(at(LAYERS), &seal).unwrap();
    // It hears root and salt of the first, and signs them as its own: its commitment would have to hash its own seat.
    let stolen = opening_of(&bounty, 2, &opening);
    let wrong = |e: &BountyError| matches!(e, BountyError::Opening { seat: 2, problem } if problem.contains("commits"));
    refuses(bounty.requester.take_opening(&stolen), wrong);
    refuses(bounty.recomputer(0).hear_opening(&stolen), wrong);
    // Another root than committed to.
    let mut other = opening;
    other.root = bounty.terms.root(WRONG);
    assert!(bounty.requester.take_opening(&other).is_err());
    bounty.requester.take_opening(&opening).unwrap();
}

/// A recomputer signs one result, and opens one envelope.
#[test]
fn a_recomputer_does_not_contradict_itself() {
    let mut bounty = signed(3, 2);
    let empty = Envelope::new(&bounty.terms);
    let first = bounty.recomputer(0).sign(&empty, RIGHT).unwrap();
    assert_eq!(bounty.recomputer(0).sign(&empty, RIGHT).unwrap(), first);
    refuses(bounty.recomputer(0).sign(&empty, WRONG), phase);
    let second = bounty.recomputer(1).sign(&first, RIGHT).unwrap();
    bounty.requester.take_envelope(&second).unwrap();
    let seal = bounty.requester.seal(LAYERS).unwrap();
    assert_eq!(bounty.requester.seal(LAYERS).unwrap(), seal, "once");
    // A second requester of the same keys seals less.
    let mut twin = signed(3, 2);
    twin.requester.take_envelope(&first).unwrap();
    let less = twin.requester.seal(LAYERS).unwrap();
    bounty.recomputer(0).open(at(LAYERS), &seal).unwrap();
    refuses(bounty.recomputer(0).open(at(LAYERS), &less), requester);
    assert_eq!(
        bounty.recomputer(0).open(at(LAYERS), &seal).unwrap(),
        bounty.recomputer(0).open(at(LAYERS), &seal).unwrap()
    );
    refuses(bounty.recomputer(2).open(at(LAYERS), &seal), phase);
    refuses(bounty.recomputer(2).hear(1, &second), left_out(2));
}

/// A closing that leaves out an opening which others have seen, or comes too early, or is not the requester's.
#[test]
fn a_false_closing_is_refused() {
    let mut bounty = signed(3, 1);
    bounty.opened(&THREE);
    let record = bounty.requester.record().clone();
    // The requester forgets recomputer 2's opening, in league with the others or not.
    let mut partial = record.clone();
    partial.openings.retain(|opening| opening.seat != 1);
    let held = restore(&bounty.terms, &bounty.requester.holdings().to_bytes()).unwrap();
    let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
    let mut cheat = narthex_contracts::bounty::Requester::restore(held, a, key, partial).unwrap();
    refuses(cheat.close(OPEN - 1), time);
    let closing = cheat.close(OPEN).unwrap();
    for seat in 0..3 {
        refuses(
            bounty.recomputer(seat).accept(at(OPEN), &closing),
            left_out(1),
        );
    }
    // Somebody else's signature, another round, somebody late in the first round.
    let good = bounty.requester.close(OPEN).unwrap();
    for change in 0..4 {
        let mut bad = good.clone();
        match change {
            0 => bad.signature = record.openings[0].signature,
            1 => bad.round = 1,
            2 => bad.late = set(&[1]),
            _ => bad.openings.swap(0, 1),
        }
        refuses(bounty.recomputer(0).accept(at(OPEN), &bad), requester);
    }
    // A recomputer that saw nothing of the others waits for their time before it takes a closing without them.
    let mut alone = signed(3, 1);
    let seal = alone.sealed(&THREE);
    let opening = alone.recomputer(0).open(at(LAYERS), &seal).unwrap();
    alone.requester.take_opening(&opening).unwrap();
    let closing = alone.requester.close(OPEN).unwrap();
    refuses(alone.recomputer(0).accept(at(OPEN - 1), &closing), time);
    alone.recomputer(0).accept(at(OPEN), &closing).unwrap();
    // More openings come: the closing is extended, never cut.
    let opening = alone.recomputer(1).open(at(LAYERS), &seal).unwrap();
    alone.requester.take_opening(&opening).unwrap();
    let more = alone.requester.close(OPEN).unwrap();
    assert_eq!(more.opened(), set(&[0, 1]));
    alone.recomputer(0).accept(at(OPEN), &more).unwrap();
    refuses(alone.recomputer(0).accept(at(OPEN), &closing), requester);
}
