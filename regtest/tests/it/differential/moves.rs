//! What the player does to both chains.

#[path = "defects.rs"]
mod defects;
#[path = "packages.rs"]
mod packages;

use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Transaction, TxOut};
use narthex_regtest::ChainSource;
use narthex_regtest::suite::pay;

use super::coins::{Book, Coin};
use super::pair::Pair;
use super::rng::Rng;

/// Satoshis per 1000 virtual bytes: nothing, just below and at the floor, and above.
const RATES: [u64; 8] = [0, 50, 99, 100, 101, 1_000, 5_000, 50_000];

pub(crate) struct Player {
    pub(crate) pair: Pair,
    rng: Rng,
    book: Book,
}

impl Player {
    pub(crate) fn new(pair: Pair, rng: Rng) -> Self {
        let mut player = Self {
            pair,
            rng,
            book: Book::new(),
        };
        player.fund();
        player
    }

    /// Mature coinbases, split into many coins.
    fn fund(&mut self) {
        let script = self.book.signer.script();
        for height in 0..130 {
            self.mine_block(height % 2 == 0);
        }
        let coins = self.book.free(&mut self.pair.embedded);
        let height = self.pair.embedded.height().unwrap();
        let is_mature = |player: &mut Self, coin: &Coin| {
            player
                .pair
                .embedded
                .utxo(coin.0)
                .unwrap()
                .is_some_and(|(_, at)| at + 100 <= height + 1)
        };
        for coin in coins
            .into_iter()
            .filter(|coin| coin.1.value > Amount::ONE_BTC)
            .take(200)
        {
            if is_mature(self, &coin) {
                let share = coin.1.value.to_sat() / 12 - 1_000;
                let mut tx = self.book.unsigned(&[coin], vec![pay(share, &script); 12]);
                self.book.sign(&mut tx);
                if self.pair.submit("funding", &tx) {
                    self.note(&tx);
                }
            }
        }
        // Deep enough that no reorganisation brings them back.
        for height in 0..30 {
            self.mine_block(height % 2 == 0);
        }
    }

    pub(crate) fn step(&mut self) {
        self.pair.begin_step();
        match self.rng.below(100) {
            0..30 => self.payment(),
            30..48 => self.defective_payment(),
            48..60 => self.replacement(),
            60..70 => self.child(),
            70..86 => self.package(),
            86..93 => {
                let on_core = self.rng.percent(50);
                self.mine_block(on_core);
            }
            93..97 => self.block_by_hand(),
            97..99 => self.go_back(),
            _ => self.reorganise(),
        }
    }

    fn note(&mut self, tx: &Transaction) {
        self.book.note(tx);
        self.pair.watch(tx);
    }

    fn mine_block(&mut self, on_core: bool) {
        let script = self.book.signer.script();
        let block = self.pair.mine(on_core, &script);
        block.txdata.iter().for_each(|tx| self.note(tx));
    }

    fn go_back(&mut self) {
        let depth = 1 + self.rng.below(3) as u32;
        let depth = self.harmless_depth(depth);
        self.pair.disconnect(depth);
        let on_core = self.rng.percent(50);
        self.mine_block(on_core);
    }

    fn reorganise(&mut self) {
        let empty = if self.rng.percent(50) { 9 } else { 0 };
        for _ in 0..empty {
            self.pair
                .mine_exactly("an empty block", &[], &ScriptBuf::new_p2a());
        }
        let depth = empty + self.rng.below(6) as u32;
        let depth = self.harmless_depth(depth);
        self.pair.reorg(depth, &ScriptBuf::new_p2a());
    }

    /// Largest depth up to `wanted` that can't leave a cluster above its limits in the mempool: there the chains
    /// differ, see docs/chains.md.
    fn harmless_depth(&mut self, wanted: u32) -> u32 {
        let chain = &mut self.pair.embedded;
        let mut txs: Vec<Transaction> = Vec::new();
        for txid in chain.mempool().unwrap() {
            txs.extend(chain.transaction(txid).unwrap().map(|(tx, _)| tx));
        }
        let height = chain.height().unwrap();
        for depth in 0..wanted {
            txs.extend(
                chain
                    .block(height - depth)
                    .unwrap()
                    .txdata
                    .into_iter()
                    .skip(1),
            );
            let weight: u64 = txs.iter().map(|tx| tx.weight().to_wu()).sum();
            if txs.len() > 64 || weight > 404_000 {
                return depth;
            }
        }
        wanted
    }

    /// Some free coins, the first one large enough to pay with.
    fn coins(&mut self) -> Vec<Coin> {
        let count = 1 + self.rng.below(3);
        let mut coins: Vec<Coin> = Vec::new();
        for _ in 0..count {
            let coin = self.book.free_coin(&mut self.pair.embedded, &mut self.rng);
            coins.extend(coin.filter(|coin| !coins.iter().any(|other| other.0 == coin.0)));
        }
        coins
    }

    fn outputs(&mut self, value: u64) -> Vec<TxOut> {
        let own = self.book.signer.script();
        let mut outputs = vec![pay(value, &own)];
        for _ in 0..self.rng.below(3) {
            let part = 20_000 + self.rng.below(10_000) as u64;
            let script = match self.rng.below(6) {
                0 => ScriptBuf::new_p2a(),
                1 => ScriptBuf::new_op_return([7u8; 20]),
                2 => ScriptBuf::from_bytes([&[0u8, 20][..], &[3; 20]].concat()),
                _ => own.clone(),
            };
            let part = if script.is_op_return() { 0 } else { part };
            outputs[0].value = Amount::from_sat(outputs[0].value.to_sat().saturating_sub(part));
            outputs.push(pay(part, &script));
        }
        outputs
    }

    /// A signed transaction of the coins at a fee rate in satoshis per 1000 virtual bytes.
    fn pay_at(&mut self, coins: &[Coin], version: i32, rate: u64) -> Transaction {
        let value: u64 = coins.iter().map(|coin| coin.1.value.to_sat()).sum();
        let outputs = self.outputs(value);
        let mut tx = self.book.unsigned(coins, outputs);
        tx.version = Version(version);
        self.book.sign(&mut tx);
        let fee = (tx.vsize() as u64 * rate).div_ceil(1_000);
        self.set_fee(&mut tx, fee);
        tx
    }

    /// Takes the fee from the first output and signs again.
    fn set_fee(&self, tx: &mut Transaction, fee: u64) {
        tx.output[0].value = Amount::from_sat(tx.output[0].value.to_sat().saturating_sub(fee));
        self.book.sign(tx);
    }

    fn version(&mut self) -> i32 {
        *self.rng.pick(&[1, 2, 2, 2, 3, 3])
    }

    fn payment(&mut self) {
        let coins = self.coins();
        if coins.is_empty() {
            return self.mine_block(true);
        }
        let rate = if self.rng.percent(75) {
            2_000
        } else {
            *self.rng.pick(&RATES)
        };
        let version = self.version();
        let tx = self.pay_at(&coins, version, rate);
        self.offer("payment", &tx);
    }

    fn offer(&mut self, what: &str, tx: &Transaction) {
        if self.pair.submit(what, tx) {
            self.note(tx);
        }
    }

    fn defective_payment(&mut self) {
        let coins = self.coins();
        if coins.is_empty() {
            return;
        }
        let version = self.version();
        let mut tx = self.pay_at(&coins, version, 2_000);
        let what = defects::add(&mut tx, &self.book, &mut self.pair.embedded, &mut self.rng);
        if self.rng.percent(15) {
            if self
                .pair
                .mine_exactly(what, std::slice::from_ref(&tx), &self.book.signer.script())
            {
                self.note(&tx);
            }
        } else {
            self.offer(what, &tx);
        }
    }

    /// Spends again what a waiting transaction spends, for more or less.
    fn replacement(&mut self) {
        let Some(old) = self.book.waiting_tx(&mut self.pair.embedded, &mut self.rng) else {
            return;
        };
        let coins: Vec<Coin> = old
            .input
            .iter()
            .filter_map(|input| {
                self.book
                    .output(&input.previous_output)
                    .map(|output| (input.previous_output, output))
            })
            .collect();
        if coins.len() != old.input.len() {
            return;
        }
        let value_in: u64 = coins.iter().map(|coin| coin.1.value.to_sat()).sum();
        let old_fee =
            value_in.saturating_sub(old.output.iter().map(|output| output.value.to_sat()).sum());
        let mut coins = vec![coins[self.rng.below(coins.len())].clone()];
        if self.rng.percent(30) {
            coins.extend(self.book.free_coin(&mut self.pair.embedded, &mut self.rng));
        }
        if self.rng.percent(20) {
            // Possibly an output of the very transaction that is to be replaced, or of its descendants.
            coins.extend(
                self.book
                    .waiting_coin(&mut self.pair.embedded, &mut self.rng)
                    .map(|(coin, _)| coin),
            );
        }
        let version = if self.rng.percent(80) {
            old.version.0
        } else {
            self.version()
        };
        let mut tx = self.pay_at(&coins, version, 0);
        let vsize = tx.vsize() as u64;
        let step = vsize.div_ceil(10);
        let fees = [
            old_fee / 2,
            old_fee,
            old_fee + 1,
            old_fee + step - 1,
            old_fee + step,
            old_fee * 2 + step,
            100_000,
        ];
        let fee = *self.rng.pick(&fees);
        self.set_fee(&mut tx, fee);
        self.offer("replacement", &tx);
    }

    /// Spends an output of a waiting transaction.
    fn child(&mut self) {
        let Some((coin, parent)) = self
            .book
            .waiting_coin(&mut self.pair.embedded, &mut self.rng)
        else {
            return;
        };
        let mut coins = vec![coin];
        if self.rng.percent(50) {
            coins.extend(self.book.free_coin(&mut self.pair.embedded, &mut self.rng));
        }
        if self.rng.percent(10) {
            let second = self
                .book
                .waiting_coin(&mut self.pair.embedded, &mut self.rng)
                .map(|(coin, _)| coin);
            coins.extend(second.filter(|second| second.0 != coins[0].0));
        }
        let version = if self.rng.percent(85) {
            parent.version.0
        } else {
            self.version()
        };
        let rate = *self.rng.pick(&RATES);
        let mut tx = self.pay_at(&coins, version, rate);
        if self.rng.percent(15) {
            // Above the 1,000 virtual bytes of a TRUC child.
            tx.output.push(pay(0, &ScriptBuf::new_op_return([1u8; 75])));
            tx.output
                .extend(vec![pay(0, &ScriptBuf::new_op_return([1u8; 75])); 12]);
            self.set_fee(&mut tx, 200);
        }
        self.offer("child", &tx);
    }

    /// A block of a few good transactions, some of them in the mempool, some not, one perhaps bad.
    fn block_by_hand(&mut self) {
        let mut txs = Vec::new();
        for _ in 0..self.rng.below(4) {
            let coins = self.coins();
            let clash = |coin: &Coin| {
                txs.iter()
                    .any(|tx: &Transaction| tx.input.iter().any(|i| i.previous_output == coin.0))
            };
            if coins.is_empty() || coins.iter().any(clash) {
                continue;
            }
            let version = self.version();
            let rate = *self.rng.pick(&RATES);
            txs.push(self.pay_at(&coins, version, rate));
        }
        if self.rng.percent(40) {
            txs.extend(self.book.waiting_tx(&mut self.pair.embedded, &mut self.rng));
        }
        if let Some(last) = txs.last_mut().filter(|_| self.rng.percent(25)) {
            defects::add(last, &self.book, &mut self.pair.embedded, &mut self.rng);
        }
        if self
            .pair
            .mine_exactly("block by hand", &txs, &self.book.signer.script())
        {
            txs.iter().for_each(|tx| self.note(tx));
            let height = self.pair.embedded.height().unwrap();
            let coinbase = self.pair.embedded.block(height).unwrap().txdata[0].clone();
            self.note(&coinbase);
        }
    }
}
