//! Courses of bounties off the chain: honest ones, and every party's cheats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bounty_support;

use bitcoin::{
    Amount,
    hashes::{Hash, sha256},
    secp256k1::{Message, Secp256k1, schnorr},
};
use bounty_support::{
    Bounty, LAYERS, REFUND_AT, RIGHT, ROUND, WRONG, amount, identity, of, seed, set, signed,
    signed_by,
};
use narthex_contracts::bounty::{
    Answer, BountyError, Coin, Delivery, Envelope, Layer, Opening, Relay, RequesterDuty, Share,
    restore,
};
use narthex_contracts::setup::Agreement;
use narthex_game_model::market::LayerSet;

const OPEN: u32 = LAYERS + ROUND as u32;

const THREE: [(u8, &[u8]); 3] = [(0, RIGHT), (1, RIGHT), (2, RIGHT)];

fn left_out(seat: u8) -> impl Fn(&BountyError) -> bool {
    move |error| *error == BountyError::LeftOut { seat }
}

#[track_caller]
fn refuses<T: std::fmt::Debug>(result: Result<T, BountyError>, why: impl Fn(&BountyError) -> bool) {
    let error = result.unwrap_err();
    assert!(why(&error), "{error}");
}

fn requester(error: &BountyError) -> bool {
    matches!(error, BountyError::Requester { .. })
}

fn time(error: &BountyError) -> bool {
    matches!(error, BountyError::Time { .. })
}

fn phase(error: &BountyError) -> bool {
    matches!(error, BountyError::Phase { .. })
}

fn layer(error: &BountyError) -> bool {
    matches!(error, BountyError::Layer { .. })
}

/// All agree, all are paid, the requester has the result; every party restarts between any two moves.
#[test]
fn all_agree() {
    let mut bounty = signed(3, 2);
    let duty = |bounty: &Bounty, height| bounty.requester.duty(height, Coin::Locked);
    assert_eq!(duty(&bounty, 100), RequesterDuty::None);
    bounty.layers(&THREE);
    assert_eq!(duty(&bounty, 100), RequesterDuty::Seal, "it is complete");
    bounty.restart();
    bounty.opened(&THREE);
    assert_eq!(duty(&bounty, 100), RequesterDuty::Close);
    bounty.restart();
    let closing = bounty.closed(&THREE);
    bounty.restart();
    let paid = bounty.deliver(100, &closing);
    assert_eq!(paid, set(&[0, 1, 2]));
    assert_eq!(duty(&bounty, 100), RequesterDuty::Grant(paid));
    bounty.restart();
    bounty.granted(100, paid, &[2, 0]);
    bounty.restart();
    assert!(
        bounty.relay(0).settle().unwrap().is_none(),
        "relay 2 gave nothing"
    );
    assert_eq!(bounty.relay(0).missing(paid), set(&[1]));
    bounty.granted(100, paid, &[1]);
    bounty.restart();
    let settled: Vec<_> = (0..3)
        .map(|seat| bounty.relay(seat).settle().unwrap().unwrap())
        .collect();
    let txids: Vec<_> = settled.iter().map(|(_, tx)| tx.compute_txid()).collect();
    assert!(
        txids.iter().all(|txid| *txid == txids[0]),
        "anybody publishes the same"
    );
    let (_, tx) = &settled[1];
    assert_eq!(tx.output.len(), 4, "three relays and the anchor");
    let learned = bounty.requester.learn(tx).unwrap();
    assert_eq!(learned.result.as_deref(), Some(RIGHT));
    assert_eq!((learned.set, learned.cheats), (paid, LayerSet::empty()));
    let audits = bounty.requester.audits(120).unwrap();
    assert!(audits.len() == 3 && audits.iter().all(|audit| audit.passed));
    assert_eq!(bounty.requester.duty(120, Coin::Spent), RequesterDuty::None);
}

/// Who is wrong, absent or silent is not paid; amounts are exact.
#[test]
fn the_minority_is_not_paid() {
    type Case<'a> = (&'a [(u8, &'a [u8])], &'a [u8], &'a [(u8, bool)]);
    let cases: [Case<'_>; 3] = [
        (
            &[(0, RIGHT), (1, WRONG), (2, RIGHT)],
            &[0, 2],
            &[(0, true), (1, false), (2, true)],
        ),
        (
            &[(0, RIGHT), (2, RIGHT)],
            &[0, 2],
            &[(0, true), (1, false), (2, true)],
        ),
        // Colluders at the quorum are paid: that is what the quorum and the ledger are chosen for.
        (
            &[(0, WRONG), (1, WRONG), (2, RIGHT)],
            &[0, 1],
            &[(0, true), (1, true), (2, false)],
        ),
    ];
    for (results, members, audits) in cases {
        let mut bounty = signed(3, 2);
        let (paid, tx) = bounty.settled(results);
        assert_eq!(paid, set(members));
        let total: Amount = tx.output.iter().map(|output| output.value).sum();
        assert_eq!(total, bounty.terms.total());
        for (output, seat) in tx.output.iter().zip(members) {
            assert_eq!(output.value, amount(*seat));
        }
        let learned = bounty.requester.learn(&tx).unwrap();
        let first = results
            .iter()
            .find(|(seat, _)| *seat == members[0])
            .unwrap()
            .1;
        assert_eq!(learned.result.as_deref(), Some(first));
        let found = bounty.requester.audits(300).unwrap();
        let found: Vec<_> = (0..)
            .zip(&found)
            .map(|(seat, a)| (seat, a.passed))
            .collect();
        assert_eq!(found, audits);
    }
}

/// Below the quorum, and in a tie, nobody is paid: all give everything back at once.
#[test]
fn nobody_agrees() {
    let tie: [(u8, &[u8]); 4] = [(0, RIGHT), (1, WRONG), (2, RIGHT), (3, WRONG)];
    let below: [(u8, &[u8]); 2] = [(0, RIGHT), (1, WRONG)];
    for (relays, results) in [(4, &tie[..]), (2, &below[..])] {
        let mut bounty = signed(relays, 2);
        let closing = bounty.closed(results);
        assert!(closing.verify(&bounty.terms).unwrap().paid.is_empty());
        refuses(bounty.requester.grant(), phase);
        for seat in 0..relays {
            assert!(bounty.requester.cancel().unwrap().is_none());
            let Answer::GiveBack(share) = bounty.relay(seat).accept(OPEN, &closing).unwrap() else {
                panic!("seat {seat} keeps it");
            };
            let share = Share::from_bytes(&share.to_bytes()).unwrap();
            bounty.requester.take_share(&share).unwrap();
            bounty.requester.take_share(&share).unwrap();
        }
        assert_eq!(
            bounty.requester.duty(OPEN, Coin::Locked),
            RequesterDuty::Cancel
        );
        bounty.restart();
        let tx = bounty.requester.cancel().unwrap().unwrap();
        assert_eq!(tx.output[0].value, bounty.terms.total());
        assert!(bounty.requester.learn(&tx).is_err(), "nothing is learnt");
        let audits = bounty.requester.audits(300).unwrap();
        assert!(audits.is_empty(), "nobody knows who is right");
    }
}

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
        assert!(bounty.relay(1).hear(100, &bad).is_err(), "{what}");
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
        refuses(bounty.relay(seat).open(LAYERS, &seal), left_out(2));
    }
    // Before its time an incomplete one is not opened by anybody.
    let mut late = signed(3, 2);
    late.layers(&THREE[..2]);
    refuses(late.relay(0).open(LAYERS - 1, &seal), time);
    late.relay(0).open(LAYERS, &seal).unwrap();
    // The inner layers alone are no envelope of relay 3's.
    refuses(bounty.relay(2).hear(100, &stripped), left_out(2));
}

fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let all = [&[tag.as_byte_array().as_slice(); 2], parts].concat();
    sha256::Hash::hash(&all.concat()).to_byte_array()
}

fn by_relay_3(message: [u8; 32]) -> schnorr::Signature {
    let secp = Secp256k1::new();
    secp.sign_schnorr(&Message::from_digest(message), &identity(2).keypair(&secp))
}

/// A layer of relay 3's with any commitment, as a relay could make it with its own program.
fn layer_of(before: &Envelope, seat: u8, commitment: [u8; 32]) -> Layer {
    let hash = before.hash();
    let parts: [&[u8]; 3] = [hash.as_byte_array(), &[seat], &commitment];
    Layer {
        seat,
        commitment,
        signature: by_relay_3(tagged("narthex/bounty-layer", &parts)),
    }
}

/// An opening of relay 3's with another's root and salt.
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
        signature: by_relay_3(tagged("narthex/bounty-opening", &parts)),
        ..*other
    }
}

/// A relay that copies another's commitment cannot open it; one that opens something else than it committed to neither.
#[test]
fn copies_cannot_be_opened() {
    let mut bounty = signed(3, 2);
    let empty = Envelope::new(&bounty.terms);
    let first = bounty.relay(0).sign(&empty, RIGHT).unwrap();
    let second = bounty.relay(1).sign(&first, RIGHT).unwrap();
    // Relay 3 signs the first one's commitment as its own: a valid layer.
    let mut copied = second.clone();
    copied
        .layers
        .push(layer_of(&second, 2, first.layers[0].commitment));
    copied.verify(&bounty.terms).unwrap();
    bounty.requester.take_envelope(&copied).unwrap();
    let seal = bounty.requester.seal(LAYERS).unwrap();
    let opening = bounty.relay(0).open(LAYERS, &seal).unwrap();
    // It hears root and salt of the first, and signs them as its own: its commitment would have to hash its own seat.
    let stolen = opening_of(&bounty, 2, &opening);
    let wrong = |e: &BountyError| matches!(e, BountyError::Opening { seat: 2, problem } if problem.contains("commits"));
    refuses(bounty.requester.take_opening(&stolen), wrong);
    refuses(bounty.relay(0).hear_opening(&stolen), wrong);
    // Another root than committed to.
    let mut other = opening;
    other.root = bounty.terms.root(WRONG);
    assert!(bounty.requester.take_opening(&other).is_err());
    bounty.requester.take_opening(&opening).unwrap();
}

/// A relay signs one result, and opens one envelope.
#[test]
fn a_relay_does_not_contradict_itself() {
    let mut bounty = signed(3, 2);
    let empty = Envelope::new(&bounty.terms);
    let first = bounty.relay(0).sign(&empty, RIGHT).unwrap();
    assert_eq!(bounty.relay(0).sign(&empty, RIGHT).unwrap(), first);
    refuses(bounty.relay(0).sign(&empty, WRONG), phase);
    let second = bounty.relay(1).sign(&first, RIGHT).unwrap();
    bounty.requester.take_envelope(&second).unwrap();
    let seal = bounty.requester.seal(LAYERS).unwrap();
    assert_eq!(bounty.requester.seal(LAYERS).unwrap(), seal, "once");
    // A second requester of the same keys seals less.
    let mut twin = signed(3, 2);
    twin.requester.take_envelope(&first).unwrap();
    let less = twin.requester.seal(LAYERS).unwrap();
    bounty.relay(0).open(LAYERS, &seal).unwrap();
    refuses(bounty.relay(0).open(LAYERS, &less), requester);
    assert_eq!(
        bounty.relay(0).open(LAYERS, &seal).unwrap(),
        bounty.relay(0).open(LAYERS, &seal).unwrap()
    );
    refuses(bounty.relay(2).open(LAYERS, &seal), phase);
    refuses(bounty.relay(2).hear(1, &second), left_out(2));
}

/// A closing that leaves out an opening which others have seen, or comes too early, or is not the requester's.
#[test]
fn a_false_closing_is_refused() {
    let mut bounty = signed(3, 1);
    bounty.opened(&THREE);
    let record = bounty.requester.record().clone();
    // The requester forgets relay 2's opening, in league with the others or not.
    let mut partial = record.clone();
    partial.openings.retain(|opening| opening.seat != 1);
    let held = restore(&bounty.terms, &bounty.requester.holdings().to_bytes()).unwrap();
    let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
    let mut cheat = narthex_contracts::bounty::Requester::restore(held, a, key, partial).unwrap();
    refuses(cheat.close(OPEN - 1), time);
    let closing = cheat.close(OPEN).unwrap();
    for seat in 0..3 {
        refuses(bounty.relay(seat).accept(OPEN, &closing), left_out(1));
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
        refuses(bounty.relay(0).accept(OPEN, &bad), requester);
    }
    // A relay that saw nothing of the others waits for their time before it takes a closing without them.
    let mut alone = signed(3, 1);
    let seal = alone.sealed(&THREE);
    let opening = alone.relay(0).open(LAYERS, &seal).unwrap();
    alone.requester.take_opening(&opening).unwrap();
    let closing = alone.requester.close(OPEN).unwrap();
    refuses(alone.relay(0).accept(OPEN - 1, &closing), time);
    alone.relay(0).accept(OPEN, &closing).unwrap();
    // More openings come: the closing is extended, never cut.
    let opening = alone.relay(1).open(LAYERS, &seal).unwrap();
    alone.requester.take_opening(&opening).unwrap();
    let more = alone.requester.close(OPEN).unwrap();
    assert_eq!(more.opened(), set(&[0, 1]));
    alone.relay(0).accept(OPEN, &more).unwrap();
    refuses(alone.relay(0).accept(OPEN, &closing), requester);
}

/// A member's secret serves one set alone: with what it gave towards all, nobody can settle for fewer.
#[test]
fn a_secret_serves_one_settlement() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let all = bounty.deliver(OPEN, &closing);
    bounty.granted(OPEN, all, &[0, 1, 2]);
    let shares: Vec<Share> = bounty.relay(2).record().shares.clone();
    assert_eq!(shares.len(), 2);
    for mut share in shares {
        share.verify(&bounty.terms).unwrap();
        share.set = set(&[0, 1]);
        refuses(share.verify(&bounty.terms), |e| {
            matches!(e, BountyError::Share { .. } | BountyError::Foreign)
        });
    }
    // A grant for fewer is not answered, however well signed.
    let less = set(&[1, 2]);
    let node = narthex_contracts::bounty::settlement(&bounty.terms, less).unwrap();
    let grant = narthex_contracts::bounty::Grant {
        terms: *bounty.terms.id(),
        set: less,
        signature: bounty.requester.holdings().adaptor_signature(node).unwrap(),
    };
    grant
        .verify(&bounty.terms, bounty.requester.holdings().graph())
        .unwrap();
    for seat in [1, 2] {
        refuses(bounty.relay(seat).take_grant(OPEN, &grant), phase);
    }
    // Nor one whose signature is another's.
    let mut false_grant = bounty.requester.grant().unwrap();
    false_grant.signature = grant.signature;
    refuses(bounty.relay(1).take_grant(OPEN, &false_grant), requester);
}

/// No secret is given when the settlement could meet the refund.
#[test]
fn no_secret_near_the_refund() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    bounty.deliver(OPEN, &closing);
    let grant = bounty.requester.grant().unwrap();
    let last = REFUND_AT - u32::from(ROUND) - 1;
    refuses(bounty.relay(0).take_grant(last + 1, &grant), time);
    bounty.relay(0).take_grant(last, &grant).unwrap();
    assert_eq!(
        bounty.requester.duty(REFUND_AT - 1, Coin::Locked),
        RequesterDuty::CloseAgain {
            undelivered: LayerSet::empty()
        }
    );
    assert_eq!(
        bounty.requester.duty(REFUND_AT, Coin::Locked),
        RequesterDuty::Refund
    );
}

/// A member withholds its secret: it is left out in the next round, by those who lack it too.
#[test]
fn a_secret_withheld() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let all = bounty.deliver(OPEN, &closing);
    bounty.granted(OPEN, all, &[0, 1]);
    let next = bounty.terms.round_height(1);
    refuses(bounty.requester.close_again(next - 1, set(&[2])), time);
    refuses(
        bounty.requester.close_again(next, LayerSet::empty()),
        requester,
    );
    assert_eq!(
        bounty.requester.duty(next, Coin::Locked),
        RequesterDuty::CloseAgain {
            undelivered: LayerSet::empty()
        }
    );
    // To leave out one who gave its secret is refused by whoever has it; and by itself.
    let mut slander = signed(3, 2);
    std::mem::swap(&mut slander.requester, &mut bounty.requester);
    let innocent = {
        let record = slander.requester.record().clone();
        let held = restore(&bounty.terms, &slander.requester.holdings().to_bytes()).unwrap();
        let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
        let mut cheat =
            narthex_contracts::bounty::Requester::restore(held, a, key, record).unwrap();
        cheat.close_again(next, set(&[1])).unwrap()
    };
    refuses(bounty.relay(0).accept(next, &innocent), left_out(1));
    refuses(bounty.relay(1).accept(next, &innocent), left_out(1));
    std::mem::swap(&mut slander.requester, &mut bounty.requester);
    let closing = bounty.requester.close_again(next, set(&[2])).unwrap();
    refuses(bounty.relay(0).accept(next - 1, &closing), time);
    refuses(bounty.relay(2).accept(next, &closing), left_out(2));
    bounty.restart();
    let paid = bounty.deliver(next, &closing);
    assert_eq!(paid, set(&[0, 1]));
    bounty.granted(next, paid, &[0, 1]);
    let (settled, tx) = bounty.relay(1).settle().unwrap().unwrap();
    assert_eq!(settled, paid);
    assert_eq!(
        bounty.requester.learn(&tx).unwrap().result.as_deref(),
        Some(RIGHT)
    );
    let audits = bounty.requester.audits(300).unwrap();
    assert_eq!(
        audits.iter().map(|a| a.passed).collect::<Vec<_>>(),
        [true, true, false]
    );
    // Were it to give its secret now, both settlements would be there, of which one can confirm; both are exact.
    let grant = {
        let mut twin = signed(3, 2);
        let closing = twin.closed(&THREE);
        twin.deliver(OPEN, &closing);
        twin.requester.grant().unwrap()
    };
    let late = bounty.relay(2).take_grant(next, &grant).unwrap();
    bounty.relay(0).take_share(next, &late).unwrap();
    let (newest, _) = bounty.relay(0).settle().unwrap().unwrap();
    assert_eq!(newest, paid, "the one granted last");
    // Below the quorum nobody more can be left out.
    refuses(
        bounty.requester.close_again(next + 20, set(&[1])),
        requester,
    );
}

/// A secret that comes too late for its round, and still completes what was granted: who was paid has passed. Where
/// nothing settled, nobody has.
#[test]
fn audits_follow_the_settlement() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let all = bounty.deliver(OPEN, &closing);
    let grant = bounty.granted(OPEN, all, &[0, 1]);
    let next = bounty.terms.round_height(1);
    let late = bounty.relay(2).take_grant(next, &grant).unwrap();
    bounty.requester.close_again(next, set(&[2])).unwrap();
    let audits = bounty.requester.audits(300).unwrap();
    assert!(audits.len() == 1 && !audits[0].passed, "nothing settled");
    bounty.relay(0).take_share(next, &late).unwrap();
    let (settled, tx) = bounty.relay(0).settle().unwrap().unwrap();
    assert_eq!(settled, all);
    bounty.requester.learn(&tx).unwrap();
    bounty.restart();
    let audits = bounty.requester.audits(300).unwrap();
    assert!(audits.len() == 3 && audits.iter().all(|audit| audit.passed));
    // A record that says what no settlement is.
    let mut record = bounty.requester.record().clone();
    record.settled = Some(set(&[1]));
    let held = restore(&bounty.terms, &bounty.requester.holdings().to_bytes()).unwrap();
    let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
    assert!(narthex_contracts::bounty::Requester::restore(held, a, key, record).is_err());
}

/// What a relay passes on reaches these members, and what they answer reaches everybody in the set.
fn forwarded(bounty: &mut Bounty, height: u32, from: u8) {
    let passed = bounty.relay(from).forwards().unwrap().unwrap();
    for made in &passed.deliveries {
        bounty.requester.take_delivery(made).unwrap();
    }
    for member in of(passed.to) {
        for made in &passed.deliveries {
            bounty.relay(member).hear_delivery(height, made).unwrap();
        }
        for share in &passed.shares {
            bounty.relay(member).take_share(height, share).unwrap();
        }
        let answer = bounty.relay(member).accept(height, &passed.closing);
        if let Answer::Deliver(made) = answer.unwrap() {
            bounty.requester.take_delivery(&made).unwrap();
            for other in of(made.set) {
                bounty.relay(other).hear_delivery(height, &made).unwrap();
            }
        }
        if let Some(grant) = &passed.grant {
            let share = bounty.relay(member).take_grant(height, grant).unwrap();
            for other in of(grant.set) {
                bounty.relay(other).take_share(height, &share).unwrap();
            }
        }
    }
}

/// The requester sends a grant, or a closing, to two of three and leaves out the third as silent: the two pass it on,
/// have the answer, and do not agree.
#[test]
fn whom_the_requester_tells_nothing() {
    let next = OPEN + u32::from(ROUND);
    // The grant.
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let all = bounty.deliver(OPEN, &closing);
    bounty.granted(next - 1, all, &[0, 1]);
    let cheat = bounty.requester.close_again(next, set(&[2])).unwrap();
    bounty.restart();
    // Told a block ago, relay 3 had no time.
    for seat in [0, 1] {
        refuses(bounty.relay(seat).accept(next, &cheat), time);
        let passed = bounty.relay(seat).forwards().unwrap().unwrap();
        assert_eq!(passed.shares.len(), 2, "its own and the other's");
    }
    let passed = bounty.relay(0).forwards().unwrap().unwrap();
    assert_eq!(passed.to, set(&[1, 2]));
    let grant = passed.grant.unwrap();
    for share in &passed.shares {
        bounty.relay(2).take_share(next, share).unwrap();
    }
    let share = bounty.relay(2).take_grant(next, &grant).unwrap();
    for seat in [0, 1] {
        bounty.relay(seat).take_share(next, &share).unwrap();
    }
    bounty.restart();
    for seat in [0, 1] {
        refuses(bounty.relay(seat).accept(next + 50, &cheat), left_out(2));
    }
    for seat in 0..3 {
        assert_eq!(bounty.relay(seat).settle().unwrap().unwrap().0, all);
    }
    // The closing.
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    for seat in [0, 1] {
        let Answer::Deliver(made) = bounty.relay(seat).accept(next - 1, &closing).unwrap() else {
            panic!("paid and silent");
        };
        bounty.requester.take_delivery(&made).unwrap();
    }
    let mut twin = signed(3, 2);
    twin.closed(&THREE);
    let cheat = twin.requester.close_again(next, set(&[2])).unwrap();
    refuses(bounty.relay(0).accept(next, &cheat), time);
    forwarded(&mut bounty, next, 0);
    bounty.restart();
    for seat in [0, 1] {
        refuses(bounty.relay(seat).accept(next + 50, &cheat), left_out(2));
    }
    // And the requester has the delivery.
    assert_eq!(
        bounty.requester.duty(next, Coin::Locked),
        RequesterDuty::Grant(all)
    );
}

/// What a relay vetoes with, the requester has from it; a delivery just before the end of a round vetoes nothing.
#[test]
fn a_delivery_to_one_relay_alone() {
    let next = OPEN + u32::from(ROUND);
    for (height, vetoes) in [
        (OPEN, true),
        (next - 3, true),
        (next - 2, false),
        (next, false),
    ] {
        let mut bounty = signed(3, 2);
        let closing = bounty.closed(&THREE);
        let mut made = Vec::new();
        for seat in 0..3 {
            match bounty.relay(seat).accept(OPEN, &closing).unwrap() {
                Answer::Deliver(delivery) => made.push(delivery),
                other => panic!("{other:?}"),
            }
        }
        for delivery in &made[..2] {
            bounty.requester.take_delivery(delivery).unwrap();
        }
        bounty.relay(0).hear_delivery(height, &made[2]).unwrap();
        bounty.restart();
        let mut twin = signed(3, 2);
        twin.closed(&THREE);
        let without = twin.requester.close_again(next, set(&[2])).unwrap();
        bounty.relay(1).accept(next, &without).unwrap();
        if vetoes {
            refuses(bounty.relay(0).accept(next, &without), left_out(2));
            let passed = bounty.relay(0).forwards().unwrap().unwrap();
            assert_eq!(passed.deliveries, [*made[2].clone()]);
            bounty
                .requester
                .take_delivery(&passed.deliveries[0])
                .unwrap();
            bounty.requester.grant().unwrap();
        } else {
            bounty.relay(0).accept(next, &without).unwrap();
        }
    }
}

/// A member does not deliver: the requester grants nothing, and leaves it out; the others saw nothing of it either.
#[test]
fn a_delivery_withheld() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    for seat in [0, 1] {
        let Answer::Deliver(made) = bounty.relay(seat).accept(OPEN, &closing).unwrap() else {
            panic!("paid and silent");
        };
        bounty.requester.take_delivery(&made).unwrap();
        for other in [0, 1, 2] {
            bounty.relay(other).hear_delivery(OPEN, &made).unwrap();
        }
    }
    refuses(bounty.requester.grant(), phase);
    let next = bounty.terms.round_height(1);
    assert_eq!(
        bounty.requester.duty(next, Coin::Locked),
        RequesterDuty::CloseAgain {
            undelivered: set(&[2])
        }
    );
    // One whose delivery all have seen is not left out, granted or not.
    let mut slander = signed(3, 2);
    let same = slander.closed(&THREE);
    assert_eq!(same, closing);
    let false_closing = slander.requester.close_again(next, set(&[1])).unwrap();
    refuses(bounty.relay(0).accept(next, &false_closing), left_out(1));
    let closing = bounty.requester.close_again(next, set(&[2])).unwrap();
    let paid = bounty.deliver(next, &closing);
    bounty.granted(next, paid, &of(paid));
    let (_, tx) = bounty.relay(0).settle().unwrap().unwrap();
    assert_eq!(
        bounty.requester.learn(&tx).unwrap().result.as_deref(),
        Some(RIGHT)
    );
}

/// Encrypted garbage under a good root: paid, but one honest member is enough for the result, and the ledger learns it.
#[test]
fn garbage_delivered() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let paid = bounty.deliver(OPEN, &closing);
    let mut json: serde_json::Value = serde_json::to_value(bounty.requester.record()).unwrap();
    // What a twin of relay 1 signs for a set that it is in, with another result inside.
    let mut twin = signed(3, 2);
    let others: [(u8, &[u8]); 3] = [(0, WRONG), (1, WRONG), (2, WRONG)];
    let lie = twin.closed(&others);
    let Answer::Deliver(garbage) = twin.relay(0).accept(OPEN, &lie).unwrap() else {
        panic!("paid and silent");
    };
    garbage.verify(&bounty.terms).unwrap();
    json["deliveries"][0] = serde_json::to_value(&*garbage).unwrap();
    let record = serde_json::from_value(json).unwrap();
    let held = restore(&bounty.terms, &bounty.requester.holdings().to_bytes()).unwrap();
    let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
    bounty.requester = narthex_contracts::bounty::Requester::restore(held, a, key, record).unwrap();
    bounty.granted(OPEN, paid, &of(paid));
    let (_, tx) = bounty.relay(2).settle().unwrap().unwrap();
    let learned = bounty.requester.learn(&tx).unwrap();
    assert_eq!(learned.result.as_deref(), Some(RIGHT));
    assert_eq!(learned.cheats, set(&[0]));
    let audits = bounty.requester.audits(300).unwrap();
    assert_eq!(
        audits.iter().map(|a| a.passed).collect::<Vec<_>>(),
        [false, true, true]
    );
}

/// Deliveries that are changed, of another set, or of strangers; and nothing is read without the settlement.
#[test]
fn deliveries_are_checked() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let Answer::Deliver(good) = bounty.relay(0).accept(OPEN, &closing).unwrap() else {
        panic!("paid and silent");
    };
    for change in 0..5 {
        let mut bad = (*good).clone();
        match change {
            0 => bad.sealed.ciphertext[3] ^= 1,
            1 => bad.seat = 1,
            2 => bad.set = set(&[0, 1]),
            3 => bad.set = set(&[1, 2]),
            _ => bad.terms = [0; 32],
        }
        assert!(bounty.requester.take_delivery(&bad).is_err(), "{change}");
        assert!(
            bounty.relay(1).hear_delivery(OPEN, &bad).is_err(),
            "{change}"
        );
    }
    // A secret alone, or another, opens nothing: only the sum does.
    for byte in 1..40 {
        assert!(
            good.open(&bounty.terms, &bounty_support::secret(byte))
                .is_err()
        );
    }
    let share = {
        bounty.deliver(OPEN, &closing);
        let grant = bounty.requester.grant().unwrap();
        bounty.relay(1).take_grant(OPEN, &grant).unwrap()
    };
    assert!(good.open(&bounty.terms, &share.secret).is_err());
}

/// A requester that had one closed for nobody cannot go on with more openings: it might hold what cancels.
#[test]
fn given_back_is_given_back() {
    let mut bounty = signed(3, 2);
    let seal = bounty.sealed(&THREE);
    let opening = bounty.relay(0).open(LAYERS, &seal).unwrap();
    bounty.requester.take_opening(&opening).unwrap();
    let alone = bounty.requester.close(OPEN).unwrap();
    let answer = bounty.relay(0).accept(OPEN, &alone).unwrap();
    assert!(matches!(answer, Answer::GiveBack(_)));
    let opening = bounty.relay(1).open(LAYERS, &seal).unwrap();
    bounty.requester.take_opening(&opening).unwrap();
    let more = bounty.requester.close(OPEN).unwrap();
    assert_eq!(more.verify(&bounty.terms).unwrap().paid, set(&[0, 1]));
    refuses(bounty.relay(0).accept(OPEN, &more), requester);
    // The other way round: who gave a secret towards a settlement gives none to cancel.
    let mut bounty = signed(4, 2);
    let results: [(u8, &[u8]); 4] = [(0, RIGHT), (1, RIGHT), (2, WRONG), (3, WRONG)];
    let seal = bounty.sealed(&results);
    for seat in [0, 1] {
        let opening = bounty.relay(seat).open(LAYERS, &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
    }
    let closing = bounty.requester.close(OPEN).unwrap();
    let paid = bounty.deliver(OPEN, &closing);
    bounty.granted(OPEN, paid, &[0]);
    for seat in [2, 3] {
        let opening = bounty.relay(seat).open(LAYERS, &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
    }
    let tie = bounty.requester.close(OPEN).unwrap();
    assert!(tie.verify(&bounty.terms).unwrap().paid.is_empty());
    assert_eq!(bounty.relay(0).accept(OPEN, &tie).unwrap(), Answer::Nothing);
    let other = bounty.relay(1).accept(OPEN, &tie).unwrap();
    assert!(matches!(other, Answer::GiveBack(_)), "it gave nothing yet");
}

/// Records of other bounties, changed ones, and keys of others are refused.
#[test]
fn records_are_verified() {
    let mut bounty = signed(3, 2);
    bounty.settled(&THREE);
    let held = || restore(&bounty.terms, &bounty.relays[1].holdings().to_bytes()).unwrap();
    let record = bounty.relays[1].record().clone();
    assert!(Relay::restore(held(), identity(0), seed(1), record.clone()).is_err());
    assert!(Relay::restore(held(), identity(1), seed(0), record.clone()).is_err());
    let mut false_result = record.clone();
    false_result.work.as_mut().unwrap().result = WRONG.to_vec();
    let mut lost_seal = record.clone();
    lost_seal.seal = None;
    let mut false_share = record.clone();
    false_share.shares[0].set = set(&[0, 1]);
    let mut false_grant = record.clone();
    false_grant.grants[0].signature.0[40] ^= 1;
    for bad in [false_result, lost_seal, false_share, false_grant] {
        assert!(Relay::restore(held(), identity(1), seed(1), bad).is_err());
    }
    let other = signed_by(bounty_support::record(3, 2, 9));
    let foreign = restore(&other.terms, &other.relays[1].holdings().to_bytes()).unwrap();
    assert!(Relay::restore(foreign, identity(1), seed(1), record.clone()).is_err());
    assert!(restore(&other.terms, &bounty.relays[1].holdings().to_bytes()).is_err());
    Relay::restore(held(), identity(1), seed(1), record.clone()).unwrap();
    // Secrets and results are in no log.
    let text = format!("{record:?} {:?}", record.shares[0]);
    let signature = format!("{:?}", record.grants[0].signature);
    assert!(
        text.contains("Grant") && !text.contains(&signature),
        "{text}"
    );
    let secret = record.shares[0].secret.display_secret().to_string();
    assert!(
        !text.contains(&secret) && !text.contains("the words"),
        "{text}"
    );
}

/// Every message: whole, cut at each byte, with a byte more, with each byte changed, of other kinds, huge counts.
#[test]
fn decoders_take_only_what_is_whole() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let paid = bounty.deliver(OPEN, &closing);
    let grant = bounty.granted(OPEN, paid, &[0]);
    let share = bounty.relay(1).record().shares[0];
    let requester = bounty.requester.record();
    let opening = requester.openings[0];
    let (seal, delivery) = (
        requester.seal.clone().unwrap(),
        requester.deliveries[0].clone(),
    );
    fn check<T: PartialEq + std::fmt::Debug>(
        value: &T,
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Option<T>,
        holds: impl Fn(&T) -> bool,
    ) {
        assert_eq!(read(bytes).as_ref(), Some(value));
        assert!(holds(value));
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_none(), "cut at {cut}");
        }
        assert!(read(&[bytes, &[0]].concat()).is_none());
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(
                !read(&changed).is_some_and(|changed| holds(&changed)),
                "byte {at}"
            );
        }
        let mut huge = bytes.to_vec();
        for at in 0..bytes.len().saturating_sub(4).min(120) {
            huge[at..at + 4].copy_from_slice(&[0xff; 4]);
            assert!(!read(&huge).is_some_and(|changed| holds(&changed)));
            huge.copy_from_slice(bytes);
        }
    }
    let (terms, graph) = (&bounty.terms, bounty.requester.holdings().graph());
    use narthex_contracts::bounty::{Closing, Grant, Seal};
    let envelope = &closing.envelope;
    check(
        envelope,
        &envelope.to_bytes(),
        |b| Envelope::from_bytes(b).ok(),
        |e| e.verify(terms).is_ok(),
    );
    check(
        &seal,
        &seal.to_bytes(),
        |b| Seal::from_bytes(b).ok(),
        |s| s.verify(terms).is_ok(),
    );
    check(
        &opening,
        &opening.to_bytes(),
        |b| Opening::from_bytes(b).ok(),
        |o| o.verify(terms, envelope).is_ok(),
    );
    check(
        &closing,
        &closing.to_bytes(),
        |b| Closing::from_bytes(b).ok(),
        |c| c.verify(terms).is_ok(),
    );
    check(
        &delivery,
        &delivery.to_bytes(),
        |b| Delivery::from_bytes(b).ok(),
        |d| d.verify(terms).is_ok(),
    );
    check(
        &grant,
        &grant.to_bytes(),
        |b| Grant::from_bytes(b).ok(),
        |g| g.verify(terms, graph).is_ok(),
    );
    check(
        &share,
        &share.to_bytes(),
        |b| Share::from_bytes(b).ok(),
        |s| s.verify(terms).is_ok(),
    );
    assert!(envelope.hash().to_byte_array() != [0; 32]);
}
