//! Where the chain has a bank's coin, from what was read of it.

use bitcoin::{OutPoint, Transaction};
use narthex_channel::bank::{BankInput, CoinAt, Side};
use narthex_contracts::{
    bank::{Bank, FORCE_CLOSE, REFUND, TIMEOUT_REFUND},
    graph::TxGraph,
};

use super::Shared;
use crate::small::SmallError;

fn spends(tx: &Transaction, coin: OutPoint) -> bool {
    tx.input.iter().any(|input| input.previous_output == coin)
}

/// Whether it is the funding, or the force close: the first output of either is the coin.
pub(super) fn watches(bank: &Bank, tx: &Transaction) -> Vec<u32> {
    let txid = Some(tx.compute_txid());
    let graph = bank.graph();
    match txid == graph.txid(TxGraph::FUNDING) || txid == graph.txid(FORCE_CLOSE) {
        true => vec![0],
        false => Vec::new(),
    }
}

impl<S: Side> Shared<S> {
    /// What a transaction is called that spends one of the coins; a claim and a close are told apart by how many sign.
    pub(super) fn name_of(&self, tx: &Transaction) -> &'static str {
        let Some(bank) = self.signed() else {
            return "";
        };
        let (graph, txid) = (bank.graph(), Some(tx.compute_txid()));
        let of = |node| graph.txid(node) == txid;
        let (Ok((banked, _)), Ok((force_closed, _))) = (bank.coin(false), bank.coin(true)) else {
            return "";
        };
        // By the key path one signature is there, and nothing else.
        let is_agreed = tx
            .input
            .first()
            .is_some_and(|input| input.witness.len() == 1);
        match () {
            () if of(TxGraph::FUNDING) => "Bank",
            () if of(FORCE_CLOSE) => "ForceClose",
            () if of(REFUND) => "Refund",
            () if of(TIMEOUT_REFUND) => "TimeoutRefund",
            () if (spends(tx, banked) || spends(tx, force_closed)) && is_agreed => "Close",
            () if spends(tx, force_closed) => "Claim",
            () => "",
        }
    }

    /// Where the coin is goes into the machine.
    pub(super) fn look(
        &mut self,
        found: &[(u32, &Transaction)],
        tip: u32,
    ) -> Result<(), SmallError> {
        self.tip = tip;
        let Some(bank) = self.signed() else {
            return Ok(());
        };
        let ((banked, _), (force_closed, _)) = (bank.coin(false)?, bank.coin(true)?);
        let deep = |height| self.depth.is_reached(height, tip);
        let by = |coin| {
            let mut all = found.iter();
            all.find(|(_, tx)| spends(tx, coin))
        };
        let mut funding = found.iter();
        let funding = funding.find(|(_, tx)| tx.compute_txid() == banked.txid);
        let at = match (funding, by(banked), by(force_closed)) {
            (None, ..) => CoinAt::Nowhere,
            (Some((height, _)), None, _) => CoinAt::Banked {
                is_deep: deep(*height),
            },
            (_, Some((height, tx)), None) if tx.compute_txid() == force_closed.txid => {
                CoinAt::ForceClosed { height: *height }
            }
            (_, Some((height, _)), None) | (_, Some(_), Some((height, _))) => CoinAt::Spent {
                is_deep: deep(*height),
            },
        };
        self.step(&BankInput::Coin(at))
    }
}
