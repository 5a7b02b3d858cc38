//! Where the chain has the coins that a contract's funding makes, from what was read of it: of whatever graph.

use bitcoin::{OutPoint, Transaction, Txid};
use narthex_channel::CoinSeen;
use narthex_contracts::{graph::TxGraph, terms::Contribution};

fn funding(graph: &TxGraph) -> Option<Txid> {
    graph.txid(TxGraph::FUNDING)
}

/// One of the coins that the funding spends tells of it.
pub(super) fn watched(contribution: &Contribution) -> Vec<OutPoint> {
    let coins = &contribution.coins;
    coins.iter().take(1).map(|coin| coin.outpoint).collect()
}

/// The coins are the first so many outputs of the funding.
pub(super) fn watches(graph: &TxGraph, coins: u32, tx: &Transaction) -> Vec<u32> {
    match funding(graph) == Some(tx.compute_txid()) {
        true => (0..coins).collect(),
        false => Vec::new(),
    }
}

/// Whether a transaction spends the coin of this output.
pub(super) fn spends(graph: &TxGraph, vout: u32, tx: &Transaction) -> bool {
    let coin = funding(graph).map(|txid| OutPoint { txid, vout });
    let mut inputs = tx.input.iter();
    inputs.any(|input| Some(input.previous_output) == coin)
}

/// What spends it, of what was found.
pub(super) fn spender<'t>(
    graph: &TxGraph,
    vout: u32,
    found: &[(u32, &'t Transaction)],
) -> Option<(u32, &'t Transaction)> {
    let mut all = found.iter();
    all.find(|(_, tx)| spends(graph, vout, tx)).copied()
}

/// Where it is.
pub(super) fn seen(graph: &TxGraph, vout: u32, found: &[(u32, &Transaction)]) -> CoinSeen {
    let mut all = found.iter();
    let funding = all.find(|(_, tx)| Some(tx.compute_txid()) == funding(graph));
    match (funding, spender(graph, vout, found)) {
        (None, _) => CoinSeen::Unfunded,
        (Some((height, _)), None) => CoinSeen::Locked { height: *height },
        (Some(_), Some((height, tx))) => CoinSeen::Spent {
            height,
            by: tx.compute_txid(),
        },
    }
}
