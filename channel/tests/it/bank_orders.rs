//! What a banker refuses: orders that are not the payer's, coins that are not good, delays that are too short.

use crate::bank_support;
use crate::bank_support::way;
use narthex_base::codec::Message as _;

use bank_support::{public, rng, secret};
use bitcoin::Amount;
use narthex_channel::bank::{Banker, BankerError, Settled, receipt};
use narthex_channel::ptlc::{
    Forward, Leg, MAX_HOPS, MIN_MARGIN, Notice, Policy, PtlcError, Receipt, RevealedSecret, Route,
};
use narthex_contracts::bank::{BankError, CoinError, FundingStatus};
use narthex_contracts::depth::{Depth, DepthError};
use way::{TIP, Way, policy, status};

/// Counts of a payment of 700 pennies of 1 sat, of which the banker keeps 10.
const ONE: [u32; 2] = [710, 700];

/// Replaces a field of an order and signs nothing, or signs with another's secret.
#[test]
fn orders_that_are_not_the_payers() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    let order = route.orders().remove(0);
    let (from, to) = way.statuses(0);
    let refused = |way: &mut Way, order: &Forward| {
        let before = way.bankers[0].record();
        let statuses = (&from, &to);
        let error = way.bankers[0]
            .forward(order, statuses, &mut rng())
            .unwrap_err();
        assert_eq!(way.bankers[0].record(), before, "nothing changes");
        error
    };
    assert_eq!(
        refused(&mut way, &order),
        BankerError::NoPromise { count: 710 }
    );
    way.begin(&route);
    let changes: [fn(&mut Forward); 6] = [
        |o| o.in_place[0] ^= 1,
        |o| o.out_place[0] ^= 1,
        |o| o.in_units += 1,
        |o| o.out_units -= 1,
        |o| o.tweak = secret(9),
        |o| o.point = public(9),
    ];
    for change in changes {
        let mut stolen = order.clone();
        change(&mut stolen);
        assert_eq!(
            refused(&mut way, &stolen),
            BankerError::Ptlc(PtlcError::Proof)
        );
    }
    // Proven, but of other promises: of the same secret in another way, with another count.
    for counts in [[709, 600], [710, 710]] {
        let other = way.route(&counts).orders().remove(0);
        assert!(matches!(
            refused(&mut way, &other),
            BankerError::NoPromise { .. }
        ));
    }
    way.pass(0, &order);
    // The payer itself asks for a second promise for the one that it made.
    let json = serde_json::to_string(&route).unwrap();
    let cheaper = json.replacen("\"count\":700", "\"count\":699", 1);
    assert_ne!(json, cheaper);
    let cheat: Route = serde_json::from_str(&cheaper).unwrap();
    assert_eq!(
        refused(&mut way, &cheat.orders()[0]),
        BankerError::Ptlc(PtlcError::Taken)
    );
    let bytes = order.to_bytes();
    for cut in 0..bytes.len() {
        assert!(Forward::from_bytes(&bytes[..cut]).is_err());
    }
}

/// An order, a promise and pennies of one banker given to another.
#[test]
fn nothing_is_good_at_another_banker() {
    let (mut way, mut other) = (Way::one(), Way::two());
    let route = way.route(&ONE);
    way.begin(&route);
    let (from, to) = other.statuses(0);
    let order = &route.orders()[0];
    let error = other.bankers[0].forward(order, (&from, &to), &mut rng());
    assert!(matches!(error, Err(BankerError::NoBank(_))), "{error:?}");
    let frame = way.a.claims(&mut rng()).unwrap();
    let bank = other.banks[0];
    let provider = other.bankers[0].provider(&bank).unwrap();
    assert_eq!(provider.take_claims(&frame), Err(BankError::Foreign));
}

#[test]
fn fees_and_balances() {
    for (counts, fine) in [([710, 700], true), ([709, 700], false), ([700, 701], false)] {
        let mut way = Way::one();
        let route = way.route(&counts);
        way.begin(&route);
        let (from, to) = way.statuses(0);
        let order = &route.orders()[0];
        let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
        assert_eq!(taken.is_ok(), fine, "{counts:?}: {taken:?}");
        assert!(fine || matches!(taken, Err(BankerError::Ptlc(PtlcError::Fee { .. }))));
    }
    // The second bank is nearly spent: the banker's promises never exceed it.
    let mut way = Way::one();
    let bank = way.banks[1];
    way.bankers[0].payer(&bank).unwrap().pay(9_400).unwrap();
    let route = way.route(&ONE);
    way.begin(&route);
    let (from, to) = way.statuses(0);
    let order = &route.orders()[0];
    let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
    assert!(
        matches!(
            taken,
            Err(BankerError::Bank(BankError::Spent { left: 600, .. }))
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
        let (from, to) = way.statuses(0);
        let order = &route.orders()[0];
        let taken = way.bankers[0].forward(order, (&from, &to), &mut rng());
        match problem {
            None => assert!(taken.is_ok(), "{taken:?}"),
            Some(field) => assert!(
                matches!(taken, Err(BankerError::Ptlc(PtlcError::Timing { what, .. })) if what == field),
                "{taken:?}"
            ),
        }
    }
    let unsafe_policy = Policy {
        margin: MIN_MARGIN - 1,
        ..policy()
    };
    assert!(matches!(
        Banker::new(unsafe_policy),
        Err(BankerError::Ptlc(PtlcError::Policy { .. }))
    ));
    // A depth that one block takes away is no depth, written down neither.
    let written = serde_json::to_string(&policy()).unwrap();
    for given in [0, 1] {
        assert_eq!(Depth::new(given), Err(DepthError { given }));
        let shallow = written.replace("\"depth\":2", &format!("\"depth\":{given}"));
        assert_ne!(shallow, written);
        assert!(serde_json::from_str::<Policy>(&shallow).is_err());
    }
}

/// Nothing is accepted offline: a coin that is absent, spent, other, shallow, or near its end, on either side.
#[test]
fn coins_that_are_not_good() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    way.begin(&route);
    let order = route.orders().remove(0);
    let good = way.statuses(0);
    let absent = |status: &FundingStatus| FundingStatus {
        found: None,
        ..status.clone()
    };
    let other = |status: &FundingStatus| {
        let mut status = status.clone();
        status.found.as_mut().unwrap().0.value -= Amount::ONE_SAT;
        status
    };
    let shallow = |status: &FundingStatus| {
        let mut status = status.clone();
        status.found.as_mut().unwrap().1 = TIP;
        status
    };
    // 873 is followed by 874, the first height at which the provider of the first bank force-closes; 879 by 880.
    let late = |tip| {
        move |status: &FundingStatus| FundingStatus {
            tip,
            ..status.clone()
        }
    };
    type Spoil<'a> = &'a dyn Fn(&FundingStatus) -> FundingStatus;
    let is = |error: &CoinError, kind: usize| match error {
        CoinError::Absent => kind == 0,
        CoinError::Other { .. } => kind == 1,
        CoinError::Shallow { .. } => kind == 2,
        CoinError::Late { .. } => kind == 3,
        _ => false,
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
                Err(BankerError::Coin { bank: id, error }) => {
                    assert!(id == way.banks[bank] && is(&error, kind), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    way.pass(0, &order);
    // The payee gives no receipt for such a promise either, and the payer then no secret.
    let notice = route.notice().unwrap();
    let seen = status(way.b.bank());
    for spoil in [&absent as Spoil<'_>, &other, &shallow, &late_to] {
        let refused = receipt(&mut way.b, &notice, (&spoil(&seen), Depth::LEAST));
        assert!(
            matches!(refused, Err(BankerError::Coin { .. })),
            "{refused:?}"
        );
    }
    let unsure = receipt(&mut way.b, &notice, (&seen, Depth::new(3).unwrap()));
    assert!(matches!(unsure, Err(BankerError::Coin { .. })));
    assert!(!route.is_revealed && route.settle(&mut way.a).is_err());
}

#[test]
fn ways_that_do_not_hold_together() {
    let leg = |byte, count| Leg {
        place: [byte; 32],
        units: count,
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

#[test]
fn messages_of_other_kinds_and_lengths() {
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let receipt = way.receipt(&route);
    let release = route.reveal(&receipt).unwrap();
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
    assert_eq!(all.each_ref().map(Vec::len), [106, 170, 102, 142, 206]);
    let read = |bytes: &[u8]| {
        [
            Notice::from_bytes(bytes).is_ok(),
            Receipt::from_bytes(bytes).is_ok(),
            RevealedSecret::from_bytes(bytes).is_ok(),
            Settled::from_bytes(bytes).is_ok(),
            Forward::from_bytes(bytes).is_ok(),
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
