//! Where the chain has a delivery's coin, from what was read of it.

use bitcoin::{OutPoint, Transaction};
use narthex_channel::CoinSeen;
use narthex_contracts::{deliver::Delivery, graph::TxGraph};

use crate::small::SmallError;

fn spends(tx: &Transaction, coin: OutPoint) -> bool {
    tx.input.iter().any(|input| input.previous_output == coin)
}

/// One of the coins that the funding spends tells of it.
pub(super) fn watched(delivery: &Delivery) -> Vec<OutPoint> {
    let coins = &delivery.terms().record().contribution.coins;
    coins.iter().take(1).map(|coin| coin.outpoint).collect()
}

/// The coin is the first output of the funding.
pub(super) fn watches(delivery: &Delivery, tx: &Transaction) -> Vec<u32> {
    match delivery.graph().txid(TxGraph::FUNDING) == Some(tx.compute_txid()) {
        true => vec![0],
        false => Vec::new(),
    }
}

/// What a transaction is called that spends one of the coins.
pub(super) fn name_of(delivery: &Delivery, tx: &Transaction) -> &'static str {
    let coin = delivery.coin().map(|(coin, _)| coin);
    match () {
        () if !watches(delivery, tx).is_empty() => "Delivery",
        () if delivery.claimed_by(tx).is_some() => "Claim",
        () if coin.is_ok_and(|coin| spends(tx, coin)) => "Refund",
        () => "",
    }
}

/// What spends the coin, of what was found.
pub(super) fn spender<'t>(
    delivery: &Delivery,
    found: &[(u32, &'t Transaction)],
) -> Result<Option<(u32, &'t Transaction)>, SmallError> {
    let (coin, _) = delivery.coin()?;
    let mut all = found.iter();
    Ok(all.find(|(_, tx)| spends(tx, coin)).copied())
}

/// Where the coin is.
pub(super) fn seen(
    delivery: &Delivery,
    found: &[(u32, &Transaction)],
) -> Result<CoinSeen, SmallError> {
    let mut all = found.iter();
    let funding = all.find(|(_, tx)| !watches(delivery, tx).is_empty());
    Ok(match (funding, spender(delivery, found)?) {
        (None, _) => CoinSeen::Unfunded,
        (Some((height, _)), None) => CoinSeen::Locked { height: *height },
        (Some(_), Some((height, tx))) => CoinSeen::Spent {
            height,
            by: tx.compute_txid(),
        },
    })
}
