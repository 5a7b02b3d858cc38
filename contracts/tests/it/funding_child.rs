//! Children that pay for zero-fee transactions: what they weigh and pay, and what cannot be made.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid, WPubkeyHash, Witness, hashes::Hash,
};
use narthex_contracts::{
    fixtures::Fixtures,
    funding::{Child, ChildError, FeeCoin},
    graph::anchor_script,
    template::{self, Exit, RootRecord},
    terms::{FeeError, FeeRate, Fees},
};
use narthex_game_model::Template;
use proptest::prelude::*;

fn parent() -> Transaction {
    let terms = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32])
        .unwrap()
        .terms()
        .unwrap();
    let graph = template::derive(&terms).unwrap();
    let mut tx = graph
        .assemble(graph.find(Exit::DELIVERED).unwrap())
        .unwrap();
    tx.input[0].witness = Witness::from_slice(&[[0; 64]]);
    tx
}

fn coin(i: u32, sat: u64) -> FeeCoin {
    let script_pubkey = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
    FeeCoin {
        outpoint: OutPoint {
            txid: Txid::from_byte_array([8; 32]),
            vout: i,
        },
        prevout: TxOut {
            value: Amount::from_sat(sat),
            script_pubkey,
        },
    }
}

fn child(parent: &Transaction, coins: Vec<FeeCoin>) -> Child<'_> {
    Child {
        parent,
        coins,
        change: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
        data: None,
        fees: FeeRate::from_sat_per_kwu(500).into(),
        least_fee: Amount::ZERO,
    }
}

#[test]
fn what_cannot_be_made_is_named() {
    let parent = parent();
    let mut bare = parent.clone();
    bare.output.retain(|o| o.script_pubkey != anchor_script());
    assert_eq!(
        child(&bare, vec![coin(0, 9_999)]).psbt(),
        Err(ChildError::NoAnchor)
    );
    assert_eq!(child(&parent, Vec::new()).psbt(), Err(ChildError::Coins));
    let outpoint = coin(3, 1).outpoint;
    let twice = vec![coin(3, 50_000), coin(1, 9_999), coin(3, 50_000)];
    assert_eq!(
        child(&parent, twice).psbt(),
        Err(ChildError::Repeated { outpoint })
    );
    let mut anchor = coin(0, 9_999);
    anchor.outpoint = OutPoint {
        txid: parent.compute_txid(),
        vout: 1,
    };
    let outpoint = anchor.outpoint;
    assert_eq!(
        child(&parent, vec![anchor]).psbt(),
        Err(ChildError::Repeated { outpoint })
    );
    let error = child(&parent, vec![coin(0, 300)]).psbt().unwrap_err();
    assert!(
        matches!(error, ChildError::Short { .. }) && error.to_string().contains("0.00000300"),
        "{error}"
    );
    let many = (0..20).map(|i| coin(i, 50_000)).collect();
    assert!(
        matches!(child(&parent, many).psbt(), Err(ChildError::TooLarge { vbytes }) if vbytes > 1_000)
    );
    let mut absurd = child(&parent, vec![coin(0, 50_000)]);
    absurd.fees = FeeRate::from_sat_per_kwu(u64::MAX).into();
    let rate = FeeRate::from_sat_per_kwu(u64::MAX);
    assert_eq!(absurd.psbt(), Err(ChildError::Fee(FeeError::High { rate })));
    absurd.fees = Fees::waived(rate);
    assert!(matches!(
        absurd.psbt(),
        Err(ChildError::Fee(FeeError::Overflow { .. }))
    ));
    let mut legacy = coin(0, 50_000);
    legacy.prevout.script_pubkey = ScriptBuf::new();
    assert_eq!(child(&parent, vec![legacy]).psbt(), Err(ChildError::Coins));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The package has the rate asked for, and not a sat per vB more; and at least the fee that a replacement needs.
    #[test]
    fn the_package_has_the_rate_asked_for(
        count in 1u32..8, rate in 25u64..50_000, least in 0u64..200_000, root in any::<Option<[u8; 32]>>(),
    ) {
        let parent = parent();
        let coins = (0..count).map(|i| coin(i, 2_000_000)).collect::<Vec<_>>();
        let wanted = Child {
            fees: FeeRate::from_sat_per_kwu(rate).into(),
            least_fee: Amount::from_sat(least),
            data: root.map(|root| RootRecord { root }.script()),
            ..child(&parent, coins)
        };
        let psbt = wanted.psbt().unwrap();
        let mut tx = psbt.unsigned_tx.clone();
        for input in &mut tx.input[1..] {
            input.witness = Witness::from_slice(&[vec![0; 72], vec![0; 33]]);
        }
        let out: u64 = tx.output.iter().map(|o| o.value.to_sat()).sum();
        let fee = 2_000_000 * u64::from(count) - out;
        let vbytes = (tx.vsize() + parent.vsize()) as u64;
        let due = (rate * 4 * vbytes).div_ceil(1000);
        prop_assert!(fee >= due.max(least));
        // Marker, flag and rounding of each transaction apart.
        prop_assert!(fee <= (rate * 4 * (vbytes + 2)).div_ceil(1000).max(least), "{fee} of {due}");
        prop_assert_eq!(tx.version.0, 3);
        prop_assert!(tx.vsize() <= 1_000);
    }
}
