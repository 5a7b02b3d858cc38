//! Where the chain has a bounty's coin, from what was read of it.

use bitcoin::{OutPoint, Transaction, Txid};
use narthex_channel::CoinSeen;
use narthex_contracts::{
    bounty::{BountyTerms, CANCEL, REFUND},
    graph::TxGraph,
};

fn funding(graph: &TxGraph) -> Option<Txid> {
    graph.txid(TxGraph::FUNDING)
}

/// One of the coins that the funding spends tells of it.
pub(super) fn watched(terms: &BountyTerms) -> Vec<OutPoint> {
    let coins = &terms.record().contribution.coins;
    coins.iter().take(1).map(|coin| coin.outpoint).collect()
}

/// The coin is the first output of the funding.
pub(super) fn watches(graph: &TxGraph, tx: &Transaction) -> Vec<u32> {
    match funding(graph) == Some(tx.compute_txid()) {
        true => vec![0],
        false => Vec::new(),
    }
}

fn spends(graph: &TxGraph, tx: &Transaction) -> bool {
    let coin = funding(graph).map(|txid| OutPoint { txid, vout: 0 });
    let mut inputs = tx.input.iter();
    inputs.any(|input| Some(input.previous_output) == coin)
}

/// What a transaction is called that spends one of the coins.
pub(super) fn name_of(graph: &TxGraph, tx: &Transaction) -> &'static str {
    let txid = Some(tx.compute_txid());
    match () {
        () if txid == funding(graph) => "Bounty",
        () if txid == graph.txid(REFUND) => "Refund",
        () if txid == graph.txid(CANCEL) => "Cancel",
        () if spends(graph, tx) => "Settle",
        () => "",
    }
}

/// What spends the coin, of what was found.
pub(super) fn spender<'t>(
    graph: &TxGraph,
    found: &[(u32, &'t Transaction)],
) -> Option<(u32, &'t Transaction)> {
    let mut all = found.iter();
    all.find(|(_, tx)| spends(graph, tx)).copied()
}

/// Where the coin is.
pub(super) fn seen(graph: &TxGraph, found: &[(u32, &Transaction)]) -> CoinSeen {
    let mut all = found.iter();
    let funding = all.find(|(_, tx)| !watches(graph, tx).is_empty());
    match (funding, spender(graph, found)) {
        (None, _) => CoinSeen::Unfunded,
        (Some((height, _)), None) => CoinSeen::Locked { height: *height },
        (Some(_), Some((height, tx))) => CoinSeen::Spent {
            height,
            by: tx.compute_txid(),
        },
    }
}
