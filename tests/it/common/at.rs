//! What a miner does at the table of a small contract.

use bitcoin::Transaction;
use narthex::{regtest::Error, table::Table};

use super::miner;

/// Mines a block of just this; its height.
pub fn mined(table: &mut Table<'_>, tx: &Transaction) -> u32 {
    let txs = std::slice::from_ref(tx);
    table.chain().mine_exactly(txs, &miner()).unwrap();
    table.sync().unwrap();
    table.chain().height().unwrap()
}

/// What consensus says against a block of just this.
pub fn refused(table: &mut Table<'_>, tx: &Transaction) -> String {
    match table
        .chain()
        .mine_exactly(std::slice::from_ref(tx), &miner())
    {
        Err(Error::BlockRejected { reason }) => reason,
        other => panic!("{} was not refused: {other:?}", tx.compute_txid()),
    }
}

/// Mines blocks of nothing, whatever waits.
pub fn empty_blocks(table: &mut Table<'_>, count: u32) {
    for _ in 0..count {
        table.chain().mine_exactly(&[], &miner()).unwrap();
    }
}
