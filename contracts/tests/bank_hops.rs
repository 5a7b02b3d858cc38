//! Payments through one banker and through two, without a chain: they arrive, survive crashes, and what is false,
//! replayed, stolen or too near is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bank_support;
#[path = "bank_support/way.rs"]
mod way;

use bank_support::{public, rng, secret};
use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_contracts::bank::{
    BankError, Banker, CheckError, Coin, CoinError, HopError, Leg, MAX_HOPS, MIN_MARGIN, Notice,
    Order, Policy, Promise, Receipt, Release, Route, Settled, Sight, receipt,
};
use std::collections::BTreeMap;
use way::{TIP, Way, policy, sight};

/// Counts of a payment of 700 pennies of 1 sat: 10 and a thousandth for each banker.
const ONE: [u32; 2] = [710, 700];
const TWO: [u32; 3] = [720, 710, 700];

fn play(mut way: Way, counts: &[u32], crashes: bool) {
    let crash = |way: &mut Way| {
        if crashes {
            way.crash();
        }
    };
    let mut route = way.route(counts);
    way.begin(&route);
    crash(&mut way);
    let orders = route.orders();
    for (i, order) in orders.iter().enumerate() {
        way.pass(i, order);
        crash(&mut way);
        // Asked again it gives the same frame, which the next takes again.
        way.pass(i, order);
    }
    let released = {
        let receipt = way.receipt(&route);
        route.release(&receipt).unwrap()
    };
    way.b.learn(&released.point, released.secret).unwrap();
    assert_eq!(way.b.owed(), 700);
    crash(&mut way);
    let mut release = released;
    for i in (0..way.bankers.len()).rev() {
        let before = way.bankers[i].record();
        let collect = way.show(i, &release);
        assert_ne!(way.bankers[i].record(), before);
        crash(&mut way);
        if i + 1 == way.bankers.len() {
            // Shown again, as after a crash: it collects the same and pays no more.
            let again = way.bankers[i].show(&release).unwrap();
            assert_eq!(again.collect, Some(collect));
            assert_eq!(again.pay.unwrap().penny.index, 700);
        }
        release = collect;
    }
    let json = serde_json::to_string(&route).unwrap();
    let route: Route = serde_json::from_str(&json).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    way.pay(0, &settled);
    crash(&mut way);
    assert_eq!(way.a.record().revealed, counts[0]);
    assert_eq!(way.b.paid(), 700);
    for (i, banker) in way.bankers.iter_mut().enumerate() {
        assert_eq!(banker.provider(&way.banks[i]).unwrap().paid(), counts[i]);
        assert_eq!(
            banker.payer(&way.banks[i + 1]).unwrap().left(),
            10_000 - counts[i + 1]
        );
        assert!(banker.hops().is_empty(), "nothing is left over");
    }
}

#[test]
fn strangers_pay_each_other() {
    play(Way::one(), &ONE, false);
    play(Way::two(), &TWO, false);
}

#[test]
fn a_crash_after_each_step() {
    play(Way::one(), &ONE, true);
    play(Way::two(), &TWO, true);
}

/// The payer settles with its banker before the payee shows anything: what is owed stays owed.
#[test]
fn a_payer_that_settles_first() {
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let release = route.release(&way.receipt(&route)).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    way.pay(0, &settled);
    assert_eq!(way.bankers[0].hops().len(), 1);
    way.b.learn(&release.point, release.secret).unwrap();
    way.show(0, &release);
    assert_eq!(way.b.paid(), 700);
    assert!(way.bankers[0].hops().is_empty());
    // The pennies got lost, and the payment is forgotten: the payee is sent the last penny again.
    let again = way.bankers[0].show(&release).unwrap();
    assert_eq!((again.pay.unwrap().penny.index, again.collect), (700, None));
}

/// Replaces a field of an order and signs nothing, or signs with another's secret.
#[test]
fn orders_that_are_not_the_payers() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    let order = route.orders().remove(0);
    let (from, to) = way.sights(0);
    let refused = |way: &mut Way, order: &Order| {
        let before = way.bankers[0].record();
        let sights = (&from, &to);
        let error = way.bankers[0]
            .forward(order, sights, &mut rng())
            .unwrap_err();
        assert_eq!(way.bankers[0].record(), before, "nothing changes");
        error
    };
    assert_eq!(
        refused(&mut way, &order),
        HopError::NoPromise { count: 710 }
    );
    way.begin(&route);
    let changes: [fn(&mut Order); 6] = [
        |o| o.in_bank[0] ^= 1,
        |o| o.out_bank[0] ^= 1,
        |o| o.in_count += 1,
        |o| o.out_count -= 1,
        |o| o.tweak = secret(9),
        |o| o.point = public(9),
    ];
    for change in changes {
        let mut stolen = order.clone();
        change(&mut stolen);
        assert_eq!(refused(&mut way, &stolen), HopError::Proof);
    }
    // Proven, but of other promises: of the same secret in another way, with another count.
    for counts in [[709, 600], [710, 710]] {
        let other = way.route(&counts).orders().remove(0);
        assert!(matches!(
            refused(&mut way, &other),
            HopError::NoPromise { .. }
        ));
    }
    way.pass(0, &order);
    // The payer itself asks for a second promise for the one that it made.
    let json = serde_json::to_string(&route).unwrap();
    let cheaper = json.replacen("\"count\":700", "\"count\":699", 1);
    assert_ne!(json, cheaper);
    let cheat: Route = serde_json::from_str(&cheaper).unwrap();
    assert_eq!(refused(&mut way, &cheat.orders()[0]), HopError::Taken);
    let bytes = order.to_bytes();
    for cut in 0..bytes.len() {
        assert!(Order::from_bytes(&bytes[..cut]).is_err());
    }
}

/// An order, a promise and pennies of one banker given to another.
#[test]
fn nothing_is_good_at_another_banker() {
    let (mut way, mut other) = (Way::one(), Way::two());
    let route = way.route(&ONE);
    way.begin(&route);
    let (from, to) = other.sights(0);
    let order = &route.orders()[0];
    let error = other.bankers[0].forward(order, (&from, &to), &mut rng());
    assert!(matches!(error, Err(HopError::NoBank(_))), "{error:?}");
    let frame = way.a.frame(&mut rng()).unwrap();
    let bank = other.banks[0];
    let provider = other.bankers[0].provider(&bank).unwrap();
    assert_eq!(provider.take_frame(&frame), Err(BankError::Foreign));
}

#[test]
fn fees_and_balances() {
    for (counts, fine) in [([710, 700], true), ([709, 700], false), ([700, 701], false)] {
        let mut way = Way::one();
        let route = way.route(&counts);
        way.begin(&route);
        let (from, to) = way.sights(0);
        let order = &route.orders()[0];
        let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
        assert_eq!(taken.is_ok(), fine, "{counts:?}: {taken:?}");
        assert!(fine || matches!(taken, Err(HopError::Fee { .. })));
    }
    // The second bank is nearly spent: the banker's promises never exceed it.
    let mut way = Way::one();
    let bank = way.banks[1];
    way.bankers[0].payer(&bank).unwrap().pay(9_400).unwrap();
    let route = way.route(&ONE);
    way.begin(&route);
    let (from, to) = way.sights(0);
    let order = &route.orders()[0];
    let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
    assert!(
        matches!(
            taken,
            Err(HopError::Bank(BankError::Spent { left: 600, .. }))
        ),
        "{taken:?}"
    );
    assert_eq!(
        policy().fee(Amount::from_sat(700)),
        Some(Amount::from_sat(10))
    );
    assert_eq!(
        policy().fee(Amount::from_sat(2_000)),
        Some(Amount::from_sat(12))
    );
}

/// The tightest delays that are legal, and each one block tighter.
#[test]
fn delays_leave_the_banker_its_margin() {
    let (t, d) = (900, 20);
    let legal = (t + u32::from(d + MIN_MARGIN), d + MIN_MARGIN);
    for (first, problem) in [
        (legal, None),
        ((legal.0 - 1, legal.1), Some("T")),
        ((legal.0, legal.1 - 1), Some("D")),
    ] {
        let mut way = Way::new(&[first, (t, d)]);
        let route = way.route(&ONE);
        way.begin(&route);
        let (from, to) = way.sights(0);
        let order = &route.orders()[0];
        let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
        match problem {
            None => assert!(taken.is_ok(), "{taken:?}"),
            Some(field) => assert!(
                matches!(taken, Err(HopError::Timing { what, .. }) if what == field),
                "{taken:?}"
            ),
        }
    }
    for (margin, depth) in [(MIN_MARGIN - 1, 1), (MIN_MARGIN, 0)] {
        let unsafe_policy = Policy {
            margin,
            depth,
            ..policy()
        };
        assert!(matches!(
            Banker::new(unsafe_policy),
            Err(HopError::Policy { .. })
        ));
    }
}

/// Nothing is accepted offline: a coin that is absent, spent, other, shallow, or near its end, on either side.
#[test]
fn coins_that_are_not_good() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    way.begin(&route);
    let order = route.orders().remove(0);
    let good = way.sights(0);
    let absent = |sight: &Sight| Sight {
        found: None,
        ..sight.clone()
    };
    let other = |sight: &Sight| {
        let mut sight = sight.clone();
        sight.found.as_mut().unwrap().0.value -= Amount::ONE_SAT;
        sight
    };
    let shallow = |sight: &Sight| {
        let mut sight = sight.clone();
        sight.found.as_mut().unwrap().1 = TIP;
        sight
    };
    // 873 is followed by 874, the first height at which the provider of the first bank freezes; 879 by 880.
    let late = |tip| {
        move |sight: &Sight| Sight {
            tip,
            ..sight.clone()
        }
    };
    type Spoil<'a> = &'a dyn Fn(&Sight) -> Sight;
    let is = |error: &CheckError, kind: usize| match error {
        CheckError::Coin(CoinError::Absent) => kind == 0,
        CheckError::Coin(CoinError::Other { .. }) => kind == 1,
        CheckError::Coin(CoinError::Shallow { .. }) => kind == 2,
        CheckError::Coin(CoinError::Late { .. }) => kind == 3,
        CheckError::Bank(_) => false,
    };
    let (late_from, late_to) = (late(973), late(879));
    for (kind, [spoil_from, spoil_to]) in [
        [&absent as Spoil<'_>, &absent],
        [&other, &other],
        [&shallow, &shallow],
        [&late_from, &late_to],
    ]
    .into_iter()
    .enumerate()
    {
        for (bank, from, to) in [
            (0, spoil_from(&good.0), good.1.clone()),
            (1, good.0.clone(), spoil_to(&good.1)),
        ] {
            let error = way.bankers[0].forward(&order, (&from, &to), &mut rng());
            match error {
                Err(HopError::Coin { bank: id, error }) => {
                    assert!(id == way.banks[bank] && is(&error, kind), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    way.pass(0, &order);
    // The payee gives no receipt for such a promise either, and the payer then no secret.
    let notice = route.notice().unwrap();
    let seen = sight(way.b.bank());
    for spoil in [&absent as Spoil<'_>, &other, &shallow, &late_to] {
        let refused = receipt(&way.b, &notice, (&spoil(&seen), 2));
        assert!(matches!(refused, Err(HopError::Coin { .. })), "{refused:?}");
    }
    let unsure = receipt(&way.b, &notice, (&seen, 3));
    assert!(matches!(unsure, Err(HopError::Coin { .. })));
    assert!(!route.released && route.settle(&mut way.a).is_err());
}

/// A banker promises under another point, or less: no receipt, so no secret. A receipt of another is worth nothing.
#[test]
fn a_banker_that_promises_something_else() {
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    let bank = way.banks[1];
    let notice = route.notice().unwrap();
    let promises = [(public(9), 700), (notice.point, 699)];
    for (point, count) in promises {
        let mut way = Way::one();
        let payer = way.bankers[0].payer(&bank).unwrap();
        payer.promise(Promise { point, count }).unwrap();
        let frame = payer.frame(&mut rng()).unwrap();
        way.b.take_frame(&frame).unwrap();
        let refused = receipt(&way.b, &notice, (&sight(way.b.bank()), 2));
        assert_eq!(refused, Err(HopError::NoPromise { count: 700 }));
    }
    way.pass(0, &route.orders()[0]);
    let good = way.receipt(&route);
    let mut bytes = good.to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = Receipt::from_bytes(&bytes).unwrap();
    let other = Receipt {
        notice: Notice {
            memo: [6; 32],
            ..good.notice
        },
        ..good
    };
    for bad in [forged, other] {
        assert_eq!(route.release(&bad), Err(HopError::Receipt));
    }
    assert!(!route.released);
    route.release(&good).unwrap();
    assert_eq!(route.release(&good).unwrap(), route.release(&good).unwrap());
}

#[test]
fn a_payee_with_a_false_secret() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let before = way.bankers[0].record();
    let point = route.notice().unwrap().point;
    let bank = way.banks[1];
    for (bank, point, secret) in [
        (bank, point, secret(9)),
        (bank, public(9), secret(9)),
        (way.banks[0], point, secret(9)),
    ] {
        let release = Release {
            bank,
            point,
            secret,
        };
        assert!(way.bankers[0].show(&release).is_err());
    }
    assert_eq!(way.bankers[0].record(), before);
}

/// The first banker and the payee leave out the second, to share its fee: they lack the difference that it alone was
/// told, so that the first cannot collect.
#[test]
fn no_wormhole_around_a_banker() {
    let mut way = Way::two();
    let mut route = way.route(&TWO);
    way.begin(&route);
    let orders = route.orders();
    way.pass(0, &orders[0]);
    way.pass(1, &orders[1]);
    let release = route.release(&way.receipt(&route)).unwrap();
    // All that the two know: the payee's secret and the first banker's difference.
    let y = orders[0].tweak;
    let secp = Secp256k1::new();
    let minus = |a: SecretKey, b: SecretKey| a.add_tweak(&b.negate().into()).unwrap();
    for guess in [release.secret, minus(release.secret, y)] {
        assert_ne!(PublicKey::from_secret_key(&secp, &guess), orders[0].point);
        let bank = way.banks[0];
        let provider = way.bankers[0].provider(&bank).unwrap();
        assert!(provider.learn(&orders[0].point, guess).is_err());
    }
    // With the second banker's part it is the secret: nothing else was missing.
    let whole = minus(minus(release.secret, orders[1].tweak), y);
    assert_eq!(PublicKey::from_secret_key(&secp, &whole), orders[0].point);
    // No two points of the way are equal, so that bankers cannot tell by them that it is one way.
    assert_ne!(orders[0].point, orders[1].point);
    assert_eq!(orders[0].out_point().unwrap(), orders[1].point);
}

/// Two payers in league, whose different promises lead to one point: the payee would be paid twice with one secret,
/// and the banker could collect from the first of them only.
#[test]
fn two_payments_do_not_end_in_one_point() {
    let mut way = Way::one();
    let (mut second, provider) = way::open_between(way::between(8, way::FIRST, (1_000, 26)), 8, 2);
    let from = sight(provider.bank());
    let bank = way::id(&second);
    way.bankers[0].open_debit(provider);
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    // The same secrets on another way: what a payer in league would be told.
    let json = serde_json::to_value(&route).unwrap();
    let mut other = json.clone();
    other["legs"][0]["bank"] = serde_json::json!(bank);
    let other: Route = serde_json::from_value(other).unwrap();
    second.promise(other.promise().unwrap()).unwrap();
    let frame = second.frame(&mut rng()).unwrap();
    let (_, to) = way.sights(0);
    let banker = &mut way.bankers[0];
    banker.provider(&bank).unwrap().take_frame(&frame).unwrap();
    let order = &other.orders()[0];
    let pending = banker.forward(order, (&from, &to), &mut rng());
    assert_eq!(pending, Err(HopError::Taken));
    // Nor when the payee was paid once already, and the banker did not collect yet.
    let release = route.release(&way.receipt(&route)).unwrap();
    way.b.learn(&release.point, release.secret).unwrap();
    way.show(0, &release);
    let paid = way.bankers[0].forward(order, (&from, &to), &mut rng());
    assert_eq!(paid, Err(HopError::Taken));
    assert_eq!(way.b.paid(), 700);
}

/// The payer stops its bank while a payment is on its way: the banker stops the payee's.
#[test]
fn a_bank_that_ends_stops_the_next() {
    use narthex_contracts::bank::BankerDuty;
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let [from, to] = [way.banks[0], way.banks[1]];
    let coins = |a, b| BTreeMap::from([(from, a), (to, b)]);
    let frozen = Coin::Frozen { height: TIP };
    let banker = &mut way.bankers[0];
    let duties = |banker: &Banker, tip, a, b| banker.duties(tip, &coins(a, b));
    assert_eq!(duties(banker, TIP, Coin::Banked, Coin::Banked), []);
    for gone in [frozen, Coin::Spent, Coin::Unfunded] {
        let due = duties(banker, TIP, gone, Coin::Banked);
        assert_eq!(due, [(to, BankerDuty::Freeze)], "{gone:?}");
    }
    // T − D of the first bank: the banker freezes both.
    let due = duties(banker, 973, Coin::Banked, frozen);
    assert!(due.contains(&(from, BankerDuty::Freeze)), "{due:?}");
    // Frozen both, and D passes without a claim: the banker takes its coin back.
    let due = duties(banker, TIP + 19, frozen, frozen);
    assert_eq!(due, [(to, BankerDuty::Thaw)]);
    let due = duties(banker, 900, Coin::Banked, Coin::Banked);
    assert!(due.contains(&(to, BankerDuty::Refund)), "{due:?}");
    // The payee claims: the secret is in the claim, and is good in the payer's bank at once.
    let release = route.release(&way.receipt(&route)).unwrap();
    way.b.learn(&release.point, release.secret).unwrap();
    let claim = way.b.claim(700, &mut rng()).unwrap();
    let found = way.bankers[0].spent(&to, &claim, 0).unwrap();
    assert_eq!(found.len(), 1);
    let due = way.bankers[0].duties(TIP + 5, &coins(frozen, frozen));
    assert_eq!(due, [(from, BankerDuty::Claim { rung: 710 })]);
    assert_eq!(way.bankers[0].hops().len(), 1);
    way.bankers[0].spent(&to, &claim, 2).unwrap();
    let collected = way.bankers[0].provider(&from).unwrap();
    let claim = collected.claim(710, &mut rng()).unwrap();
    way.bankers[0].spent(&from, &claim, 2).unwrap();
    assert!(way.bankers[0].hops().is_empty());
}

/// The payee's bank ends without the secret: the banker gives up what it was promised, and can close; the order is
/// not taken once more.
#[test]
fn a_payment_that_fails() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    way.begin(&route);
    let order = route.orders().remove(0);
    way.pass(0, &order);
    let [from, to] = [way.banks[0], way.banks[1]];
    let fee = Amount::from_sat(300);
    let thaw = way.bankers[0].payer(&to).unwrap().thaw(&mut rng()).unwrap();
    let (sight_from, sight_to) = way.sights(0);
    let banker = &mut way.bankers[0];
    let close = |banker: &mut Banker| {
        let provider = banker.provider(&from).unwrap();
        provider.close(0, fee, false, &mut rng()).map(drop)
    };
    assert!(close(banker).is_err());
    assert_eq!(banker.spent(&to, &thaw, 1).unwrap(), []);
    assert!(close(banker).is_err(), "not deep enough");
    assert_eq!(banker.spent(&to, &thaw, 2).unwrap(), []);
    assert!(banker.hops().is_empty());
    let again = banker.forward(&order, (&sight_from, &sight_to), &mut rng());
    assert_eq!(again, Err(HopError::NoPromise { count: 710 }));
    close(banker).unwrap();
}

#[test]
fn ways_that_do_not_hold_together() {
    let leg = |byte, count| Leg {
        bank: [byte; 32],
        count,
    };
    let new = |legs| Route::new(legs, public(4), [0; 32], &mut rng());
    assert!(new(vec![leg(1, 5)]).is_err());
    assert!(new((0..=MAX_HOPS as u8 + 1).map(|i| leg(i, 5)).collect()).is_err());
    assert!(new(vec![leg(1, 5), leg(1, 5)]).is_err());
    assert!(new(vec![leg(1, 5), leg(2, 0)]).is_err());
    let route = new((0..=MAX_HOPS as u8).map(|i| leg(i, 5)).collect()).unwrap();
    assert_eq!(route.orders().len(), MAX_HOPS);
    assert!(!format!("{route:?}").contains("secrets"));
}

/// A payer that griefs: three payments that it never ends. The fourth is refused, and pennies go on beside them.
#[test]
fn a_griefed_bank_goes_on() {
    let mut way = Way::one();
    for _ in 0..3 {
        let route = way.route(&ONE);
        way.begin(&route);
        way.pass(0, &route.orders()[0]);
    }
    let bank = way.banks[1];
    let payer = way.bankers[0].payer(&bank).unwrap();
    let full = payer.promise(Promise {
        point: public(9),
        count: 700,
    });
    assert!(matches!(
        full,
        Err(BankError::Promises { given: 4, most: 3 })
    ));
    for _ in 0..20 {
        let frame = payer.frame(&mut rng()).unwrap();
        way.b.take_frame(&frame).unwrap();
        let penny = payer.pay(300).unwrap();
        way.b.accept(&penny).unwrap();
    }
    assert_eq!(way.b.paid(), 6_000);
    assert_eq!(
        way.a.left(),
        10_000 - 3 * 710,
        "the griefer locks as much of its own"
    );
}

#[test]
fn messages_of_other_kinds_and_lengths() {
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let receipt = way.receipt(&route);
    let release = route.release(&receipt).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    let notice = route.notice().unwrap();
    assert_eq!(Notice::from_bytes(&notice.to_bytes()).unwrap(), notice);
    let all = [
        notice.to_bytes(),
        receipt.to_bytes(),
        release.to_bytes(),
        settled.to_bytes(),
        route.orders()[0].to_bytes(),
    ];
    // The sizes of the page.
    assert_eq!(all.each_ref().map(Vec::len), [105, 169, 101, 141, 205]);
    let read = |bytes: &[u8]| {
        [
            Notice::from_bytes(bytes).is_ok(),
            Receipt::from_bytes(bytes).is_ok(),
            Release::from_bytes(bytes).is_ok(),
            Settled::from_bytes(bytes).is_ok(),
            Order::from_bytes(bytes).is_ok(),
        ]
    };
    for (kind, bytes) in all.iter().enumerate() {
        let mut only = [false; 5];
        only[kind] = true;
        assert_eq!(read(bytes), only);
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), [false; 5]);
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), [false; 5]);
    }
    assert!(
        !format!("{release:?}{settled:?}")
            .contains(&format!("{}", release.secret.display_secret()))
    );
}
