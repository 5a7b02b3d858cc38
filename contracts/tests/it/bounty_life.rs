//! Courses of bounties off the chain: honest ones, endings, records.

use crate::bounty_support;
use narthex_base::codec::Message as _;

use bitcoin::Amount;
use bitcoin::hashes::Hash;
use bounty_support::{
    Bounty, LAYERS, OPEN, RIGHT, SETTLING, THREE, WRONG, amount, at, identity, phase, refuses,
    requester, seed, set, signed, signed_by,
};
use narthex_contracts::bounty::{
    Answer, BountyError, Coin, Delivery, Envelope, Opening, Recomputer, RequesterDuty, Share,
    restore,
};
use narthex_contracts::setup::Agreement;
use narthex_game_model::market::LayerSet;

/// All agree, all are paid, the requester has the result; every party restarts between any two moves.
#[test]
fn all_agree() {
    let mut bounty = signed(3, 2);
    let duty =
        |bounty: &Bounty, height| bounty.requester.duty(height, Coin::Locked { height: 100 });
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
        bounty.recomputer(0).settle(SETTLING).unwrap().is_none(),
        "recomputer 2 gave nothing"
    );
    assert_eq!(bounty.recomputer(0).missing(paid), set(&[1]));
    bounty.granted(100, paid, &[1]);
    bounty.restart();
    let settled: Vec<_> = (0..3)
        .map(|seat| bounty.recomputer(seat).settle(SETTLING).unwrap().unwrap())
        .collect();
    let txids: Vec<_> = settled.iter().map(|(_, tx)| tx.compute_txid()).collect();
    assert!(
        txids.iter().all(|txid| *txid == txids[0]),
        "anybody publishes the same"
    );
    let (_, tx) = &settled[1];
    assert_eq!(tx.output.len(), 4, "three recomputers and the anchor");
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
    for (recomputers, results) in [(4, &tie[..]), (2, &below[..])] {
        let mut bounty = signed(recomputers, 2);
        let closing = bounty.closed(results);
        assert!(closing.verify(&bounty.terms).unwrap().paid.is_empty());
        refuses(bounty.requester.grant(), phase);
        for seat in 0..recomputers {
            assert!(bounty.requester.cancel().unwrap().is_none());
            let Answer::GiveBack(share) =
                bounty.recomputer(seat).accept(at(OPEN), &closing).unwrap()
            else {
                panic!("seat {seat} keeps it");
            };
            let share = Share::from_bytes(&share.to_bytes()).unwrap();
            bounty.requester.take_share(&share).unwrap();
            bounty.requester.take_share(&share).unwrap();
        }
        assert_eq!(
            bounty.requester.duty(OPEN, Coin::Locked { height: 100 }),
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

/// A member's secret serves one set alone: with what it gave towards all, nobody can settle for fewer.
#[test]
fn a_secret_serves_one_settlement() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    let all = bounty.deliver(OPEN, &closing);
    bounty.granted(OPEN, all, &[0, 1, 2]);
    let shares: Vec<Share> = bounty.recomputer(2).record().shares.clone();
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
        refuses(bounty.recomputer(seat).take_grant(at(OPEN), &grant), phase);
    }
    // Nor one whose signature is another's.
    let mut false_grant = bounty.requester.grant().unwrap();
    false_grant.signature = grant.signature;
    refuses(
        bounty.recomputer(1).take_grant(at(OPEN), &false_grant),
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
    let late = bounty.recomputer(2).take_grant(at(next), &grant).unwrap();
    bounty.requester.close_again(next, set(&[2])).unwrap();
    let audits = bounty.requester.audits(300).unwrap();
    assert!(audits.len() == 1 && !audits[0].passed, "nothing settled");
    bounty.recomputer(0).take_share(next, &late).unwrap();
    let (settled, tx) = bounty.recomputer(0).settle(SETTLING).unwrap().unwrap();
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

/// A requester that had one closed for nobody cannot go on with more openings: it might hold what cancels.
#[test]
fn given_back_is_given_back() {
    let mut bounty = signed(3, 2);
    let seal = bounty.sealed(&THREE);
    let opening = bounty.recomputer(0).open(at(LAYERS), &seal).unwrap();
    bounty.requester.take_opening(&opening).unwrap();
    let alone = bounty.requester.close(OPEN).unwrap();
    let answer = bounty.recomputer(0).accept(at(OPEN), &alone).unwrap();
    assert!(matches!(answer, Answer::GiveBack(_)));
    let opening = bounty.recomputer(1).open(at(LAYERS), &seal).unwrap();
    bounty.requester.take_opening(&opening).unwrap();
    let more = bounty.requester.close(OPEN).unwrap();
    assert_eq!(more.verify(&bounty.terms).unwrap().paid, set(&[0, 1]));
    refuses(bounty.recomputer(0).accept(at(OPEN), &more), requester);
    // The other way round: who gave a secret towards a settlement gives none to cancel.
    let mut bounty = signed(4, 2);
    let results: [(u8, &[u8]); 4] = [(0, RIGHT), (1, RIGHT), (2, WRONG), (3, WRONG)];
    let seal = bounty.sealed(&results);
    for seat in [0, 1] {
        let opening = bounty.recomputer(seat).open(at(LAYERS), &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
    }
    let closing = bounty.requester.close(OPEN).unwrap();
    let paid = bounty.deliver(OPEN, &closing);
    bounty.granted(OPEN, paid, &[0]);
    for seat in [2, 3] {
        let opening = bounty.recomputer(seat).open(at(LAYERS), &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
    }
    let tie = bounty.requester.close(OPEN).unwrap();
    assert!(tie.verify(&bounty.terms).unwrap().paid.is_empty());
    assert_eq!(
        bounty.recomputer(0).accept(at(OPEN), &tie).unwrap(),
        Answer::Nothing
    );
    let other = bounty.recomputer(1).accept(at(OPEN), &tie).unwrap();
    assert!(matches!(other, Answer::GiveBack(_)), "it gave nothing yet");
}

/// Records of other bounties, changed ones, and keys of others are refused.
#[test]
fn records_are_verified() {
    let mut bounty = signed(3, 2);
    bounty.settled(&THREE);
    let held = || restore(&bounty.terms, &bounty.recomputers[1].holdings().to_bytes()).unwrap();
    let record = bounty.recomputers[1].record().clone();
    assert!(Recomputer::restore(held(), identity(0), seed(1), record.clone()).is_err());
    assert!(Recomputer::restore(held(), identity(1), seed(0), record.clone()).is_err());
    let mut false_result = record.clone();
    false_result.work.as_mut().unwrap().result = WRONG.to_vec();
    let mut lost_seal = record.clone();
    lost_seal.seal = None;
    let mut false_share = record.clone();
    false_share.shares[0].set = set(&[0, 1]);
    let mut false_grant = record.clone();
    false_grant.grants[0].signature.0[40] ^= 1;
    for bad in [false_result, lost_seal, false_share, false_grant] {
        assert!(Recomputer::restore(held(), identity(1), seed(1), bad).is_err());
    }
    let other = signed_by(bounty_support::record(3, 2, 9));
    let foreign = restore(&other.terms, &other.recomputers[1].holdings().to_bytes()).unwrap();
    assert!(Recomputer::restore(foreign, identity(1), seed(1), record.clone()).is_err());
    assert!(restore(&other.terms, &bounty.recomputers[1].holdings().to_bytes()).is_err());
    Recomputer::restore(held(), identity(1), seed(1), record.clone()).unwrap();
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
    let share = bounty.recomputer(1).record().shares[0];
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
