//! Rounds of a channel: what each message must bring before the next leaves (R1 to R8 and their amendments), and what a crash costs.

use bitcoin::Amount;
use narthex_channel::channel::{Ask, ChannelFault, ChannelInput, ChannelMessage, Order, Outcome};
use narthex_contracts::{
    channel::{ChannelError, Proof, Side, UpdateError},
    musig::AdaptorSignature,
};

use crate::channel_support::{CAPACITY, PUSH, Sides, fault, fulfil, id, point, secret};

const A: Side = Side::Opener;
const B: Side = Side::Accepter;

fn heard(message: ChannelMessage) -> ChannelInput {
    ChannelInput::Heard(message)
}

/// A side's one answer to its one ask.
fn answered(sides: &mut Sides, side: Side) -> ChannelMessage {
    let asks = sides.asks(side);
    let [ask] = &asks[..] else { panic!("{asks:?}") };
    let inputs = sides.answer(side, ask);
    let [ChannelInput::Signed(message)] = &inputs[..] else {
        panic!("{inputs:?}")
    };
    message.clone()
}

/// A side answers its ask, and the message is durable.
fn signs(sides: &mut Sides, side: Side) -> ChannelMessage {
    let message = answered(sides, side);
    sides
        .step(side, ChannelInput::Signed(message.clone()))
        .unwrap();
    message
}

/// Stages of a side reach the other.
fn stages(sides: &mut Sides, side: Side) {
    for message in sides.says(side) {
        if matches!(message, ChannelMessage::Stage { .. }) {
            sides.step(side.other(), heard(message)).unwrap();
        }
    }
}

fn of(name: &str, message: &ChannelMessage) -> ChannelMessage {
    let is = match message {
        ChannelMessage::Propose { .. } => "propose",
        ChannelMessage::Accept { .. } => "accept",
        ChannelMessage::Commit { .. } => "commit",
        ChannelMessage::Revoke { .. } => "revoke",
        _ => "other",
    };
    assert_eq!(is, name);
    message.clone()
}

#[test]
fn payments_go_both_ways_and_come_to_their_ends() {
    let mut sides = Sides::opened(1);
    let first = sides.pay(A, 10_000, point(1), 900);
    let second = sides.pay(B, 20_000, point(2), 900);
    let third = sides.pay(A, 30_000, point(3), 900);
    sides.settle();
    for side in Side::BOTH {
        assert_eq!(sides.pending(side).len(), 3);
        assert_eq!(
            sides.balances(side),
            [CAPACITY - PUSH - 40_000, PUSH - 20_000]
        );
    }
    sides.order(B, fulfil(first, 1));
    sides.order(A, fulfil(second, 2));
    sides.order(B, Order::GiveBack(third));
    sides.settle();
    for side in Side::BOTH {
        assert!(sides.pending(side).is_empty());
        assert_eq!(
            sides.balances(side),
            [CAPACITY - PUSH + 10_000, PUSH - 10_000]
        );
        let machine = sides.machine(side);
        assert_eq!(machine.outcome(first), Some(&Outcome::Paid));
        assert_eq!(machine.outcome(second), Some(&Outcome::Paid));
        assert_eq!(machine.outcome(third), Some(&Outcome::Failed));
        assert_eq!(machine.proof(first), Some(&Proof::Secret(secret(1))));
        assert_eq!(machine.proof(third), None);
    }
}

/// R1: the other side's new commitment is not signed while a claim on it is not: each list is short by one, and false in one.
#[test]
fn nothing_is_signed_before_every_claim_on_it_is() {
    let mut sides = Sides::opened(2);
    let first = sides.pay(A, 10_000, point(1), 900);
    sides.pay(B, 20_000, point(2), 900);
    sides.settle();
    // A round later the old payments are on new commitments: signed for anew.
    sides.pay(A, 11_000, point(3), 900);
    stages(&mut sides, A);
    let (owner, other) = if sides.words()[0] == "idle" {
        (A, B)
    } else {
        (B, A)
    };
    let propose = of("propose", &signs(&mut sides, owner));
    let ChannelMessage::Propose {
        number,
        cut,
        claims,
    } = &propose
    else {
        panic!()
    };
    let with = |claims: Vec<AdaptorSignature>| {
        heard(ChannelMessage::Propose {
            number: *number,
            cut: *cut,
            claims,
        })
    };
    assert!(!claims.is_empty());
    let short = claims[1..].to_vec();
    let refused = fault(sides.step(other, with(short)));
    assert!(
        matches!(refused, ChannelFault::Channel(ChannelError::Count { .. })),
        "{refused}"
    );
    for at in 0..claims.len() {
        let mut wrong = claims.clone();
        wrong[at].0[40] ^= 1;
        let refused = fault(sides.step(other, with(wrong)));
        let ChannelFault::Channel(ChannelError::Signature { side, .. }) = refused else {
            panic!("{refused}")
        };
        assert_eq!(side, owner);
    }
    assert!(sides.asks(other).is_empty(), "nothing to sign yet");
    sides.step(other, heard(propose)).unwrap();
    let accept = of("accept", &signs(&mut sides, other));
    let ChannelMessage::Accept {
        number,
        claims,
        share,
        second,
    } = &accept
    else {
        panic!()
    };
    let with = |claims: &[AdaptorSignature], second: &[AdaptorSignature]| {
        let (claims, second) = (claims.to_vec(), second.to_vec());
        heard(ChannelMessage::Accept {
            number: *number,
            claims,
            share: *share,
            second,
        })
    };
    fault(sides.step(owner, with(&claims[1..], second)));
    fault(sides.step(owner, with(claims, &second[1..])));
    let mut wrong = second.clone();
    wrong.swap(0, 1);
    fault(sides.step(owner, with(claims, &wrong)));
    assert!(sides.asks(owner).is_empty());
    sides.step(owner, heard(accept)).unwrap();
    assert_eq!(sides.asks(owner).len(), 1);
    let _ = first;
}

/// R2: the secret of the old commitment is asked for once the new one is whole and durable, and not before.
#[test]
fn no_side_revokes_before_its_new_commitment_is_whole() {
    let mut sides = Sides::opened(3);
    sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    let propose = signs(&mut sides, A);
    let early = |sides: &mut Sides, side: Side, message: &ChannelMessage| {
        fault(sides.step(side, ChannelInput::Signed(message.clone())))
    };
    sides.step(B, heard(propose)).unwrap();
    let accept = signs(&mut sides, B);
    // Of another channel that went on: the signer's answer is not taken here.
    let mut other = Sides::opened(3);
    other.pay(A, 10_000, point(1), 900);
    stages(&mut other, A);
    let its = signs(&mut other, A);
    other.step(B, heard(its)).unwrap();
    let its = signs(&mut other, B);
    other.step(A, heard(its)).unwrap();
    let commit = of("commit", &signs(&mut other, A));
    early(&mut sides, A, &commit);
    let ChannelMessage::Accept {
        number,
        claims,
        share,
        second,
    } = &accept
    else {
        panic!()
    };
    let mut wrong = *share;
    wrong.share.0[31] ^= 1;
    let (claims, second) = (claims.clone(), second.clone());
    let wrong = ChannelMessage::Accept {
        number: *number,
        claims,
        share: wrong,
        second,
    };
    fault(sides.step(A, heard(wrong)));
    assert!(sides.asks(A).is_empty(), "the commitment is not whole");
    sides.step(A, heard(accept)).unwrap();
    // Durable: a crash does not change what is asked.
    sides.crash(A);
    let commit = of("commit", &signs(&mut sides, A));
    let ChannelMessage::Commit {
        number,
        share,
        second,
        revocation,
    } = &commit
    else {
        panic!()
    };
    let mut wrong = *share;
    wrong.share.0[31] ^= 1;
    let second = second.clone();
    let wrong = ChannelMessage::Commit {
        number: *number,
        share: wrong,
        second,
        revocation: *revocation,
    };
    fault(sides.step(B, heard(wrong)));
    assert!(sides.asks(B).is_empty());
    sides.step(B, heard(commit)).unwrap();
    sides.crash(B);
    let revoke = of("revoke", &signs(&mut sides, B));
    let ChannelMessage::Revoke {
        number,
        revocation,
        keep,
    } = &revoke
    else {
        panic!()
    };
    let mut wrong = *revocation;
    wrong.secret = secret(9);
    let wrong = ChannelMessage::Revoke {
        number: *number,
        revocation: wrong,
        keep: *keep,
    };
    assert_eq!(
        fault(sides.step(A, heard(wrong))),
        ChannelFault::NotRevoked { number: 0 }
    );
    sides.step(A, heard(revoke)).unwrap();
}

/// R3 and Q1: a payment counts when the other side's commitment without it is revoked, durably: for whom it is offered to in message 3,
/// for the proposer behind message 4.
#[test]
fn a_payment_counts_once_it_is_locked() {
    let mut sides = Sides::opened(4);
    let theirs = sides.pay(B, 20_000, point(2), 900);
    let ours = sides.pay(A, 10_000, point(1), 900);
    stages(&mut sides, A);
    stages(&mut sides, B);
    let not_locked = |sides: &mut Sides, side, order| {
        fault(sides.step(side, ChannelInput::Order(order)))
            == ChannelFault::NotLocked(if side == A { theirs } else { ours })
    };
    let propose = signs(&mut sides, A);
    sides.step(B, heard(propose)).unwrap();
    assert!(not_locked(&mut sides, B, fulfil(ours, 1)));
    let accept = signs(&mut sides, B);
    assert!(not_locked(&mut sides, B, fulfil(ours, 1)));
    sides.step(A, heard(accept)).unwrap();
    assert!(not_locked(&mut sides, A, fulfil(theirs, 2)));
    let commit = signs(&mut sides, A);
    sides.step(B, heard(commit)).unwrap();
    assert_eq!(sides.pending(B).len(), 2, "locked for B");
    sides.crash(B);
    assert_eq!(sides.pending(B).len(), 2, "durably");
    assert!(
        not_locked(&mut sides, A, fulfil(theirs, 2)),
        "B may still publish what has no payment"
    );
    let revoke = signs(&mut sides, B);
    sides.step(A, heard(revoke)).unwrap();
    sides.order(A, fulfil(theirs, 2));
    sides.order(B, fulfil(ours, 1));
    sides.settle();
    assert!(sides.pending(A).is_empty());
}

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
