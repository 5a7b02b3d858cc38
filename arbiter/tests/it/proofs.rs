//! Proofs that transactions are in a block.

use std::collections::BTreeMap;

use bitcoin::Transaction;
use narthex_arbiter::{ProofFault, ProvenBlock};

use crate::headers::{chain, coinbase};

fn transactions(count: u32) -> Vec<Transaction> {
    (0..count).map(|at| coinbase(5_000 + at, 3)).collect()
}

#[test]
fn each_transaction_of_blocks_of_all_sizes_proves_to_its_block_alone() {
    for count in 0..20 {
        let txs = transactions(count);
        let all = BTreeMap::from([(50, txs.clone())]);
        let (headers, blocks) = chain(50, 51, &all, 1);
        let root = headers.root(50).unwrap();
        for tx in &txs {
            let proven = ProvenBlock::of(&blocks[0].1, 50, &[tx.compute_txid()]).unwrap();
            proven.check(root).unwrap();
            let other = proven.check(headers.root(51).unwrap());
            assert!(matches!(other, Err(ProofFault::OtherRoot { .. })));
            // The same proof, as if it were of the next block.
            let mut moved = proven.clone();
            moved.height = 51;
            let fault = moved.check(root);
            assert_eq!(fault, Err(ProofFault::Height { height: 51 }));
        }
        let missing = coinbase(9_999, 3).compute_txid();
        assert!(ProvenBlock::of(&blocks[0].1, 50, &[missing]).is_none());
    }
}
