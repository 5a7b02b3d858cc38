//! What the player knows of coins and waiting transactions.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use narthex_regtest::suite::{Signer, spend};
use narthex_regtest::{ChainSource, Embedded};

use super::rng::Rng;

pub(crate) type Coin = (OutPoint, TxOut);

pub(crate) struct Book {
    pub(crate) signer: Signer,
    outputs: BTreeMap<OutPoint, TxOut>,
    transactions: BTreeMap<Txid, Transaction>,
}

impl Book {
    pub(crate) fn new() -> Self {
        let signer = Signer::new(7).unwrap();
        Self {
            signer,
            outputs: BTreeMap::new(),
            transactions: BTreeMap::new(),
        }
    }

    /// Notes a transaction whose outputs may be spent later.
    pub(crate) fn note(&mut self, tx: &Transaction) {
        let txid = tx.compute_txid();
        let spendable = (0u32..)
            .zip(&tx.output)
            .filter(|(_, out)| self.can_spend(&out.script_pubkey));
        let spendable: Vec<_> = spendable
            .map(|(vout, out)| (OutPoint { txid, vout }, out.clone()))
            .collect();
        self.outputs.extend(spendable);
        self.transactions.insert(txid, tx.clone());
    }

    fn can_spend(&self, script: &ScriptBuf) -> bool {
        *script == self.signer.script() || *script == ScriptBuf::new_p2a()
    }

    fn waiting<'a>(&'a self, chain: &mut Embedded) -> Vec<&'a Transaction> {
        chain
            .mempool()
            .unwrap()
            .iter()
            .filter_map(|txid| self.transactions.get(txid))
            .collect()
    }

    fn spent_by_waiting(&self, chain: &mut Embedded) -> BTreeSet<OutPoint> {
        let waiting = self.waiting(chain);
        waiting
            .iter()
            .flat_map(|tx| tx.input.iter().map(|input| input.previous_output))
            .collect()
    }

    /// Confirmed and not spent by what waits; some may be immature coinbases.
    pub(crate) fn free(&self, chain: &mut Embedded) -> Vec<Coin> {
        let spent = self.spent_by_waiting(chain);
        let coins = self
            .outputs
            .iter()
            .filter(|(outpoint, _)| !spent.contains(outpoint));
        coins
            .filter(|(outpoint, _)| chain.utxo(**outpoint).unwrap().is_some())
            .map(|(o, t)| (*o, t.clone()))
            .collect()
    }

    pub(crate) fn free_coin(&self, chain: &mut Embedded, rng: &mut Rng) -> Option<Coin> {
        let height = chain.height().unwrap();
        let free = self.free(chain);
        // Coinbases stay on one side, so that most attempts don't fail for want of maturity.
        let old = |coin: &&Coin| {
            chain
                .utxo(coin.0)
                .unwrap()
                .is_some_and(|(_, at)| at + 100 <= height + 1)
        };
        let ripe_large: Vec<_> = free
            .iter()
            .filter(|coin| coin.1.value.to_sat() > 100_000)
            .collect();
        if ripe_large.is_empty() {
            return None;
        }
        let coin = (*rng.pick(&ripe_large)).clone();
        let is_coinbase = self
            .transactions
            .get(&coin.0.txid)
            .is_some_and(Transaction::is_coinbase);
        let mut old = old;
        if is_coinbase && !old(&&coin) && rng.percent(80) {
            return ripe_large.iter().map(|coin| (**coin).clone()).find(|coin| {
                !self
                    .transactions
                    .get(&coin.0.txid)
                    .is_some_and(Transaction::is_coinbase)
            });
        }
        Some(coin)
    }

    /// An output of a waiting transaction that no other spends.
    pub(crate) fn waiting_coin(
        &self,
        chain: &mut Embedded,
        rng: &mut Rng,
    ) -> Option<(Coin, Transaction)> {
        let spent = self.spent_by_waiting(chain);
        let waiting: BTreeSet<_> = self
            .waiting(chain)
            .iter()
            .map(|tx| tx.compute_txid())
            .collect();
        let coins: Vec<_> = self
            .outputs
            .iter()
            .filter(|(outpoint, _)| waiting.contains(&outpoint.txid) && !spent.contains(outpoint))
            .collect();
        if coins.is_empty() {
            return None;
        }
        let (outpoint, output) = rng.pick(&coins);
        Some((
            (**outpoint, (*output).clone()),
            self.transactions[&outpoint.txid].clone(),
        ))
    }

    /// A waiting transaction, any.
    pub(crate) fn waiting_tx(&self, chain: &mut Embedded, rng: &mut Rng) -> Option<Transaction> {
        let waiting = self.waiting(chain);
        if waiting.is_empty() {
            None
        } else {
            Some((*rng.pick(&waiting)).clone())
        }
    }

    pub(crate) fn output(&self, outpoint: &OutPoint) -> Option<TxOut> {
        self.outputs.get(outpoint).cloned()
    }

    /// Signs; inputs that the book does not know are given a made-up output.
    pub(crate) fn sign(&self, tx: &mut Transaction) {
        let unknown = || TxOut {
            value: bitcoin::Amount::from_sat(100_000),
            script_pubkey: self.signer.script(),
        };
        let spent: Vec<_> = tx
            .input
            .iter()
            .map(|input| self.output(&input.previous_output).unwrap_or_else(unknown))
            .collect();
        self.signer.sign(tx, &spent).unwrap();
    }

    pub(crate) fn unsigned(&self, coins: &[Coin], outputs: Vec<TxOut>) -> Transaction {
        spend(
            &coins.iter().map(|coin| coin.0).collect::<Vec<_>>(),
            outputs,
        )
    }
}
