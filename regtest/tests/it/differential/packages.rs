//! Packages of a child and its parent, good and bad.

use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};
use narthex_regtest::suite::pay;

use super::super::coins::Coin;
use super::{Player, defects};

impl Player {
    /// A parent, with or without fee and dust, and a child that may pay for both; sometimes spoilt.
    pub(super) fn package(&mut self) {
        let (Some(parent), Some(purse)) = (self.package_parent(), self.purse()) else {
            return;
        };
        if parent
            .input
            .iter()
            .any(|input| input.previous_output == purse.0)
        {
            return;
        }
        let child = self.package_child(&parent, purse);
        let mut txs = vec![parent, child];
        let what = self.spoil(&mut txs);
        if self.pair.submit_package(what, &txs) {
            txs.iter().for_each(|tx| self.note(tx));
        } else {
            // A parent may have made it alone.
            let waiting = narthex_regtest::ChainSource::mempool(&mut self.pair.embedded).unwrap();
            for tx in txs.iter().filter(|tx| waiting.contains(&tx.compute_txid())) {
                self.note(tx);
            }
        }
    }

    fn purse(&mut self) -> Option<Coin> {
        if self.rng.percent(8) {
            let waiting = self
                .book
                .waiting_coin(&mut self.pair.embedded, &mut self.rng);
            return waiting.map(|(coin, _)| coin);
        }
        self.book.free_coin(&mut self.pair.embedded, &mut self.rng)
    }

    fn package_parent(&mut self) -> Option<Transaction> {
        let waiting = self.book.waiting_tx(&mut self.pair.embedded, &mut self.rng);
        if let Some(waiting) = waiting.clone().filter(|_| self.rng.percent(10)) {
            // One that is in the mempool already.
            return Some(waiting);
        }
        let coin = match waiting.filter(|_| self.rng.percent(35)) {
            // A conflict: the package as a whole is to replace it.
            Some(old) => {
                let outpoint = old.input[0].previous_output;
                (outpoint, self.book.output(&outpoint)?)
            }
            None => self
                .book
                .free_coin(&mut self.pair.embedded, &mut self.rng)?,
        };
        let version = if self.rng.percent(75) { 3 } else { 2 };
        let value = coin.1.value.to_sat();
        let mut outputs = vec![pay(value, &self.book.signer.script())];
        let anchor = *self.rng.pick(&[0, 0, 0, 1, 239, 240]);
        if self.rng.percent(80) {
            outputs.push(pay(anchor, &ScriptBuf::new_p2a()));
        }
        if self.rng.percent(5) {
            outputs.push(pay(1, &self.book.signer.script()));
        }
        let dust: u64 = outputs[1..]
            .iter()
            .map(|output| output.value.to_sat())
            .sum();
        // Dust with a fee is refused whatever else is right.
        let fees: &[u64] = if dust < 240 && outputs.len() > 1 {
            &[0, 0, 0, 0, 0, 5]
        } else {
            &[0, 0, 5, 15, 2_000]
        };
        let fee = *self.rng.pick(fees);
        let mut tx = self.book.unsigned(&[coin], outputs);
        tx.version = Version(version);
        self.set_fee(&mut tx, fee + dust);
        Some(tx)
    }

    fn package_child(&mut self, parent: &Transaction, purse: Coin) -> Transaction {
        let txid = parent.compute_txid();
        let all: Vec<Coin> = (0u32..)
            .zip(&parent.output)
            .filter(|(_, output)| {
                !output.script_pubkey.is_op_return() && !output.script_pubkey.is_p2wpkh()
            })
            .map(|(vout, output)| (OutPoint { txid, vout }, output.clone()))
            .collect();
        let mut coins = vec![purse];
        // Mostly the anchor, sometimes the main output or all of them: then no dust is left behind.
        match self.rng.below(4) {
            0 => coins.extend(all),
            1 => coins.extend(all.into_iter().take(1)),
            _ => coins.extend(all.into_iter().skip(usize::from(parent.output.len() > 1))),
        }
        let value: u64 = coins.iter().map(|coin| coin.1.value.to_sat()).sum();
        let version = if self.rng.percent(90) {
            parent.version.0
        } else {
            self.version()
        };
        let mut tx = self
            .book
            .unsigned(&coins, vec![pay(value, &self.book.signer.script())]);
        tx.version = Version(version);
        if self.rng.percent(10) {
            tx.output.push(pay(
                0,
                &ScriptBuf::from_bytes([&[0x6a][..], &[0x51; 900]].concat()),
            ));
        }
        let fee = *self.rng.pick(&[0, 20, 40, 1_000, 5_000, 40_000, 150_000]);
        tx.output[0].value = Amount::from_sat(value.saturating_sub(fee));
        self.sign_child(&mut tx, parent);
        tx
    }

    /// The book does not know the parent's outputs yet.
    fn sign_child(&self, child: &mut Transaction, parent: &Transaction) {
        let txid = parent.compute_txid();
        let spent: Vec<_> = child
            .input
            .iter()
            .map(|input| {
                let own = parent.output.get(input.previous_output.vout as usize);
                let own = own.filter(|_| input.previous_output.txid == txid).cloned();
                own.or_else(|| self.book.output(&input.previous_output))
                    .unwrap_or_else(|| pay(1, &ScriptBuf::new()))
            })
            .collect();
        self.book.signer.sign(child, &spent).unwrap();
    }

    fn spoil(&mut self, txs: &mut Vec<Transaction>) -> &'static str {
        match self.rng.below(20) {
            0 => {
                txs.swap(0, 1);
                "package in the wrong order"
            }
            1 => {
                let parent = txs[0].compute_txid();
                txs[1]
                    .input
                    .retain(|input| input.previous_output.txid != parent);
                self.book.sign(&mut txs[1]);
                "package of strangers"
            }
            2 => {
                txs.remove(0);
                "package without its parent"
            }
            3 => {
                txs.remove(1);
                "package of one"
            }
            4 => {
                let copy = txs[0].clone();
                txs.insert(0, copy);
                "package with a duplicate"
            }
            5 => {
                let index = self.rng.below(2);
                if let Some(input) = txs[index].input.first_mut() {
                    input.witness.clear();
                }
                "package with a missing signature"
            }
            6 => {
                let _ = defects::add(
                    &mut txs[0],
                    &self.book,
                    &mut self.pair.embedded,
                    &mut self.rng,
                );
                "package with a defective parent"
            }
            7 => {
                if let Some(coin) = self.book.free_coin(&mut self.pair.embedded, &mut self.rng) {
                    let second = self.pay_at(&[coin], 2, 50);
                    let outpoint = OutPoint {
                        txid: second.compute_txid(),
                        vout: 0,
                    };
                    let mut input = txs[1].input[0].clone();
                    input.previous_output = outpoint;
                    txs[1].input.push(input);
                    txs.insert(1, second);
                }
                "package with two parents"
            }
            _ => "package",
        }
    }
}
