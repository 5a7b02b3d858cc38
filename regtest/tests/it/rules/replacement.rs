//! What may push what out of the mempool.

use bitcoin::Transaction;
use narthex_regtest::suite::pay;

use super::bench::{Bench, anyone, data, output};

pub(crate) fn a_replacement_pays_more_and_for_itself(mut bench: Bench) {
    let coin = bench.coin();
    let first = bench.pay(2, &[&coin], 1_000, vec![]);
    let child = bench.pay(2, &[&output(&first, 0)], 3_000, vec![]);
    bench.submit(&first);
    bench.submit(&child);
    // Rule 3: as much as all that goes. Rule 4: and 0.1 sat/vB for its own 111 virtual bytes, 12 satoshis.
    for fee in [3_999, 4_000, 4_011] {
        let tx = bench.pay(2, &[&coin], fee, vec![]);
        bench.refused(&tx, "insufficient fee");
    }
    let enough = bench.pay(2, &[&coin], 4_012, vec![]);
    assert_eq!(enough.vsize(), 111);
    bench.submit(&enough);
    assert_eq!(bench.chain.mempool().unwrap(), [enough.compute_txid()]);
}

pub(crate) fn a_replacement_must_earn_a_miner_more(mut bench: Bench) {
    let coin = bench.coin();
    let small = bench.pay(2, &[&coin], 10_000, vec![]);
    bench.submit(&small);
    // More fee in all, but at a lower rate.
    let large = bench.pay(2, &[&coin], 12_000, vec![data(9_000)]);
    bench.refused(&large, "replacement-failed");
    let better = bench.pay(2, &[&coin], 1_000_000, vec![data(9_000)]);
    bench.submit(&better);
}

pub(crate) fn a_package_replaces_as_one(mut bench: Bench) {
    let (coin, purse) = (bench.coin(), bench.coin());
    let parent = |bench: &Bench, salt: u64| {
        bench.pay(
            3,
            &[&coin],
            0,
            vec![pay(0, &anyone()), pay(1_000 + salt, &anyone())],
        )
    };
    let child = |bench: &Bench, parent: &Transaction, fee| {
        bench.pay(3, &[&output(parent, 1), &purse], fee, vec![])
    };
    let (old, new) = (parent(&bench, 0), parent(&bench, 1));
    let old_child = child(&bench, &old, 5_000);
    bench.submit_package(&[&old, &old_child]);

    let poor = child(&bench, &new, 5_000);
    bench.package_refused(
        &[&new, &poor],
        "package RBF failed: insufficient anti-DoS fees",
    );
    assert!(bench.waits(&old_child) && !bench.waits(&new));
    let rich = child(&bench, &new, 6_000);
    bench.submit_package(&[&new, &rich]);
    assert!(
        bench.waits(&new) && bench.waits(&rich) && !bench.waits(&old) && !bench.waits(&old_child)
    );
    assert_eq!(bench.chain.mempool().unwrap().len(), 2);
}

pub(crate) fn nothing_spends_what_it_replaces(mut bench: Bench) {
    let coin = bench.coin();
    let first = bench.pay(2, &[&coin], 1_000, vec![]);
    bench.submit(&first);
    let both = bench.pay(2, &[&coin, &output(&first, 0)], 1_000_000, vec![]);
    bench.refused(&both, "bad-txns-spends-conflicting-tx");
}
