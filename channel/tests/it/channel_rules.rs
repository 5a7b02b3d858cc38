//! What a payment needs to be taken, and what an old disk, a crash or another word costs: rules R4 and R6 to R8, and those of the amendments.

use bitcoin::Amount;
use narthex_channel::channel::{Ask, ChannelFault, ChannelInput, ChannelMessage, Order, Outcome};
use narthex_contracts::channel::{Proof, Side, UpdateError};

use crate::{
    channel_rounds::{A, B, heard, of, signs, stages},
    channel_support::{CAPACITY, PUSH, Sides, fault, fulfil, id, point, secret},
};

/// R3: a fulfilment with another secret counts for nothing, whoever is told.
#[test]
fn only_the_secret_of_the_point_settles() {
    let mut sides = Sides::opened(5);
    let paid = sides.pay(A, 10_000, point(1), 900);
    sides.settle();
    let wrong = Order::Settle(paid, Proof::Secret(secret(2)));
    let refused = fault(sides.step(B, ChannelInput::Order(wrong)));
    assert_eq!(refused, ChannelFault::Update(UpdateError::Proof(paid)));
    let update = narthex_contracts::channel::Update::Fulfil(paid, Proof::Secret(secret(2)));
    let stage = ChannelMessage::Stage { number: 0, update };
    let refused = fault(sides.step(A, heard(stage)));
    assert_eq!(refused, ChannelFault::Update(UpdateError::Proof(paid)));
    assert_eq!(sides.machine(A).proof(paid), None);
}

/// R4 and Q2: the payer has the secret on disk as soon as it is told, before anything is signed that removes the payment.
#[test]
fn a_secret_is_durable_before_its_payment_goes() {
    let mut sides = Sides::opened(6);
    let paid = sides.pay(A, 10_000, point(1), 900);
    sides.settle();
    sides.order(B, fulfil(paid, 1));
    stages(&mut sides, B);
    sides.crash(A);
    assert_eq!(
        sides.machine(A).proof(paid),
        Some(&Proof::Secret(secret(1)))
    );
    assert_eq!(sides.pending(A).len(), 1, "it is still there");
}

/// R6: what has no room waits in order, and its owner sees it.
#[test]
fn more_than_has_room_is_queued_in_order() {
    let mut sides = Sides::opened(7);
    for (number, sat) in [300_000, 280_000, 40_000, 1_000, 900, 800]
        .into_iter()
        .enumerate()
    {
        sides.pay(A, sat, point(1 + number as u8), 900);
    }
    sides.settle();
    // 590,000 sat may be offered; the third has no room, and none goes before it.
    let queued = |sides: &Sides| -> Vec<u64> {
        sides
            .machine(A)
            .queue()
            .map(|payment| payment.id.number)
            .collect()
    };
    assert_eq!(queued(&sides), [2, 3, 4, 5]);
    assert_eq!(sides.pending(B).len(), 2);
    sides.crash(A);
    assert_eq!(queued(&sides), [2, 3, 4, 5]);
    sides.order(B, Order::GiveBack(id(A, 0)));
    sides.settle();
    // One of those without output at a time.
    assert_eq!(queued(&sides), [4, 5]);
    sides.order(B, fulfil(id(A, 3), 4));
    sides.settle();
    assert_eq!(queued(&sides), [5]);
    assert_eq!(
        sides
            .pending(A)
            .iter()
            .map(|p| p.id.number)
            .collect::<Vec<_>>(),
        [1, 2, 4]
    );
}

/// R7 and Q10: without confirmed coins for the commitment's child and each claim at the worst rate nothing more is offered.
#[test]
fn payments_are_refused_without_coins_for_their_claims() {
    let mut sides = Sides::opened(8);
    // 167 + 153 + 43 + 262 vB at 20 sat/vB, in two coins.
    let one = Amount::from_sat(625 * 20);
    let pay = |number| Order::Pay {
        number,
        amount: Amount::from_sat(10_000),
        lock: point(1),
        expiry: 900,
    };
    for (amount, coins) in [(one - Amount::ONE_SAT, 2), (one, 1), (Amount::ZERO, 0)] {
        sides.order(A, Order::FeeCoins(amount, coins));
        let refused = fault(sides.step(A, ChannelInput::Order(pay(0))));
        let (wanted_sat, wanted_coins) = (12_500, 2);
        assert_eq!(
            refused,
            ChannelFault::FeeCoins {
                wanted_sat,
                wanted_coins
            }
        );
    }
    sides.order(A, Order::FeeCoins(one, 2));
    sides.order(A, pay(0));
    let refused = fault(sides.step(A, ChannelInput::Order(pay(1))));
    assert!(matches!(
        refused,
        ChannelFault::FeeCoins {
            wanted_coins: 3,
            ..
        }
    ));
}

/// R8: the last 1 % stays, so that a revoked state costs something.
#[test]
fn the_reserve_is_not_paid_away() {
    let mut sides = Sides::opened(9);
    sides.pay(A, 590_001, point(1), 900);
    sides.settle();
    assert_eq!(sides.machine(A).queue().len(), 1);
    let amount = Amount::from_sat(590_001);
    let payment = narthex_contracts::channel::Payment {
        id: id(A, 0),
        amount,
        lock: point(1),
        expiry: 900,
    };
    let update = narthex_contracts::channel::Update::Add(payment);
    let refused = fault(sides.step(B, heard(ChannelMessage::Stage { number: 0, update })));
    assert_eq!(refused, ChannelFault::Update(UpdateError::Reserve));
}

/// Q6: nothing else is said under a number that was used, and what was said before a crash is said again as the same bytes.
#[test]
fn what_was_said_is_said_again() {
    let mut sides = Sides::opened(10);
    sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    for (side, name) in [(A, "propose"), (B, "accept"), (A, "commit"), (B, "revoke")] {
        let said = of(name, &signs(&mut sides, side));
        let again = sides.says(side);
        assert!(again.contains(&said));
        sides.crash(side);
        assert_eq!(sides.says(side), again, "{name}");
        // Another answer to the same ask, with another nonce, does not leave any more.
        assert!(sides.asks(side).is_empty());
        sides.step(side.other(), heard(said.clone())).unwrap();
        let before = sides.kept(side.other()).changes();
        sides.step(side.other(), heard(said)).unwrap();
        assert_eq!(sides.kept(side.other()).changes(), before, "heard before");
    }
}

/// A stage that was said is not changed; numbers leave no gap.
#[test]
fn updates_are_counted() {
    use narthex_contracts::channel::Update;
    let mut sides = Sides::opened(11);
    sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    let other = ChannelMessage::Stage {
        number: 0,
        update: Update::Fail(id(B, 0)),
    };
    let refused = fault(sides.step(B, heard(other)));
    assert_eq!(refused, ChannelFault::Contradiction("update"));
    let gap = ChannelMessage::Stage {
        number: 2,
        update: Update::Fail(id(B, 0)),
    };
    assert!(matches!(
        fault(sides.step(B, heard(gap))),
        ChannelFault::Number { expected: 1, .. }
    ));
}

/// Q19: only the own secret of a commitment that is held for unrevoked shows that a disk is old; a side that is behind publishes
/// nothing, and one that is told a lie goes on.
#[test]
fn a_side_with_an_old_disk_keeps_still() {
    let mut sides = Sides::opened(12);
    let old = sides.copy(A);
    for byte in 1..4 {
        let paid = sides.pay(A, 10_000, point(byte), 900);
        sides.settle();
        sides.order(B, fulfil(paid, byte));
        sides.settle();
    }
    let honest = sides.machine(B).reestablish().unwrap();
    sides.put_back(A, &old);
    let ChannelMessage::Reestablish {
        number,
        shown: Some((last, _)),
    } = honest
    else {
        panic!()
    };
    // The other's own secret proves nothing.
    let lie = Some((last, sides.signers[1].keys().commitment_secret(last)));
    sides
        .step(A, heard(ChannelMessage::Reestablish { number, shown: lie }))
        .unwrap();
    assert_eq!(sides.asks(A), [Ask::Judge(last)]);
    sides.advance(A);
    assert_eq!(sides.words()[0], "idle");
    sides.step(A, heard(honest)).unwrap();
    sides.advance(A);
    assert_eq!(sides.words()[0], "behind");
    sides.crash(A);
    let refused = fault(sides.step(A, ChannelInput::Order(Order::ForceClose)));
    assert!(matches!(
        refused,
        ChannelFault::State {
            state: "behind",
            ..
        }
    ));
    assert!(sides.kept(A).pending().is_empty());
}

/// Either side crashes at any of its durable writes, on the way through an opening, payments both ways and a close.
#[test]
fn a_crash_anywhere_costs_nothing() {
    let play = |crash: Option<(u64, Side)>| {
        let mut sides = Sides::new(13);
        sides.crash_at = crash;
        sides.offer();
        sides.settle();
        sides.mine(7);
        let first = sides.pay(A, 10_000, point(1), 900);
        let second = sides.pay(B, 20_000, point(2), 900);
        sides.settle();
        sides.order(B, fulfil(first, 1));
        sides.order(A, fulfil(second, 2));
        sides.settle();
        let rate = narthex_contracts::funding::FeeRate::from_sat_per_kwu(500);
        let script = sides.payout(A);
        sides.order(A, Order::Shutdown(script, rate));
        sides.settle();
        let balances = sides.balances(A);
        assert_eq!(balances, sides.balances(B));
        sides.mine(8);
        let changes = Side::BOTH.map(|side| sides.kept(side).changes());
        (balances, sides.words(), changes)
    };
    let (balances, words, [a, b]) = play(None);
    assert_eq!(balances, [CAPACITY - PUSH + 10_000, PUSH - 10_000]);
    assert_eq!(words, ["over", "over"]);
    let mut tried = 0;
    for at in 1..=a + b {
        for side in Side::BOTH {
            let (found, words, _) = play(Some((at, side)));
            assert_eq!(
                (found, words),
                (balances, ["over", "over"]),
                "{side} at {at}"
            );
            tried += 1;
        }
    }
    assert!(tried > 80, "{tried}");
}

/// Ten of equal amount, expiry and point: each is settled or given back by itself.
#[test]
fn ten_equal_payments_end_one_by_one() {
    let mut sides = Sides::opened(14);
    let ids: Vec<_> = (0..10)
        .map(|_| sides.pay(A, 6_000, point(1), 900))
        .collect();
    sides.settle();
    assert_eq!(sides.pending(B).len(), 10);
    for (at, id) in ids.iter().enumerate() {
        let order = if at % 3 == 0 {
            Order::GiveBack(*id)
        } else {
            fulfil(*id, 1)
        };
        sides.order(B, order);
        sides.settle();
        let outcome = if at % 3 == 0 {
            Outcome::Failed
        } else {
            Outcome::Paid
        };
        assert_eq!(sides.machine(A).outcome(*id), Some(&outcome));
        assert_eq!(sides.pending(A).len(), 9 - at);
    }
    assert_eq!(sides.balances(A), [CAPACITY - PUSH - 36_000, PUSH + 36_000]);
}

/// Nothing is offered that could not be claimed in time; what has waited in the queue until then has failed, and forces nothing.
#[test]
fn what_is_too_late_is_not_offered() {
    let mut sides = Sides::opened(15);
    sides.pay(A, 590_000, point(1), 900);
    sides.settle();
    let tip = sides.height();
    let late = Order::Pay {
        number: 1,
        amount: Amount::from_sat(9_000),
        lock: point(2),
        expiry: tip + 14,
    };
    let refused = fault(sides.step(A, ChannelInput::Order(late)));
    assert_eq!(refused, ChannelFault::Update(UpdateError::Field("expiry")));
    let waits = sides.pay(A, 9_000, point(2), tip + 20);
    sides.mine(5);
    assert_eq!(
        (
            sides.machine(A).queue().len(),
            sides.machine(A).outcome(waits)
        ),
        (1, None)
    );
    sides.mine(1);
    assert_eq!(sides.machine(A).queue().len(), 0);
    assert_eq!(sides.machine(A).outcome(waits), Some(&Outcome::Failed));
    sides.mine(20);
    assert_eq!(sides.words(), ["idle", "waiting"]);
}
