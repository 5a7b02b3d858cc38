//! What a party keeps back, or sends to some only: nobody honest is left out by it.

use crate::bounty_support;
use hex_conservative::DisplayHex;
use narthex_base::codec::Message as _;

use bounty_support::{
    DEPTH, LAYERS, OPEN, REFUND_AT, RIGHT, ROUND, SETTLING, THREE, WRONG, at, forwarded, left_out,
    of, phase, refuses, requester, set, signed, time,
};
use narthex_contracts::binding::MemoryBindings;
use narthex_contracts::bounty::{
    Answer, BountyError, Coin, RequesterDuty, recomputer_party, restore,
};
use narthex_contracts::depth::Shallow;
use narthex_contracts::fixtures::MadeUpNode;
use narthex_game_model::market::LayerSet;

/// No secret is given when the settlement could meet the refund.
#[test]
fn no_secret_near_the_refund() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    bounty.deliver(OPEN, &closing);
    let grant = bounty.requester.grant().unwrap();
    let last = REFUND_AT - u32::from(ROUND) - 1;
    refuses(bounty.recomputer(0).take_grant(at(last + 1), &grant), time);
    bounty.recomputer(0).take_grant(at(last), &grant).unwrap();
    assert_eq!(
        bounty
            .requester
            .duty(REFUND_AT - 1, Coin::Locked { height: 100 }),
        RequesterDuty::CloseAgain {
            undelivered: LayerSet::empty()
        }
    );
    assert_eq!(
        bounty
            .requester
            .duty(REFUND_AT, Coin::Locked { height: 100 }),
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
        bounty.requester.duty(next, Coin::Locked { height: 100 }),
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
    refuses(
        bounty.recomputer(0).accept(at(next), &innocent),
        left_out(1),
    );
    refuses(
        bounty.recomputer(1).accept(at(next), &innocent),
        left_out(1),
    );
    std::mem::swap(&mut slander.requester, &mut bounty.requester);
    let closing = bounty.requester.close_again(next, set(&[2])).unwrap();
    refuses(bounty.recomputer(0).accept(at(next - 1), &closing), time);
    refuses(bounty.recomputer(2).accept(at(next), &closing), left_out(2));
    bounty.restart();
    let paid = bounty.deliver(next, &closing);
    assert_eq!(paid, set(&[0, 1]));
    bounty.granted(next, paid, &[0, 1]);
    let (settled, tx) = bounty.recomputer(1).settle(SETTLING).unwrap().unwrap();
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
    let late = bounty.recomputer(2).take_grant(at(next), &grant).unwrap();
    bounty.recomputer(0).take_share(next, &late).unwrap();
    let (newest, _) = bounty.recomputer(0).settle(SETTLING).unwrap().unwrap();
    assert_eq!(newest, paid, "the one granted last");
    // Below the quorum nobody more can be left out.
    refuses(
        bounty.requester.close_again(next + 20, set(&[1])),
        requester,
    );
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
    // Told a block ago, recomputer 3 had no time.
    for seat in [0, 1] {
        refuses(bounty.recomputer(seat).accept(at(next), &cheat), time);
        let passed = bounty.recomputer(seat).forwards().unwrap().unwrap();
        assert_eq!(passed.shares.len(), 2, "its own and the other's");
    }
    let passed = bounty.recomputer(0).forwards().unwrap().unwrap();
    assert_eq!(passed.to, set(&[1, 2]));
    let grant = passed.grant.unwrap();
    for share in &passed.shares {
        bounty.recomputer(2).take_share(next, share).unwrap();
    }
    let share = bounty.recomputer(2).take_grant(at(next), &grant).unwrap();
    for seat in [0, 1] {
        bounty.recomputer(seat).take_share(next, &share).unwrap();
    }
    bounty.restart();
    for seat in [0, 1] {
        refuses(
            bounty.recomputer(seat).accept(at(next + 50), &cheat),
            left_out(2),
        );
    }
    for seat in 0..3 {
        assert_eq!(
            bounty.recomputer(seat).settle(SETTLING).unwrap().unwrap().0,
            all
        );
    }
    // The closing.
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    for seat in [0, 1] {
        let Answer::Deliver(made) = bounty
            .recomputer(seat)
            .accept(at(next - 1), &closing)
            .unwrap()
        else {
            panic!("paid and silent");
        };
        bounty.requester.take_delivery(&made).unwrap();
    }
    let mut twin = signed(3, 2);
    twin.closed(&THREE);
    let cheat = twin.requester.close_again(next, set(&[2])).unwrap();
    refuses(bounty.recomputer(0).accept(at(next), &cheat), time);
    forwarded(&mut bounty, next, 0);
    bounty.restart();
    for seat in [0, 1] {
        refuses(
            bounty.recomputer(seat).accept(at(next + 50), &cheat),
            left_out(2),
        );
    }
    // And the requester has the delivery.
    assert_eq!(
        bounty.requester.duty(next, Coin::Locked { height: 100 }),
        RequesterDuty::Grant(all)
    );
}

/// What a recomputer vetoes with, the requester has from it; a delivery just before the end of a round vetoes nothing.
#[test]
fn a_delivery_to_one_recomputer_alone() {
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
            match bounty.recomputer(seat).accept(at(OPEN), &closing).unwrap() {
                Answer::Deliver(delivery) => made.push(delivery),
                other => panic!("{other:?}"),
            }
        }
        for delivery in &made[..2] {
            bounty.requester.take_delivery(delivery).unwrap();
        }
        bounty
            .recomputer(0)
            .hear_delivery(height, &made[2])
            .unwrap();
        bounty.restart();
        let mut twin = signed(3, 2);
        twin.closed(&THREE);
        let without = twin.requester.close_again(next, set(&[2])).unwrap();
        bounty.recomputer(1).accept(at(next), &without).unwrap();
        if vetoes {
            refuses(bounty.recomputer(0).accept(at(next), &without), left_out(2));
            let passed = bounty.recomputer(0).forwards().unwrap().unwrap();
            assert_eq!(passed.deliveries, [*made[2].clone()]);
            bounty
                .requester
                .take_delivery(&passed.deliveries[0])
                .unwrap();
            bounty.requester.grant().unwrap();
        } else {
            bounty.recomputer(0).accept(at(next), &without).unwrap();
        }
    }
}

/// A member does not deliver: the requester grants nothing, and leaves it out; the others saw nothing of it either.
#[test]
fn a_delivery_withheld() {
    let mut bounty = signed(3, 2);
    let closing = bounty.closed(&THREE);
    for seat in [0, 1] {
        let Answer::Deliver(made) = bounty.recomputer(seat).accept(at(OPEN), &closing).unwrap()
        else {
            panic!("paid and silent");
        };
        bounty.requester.take_delivery(&made).unwrap();
        for other in [0, 1, 2] {
            bounty.recomputer(other).hear_delivery(OPEN, &made).unwrap();
        }
    }
    refuses(bounty.requester.grant(), phase);
    let next = bounty.terms.round_height(1);
    assert_eq!(
        bounty.requester.duty(next, Coin::Locked { height: 100 }),
        RequesterDuty::CloseAgain {
            undelivered: set(&[2])
        }
    );
    // One whose delivery all have seen is not left out, granted or not.
    let mut slander = signed(3, 2);
    let same = slander.closed(&THREE);
    assert_eq!(same, closing);
    let false_closing = slander.requester.close_again(next, set(&[1])).unwrap();
    refuses(
        bounty.recomputer(0).accept(at(next), &false_closing),
        left_out(1),
    );
    let closing = bounty.requester.close_again(next, set(&[2])).unwrap();
    let paid = bounty.deliver(next, &closing);
    bounty.granted(next, paid, &of(paid));
    let (_, tx) = bounty.recomputer(0).settle(SETTLING).unwrap().unwrap();
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
    // What a twin of recomputer 1 signs for a set that it is in, with another result inside.
    let mut twin = signed(3, 2);
    let others: [(u8, &[u8]); 3] = [(0, WRONG), (1, WRONG), (2, WRONG)];
    let lie = twin.closed(&others);
    let Answer::Deliver(garbage) = twin.recomputer(0).accept(at(OPEN), &lie).unwrap() else {
        panic!("paid and silent");
    };
    garbage.verify(&bounty.terms).unwrap();
    json["deliveries"][0] = garbage.to_bytes().to_lower_hex_string().into();
    let record = serde_json::from_value(json).unwrap();
    let held = restore(&bounty.terms, &bounty.requester.holdings().to_bytes()).unwrap();
    let (a, key) = (bounty_support::secret(100), bounty_support::secret(101));
    bounty.requester = narthex_contracts::bounty::Requester::restore(held, a, key, record).unwrap();
    bounty.granted(OPEN, paid, &of(paid));
    let (_, tx) = bounty.recomputer(2).settle(SETTLING).unwrap().unwrap();
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
    let Answer::Deliver(good) = bounty.recomputer(0).accept(at(OPEN), &closing).unwrap() else {
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
            bounty.recomputer(1).hear_delivery(OPEN, &bad).is_err(),
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
        bounty.recomputer(1).take_grant(at(OPEN), &grant).unwrap()
    };
    assert!(good.open(&bounty.terms, &share.secret).is_err());
}

/// Neither an opening, nor a delivery, nor a secret, nor the settlement is shown while fewer blocks than the policy's lie
/// on the coin: what is refused changes nothing, and on time it passes.
#[test]
fn nothing_is_shown_for_a_shallow_coin() {
    let mut bounty = signed(2, 2);
    let both = [(0, RIGHT), (1, RIGHT)];
    // Reorganised and confirmed again five blocks before: deep in the next block.
    let early = |tip: u32| (tip, Coin::Locked { height: tip - 4 });
    let shallow = |tip: u32| {
        BountyError::Shallow(Shallow {
            height: tip - 4,
            tip,
            depth: DEPTH,
        })
    };
    let seal = bounty.sealed(&both);
    let before = bounty.recomputer(0).record().clone();
    let refused = bounty.recomputer(0).open(early(LAYERS), &seal);
    assert_eq!(refused.unwrap_err(), shallow(LAYERS));
    refuses(
        bounty.recomputer(0).open((LAYERS, Coin::Unfunded), &seal),
        phase,
    );
    assert_eq!(*bounty.recomputer(0).record(), before);
    for seat in [0, 1] {
        let opening = bounty.recomputer(seat).open(at(LAYERS), &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
    }
    let closing = bounty.requester.close(OPEN).unwrap();
    let before = bounty.recomputer(0).record().clone();
    let refused = bounty.recomputer(0).accept(early(OPEN), &closing);
    assert_eq!(refused.unwrap_err(), shallow(OPEN));
    assert_eq!(*bounty.recomputer(0).record(), before);
    let paid = bounty.deliver(OPEN, &closing);
    let grant = bounty.requester.grant().unwrap();
    let before = bounty.recomputer(0).record().clone();
    let refused = bounty.recomputer(0).take_grant(early(OPEN), &grant);
    assert_eq!(refused.unwrap_err(), shallow(OPEN));
    assert_eq!(*bounty.recomputer(0).record(), before);
    bounty.granted(OPEN, paid, &[0, 1]);
    let refused = bounty.recomputer(0).settle(early(OPEN));
    assert_eq!(refused.unwrap_err(), shallow(OPEN));
    // One block later it is six deep.
    let (_, coin) = early(OPEN);
    assert!(
        bounty
            .recomputer(0)
            .settle((OPEN + 1, coin))
            .unwrap()
            .is_some()
    );
}

/// Layers are opened below 206: a recomputer that waits for six blocks does not sign when the coin could be so deep at 206,
/// and nobody funds what nobody opens.
#[test]
fn a_depth_leaves_time_for_the_openings() {
    let bounty = signed(2, 2);
    let (_, key) = bounty_support::roles(2).nth(1).unwrap();
    let sign = |tip| {
        let mut bindings = MemoryBindings::default();
        let seed = (bounty_support::seed(0), tip, DEPTH);
        recomputer_party(&bounty.terms, 0, &key, seed, &mut bindings).map(drop)
    };
    let late = BountyError::Late {
        deep_at: 206,
        open_height: 206,
    };
    assert_eq!(sign(200), Err(late.clone()));
    assert_eq!(sign(199), Ok(()));
    assert_eq!(
        bounty.requester.funding_psbt(204, &MadeUpNode).unwrap_err(),
        late
    );
    bounty.requester.funding_psbt(203, &MadeUpNode).unwrap();
}

/// An opening that comes after somebody was left out stands in no further closing; nobody refuses one for that.
#[test]
fn an_opening_kept_back_until_somebody_was_left_out() {
    let mut bounty = signed(4, 2);
    let seal = bounty.sealed(&[(0, RIGHT), (1, RIGHT), (2, RIGHT), (3, RIGHT)]);
    let open = |seat| bounty.recomputer(seat).open(at(LAYERS), &seal).unwrap();
    let openings: Vec<_> = (0..4).map(open).collect();
    for opening in &openings[..3] {
        bounty.requester.take_opening(opening).unwrap();
        for seat in 0..3 {
            bounty.recomputer(seat).hear_opening(opening).unwrap();
        }
    }
    let closing = bounty.requester.close(OPEN).unwrap();
    for seat in [0, 1] {
        bounty.recomputer(seat).accept(at(OPEN), &closing).unwrap();
    }
    let next = bounty.terms.round_height(1);
    let closing = bounty.requester.close_again(next, set(&[2])).unwrap();
    let delivers = |bounty: &mut bounty_support::Bounty| {
        let answer = bounty.recomputer(0).accept(at(next), &closing).unwrap();
        matches!(answer, Answer::Deliver(made) if made.set == set(&[0, 1]))
    };
    assert!(delivers(&mut bounty));
    bounty.requester.take_opening(&openings[3]).unwrap();
    bounty.recomputer(0).hear_opening(&openings[3]).unwrap();
    assert!(delivers(&mut bounty));
    assert_eq!(bounty.requester.record().openings.len(), 3);
}
