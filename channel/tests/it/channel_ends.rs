//! How channels end: agreed, by either side's commitment, by one that was revoked, by one that is not known; and when a side goes on chain.

use bitcoin::Transaction;
use bitcoin::hashes::{Hash, sha256};
use narthex_channel::channel::{
    Ask, CLAIM_BEFORE, ChannelEffect, ChannelInput, ChannelMessage, Ending, GRACE, Order, Outcome,
    UPSTREAM_MARGIN,
};
use narthex_contracts::{
    channel::{Lock, Proof, Side},
    funding::FeeRate,
};

use crate::channel_support::{CAPACITY, PUSH, Sides, fulfil, point, secret};

const A: Side = Side::Opener;
const B: Side = Side::Accepter;

fn hash(byte: u8) -> Lock {
    Lock::Hash(sha256::Hash::hash(&[byte; 32]))
}

fn by_hash(id: narthex_contracts::channel::PaymentId, byte: u8) -> Order {
    Order::Settle(id, Proof::Preimage([byte; 32]))
}

/// What both have taken is what they had, less the fees of what was theirs.
fn all_is_taken(sides: &Sides, wanted: [u64; 2]) {
    for side in Side::BOTH {
        let (taken, wanted) = (sides.taken[side.index()], wanted[side.index()]);
        let most = 6 * 600;
        assert!(
            taken <= wanted && taken + most > wanted,
            "{side}: {taken} of {wanted}"
        );
    }
}

/// Q21: an attempt whose nonce died with its process is followed by another, with a nonce of its own.
#[test]
fn both_agree_to_close() {
    let mut sides = Sides::opened(21);
    let paid = sides.pay(A, 10_000, point(1), 900);
    sides.settle();
    let rate = FeeRate::from_sat_per_kwu(500);
    let (ours, theirs) = (sides.payout(A), sides.payout(B));
    sides.order(B, Order::Shutdown(theirs.clone(), rate));
    sides.order(A, Order::Shutdown(ours, rate));
    sides.settle();
    assert_eq!(sides.words(), ["shut", "shut"], "a payment is pending");
    sides.is_up[1] = false;
    sides.order(B, fulfil(paid, 1));
    sides.is_up = [true; 2];
    // The first attempt's nonce is in memory alone.
    while sides.machine(A).standing() != "closing" {
        sides.advance(A);
        sides.advance(B);
    }
    let nonce = |sides: &Sides| {
        let said = sides.says(A);
        said.into_iter().find_map(|message| match message {
            ChannelMessage::CloseNonce(_, nonce) => Some(nonce),
            _ => None,
        })
    };
    let first = nonce(&sides);
    sides.crash(A);
    assert_eq!(nonce(&sides), first);
    sides.settle();
    assert_eq!(sides.words()[0], "closed");
    sides.mine(8);
    assert_eq!(sides.words(), ["over", "over"]);
    assert_eq!(sides.machine(B).ending(), Some(Ending::Agreed));
    assert_eq!(
        sides.taken[1], 0,
        "the closing transaction is A's to publish"
    );
    assert!(sides.taken[0] > CAPACITY - PUSH - 10_000 - 400);
}

/// One of each kind pending: two each way.
fn pending(sides: &mut Sides, expiry: u32) -> [narthex_contracts::channel::PaymentId; 4] {
    let ids = [
        sides.pay(A, 10_000, point(1), expiry),
        sides.pay(B, 20_000, hash(2), expiry),
        sides.pay(B, 30_000, point(3), expiry),
        sides.pay(A, 40_000, hash(4), expiry),
    ];
    sides.settle();
    assert_eq!(sides.pending(A).len(), 4);
    ids
}

/// Either side closes; what is pending is claimed or taken back, and each has what it had. Secrets come from the chain.
#[test]
fn either_side_closes_alone() {
    for closer in Side::BOTH {
        for known in [false, true] {
            let mut sides = Sides::opened(22);
            let expiry = sides.height() + 60;
            let ids = pending(&mut sides, expiry);
            let before = sides.balances(A);
            sides.is_up = [false; 2];
            if known {
                sides.order(B, fulfil(ids[0], 1));
                sides.order(A, by_hash(ids[1], 2));
                sides.order(A, fulfil(ids[2], 3));
                sides.order(B, by_hash(ids[3], 4));
            }
            sides.order(closer, Order::ForceClose);
            let number = sides.machine(closer).locked().unwrap().number;
            let tx = sides.own(closer, number);
            sides.confirm(&tx).unwrap();
            sides.is_up = [true; 2];
            assert_eq!(sides.machine(closer).ending(), Some(Ending::Own(number)));
            assert_eq!(
                sides.machine(closer.other()).ending(),
                Some(Ending::Theirs(number))
            );
            sides.mine(10);
            if known {
                assert!(sides.height() < expiry);
                assert_eq!(
                    sides.machine(A).proof(ids[0]),
                    Some(&Proof::Secret(secret(1)))
                );
                assert_eq!(
                    sides.machine(B).proof(ids[1]),
                    Some(&Proof::Preimage([2; 32]))
                );
                assert_eq!(
                    sides.machine(B).proof(ids[2]),
                    Some(&Proof::Secret(secret(3)))
                );
                assert_eq!(
                    sides.machine(A).proof(ids[3]),
                    Some(&Proof::Preimage([4; 32]))
                );
            }
            sides.mine(250);
            assert_eq!(sides.words(), ["over", "over"], "{closer} {known}");
            // Each offered 50,000 sat: back, or the other's.
            all_is_taken(&sides, [before[0] + 50_000, before[1] + 50_000]);
            let outcome = if known {
                Outcome::Paid
            } else {
                Outcome::Failed
            };
            for id in ids {
                for side in Side::BOTH {
                    assert_eq!(
                        sides.machine(side).outcome(id),
                        Some(&outcome),
                        "{closer} {id:?}"
                    );
                }
            }
        }
    }
}

/// R5 and Q5: who can claim goes on chain 2b + 2 blocks before the end, who offered a little behind it; a block before neither does.
#[test]
fn payments_force_the_channel_on_chain_in_time() {
    for (knows, at) in [(true, 60 - CLAIM_BEFORE), (false, 60 + GRACE)] {
        let mut sides = Sides::opened(23);
        let start = sides.height();
        let paid = sides.pay(A, 10_000, point(1), start + 60);
        sides.settle();
        // The owner is silent (Q20): what was staged is not taken into a round.
        sides.is_up = if knows { [false, true] } else { [true, false] };
        if knows {
            sides.order(B, fulfil(paid, 1));
        }
        let who = if knows { B } else { A };
        let publishes = |sides: &Sides| {
            let due = sides.kept(who).pending();
            due.iter()
                .any(|effect| matches!(effect, ChannelEffect::PublishOwn(_)))
        };
        sides.mine_to(start + at - 1);
        assert!(!publishes(&sides), "a block early");
        sides.step(who, ChannelInput::Tip(start + at)).unwrap();
        assert!(publishes(&sides));
        sides.crash(who);
        assert!(publishes(&sides), "durably");
    }
    assert_eq!((CLAIM_BEFORE, GRACE, UPSTREAM_MARGIN), (14, 3, 41));
}

/// Q16: a secret is read from the mempool too, by the function that reads the chain.
#[test]
fn secrets_are_read_from_the_mempool() {
    let mut sides = Sides::opened(24);
    let paid = sides.pay(A, 10_000, point(1), 900);
    sides.settle();
    sides.is_up = [false; 2];
    sides.order(B, fulfil(paid, 1));
    sides.order(B, Order::ForceClose);
    let number = sides.machine(B).locked().unwrap().number;
    let tx = sides.own(B, number);
    sides.confirm(&tx).unwrap();
    let due = sides.kept(B).pending();
    let claim = due.iter().find_map(|effect| match effect {
        ChannelEffect::Claim(claim) => Some(claim.clone()),
        _ => None,
    });
    let claim = sides.claim(B, &claim.unwrap());
    // It never confirms: replaced, or cycled out.
    sides.step(A, ChannelInput::Seen(claim.clone())).unwrap();
    assert_eq!(sides.asks(A), [Ask::Read(claim)]);
    sides.is_up = [true, false];
    sides.advance(A);
    assert_eq!(
        sides.machine(A).proof(paid),
        Some(&Proof::Secret(secret(1)))
    );
    sides.crash(A);
    assert_eq!(
        sides.machine(A).proof(paid),
        Some(&Proof::Secret(secret(1)))
    );
}

/// Every state that was ever revoked is punished in full, also where the cheat is faster and has claimed a payment at the second
/// level, and wherever the punisher crashes.
#[test]
fn a_revoked_commitment_costs_everything() {
    for cheat in Side::BOTH {
        for claims_first in [false, true] {
            let mut sides = Sides::opened(25);
            let expiry = sides.height() + 100;
            let ids = pending(&mut sides, expiry);
            let number = sides.machine(cheat).locked().unwrap().number;
            let old = sides.copy(cheat);
            sides.order(B, fulfil(ids[0], 1));
            sides.order(A, by_hash(ids[1], 2));
            sides.settle();
            let last = sides.machine(cheat).locked().unwrap().number;
            assert!(last > number);
            // The cheat puts its old disk back and closes by it.
            let kept = sides.copy(cheat);
            sides.is_up[cheat.index()] = false;
            sides.put_back(cheat, &old);
            sides.order(cheat, Order::ForceClose);
            let tx: Transaction = sides.own(cheat, number);
            sides.put_back(cheat, &kept);
            sides.confirm(&tx).unwrap();
            let punisher = cheat.other();
            assert_eq!(
                sides.machine(punisher).ending(),
                Some(Ending::Revoked(number))
            );
            assert_eq!(sides.machine(punisher).standing(), "breached");
            if claims_first {
                // What it was offered it claims with what it knows, by what was signed ahead for the old commitment.
                let claim = cheats_claim(&mut sides, cheat, number, ids);
                sides.confirm(&claim).unwrap();
            }
            sides.crash(punisher);
            sides.mine(20);
            assert_eq!(
                sides.machine(punisher).standing(),
                "over",
                "{cheat} {claims_first}"
            );
            assert_eq!(sides.taken[cheat.index()], 0);
            let taken = sides.taken[punisher.index()];
            assert!(taken > CAPACITY - 6 * 300, "{taken}");
        }
    }
}

/// The cheat's success on its old commitment: of the point that it was offered.
fn cheats_claim(
    sides: &mut Sides,
    cheat: Side,
    number: u64,
    ids: [narthex_contracts::channel::PaymentId; 4],
) -> Transaction {
    use narthex_channel::channel::ChannelClaim;
    use narthex_contracts::channel::SecondKind;
    let commitment = sides
        .machine(cheat.other())
        .commitment(cheat, number)
        .unwrap();
    let channel = sides.machine(cheat).channel().unwrap().clone();
    let seconds = channel
        .second_levels(&commitment, &[SecondKind::Success])
        .unwrap();
    let (id, byte) = if cheat == B { (ids[0], 1) } else { (ids[2], 3) };
    let second = seconds
        .into_iter()
        .find(|second| second.payment().id == id)
        .unwrap();
    let ahead = sides.signers[cheat.other().index()]
        .keys()
        .sign_ahead(&second)
        .unwrap();
    let claim = ChannelClaim::Second {
        second: Box::new(second),
        ahead,
        proof: Some(Proof::Secret(secret(byte))),
    };
    sides.claim(cheat, &claim)
}

/// A side that is behind has its balance on the commitment that it does not know, and publishes nothing itself.
#[test]
fn a_side_that_is_behind_has_its_balance() {
    let mut sides = Sides::opened(26);
    let old = sides.copy(A);
    for byte in 1..3 {
        let paid = sides.pay(A, 10_000, point(byte), 900);
        sides.settle();
        sides.order(B, fulfil(paid, byte));
        sides.settle();
    }
    let number = sides.machine(B).locked().unwrap().number;
    let balance = sides.balances(B)[0];
    sides.put_back(A, &old);
    sides.is_up = [false; 2];
    sides.order(B, Order::ForceClose);
    let tx = sides.own(B, number);
    sides.confirm(&tx).unwrap();
    assert_eq!(sides.machine(A).ending(), Some(Ending::Unknown));
    sides.is_up = [true; 2];
    sides.mine(200);
    assert_eq!(sides.words(), ["over", "over"]);
    assert!(sides.taken[0] > balance - 300 && sides.taken[0] <= balance);
}

/// Between messages 2 and 4 either of two commitments may be published: the one before is no breach, the one after is known.
#[test]
fn the_commitments_of_an_open_round_are_no_breach() {
    for newer in [false, true] {
        let mut sides = Sides::opened(27);
        let paid = sides.pay(B, 10_000, point(1), 300);
        // B stages, A proposes, B accepts and is gone; A has both.
        for side in [B, A, B, B] {
            sides.advance(side);
        }
        assert_eq!(sides.words()[0], "agreed");
        if newer {
            // Its own, once it has said that the old one is revoked.
            for ask in sides.asks(A) {
                for input in sides.answer(A, &ask) {
                    sides.step(A, input).unwrap();
                }
            }
        }
        let number = u64::from(newer);
        sides.is_up = [false; 2];
        sides.order(A, Order::ForceClose);
        let tx = sides.own(A, number);
        sides.confirm(&tx).unwrap();
        assert_eq!(sides.machine(B).ending(), Some(Ending::Theirs(number)));
        assert_eq!(sides.machine(A).ending(), Some(Ending::Own(number)));
        sides.is_up = [true; 2];
        sides.mine_to(301 + 160);
        assert_eq!(sides.words(), ["over", "over"], "{newer}");
        all_is_taken(&sides, [CAPACITY - PUSH, PUSH]);
        let _ = paid;
    }
}

/// A block that held the close is gone: the channel is as before, and the close goes out again.
#[test]
fn a_reorganisation_takes_an_ending_back() {
    let mut sides = Sides::opened(28);
    sides.order(A, Order::ForceClose);
    sides.mine(1);
    assert_eq!(sides.words(), ["own_close", "their_close"]);
    let height = sides.height();
    for side in Side::BOTH {
        sides
            .step(side, ChannelInput::Reorganised(height - 1))
            .unwrap();
    }
    assert_eq!(sides.words(), ["force_closing", "waiting"]);
    let due = sides.kept(A).pending();
    assert!(
        due.iter()
            .any(|effect| matches!(effect, ChannelEffect::PublishOwn(0)))
    );
}
