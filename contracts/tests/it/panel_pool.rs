//! The pool: which offers count, through reorganisations, and the snapshot's golden vectors.

use crate::golden_json;
use crate::panel_support;
use narthex_base::codec::Message as _;

use std::collections::BTreeSet;

use bitcoin::{Amount, BlockHash, Transaction, hashes::Hash, key::XOnlyPublicKey};
use narthex_contracts::panel::{
    LOCK_CAP_BLOCKS, Offer, OfferTerms, Order, Pool, PoolChanges, PoolError, Seed, SnapshotRules,
};
use panel_support::{block, case, identity, mine, offer, offer_under, standard_terms, transaction};
use proptest::prelude::*;

fn rules(height: u32) -> SnapshotRules {
    SnapshotRules {
        height,
        min_expiry_height: height + 100,
        min_bond_sat: Amount::from_sat(10_000),
        terms_hashes: BTreeSet::from([standard_terms().hash()]),
    }
}

fn identities(pool: &Pool, height: u32) -> BTreeSet<XOnlyPublicKey> {
    let snapshot = pool.snapshot(&rules(height)).unwrap();
    snapshot.entries().iter().map(|e| e.identity).collect()
}

fn spend_bond(of: &Transaction) -> Transaction {
    let bond = Offer::from_transaction(of, 1).unwrap().unwrap().outpoint;
    transaction(bond, vec![])
}

#[test]
fn only_live_confirmed_lasting_and_fitting_offers_count() {
    let mut pool = Pool::default();
    let foreign = OfferTerms {
        min_fee_sat: Amount::from_sat(1),
        ..standard_terms()
    };
    let (spent, late_spent) = (offer(1, 20_000, 900), offer(2, 20_000, 900));
    mine(
        &mut pool,
        100,
        vec![
            offer(0, 20_000, 900),
            spent.clone(),
            late_spent.clone(),
            offer(3, 20_000, 202),                 // expires too early
            offer(4, 20_000, 203),                 // just late enough
            offer(5, 9_999, 900),                  // too small
            offer_under(6, 20_000, 900, &foreign), // other terms
        ],
    );
    mine(&mut pool, 101, vec![spend_bond(&spent)]);
    mine(&mut pool, 102, vec![offer(7, 20_000, 900)]);
    mine(
        &mut pool,
        103,
        vec![spend_bond(&late_spent), offer(8, 20_000, 900)],
    );
    let wanted = |ns: &[u64]| ns.iter().map(|n| identity(*n)).collect::<BTreeSet<_>>();
    // At 102 the offer of 8 is not confirmed yet, and 2 has not spent yet.
    assert_eq!(identities(&pool, 102), wanted(&[0, 2, 4, 7]));
    assert_eq!(identities(&pool, 103), wanted(&[0, 7, 8]));
    assert_eq!(identities(&pool, 100), wanted(&[0, 1, 2, 3, 4]));
    assert_eq!(
        pool.snapshot(&rules(99)),
        Err(PoolError::Unknown { height: 99 })
    );
    assert_eq!(
        pool.snapshot(&rules(104)),
        Err(PoolError::Unknown { height: 104 })
    );
}

#[test]
fn an_offer_spent_in_its_own_block_does_not_count() {
    let mut pool = Pool::default();
    let tx = offer(1, 20_000, 900);
    mine(&mut pool, 100, vec![tx.clone(), spend_bond(&tx)]);
    assert!(identities(&pool, 100).is_empty());
    assert_eq!(pool.offers().next().unwrap().1, Some(100));
}

#[test]
fn an_identity_has_one_seat_and_the_heaviest_bond_counts() {
    let offers = [
        offer(1, 50_000, 400),   // 300 blocks left: 15,000,000
        offer(1, 20_000, 1_100), // 1,000 blocks left: 20,000,000
        offer(1, 40_000, 500),   // 400 blocks left: 16,000,000
        offer(2, 10_000, 300),
    ];
    let mut hashes = BTreeSet::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]] {
        let mut pool = Pool::default();
        mine(
            &mut pool,
            100,
            order.iter().map(|i| offers[*i].clone()).collect(),
        );
        // The block differs with the order of its transactions only through its header here: it does not.
        let snapshot = pool.snapshot(&rules(100)).unwrap();
        assert_eq!(snapshot.entries().len(), 2);
        let seat = snapshot
            .entries()
            .iter()
            .find(|e| e.identity == identity(1))
            .unwrap();
        assert_eq!(
            (seat.value_sat.to_sat(), seat.expiry_height),
            (20_000, 1_100)
        );
        assert_eq!(seat.weight(100), 20_000_000);
        hashes.insert(*snapshot.hash());
    }
    assert_eq!(hashes.len(), 1, "the order of offers does not matter");
}

#[test]
fn an_eternal_lock_weighs_no_more_than_the_cap() {
    let mut pool = Pool::default();
    mine(&mut pool, 100, vec![offer(1, 10_000, 499_999_999)]);
    let snapshot = pool.snapshot(&rules(100)).unwrap();
    assert_eq!(
        snapshot.entries()[0].weight(100),
        10_000 * u128::from(LOCK_CAP_BLOCKS)
    );
}

#[test]
fn a_reorganisation_takes_an_offer_back_and_revives_a_spent_one() {
    let mut pool = Pool::default();
    let old = offer(1, 20_000, 900);
    let base = mine(&mut pool, 100, vec![old.clone()]);
    let before = pool.clone();
    let tip = mine(
        &mut pool,
        101,
        vec![spend_bond(&old), offer(2, 20_000, 900)],
    );
    assert_eq!(identities(&pool, 101), BTreeSet::from([identity(2)]));

    let other = block(base, 7, vec![offer(3, 20_000, 900)]);
    assert_eq!(
        pool.connect(101, &other),
        Err(PoolError::Height {
            height: 101,
            tip: 101
        })
    );
    assert_eq!(
        pool.connect(102, &other),
        Err(PoolError::Fork {
            height: 102,
            previous: base,
            tip
        })
    );
    assert_eq!(
        pool.disconnect(base),
        Err(PoolError::NotTheTip { hash: base })
    );
    let changes = pool.disconnect(tip).unwrap();
    pool.apply(&changes);
    assert_eq!(pool, before, "disconnecting undoes connecting");
    let changes = pool.connect(101, &other).unwrap();
    pool.apply(&changes);
    assert_eq!(
        identities(&pool, 101),
        BTreeSet::from([identity(1), identity(3)])
    );
}

proptest! {
    /// Change sets, one by one, merged, or through JSON, rebuild the pool; and the pool after any walk of blocks
    /// and reorganisations is the pool of the chain that it ended on.
    #[test]
    fn replayed_changes_and_walks_lead_to_the_same_pool(
        steps in prop::collection::vec((any::<bool>(), prop::collection::vec((0u64..6, 0u64..3), 0..4)), 1..24)
    ) {
        let mut pool = Pool::default();
        let mut chain: Vec<bitcoin::Block> = Vec::new();
        let (mut log, mut merged) = (Vec::new(), PoolChanges::default());
        for (i, (back, txs)) in steps.into_iter().enumerate() {
            let changes = if back && chain.len() > 1 {
                pool.disconnect(chain.pop().unwrap().block_hash()).unwrap()
            } else {
                let previous = chain.last().map_or(BlockHash::all_zeros(), |b| b.block_hash());
                let txs = txs.into_iter().map(|(n, what)| {
                    let tx = offer(n, 20_000, 900);
                    if what == 0 { spend_bond(&tx) } else { tx }
                }).collect();
                chain.push(block(previous, i as u32, txs));
                pool.connect(100 + chain.len() as u32, chain.last().unwrap()).unwrap()
            };
            pool.apply(&changes);
            log.push(serde_json::to_string(&changes).unwrap());
            merged.merge(changes);
        }
        let mut replayed = Pool::default();
        for line in &log {
            replayed.apply(&serde_json::from_str(line).unwrap());
        }
        prop_assert_eq!(&replayed, &pool);
        let mut at_once = Pool::default();
        at_once.apply(&merged);
        prop_assert_eq!(&at_once, &pool);
        let mut direct = Pool::default();
        for (height, block) in (101..).zip(&chain) {
            let changes = direct.connect(height, block).unwrap();
            direct.apply(&changes);
        }
        prop_assert_eq!(direct, pool);
    }
}

/// The snapshot, seed and order of a fixed pool. `NARTHEX_BLESS=1` writes the file anew, to be looked at
/// before it is committed: a change breaks panels that are being drawn.
#[test]
fn golden_vectors() {
    let bonds = [1_000_000u64, 20_000, 350_000, 75_000, 10_000, 9_999];
    let mut pool = Pool::default();
    mine(&mut pool, 299, vec![offer(20, 30_000, 10_300)]);
    let txs = (0u64..).zip(bonds);
    mine(
        &mut pool,
        300,
        txs.map(|(n, sat)| offer(n, sat, 10_300 + n as u32))
            .collect(),
    );
    let case = case(3, 2);
    let snapshot = pool.snapshot(case.rules()).unwrap();
    let seed = Seed::from_bytes([0x5e; 32]);
    let order = Order::draw(&case, &snapshot, &seed).unwrap();
    let hex = |bytes: &[u8]| {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut s, b| {
            write!(s, "{b:02x}").unwrap();
            s
        })
    };
    let vector = serde_json::json!({
        "offer_terms": standard_terms(),
        "offer_terms_bytes": hex(&standard_terms().to_bytes()),
        "offer_terms_hash": standard_terms().hash(),
        "case_id": hex(case.id()),
        "rules": case.rules(),
        "block_hash_internal": hex(snapshot.block_hash().as_byte_array()),
        "entries": snapshot.entries(),
        "snapshot_hash": hex(snapshot.hash()),
        "seed": hex(&seed.to_bytes()),
        "draw_id": hex(order.id()),
        "order": order.entries().iter().map(|e| hex(&e.identity.serialize())).collect::<Vec<_>>(),
        "first_bond_script": hex(offer(0, bonds[0], 10_300).output[0].script_pubkey.as_bytes()),
        "first_data_script": hex(offer(0, bonds[0], 10_300).output[1].script_pubkey.as_bytes()),
    });
    golden_json::holds("panel_snapshot.json", &vector);
    assert_eq!(
        snapshot.entries().len(),
        6,
        "the bond of 9,999 sat is too small"
    );
}
