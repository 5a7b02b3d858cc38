//! What transactions of a channel weigh, and vectors of one for other implementations.

use bitcoin::{Amount, ScriptBuf, WPubkeyHash, hashes::Hash};
use narthex_base::codec::Writer;
use narthex_contracts::channel::{MAX_PAYMENTS, SecondKind, Side, State};
use serde_json::{Value, json};

use crate::{
    channel_support::{Fixture, fees, hash, payment, point, proof},
    golden_json,
};

fn p2wpkh() -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros())
}

/// The figures that everything is reckoned with: fee coins, trimming, limits.
#[test]
fn weights_are_as_planned() {
    let mut fixture = Fixture::new();
    let empty = fixture.state(&[]);
    let (own, whole) = fixture.whole(Side::Opener, &empty);
    assert_eq!(whole.weight().to_wu(), 668, "commitment");
    let payments = [
        payment(Side::Opener, 0, 10_000, point(1), 500),
        payment(Side::Accepter, 0, 20_000, hash(2), 500),
        payment(Side::Accepter, 1, 30_000, point(3), 500),
        payment(Side::Opener, 1, 40_000, hash(4), 500),
    ];
    for count in 1..=4 {
        let state = fixture.state(&payments[..count]);
        let (_, whole) = fixture.whole(Side::Opener, &state);
        assert_eq!(
            whole.weight().to_wu(),
            668 + 172 * count as u64,
            "with {count}"
        );
    }
    // The second level with its own input and output alone.
    let state = fixture.state(&payments);
    let commitment = fixture.commitment(Side::Opener, &state);
    let all = [SecondKind::Timeout, SecondKind::Claim, SecondKind::Success];
    let seconds = fixture.channel.second_levels(&commitment, &all).unwrap();
    let mut weights = Vec::new();
    for second in &seconds {
        let ahead = fixture.of(second.signer()).sign_ahead(second).unwrap();
        let secret = proof(
            &second.payment().lock,
            [1, 2, 3, 4][index(second.payment(), &payments)],
        );
        let keys = fixture.of(second.publisher());
        let bare = (second.tx().clone(), &[][..]);
        let tx = keys.complete(second, bare, &ahead, Some(&secret)).unwrap();
        weights.push((
            second.payment().amount.to_sat(),
            second.kind(),
            tx.weight().to_wu(),
        ));
    }
    assert_eq!(
        weights,
        [
            (10_000, SecondKind::Timeout, 645),
            (10_000, SecondKind::Claim, 645),
            (20_000, SecondKind::Success, 705),
            (30_000, SecondKind::Success, 645),
            (40_000, SecondKind::Timeout, 645),
        ]
    );
    let channel = &fixture.channel;
    let wu = |side: Side, spend, script| {
        let tx = fixture.of(side).spend(&spend, script, fees()).unwrap();
        tx.weight().to_wu()
    };
    let claim = channel
        .preimage_claim(&commitment, payments[3].id, [4; 32])
        .unwrap();
    assert_eq!(
        wu(Side::Accepter, claim, p2wpkh()),
        557,
        "claim by a preimage"
    );
    let balance = channel.own_balance(&own).unwrap();
    assert_eq!(wu(Side::Opener, balance, p2wpkh()), 469, "own balance");
    let balance = channel.peer_balance(&own).unwrap();
    assert_eq!(
        wu(Side::Accepter, balance, p2wpkh()),
        396,
        "the other's balance"
    );
    let secret = fixture.of(Side::Opener).commitment_secret(1);
    for (at, output) in commitment.placed() {
        if let Ok(penalty) = channel.penalty(&commitment, at, &secret) {
            let found = wu(Side::Accepter, penalty, p2wpkh());
            assert_eq!(found, 396, "penalty for {:?}", output.purpose);
        }
    }
    let scripts = Side::BOTH.map(|side| channel.payout_script(side));
    let close = channel.close(&empty, &scripts, fees()).unwrap();
    assert_eq!(close.tx().weight().to_wu() + 2 + 66, 616, "agreed close");
}

fn index(
    payment: &narthex_contracts::channel::Payment,
    all: &[narthex_contracts::channel::Payment],
) -> usize {
    all.iter().position(|other| other.id == payment.id).unwrap()
}

/// As many payments as may be pending fit in a version 3 transaction; so do the two that are trimmed, which are in none.
#[test]
fn the_largest_commitment_is_relayed() {
    let mut fixture = Fixture::new();
    let each = |side, first: u64| {
        let number = first..first + MAX_PAYMENTS as u64;
        number.map(move |number| payment(side, number, 5_240, point(3), 500))
    };
    let (opener, accepter) = (each(Side::Opener, 0), each(Side::Accepter, 0));
    // Both sides cannot offer so much of a million: the balances are evened out first.
    let first = State {
        number: 0,
        balances: [Amount::from_sat(600_000), Amount::from_sat(400_000)],
        payments: Vec::new(),
    };
    let add = |payment: narthex_contracts::channel::Payment| {
        (
            payment.id.offerer,
            narthex_contracts::channel::Update::Add(payment),
        )
    };
    let most = accepter.take(74).map(add);
    let updates: Vec<_> = opener.map(add).chain(most).collect();
    let mut state = first.next(&fixture.channel, &updates);
    let (at, error) = state.clone().unwrap_err();
    assert_eq!(
        (at, error.waits()),
        (112, true),
        "{error}: the reserve of 10,000 sat"
    );
    state = first.next(&fixture.channel, &updates[..112]);
    let (_, whole) = fixture.whole(Side::Opener, &state.unwrap());
    assert_eq!(whole.weight().to_wu(), 668 + 172 * 112);
    assert_eq!(
        668 + 172 * 2 * MAX_PAYMENTS as u64,
        39_884,
        "at most 40,000 wu"
    );
}

/// What a trimmed payment leaves is the anchor's, up to 240 sat, and a fee beyond that.
#[test]
fn trimmed_payments_go_to_the_anchor_and_the_fee() {
    let fixture = Fixture::new();
    for (sat, anchor, fee) in [(100, 100, 0), (240, 240, 0), (5_239, 240, 4_999)] {
        let state = fixture.state(&[payment(Side::Opener, 0, sat, point(1), 500)]);
        for owner in Side::BOTH {
            let commitment = fixture.commitment(owner, &state);
            let outputs = commitment.outputs();
            assert_eq!(outputs.len(), 3, "{sat}");
            assert_eq!(outputs[0].output.value.to_sat(), anchor);
            let sum: u64 = outputs.iter().map(|out| out.output.value.to_sat()).sum();
            assert_eq!(1_000_000 - sum, fee);
        }
    }
}

/// `NARTHEX_BLESS=1` writes the file anew.
#[test]
fn a_channel_is_the_same_bytes_everywhere() {
    let fixture = Fixture::new();
    let channel = &fixture.channel;
    let mut terms = Writer::default();
    channel.terms().write(&mut terms);
    let payments = [
        payment(Side::Opener, 0, 10_000, point(1), 500),
        payment(Side::Accepter, 0, 20_000, hash(2), 501),
        payment(Side::Accepter, 1, 30_000, point(3), 502),
        payment(Side::Opener, 1, 40_000, hash(4), 503),
    ];
    let state = fixture.state(&payments);
    let all = [SecondKind::Timeout, SecondKind::Claim, SecondKind::Success];
    let commitments: Vec<Value> = Side::BOTH
        .map(|owner| {
            let commitment = fixture.commitment(owner, &state);
            let seconds = channel.second_levels(&commitment, &all).unwrap();
            let seconds: Vec<Value> = seconds
                .iter()
                .map(|second| {
                    let ahead = fixture.of(second.signer()).sign_ahead(second).unwrap();
                    json!({
                        "kind": format!("{:?}", second.kind()),
                        "transaction": bitcoin::consensus::encode::serialize_hex(second.tx()),
                        "ahead": hex(&ahead.0),
                    })
                })
                .collect();
            json!({
                "owner": owner.to_string(),
                "point": commitment.point().to_string(),
                "verification_nonce":
                    hex(&fixture.of(owner).verification_nonce(channel, 1).unwrap().0),
                "transaction": bitcoin::consensus::encode::serialize_hex(commitment.tx()),
                "message": hex(commitment.message()),
                "second_level": seconds,
            })
        })
        .to_vec();
    let found = json!({
        "about": "a channel of 1,000,000 sat by keys of the seeds 11..11 and 22..22, and its state 1; made here",
        "terms": hex(&terms.finish()),
        "id": hex(channel.id()),
        "funding": channel.funding().to_string(),
        "funding_script": format!("{:x}", channel.funding_output().script_pubkey),
        "opener_secret_1": hex(&fixture.of(Side::Opener).commitment_secret(1).secret_bytes()),
        "commitments": commitments,
    });
    golden_json::holds("channel.json", &found);
}

fn hex(bytes: &[u8]) -> String {
    hex_conservative::DisplayHex::to_lower_hex_string(bytes)
}
