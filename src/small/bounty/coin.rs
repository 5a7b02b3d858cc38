//! Where the chain has a bounty's coin, from what was read of it.

use bitcoin::{OutPoint, Transaction, Txid};
use narthex_channel::CoinSeen;
use narthex_contracts::{
    bounty::{BountyTerms, CANCEL, REFUND},
    graph::TxGraph,
    setup::ContractSignatures,
};

type Signed = ContractSignatures<BountyTerms>;

fn funding(signed: &Signed) -> Option<Txid> {
    signed.graph().txid(TxGraph::FUNDING)
}

/// One of the coins that the funding spends tells of it.
pub(super) fn watched(signed: &Signed) -> Vec<OutPoint> {
    let coins = &signed.terms().record().contribution.coins;
    coins.iter().take(1).map(|coin| coin.outpoint).collect()
}

/// The coin is the first output of the funding.
pub(super) fn watches(signed: &Signed, tx: &Transaction) -> Vec<u32> {
    match funding(signed) == Some(tx.compute_txid()) {
        true => vec![0],
        false => Vec::new(),
    }
}

fn spends(signed: &Signed, tx: &Transaction) -> bool {
    let coin = funding(signed).map(|txid| OutPoint { txid, vout: 0 });
    let mut inputs = tx.input.iter();
    inputs.any(|input| Some(input.previous_output) == coin)
}

/// What a transaction is called that spends one of the coins.
pub(super) fn name_of(signed: &Signed, tx: &Transaction) -> &'static str {
    let (graph, txid) = (signed.graph(), Some(tx.compute_txid()));
    match () {
        () if txid == funding(signed) => "Bounty",
        () if txid == graph.txid(REFUND) => "Refund",
        () if txid == graph.txid(CANCEL) => "Cancel",
        () if spends(signed, tx) => "Settle",
        () => "",
    }
}

/// What spends the coin, of what was found.
pub(super) fn spender<'t>(
    signed: &Signed,
    found: &[(u32, &'t Transaction)],
) -> Option<(u32, &'t Transaction)> {
    let mut all = found.iter();
    all.find(|(_, tx)| spends(signed, tx)).copied()
}

/// Where the coin is.
pub(super) fn seen(signed: &Signed, found: &[(u32, &Transaction)]) -> CoinSeen {
    let mut all = found.iter();
    let funding = all.find(|(_, tx)| !watches(signed, tx).is_empty());
    match (funding, spender(signed, found)) {
        (None, _) => CoinSeen::Unfunded,
        (Some((height, _)), None) => CoinSeen::Locked { height: *height },
        (Some(_), Some((height, tx))) => CoinSeen::Spent {
            height,
            by: tx.compute_txid(),
        },
    }
}
