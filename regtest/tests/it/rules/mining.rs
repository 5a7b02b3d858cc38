//! What is mined, and what comes back when blocks go.

use super::bench::{Bench, anyone, data, output};

pub(crate) fn a_child_pulls_its_parent_into_the_block(mut bench: Bench) {
    let (a, b) = (bench.coin(), bench.coin());
    let parent = bench.pay(2, &[&a], 20, vec![]);
    let child = bench.pay(2, &[&output(&parent, 0)], 50_000, vec![]);
    let other = bench.pay(2, &[&b], 1_000, vec![]);
    for tx in [&parent, &other, &child] {
        bench.submit(tx);
    }
    let mined: Vec<_> = bench
        .mine()
        .txdata
        .iter()
        .skip(1)
        .map(|tx| tx.compute_txid())
        .collect();
    assert_eq!(mined, [parent, child, other].map(|tx| tx.compute_txid()));
}

pub(crate) fn a_full_block_takes_the_best_and_leaves_the_rest(mut bench: Bench) {
    let coins: Vec<_> = (0..12).map(|_| bench.coin()).collect();
    let fees = (1..=12).map(|index| index * 100_000);
    let txs: Vec<_> = coins
        .iter()
        .zip(fees)
        .map(|(coin, fee)| bench.pay(2, &[coin], fee, vec![data(99_000)]))
        .collect();
    for tx in &txs {
        bench.submit(tx);
    }
    // Ten of 99,000 virtual bytes fit; the two cheapest wait.
    assert_eq!(bench.mine().txdata.len(), 11);
    assert!(bench.waits(&txs[0]) && bench.waits(&txs[1]) && !bench.waits(&txs[2]));
    assert_eq!(bench.mine().txdata.len(), 3);
}

pub(crate) fn an_immature_coinbase_leaves_the_mempool_with_its_spenders(mut bench: Bench) {
    let height = bench.chain.height().unwrap();
    let script = bench.signer.script();
    bench.chain.mine(1, &script).unwrap();
    let coinbase = bench.chain.block(height + 1).unwrap().txdata[0].clone();
    bench.chain.mine(99, &anyone()).unwrap();
    let spender = bench.pay(2, &[&output(&coinbase, 0)], 1_000, vec![]);
    let child = bench.pay(2, &[&output(&spender, 0)], 1_000, vec![]);
    bench.submit(&spender);
    bench.submit(&child);
    bench.chain.disconnect(1).unwrap();
    assert_eq!(bench.chain.mempool().unwrap(), []);
    bench.refused(&spender, "bad-txns-premature-spend-of-coinbase");
}

pub(crate) fn only_ten_disconnected_blocks_come_back(mut bench: Bench) {
    let coins: Vec<_> = (0..12).map(|_| bench.coin()).collect();
    let txs: Vec<_> = coins
        .iter()
        .map(|coin| bench.pay(2, &[coin], 1_000, vec![]))
        .collect();
    for tx in &txs {
        bench.submit(tx);
        bench.mine();
    }
    // The coins matured long before, whatever is disconnected.
    bench.chain.disconnect(12).unwrap();
    assert_eq!(bench.chain.mempool().unwrap().len(), 10);
    assert!(!bench.waits(&txs[0]) && !bench.waits(&txs[1]) && bench.waits(&txs[2]));
}
