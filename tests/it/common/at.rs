//! What a miner does for the harness of a small contract.

use bitcoin::Transaction;
use narthex::{harness::Harness, regtest::Error};

use super::miner;

/// Mines a block of just this; its height.
pub fn mined(harness: &mut Harness<'_>, tx: &Transaction) -> u32 {
    let txs = std::slice::from_ref(tx);
    harness.chain().mine_exactly(txs, &miner()).unwrap();
    harness.sync().unwrap();
    harness.chain().height().unwrap()
}

/// What consensus says against a block of just this.
pub fn refused(harness: &mut Harness<'_>, tx: &Transaction) -> String {
    match harness
        .chain()
        .mine_exactly(std::slice::from_ref(tx), &miner())
    {
        Err(Error::BlockRejected { reason }) => reason,
        other => panic!("{} was not refused: {other:?}", tx.compute_txid()),
    }
}

/// Mines blocks of nothing, whatever waits.
pub fn empty_blocks(harness: &mut Harness<'_>, count: u32) {
    for _ in 0..count {
        harness.chain().mine_exactly(&[], &miner()).unwrap();
    }
}
