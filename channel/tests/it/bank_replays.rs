//! What comes late, or twice: old claims, orders that are asked again, points that serve again.

use crate::bank_support;
use bank_support::way::{TIP, Way, status};
use bank_support::{open, public, record, retip, rng, secret};
use narthex_channel::{
    bank::{BankerError, Payer, PennyPtlc, Provider, receipt},
    ptlc::{Notice, PtlcError},
};
use narthex_contracts::{
    bank::{BankError, CoinError, FundingStatus},
    depth::Depth,
};

/// Less than the allowance of 500 pennies, so that what is paid beside claims is taken.
const SMALL: [u32; 2] = [410, 400];

fn bank() -> (Payer, Provider) {
    let mut record = record(10_000);
    record.promises = 3;
    retip(&mut record);
    open(&record.check().unwrap())
}

/// Offers a PTLC under this point, and settles it.
fn settled(payer: &mut Payer, provider: &mut Provider, byte: u8) -> u32 {
    let ptlc = PennyPtlc {
        point: public(byte),
        count: 400,
    };
    payer.offer(ptlc).unwrap();
    let claims = payer.claims(&mut rng()).unwrap();
    provider.take_claims(&claims).unwrap();
    let settled = payer.settle(&public(byte), secret(byte)).unwrap();
    provider.settle(&settled).unwrap();
    settled.penny.index
}

/// A payer whose payment went through sends the claims of before it once more: taken, they would make the banker pay
/// another time, with nothing more to claim than what it was given already.
#[test]
fn claims_of_before_a_settlement_are_refused() {
    let mut way = Way::one();
    let mut route = way.route(&SMALL);
    way.a.offer(route.ptlc().unwrap()).unwrap();
    let old = way.a.claims(&mut rng()).unwrap();
    let bank = way.banks[0];
    let take = |way: &mut Way| way.bankers[0].provider(&bank).unwrap().take_claims(&old);
    take(&mut way).unwrap();
    let order = route.orders().remove(0);
    way.pass(0, &order);
    // The same twice is harmless as long as nothing was settled.
    take(&mut way).unwrap();
    let shown = route.reveal(&way.receipt(&route)).unwrap();
    way.b.learn(&shown.point, shown.secret).unwrap();
    way.show(0, &shown);
    let pennies = route.settle(&mut way.a).unwrap();
    way.pay(0, &pennies);
    assert!(way.bankers[0].forwards().is_empty());
    let before = way.bankers[0].record();
    let too_old = BankError::OldClaims {
        base: 0,
        standing: 410,
    };
    assert_eq!(take(&mut way), Err(too_old));
    assert_eq!(way.bankers[0].record(), before);
    let (from, to) = way.statuses(0);
    let again = way.bankers[0].forward(&order, (&from, &to), &mut rng());
    assert_eq!(again, Err(BankerError::NoPromise { count: 410 }));
    // What is signed on top of what was paid goes on.
    let next = way.route(&SMALL);
    way.begin(&next);
    way.pass(0, &next.orders()[0]);
}

/// A point that serves a second payment, once the first is settled: each has its own pennies, receipt and fate.
#[test]
fn a_point_that_serves_again_begins_anew() {
    let (mut payer, mut provider) = bank();
    let point = public(21);
    assert_eq!(settled(&mut payer, &mut provider, 21), 400);
    // Given up, and settled all the same.
    let second = PennyPtlc { point, count: 400 };
    payer.offer(second).unwrap();
    let claims = payer.claims(&mut rng()).unwrap();
    provider.take_claims(&claims).unwrap();
    assert!(provider.secret(&point).is_none(), "nobody showed it again");
    let seen = status(provider.bank());
    let notice = |memo| Notice {
        place: provider_id(&payer),
        point,
        units: 400,
        memo: [memo; 32],
    };
    let (first, other) = (notice(1), notice(2));
    receipt(&mut provider, &first, (&seen, Depth::LEAST)).unwrap();
    let refused = receipt(&mut provider, &other, (&seen, Depth::LEAST));
    assert_eq!(refused, Err(BankerError::OtherMemo));
    provider.give_up(&point);
    assert!(!provider.expects(&second));
    let pennies = payer.settle(&point, secret(21)).unwrap();
    assert_eq!(pennies.penny.index, 800);
    provider.settle(&pennies).unwrap();
    // Lost on the way, the pennies of the second are sent again, not those of the first.
    let again = payer.settled(&point, secret(21)).unwrap();
    assert_eq!(again.penny.index, 800);
    payer.offer(second).unwrap();
    let claims = payer.claims(&mut rng()).unwrap();
    provider.take_claims(&claims).unwrap();
    assert!(provider.expects(&second), "given up was another");
    receipt(&mut provider, &other, (&seen, Depth::LEAST)).unwrap();
}

fn provider_id(payer: &Payer) -> [u8; 32] {
    payer.bank().terms().bank()
}

/// The banker went down before its claims left, and is asked again when the payer has force-closed its bank meanwhile: what did
/// not leave then does not leave now, as its time upstream is running out.
#[test]
fn an_order_that_is_asked_again_is_looked_at_again() {
    let mut way = Way::one();
    let mut route = way.route(&SMALL);
    way.begin(&route);
    let order = route.orders().remove(0);
    let (from, to) = way.statuses(0);
    way.bankers[0]
        .forward(&order, (&from, &to), &mut rng())
        .unwrap();
    way.crash();
    let gone = FundingStatus {
        found: None,
        ..from.clone()
    };
    let late = FundingStatus {
        tip: TIP + 900,
        ..to.clone()
    };
    let before = way.bankers[0].record();
    for (from, to) in [(&gone, &to), (&from, &late)] {
        let refused = way.bankers[0].forward(&order, (from, to), &mut rng());
        let is_coin = |error: &BankerError| {
            matches!(
                error,
                BankerError::Coin {
                    error: CoinError::Absent | CoinError::Late { .. },
                    ..
                }
            )
        };
        assert!(refused.as_ref().is_err_and(is_coin), "{refused:?}");
    }
    assert_eq!(way.bankers[0].record(), before);
    assert_eq!(way.bankers[0].forwards().len(), 1, "it may have left");
    way.pass(0, &order);
    // Once the secret is known nothing can be lost by it.
    let shown = route.reveal(&way.receipt(&route)).unwrap();
    way.b.learn(&shown.point, shown.secret).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    way.pay(0, &settled);
    let again = way.bankers[0].forward(&order, (&gone, &to), &mut rng());
    assert_eq!(again.unwrap().ptlcs.len(), 1);
}

/// A banker whose record was put together by hand.
#[test]
fn a_record_that_does_not_hold_together() {
    use narthex_channel::{bank::Banker, bank::ForwardLog, ptlc::ForwardChange};
    let mut way = Way::one();
    let route = way.route(&SMALL);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let ForwardLog(good) = way.bankers[0].record().forwards.remove(0);
    assert_eq!(good.len(), 2, "offered and sent");
    let restore = |changes: Vec<ForwardChange>| {
        Banker::restore(way_policy(), vec![], vec![], vec![ForwardLog(changes)]).err()
    };
    let missing = restore(good.clone());
    assert!(
        matches!(missing, Some(BankerError::NoBank(_))),
        "{missing:?}"
    );
    for bad in [
        vec![],
        good[1..].to_vec(),
        [&good[..1], &good[..1]].concat(),
    ] {
        let refused = restore(bad);
        let is_kept = matches!(refused, Some(BankerError::Ptlc(PtlcError::Kept(_))));
        assert!(is_kept, "{refused:?}");
    }
    let text = serde_json::to_string(&way.bankers[0].record()).unwrap();
    assert!(text.contains("\"forwards\":[[\"4e58464331"), "{text}");
}

fn way_policy() -> narthex_channel::ptlc::Policy {
    bank_support::way::policy()
}
