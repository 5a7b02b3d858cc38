//! Payments through one banker and through two, without a chain: they arrive, survive crashes, and what is false,
//! replayed, stolen or too near is refused.

use crate::bank_support;
use crate::bank_support::way;
use narthex_base::codec::Message as _;

use bank_support::{public, rng, secret};
use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_channel::bank::{Banker, BankerError, Coin, PennyPtlc, receipt};
use narthex_channel::ptlc::{Notice, PtlcError, Receipt, RevealedSecret, Route};
use narthex_contracts::bank::BankError;
use narthex_contracts::depth::Depth;
use std::collections::BTreeMap;
use way::{TIP, Way, status};

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
        route.reveal(&receipt).unwrap()
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
        assert!(banker.forwards().is_empty(), "nothing is left over");
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
    let release = route.reveal(&way.receipt(&route)).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    way.pay(0, &settled);
    assert_eq!(way.bankers[0].forwards().len(), 1);
    way.b.learn(&release.point, release.secret).unwrap();
    way.show(0, &release);
    assert_eq!(way.b.paid(), 700);
    assert!(way.bankers[0].forwards().is_empty());
    // The pennies got lost, and the payment is forgotten: the payee is sent the last penny again.
    let again = way.bankers[0].show(&release).unwrap();
    assert_eq!((again.pay.unwrap().penny.index, again.collect), (700, None));
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
        payer.offer(PennyPtlc { point, count }).unwrap();
        let frame = payer.claims(&mut rng()).unwrap();
        way.b.take_claims(&frame).unwrap();
        let seen = status(way.b.bank());
        let refused = receipt(&mut way.b, &notice, (&seen, Depth::LEAST));
        assert_eq!(refused, Err(BankerError::NoPromise { count: 700 }));
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
        assert_eq!(route.reveal(&bad), Err(PtlcError::Receipt));
    }
    assert!(!route.is_revealed);
    route.reveal(&good).unwrap();
    assert_eq!(route.reveal(&good).unwrap(), route.reveal(&good).unwrap());
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
        let release = RevealedSecret {
            place: bank,
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
    let release = route.reveal(&way.receipt(&route)).unwrap();
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
    let from = status(provider.bank());
    let bank = way::id(&second);
    way.bankers[0].open_debit(provider).unwrap();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    // The same secrets on another way: what a payer in league would be told.
    let json = serde_json::to_value(&route).unwrap();
    let mut other = json.clone();
    other["legs"][0]["bank"] = serde_json::json!(bank);
    let other: Route = serde_json::from_value(other).unwrap();
    second.offer(other.ptlc().unwrap()).unwrap();
    let frame = second.claims(&mut rng()).unwrap();
    let (_, to) = way.statuses(0);
    let banker = &mut way.bankers[0];
    banker.provider(&bank).unwrap().take_claims(&frame).unwrap();
    let order = &other.orders()[0];
    let pending = banker.forward(order, (&from, &to), &mut rng());
    assert_eq!(pending, Err(BankerError::Ptlc(PtlcError::Taken)));
    // Nor when the payee was paid once already, and the banker did not collect yet.
    let release = route.reveal(&way.receipt(&route)).unwrap();
    way.b.learn(&release.point, release.secret).unwrap();
    way.show(0, &release);
    let paid = way.bankers[0].forward(order, (&from, &to), &mut rng());
    assert_eq!(paid, Err(BankerError::Ptlc(PtlcError::Taken)));
    assert_eq!(way.b.paid(), 700);
}

/// The payer stops its bank while a payment is on its way: the banker stops the payee's.
#[test]
fn a_bank_that_ends_stops_the_next() {
    use narthex_channel::bank::BankerDuty;
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let [from, to] = [way.banks[0], way.banks[1]];
    let coins = |a, b| BTreeMap::from([(from, a), (to, b)]);
    let force_closed = Coin::ForceClosed { height: TIP };
    let banker = &mut way.bankers[0];
    let duties = |banker: &Banker, tip, a, b| banker.duties(tip, &coins(a, b));
    assert_eq!(
        duties(
            banker,
            TIP,
            Coin::Banked { is_deep: true },
            Coin::Banked { is_deep: true }
        ),
        []
    );
    for gone in [force_closed, Coin::Spent, Coin::Unfunded] {
        let due = duties(banker, TIP, gone, Coin::Banked { is_deep: true });
        assert_eq!(due, [(to, BankerDuty::ForceClose)], "{gone:?}");
    }
    // T − D of the first bank: the banker force-closes both.
    let due = duties(banker, 973, Coin::Banked { is_deep: true }, force_closed);
    assert!(due.contains(&(from, BankerDuty::ForceClose)), "{due:?}");
    // Force-closed both, and D passes without a claim: the banker takes its coin back.
    let due = duties(banker, TIP + 19, force_closed, force_closed);
    assert_eq!(due, [(to, BankerDuty::TimeoutRefund)]);
    let due = duties(
        banker,
        900,
        Coin::Banked { is_deep: true },
        Coin::Banked { is_deep: true },
    );
    assert!(due.contains(&(to, BankerDuty::Refund)), "{due:?}");
    // The payee claims: the secret is in the claim, and is good in the payer's bank at once.
    let release = route.reveal(&way.receipt(&route)).unwrap();
    way.b.learn(&release.point, release.secret).unwrap();
    let claim = way.b.claim(700, &mut rng()).unwrap();
    let found = way.bankers[0].spent(&to, &claim, 0).unwrap();
    assert_eq!(found.len(), 1);
    let due = way.bankers[0].duties(TIP + 5, &coins(force_closed, force_closed));
    assert_eq!(due, [(from, BankerDuty::Claim { commitment: 710 })]);
    assert_eq!(way.bankers[0].forwards().len(), 1);
    way.bankers[0].spent(&to, &claim, 2).unwrap();
    let collected = way.bankers[0].provider(&from).unwrap();
    let claim = collected.claim(710, &mut rng()).unwrap();
    way.bankers[0].spent(&from, &claim, 2).unwrap();
    assert!(way.bankers[0].forwards().is_empty());
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
    let timeout_refund = way.bankers[0]
        .payer(&to)
        .unwrap()
        .timeout_refund(&mut rng())
        .unwrap();
    let (sight_from, sight_to) = way.statuses(0);
    let banker = &mut way.bankers[0];
    let close = |banker: &mut Banker| {
        let provider = banker.provider(&from).unwrap();
        provider.close(0, fee, false, &mut rng()).map(drop)
    };
    assert!(close(banker).is_err());
    assert_eq!(banker.spent(&to, &timeout_refund, 1).unwrap(), []);
    assert!(close(banker).is_err(), "not deep enough");
    assert_eq!(banker.spent(&to, &timeout_refund, 2).unwrap(), []);
    assert!(banker.forwards().is_empty());
    let again = banker.forward(&order, (&sight_from, &sight_to), &mut rng());
    assert_eq!(again, Err(BankerError::NoPromise { count: 710 }));
    close(banker).unwrap();
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
    let full = payer.offer(PennyPtlc {
        point: public(9),
        count: 700,
    });
    assert!(matches!(
        full,
        Err(BankError::Promises { given: 4, most: 3 })
    ));
    for _ in 0..20 {
        let frame = payer.claims(&mut rng()).unwrap();
        way.b.take_claims(&frame).unwrap();
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

/// A payment that is over: who shows its secret again gets the pennies of that payment, not what was given since; who
/// shows a secret of its own gets nothing, though a purse stands above.
#[test]
fn old_pennies_are_not_had_for_new_secrets() {
    let mut way = Way::one();
    let mut route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let release = route.reveal(&way.receipt(&route)).unwrap();
    let settled = route.settle(&mut way.a).unwrap();
    way.pay(0, &settled);
    way.b.learn(&release.point, release.secret).unwrap();
    way.show(0, &release);
    let bank = way.banks[1];
    let (purse, _) = way.bankers[0]
        .payer(&bank)
        .unwrap()
        .purse(300, &mut rng())
        .unwrap();
    assert_eq!(purse.left(), 300);
    let again = way.bankers[0].show(&release).unwrap().pay.unwrap();
    assert_eq!(again.penny.index, 700);
    assert!(way.b.settle(&again).is_err(), "it has them already");
    let stranger = RevealedSecret {
        point: public(77),
        secret: secret(77),
        ..release
    };
    assert!(matches!(
        way.bankers[0].show(&stranger),
        Err(BankerError::NoHop)
    ));
}

/// One promise is receipted for one thing, also by a payee that crashed in between.
#[test]
fn one_promise_has_one_receipt() {
    let mut way = Way::one();
    let route = way.route(&ONE);
    way.begin(&route);
    way.pass(0, &route.orders()[0]);
    let first = way.receipt(&route);
    assert_eq!(way.receipt(&route), first);
    let mut other = route.notice().unwrap();
    other.memo[0] ^= 1;
    let seen = status(way.b.bank());
    let refused = receipt(&mut way.b, &other, (&seen, Depth::LEAST));
    assert_eq!(refused, Err(BankerError::OtherMemo));
    let text = serde_json::to_string(&way.b.record()).unwrap();
    let record: narthex_channel::bank::ProviderRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(record.held.unwrap().receipts.len(), 1);
}

/// A customer proposes a second bank with the salt of the first: what the first owes stays owed.
#[test]
fn a_second_bank_of_the_same_name_is_refused() {
    let mut way = Way::one();
    let id = way.banks[0];
    let paid = way.bankers[0].provider(&id).unwrap().paid();
    let (_, provider) = way::open_between(way::between(1, way::FIRST, (1_000, 26)), 1, 2);
    assert_eq!(provider.bank().terms().bank(), id);
    let refused = way.bankers[0].open_debit(provider);
    assert_eq!(refused, Err(BankerError::Known(id)));
    assert_eq!(way.bankers[0].provider(&id).unwrap().paid(), paid);
}
