//! What the transactions of a bounty are called.

use bitcoin::Transaction;
use narthex_contracts::{
    bounty::{CANCEL, REFUND},
    graph::{NodeId, TxGraph},
};

use crate::small::onchain;

/// The coin is the first output of the funding.
pub(super) const COIN: u32 = 0;

/// What a transaction is called that spends one of the coins.
pub(super) fn name_of(graph: &TxGraph, tx: &Transaction) -> &'static str {
    let is = |node: NodeId| Some(tx.compute_txid()) == graph.txid(node);
    match () {
        () if is(TxGraph::FUNDING) => "Bounty",
        () if is(REFUND) => "Refund",
        () if is(CANCEL) => "Cancel",
        () if onchain::spends(graph, COIN, tx) => "Settle",
        () => "",
    }
}
