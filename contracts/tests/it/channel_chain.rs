//! Every way to spend what a channel leaves on chain, a block early and on time.

use bitcoin::{ScriptBuf, Transaction};
use narthex_contracts::{
    channel::{ChannelError, Payment, PaymentId, SecondKind, Side, SpendPath, State},
    funding::{Child, FeeCoin},
};
use narthex_regtest::{Broadcaster, ChainSource};

use crate::channel_support::{CAPACITY, Fixture, fees, hash, payment, point, proof, secret};

fn to() -> ScriptBuf {
    ScriptBuf::new_p2tr_tweaked(bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(
        secret(77)
            .x_only_public_key(&bitcoin::secp256k1::Secp256k1::new())
            .0,
    ))
}

/// One of each kind.
fn mixed(expiry: u32) -> [Payment; 4] {
    [
        payment(Side::Opener, 0, 10_000, point(1), expiry),
        payment(Side::Accepter, 0, 20_000, hash(2), expiry),
        payment(Side::Accepter, 1, 30_000, point(3), expiry),
        payment(Side::Opener, 1, 40_000, hash(4), expiry),
    ]
}

fn byte(payment: &Payment) -> u8 {
    (payment.amount.to_sat() / 10_000) as u8
}

/// Without fee it is relayed with a child alone.
#[test]
fn a_commitment_goes_out_with_its_child() {
    let mut fixture = Fixture::new();
    let state = fixture.state(&mixed(500));
    let (_, whole) = fixture.whole(Side::Accepter, &state);
    assert!(fixture.chain.submit(&whole).is_err(), "it pays nothing");
    let (outpoint, prevout) = fixture.coin();
    let child = Child {
        parent: &whole,
        coins: vec![FeeCoin {
            outpoint,
            prevout: prevout.clone(),
        }],
        change: fixture.signer.script(),
        data: None,
        fees: fees(),
        least_fee: bitcoin::Amount::ZERO,
    };
    let mut psbt = child.psbt().unwrap();
    let mut tx: Transaction = psbt.unsigned_tx.clone();
    let spent: Vec<_> = psbt
        .inputs
        .iter()
        .map(|i| i.witness_utxo.clone().unwrap())
        .collect();
    fixture.signer.sign(&mut tx, &spent).unwrap();
    psbt.unsigned_tx.input.clear();
    fixture
        .chain
        .submit_package(&[whole.clone(), tx.clone()])
        .unwrap();
    fixture.mine(&[whole, tx]).unwrap();
}

#[test]
fn own_balances_wait_and_the_others_do_not() {
    for owner in Side::BOTH {
        let mut fixture = Fixture::new();
        let state = fixture.state(&[]);
        let (own, whole) = fixture.whole(owner, &state);
        fixture.mine(&[whole]).unwrap();
        let closed = fixture.chain.height().unwrap();
        let spend = fixture.channel.peer_balance(&own).unwrap();
        let peer = fixture
            .of(owner.other())
            .spend(&spend, to(), fees())
            .unwrap();
        fixture.relay(&peer).unwrap();
        let spend = fixture.channel.own_balance(&own).unwrap();
        let own = fixture.of(owner).spend(&spend, to(), fees()).unwrap();
        // It is spent in block closed + 144 at the earliest.
        fixture.mine_to(closed + 142);
        assert!(
            fixture.mine(std::slice::from_ref(&own)).is_err(),
            "a block early"
        );
        fixture.mine_to(closed + 143);
        fixture.relay(&own).unwrap();
    }
}

#[test]
fn payments_are_taken_back_from_the_expiry_on() {
    for owner in Side::BOTH {
        for own in [true, false] {
            let mut fixture = Fixture::new();
            let expiry = fixture.chain.height().unwrap() + 20;
            let payments = mixed(expiry);
            let state = fixture.state(&payments);
            let (commitment, whole) = fixture.whole(owner, &state);
            fixture.mine(&[whole]).unwrap();
            let offered = payments.iter().filter(|p| (p.id.offerer == owner) == own);
            let back: Vec<Transaction> = match own {
                true => {
                    let timeouts = [SecondKind::Timeout];
                    let found = fixture
                        .channel
                        .second_levels(&commitment, &timeouts)
                        .unwrap();
                    assert_eq!(found.len(), 2);
                    found
                        .iter()
                        .map(|second| fixture.finish(second, None))
                        .collect()
                }
                false => {
                    let keys = fixture.of(owner.other());
                    let back = |payment: &Payment| {
                        let spend = fixture.channel.refund(&commitment, payment.id).unwrap();
                        keys.spend(&spend, to(), fees()).unwrap()
                    };
                    offered.map(back).collect()
                }
            };
            for tx in &back {
                fixture.chain.submit(tx).unwrap_err();
            }
            fixture.mine_to(expiry - 1);
            for tx in &back {
                assert!(
                    fixture.mine(std::slice::from_ref(tx)).is_err(),
                    "a block early"
                );
            }
            fixture.mine_to(expiry);
            for tx in &back {
                fixture.chain.submit(tx).unwrap();
            }
            fixture.mine(&back).unwrap();
            if own {
                own_claims_wait(&mut fixture, &commitment, &back);
            }
        }
    }
}

/// What the owner of a commitment has claimed from it waits as its balance does.
fn own_claims_wait(
    fixture: &mut Fixture,
    commitment: &narthex_contracts::channel::Commitment,
    claims: &[Transaction],
) {
    let at = fixture.chain.height().unwrap();
    let mut late = Vec::new();
    for claim in claims {
        for spend in fixture.channel.own_claims(commitment, claim).unwrap() {
            late.push(
                fixture
                    .of(commitment.owner())
                    .spend(&spend, to(), fees())
                    .unwrap(),
            );
        }
    }
    assert_eq!(late.len(), claims.len());
    fixture.mine_to(at + 142);
    for tx in &late {
        assert!(
            fixture.mine(std::slice::from_ref(tx)).is_err(),
            "a block early"
        );
    }
    fixture.mine_to(at + 143);
    for tx in &late {
        fixture.relay(tx).unwrap();
    }
}

/// On either commitment, by either lock; whoever claims shows what opens it, in the mempool already.
#[test]
fn payments_are_claimed_and_show_their_secrets() {
    for owner in Side::BOTH {
        let mut fixture = Fixture::new();
        let payments = mixed(900);
        let state = fixture.state(&payments);
        let (commitment, whole) = fixture.whole(owner, &state);
        fixture.mine(&[whole]).unwrap();
        let kinds = [SecondKind::Claim, SecondKind::Success];
        let mut claims = Vec::new();
        for second in fixture.channel.second_levels(&commitment, &kinds).unwrap() {
            let payment = *second.payment();
            let right = proof(&payment.lock, byte(&payment));
            let ahead = fixture.of(second.signer()).sign_ahead(&second).unwrap();
            let tx = fixture.finish(&second, Some(&right));
            // The publisher's own signature is of the whole: nobody puts it into a bundle of theirs.
            let signed = [0, 1].map(|at| tx.input[0].witness.nth(at).unwrap().len());
            assert_eq!(signed, [64, 65], "own, and SINGLE|ANYONECANPAY");
            let mut bundled = tx.clone();
            bundled.output.pop();
            assert!(fixture.mine(&[bundled]).is_err());
            fixture.chain.submit(&tx).unwrap();
            assert_eq!(second.secret(&ahead, &tx), Some(right), "{payment:?}");
            // A timeout, or anything that spends it otherwise, shows nothing.
            let mut other = tx.clone();
            other.input[0].witness.clear();
            assert_eq!(second.secret(&ahead, &other), None);
            claims.push(tx);
        }
        fixture.mine(&claims).unwrap();
        claims.retain(|tx| {
            !fixture
                .channel
                .own_claims(&commitment, tx)
                .unwrap()
                .is_empty()
        });
        // A point to each side, a hash to the owner; the hash that the owner offered its claimant takes alone.
        let offered = payments
            .iter()
            .find(|p| p.id.offerer == owner && byte(p).is_multiple_of(2));
        let offered = offered.unwrap();
        let preimage = [byte(offered); 32];
        let claim = fixture
            .channel
            .preimage_claim(&commitment, offered.id, preimage)
            .unwrap();
        let tx = fixture
            .of(owner.other())
            .spend(&claim, to(), fees())
            .unwrap();
        fixture.chain.submit(&tx).unwrap();
        own_claims_wait(&mut fixture, &commitment, &claims);
    }
}

#[test]
fn a_wrong_secret_completes_nothing() {
    let mut fixture = Fixture::new();
    let payments = mixed(900);
    let state = fixture.state(&payments);
    let commitment = fixture.commitment(Side::Opener, &state);
    let found = fixture
        .channel
        .second_levels(&commitment, &[SecondKind::Claim])
        .unwrap();
    let ahead = fixture.of(Side::Opener).sign_ahead(&found[0]).unwrap();
    let keys = fixture.of(Side::Accepter);
    let bare = || (found[0].tx().clone(), &[][..]);
    let wrong = proof(&payments[0].lock, 9);
    let refused = keys.complete(&found[0], bare(), &ahead, Some(&wrong));
    assert!(matches!(
        refused,
        Err(ChannelError::Builder(_) | ChannelError::Adaptor(_))
    ));
    let refused = keys.complete(&found[0], bare(), &ahead, None);
    assert_eq!(refused, Err(ChannelError::Missing("secret")));
    // What was signed for a claim is not good for a timeout of the same payment, nor for another commitment.
    let timeout = fixture
        .channel
        .second_levels(&commitment, &[SecondKind::Timeout])
        .unwrap();
    assert!(timeout[0].check(&ahead).is_err());
    let mut next = state.clone();
    next.number += 1;
    let other = fixture.commitment(Side::Opener, &next);
    let other = fixture
        .channel
        .second_levels(&other, &[SecondKind::Claim])
        .unwrap();
    assert!(other[0].check(&ahead).is_err());
    let _ = fixture.whole(Side::Opener, &state);
}

/// Everything but the punisher's own balance is taken with the one key, also what the cheat has claimed meanwhile at the second
/// level; each output by itself, so that the rest stays good whatever of it is gone.
#[test]
fn a_revoked_commitment_is_punished_in_full() {
    for owner in Side::BOTH {
        for claimed in [false, true] {
            let mut fixture = Fixture::new();
            let state = fixture.state(&mixed(900));
            let (revoked, whole) = fixture.whole(owner, &state);
            let secret = fixture.of(owner).commitment_secret(state.number);
            let punisher = owner.other();
            assert_eq!(fixture.channel.obscured().read(&whole), Some(state.number));
            fixture.mine(&[whole]).unwrap();
            let mut penalties = Vec::new();
            for (at, _) in revoked.placed() {
                if let Ok(spend) = fixture.channel.penalty(&revoked, at, &secret) {
                    let keys = fixture.of(punisher);
                    penalties.push((at, keys.spend(&spend, to(), fees()).unwrap()));
                }
            }
            assert_eq!(penalties.len(), 5, "four payments and the cheat's balance");
            if claimed {
                let found = fixture
                    .channel
                    .second_levels(&revoked, &[SecondKind::Success])
                    .unwrap();
                for second in found {
                    let proof = proof(&second.payment().lock, byte(second.payment()));
                    let tx = fixture.finish(&second, Some(&proof));
                    fixture.relay(&tx).unwrap();
                    penalties.retain(|(at, _)| *at != second.outpoint());
                    let punish = fixture
                        .channel
                        .second_penalties(&revoked, &tx, &secret)
                        .unwrap();
                    assert_eq!(punish.len(), 1);
                    let keys = fixture.of(punisher);
                    let penalty = keys.spend(&punish[0], to(), fees()).unwrap();
                    penalties.push((punish[0].outpoint(), penalty));
                }
            }
            let mut taken = 0;
            for (_, penalty) in &penalties {
                fixture.relay(penalty).unwrap();
                taken += penalty.output[0].value.to_sat();
            }
            let spend = fixture.channel.peer_balance(&revoked).unwrap();
            assert_eq!(*spend.path(), SpendPath::Payout);
            let own = fixture.of(punisher).spend(&spend, to(), fees()).unwrap();
            taken += own.output[0].value.to_sat();
            fixture.relay(&own).unwrap();
            let fee = 6 * 2 * 120;
            assert!(taken > CAPACITY - fee, "{taken}");
        }
    }
}

/// A secret of another commitment, or another side's, takes nothing.
#[test]
fn what_is_not_revoked_is_not_punished() {
    let mut fixture = Fixture::new();
    let state = fixture.state(&mixed(900));
    let (own, whole) = fixture.whole(Side::Opener, &state);
    fixture.mine(&[whole]).unwrap();
    let other = fixture.of(Side::Opener).commitment_secret(state.number - 1);
    for (at, _) in own.placed() {
        if let Ok(spend) = fixture.channel.penalty(&own, at, &other) {
            let tx = fixture
                .of(Side::Accepter)
                .spend(&spend, to(), fees())
                .unwrap();
            assert!(fixture.mine(&[tx]).is_err());
        }
    }
}

#[test]
fn both_close_by_one_plain_transaction() {
    let mut fixture = Fixture::new();
    let state = fixture.state(&[]);
    let scripts = Side::BOTH.map(|side| fixture.channel.payout_script(side));
    let close = fixture.channel.close(&state, &scripts, fees()).unwrap();
    let [opener, accepter] = fixture.keys.clone();
    let nonce = opener
        .close_nonce(&fixture.channel, &mut fixture.rng)
        .unwrap();
    let again = opener
        .close_nonce(&fixture.channel, &mut fixture.rng)
        .unwrap();
    assert_ne!(nonce.public(), again.public(), "each attempt has its own");
    let share = accepter
        .close_share(&fixture.channel, &close, &nonce.public(), &mut fixture.rng)
        .unwrap();
    let refused = opener.close_whole(&fixture.channel, &close, again, &share);
    assert!(matches!(
        refused,
        Err(ChannelError::Signature {
            side: Side::Accepter,
            ..
        })
    ));
    let tx = opener
        .close_whole(&fixture.channel, &close, nonce, &share)
        .unwrap();
    assert_eq!(tx.weight().to_wu(), 616);
    fixture.relay(&tx).unwrap();
    let pending = fixture.state(&mixed(900));
    let refused = fixture.channel.close(&pending, &scripts, fees());
    assert_eq!(refused, Err(ChannelError::Sum));
}

/// Equal amount, expiry and point: told apart by their numbers, on both commitments, by all who derive them.
#[test]
fn ten_equal_payments_are_told_apart() {
    for owner in Side::BOTH {
        let mut fixture = Fixture::new();
        let ten: Vec<Payment> = (0..10)
            .map(|n| payment(Side::Opener, n, 6_000, point(1), 900))
            .collect();
        let state = fixture.state(&ten);
        let mut shuffled = state.clone();
        shuffled.payments.reverse();
        let commitment = fixture.commitment(owner, &state);
        let (_, whole) = fixture.whole(owner, &state);
        assert_eq!(commitment, fixture.commitment(owner, &shuffled));
        fixture.mine(&[whole]).unwrap();
        let kinds = [SecondKind::Claim, SecondKind::Success];
        let seconds = fixture.channel.second_levels(&commitment, &kinds).unwrap();
        let numbers: Vec<u64> = seconds.iter().map(|s| s.payment().id.number).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        let ahead: Vec<_> = seconds
            .iter()
            .map(|second| fixture.of(second.signer()).sign_ahead(second).unwrap())
            .collect();
        for (i, second) in seconds.iter().enumerate() {
            let offerer = Side::Opener;
            let id = PaymentId {
                offerer,
                number: i as u64,
            };
            assert_eq!(commitment.payment(id).unwrap().0, second.outpoint());
            for (j, ahead) in ahead.iter().enumerate() {
                assert_eq!(
                    second.check(ahead).is_ok(),
                    i == j,
                    "{i} by the signature of {j}"
                );
            }
        }
        for second in &seconds {
            let tx = fixture.finish(second, Some(&proof(&point(1), 1)));
            fixture.relay(&tx).unwrap();
        }
    }
}

/// The rules of a state, each by the update that breaks it.
#[test]
fn updates_are_held_to_the_rules() {
    use narthex_contracts::channel::{Update, UpdateError};
    let fixture = Fixture::new();
    let channel = &fixture.channel;
    let first = State::first(channel, bitcoin::Amount::from_sat(300_000)).unwrap();
    let add = |payment: Payment| (payment.id.offerer, Update::Add(payment));
    let refused = |state: &State, update| state.next(channel, &[update]).unwrap_err().1;
    let of = |number, sat| payment(Side::Opener, number, sat, point(1), 500);
    // R8: 1 % stays. A satoshi more is too much.
    assert!(first.next(channel, &[add(of(0, 690_000))]).is_ok());
    assert_eq!(refused(&first, add(of(0, 690_001))), UpdateError::Reserve);
    // R6: one payment without output each way.
    let (small, smaller) = (add(of(0, 5_239)), add(of(1, 1)));
    let theirs = add(payment(Side::Accepter, 0, 1, point(1), 500));
    assert!(first.next(channel, &[small.clone(), theirs]).is_ok());
    let both = first.next(channel, &[small, smaller]).unwrap_err();
    assert_eq!(both, (1, UpdateError::Trimmed));
    // R6: 114 of the others.
    let many: Vec<_> = (0..115).map(|n| add(of(n, 5_240))).collect();
    assert!(first.next(channel, &many[..114]).is_ok());
    assert_eq!(first.next(channel, &many), Err((114, UpdateError::Slots)));
    // Whose they are, and that they are there.
    let state = first.next(channel, &[add(of(3, 10_000))]).unwrap();
    let id = of(3, 0).id;
    let good = proof(&point(1), 1);
    let fulfil = |id, proof| Update::Fulfil(id, proof);
    let (opener, accepter) = (Side::Opener, Side::Accepter);
    let unknown = PaymentId { number: 4, ..id };
    let cases = [
        ((opener, Update::Fail(id)), UpdateError::NotItsOwn(opener)),
        (
            (opener, fulfil(id, good.clone())),
            UpdateError::NotItsOwn(opener),
        ),
        (
            (accepter, fulfil(id, proof(&point(1), 2))),
            UpdateError::Proof(id),
        ),
        (
            (accepter, fulfil(id, proof(&hash(1), 1))),
            UpdateError::Proof(id),
        ),
        (
            (accepter, Update::Fail(unknown)),
            UpdateError::Unknown(unknown),
        ),
        (
            (accepter, Update::Add(of(4, 10_000))),
            UpdateError::NotItsOwn(accepter),
        ),
        (add(of(3, 10_000)), UpdateError::Repeated(id)),
        (add(of(4, 0)), UpdateError::Field("amount")),
        (
            (
                opener,
                Update::Add(Payment {
                    expiry: 500_000_000,
                    ..of(4, 9_000)
                }),
            ),
            UpdateError::Field("expiry"),
        ),
    ];
    for (update, error) in cases {
        assert_eq!(refused(&state, update), error);
    }
    // What is settled makes room for what is added beside it, and the sums stay.
    let next = state
        .next(channel, &[(accepter, fulfil(id, good)), add(of(4, 9_000))])
        .unwrap();
    assert_eq!(next.sum(), first.sum());
    assert_eq!(next.balances.map(|b| b.to_sat()), [681_000, 310_000]);
    let failed = state
        .next(channel, &[(accepter, Update::Fail(id))])
        .unwrap();
    assert_eq!(failed.balances, first.balances);
}
