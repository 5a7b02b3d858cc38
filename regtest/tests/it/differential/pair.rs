//! Both chains, and the comparison after every move.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Block, OutPoint, Script, Transaction, Txid};
use narthex_regtest::{Bitcoind, Broadcaster, Chain, ChainSource, Embedded, Error, Miner};

pub(crate) struct Pair {
    core: Bitcoind,
    pub(crate) embedded: Embedded,
    seed: u64,
    step: u64,
    tally: BTreeMap<String, u64>,
    /// Outputs to compare the coins of.
    watched: BTreeSet<OutPoint>,
}

/// What the daemon says of bytes that hold a transaction without inputs.
const UNDECODABLE: [&str; 2] = ["TX decode failed", "Block decode failed"];

/// The verdict in words that can be compared: `accepted` or the code of the refusal.
fn verdict<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "accepted".into(),
        Err(error) => match error.code() {
            // The daemon can't decode a transaction without inputs and so never judges it; see docs/chains.md.
            Some(code) if UNDECODABLE.iter().any(|start| code.starts_with(start)) => {
                "bad-txns-vin-empty".into()
            }
            Some(code) => code.into(),
            None => panic!("not a verdict: {error}"),
        },
    }
}

impl Pair {
    pub(crate) fn start(seed: u64) -> Self {
        Self {
            core: Bitcoind::start().unwrap(),
            embedded: Embedded::new(),
            seed,
            step: 0,
            tally: BTreeMap::new(),
            watched: BTreeSet::new(),
        }
    }

    pub(crate) fn begin_step(&mut self) {
        self.step += 1;
    }

    fn agree<T>(
        &mut self,
        what: &str,
        core: &Result<T, Error>,
        embedded: &Result<T, Error>,
    ) -> bool {
        let (core_says, embedded_says) = (verdict(core), verdict(embedded));
        let place = format!("seed {}, step {}", self.seed, self.step);
        let words = |result: &Result<T, Error>| {
            result
                .as_ref()
                .err()
                .map_or("accepted".into(), ToString::to_string)
        };
        assert!(
            core_says == embedded_says,
            "{place}: {what}\n  bitcoind: {}\n  embedded: {}",
            words(core),
            words(embedded)
        );
        // A package is tallied apart: that it is taken says more than that a payment is.
        let kind = if what.starts_with("package") {
            "package: "
        } else {
            ""
        };
        *self.tally.entry(format!("{kind}{core_says}")).or_default() += 1;
        self.compare_mempools(what);
        core.is_ok()
    }

    fn compare_mempools(&mut self, what: &str) {
        let core: BTreeSet<Txid> = self.core.mempool().unwrap().into_iter().collect();
        let embedded: BTreeSet<Txid> = self.embedded.mempool().unwrap().into_iter().collect();
        if core != embedded {
            let (seed, step) = (self.seed, self.step);
            let only_core: Vec<_> = core.difference(&embedded).collect();
            let only_embedded: Vec<_> = embedded.difference(&core).collect();
            panic!(
                "seed {seed}, step {step}: after {what}, only bitcoind has {only_core:?}, only embedded {only_embedded:?}"
            );
        }
    }

    /// Watches the outputs of a transaction from now on.
    pub(crate) fn watch(&mut self, tx: &Transaction) {
        let txid = tx.compute_txid();
        self.watched
            .extend((0..tx.output.len() as u32).map(|vout| OutPoint { txid, vout }));
    }

    pub(crate) fn submit(&mut self, what: &str, tx: &Transaction) -> bool {
        let (core, embedded) = (self.core.submit(tx), self.embedded.submit(tx));
        self.agree(&format!("{what} {}", tx.compute_txid()), &core, &embedded)
    }

    pub(crate) fn submit_package(&mut self, what: &str, txs: &[Transaction]) -> bool {
        let (core, embedded) = (
            self.core.submit_package(txs),
            self.embedded.submit_package(txs),
        );
        self.agree(what, &core, &embedded)
    }

    /// Mines on one chain and gives the block to the other.
    pub(crate) fn mine(&mut self, on_core: bool, script: &Script) -> Block {
        let height = self.embedded.height().unwrap() + 1;
        let (core, embedded): (&mut dyn Chain, &mut dyn Chain) =
            (&mut self.core, &mut self.embedded);
        let (miner, other) = if on_core {
            (core, embedded)
        } else {
            (embedded, core)
        };
        miner.mine(1, script).unwrap();
        let block = miner.block(height).unwrap();
        let taken = other.submit_block(&block).map(|_| ());
        let place = format!("seed {}, step {}", self.seed, self.step);
        assert!(
            taken.is_ok(),
            "{place}: block mined by {}: {taken:?}",
            if on_core { "bitcoind" } else { "embedded" }
        );
        self.compare_tips("mining");
        block
    }

    /// Each chain makes the same block by itself.
    pub(crate) fn mine_exactly(
        &mut self,
        what: &str,
        txs: &[Transaction],
        script: &Script,
    ) -> bool {
        let (core, embedded) = (
            self.core.mine_exactly(txs, script),
            self.embedded.mine_exactly(txs, script),
        );
        if let (Ok(core), Ok(embedded)) = (&core, &embedded) {
            assert_eq!(
                core, embedded,
                "seed {}, step {}: {what}: not the same block",
                self.seed, self.step
            );
        }
        let mined = self.agree(what, &core, &embedded);
        self.compare_tips(what);
        mined
    }

    pub(crate) fn disconnect(&mut self, depth: u32) {
        let (core, embedded) = (self.core.disconnect(depth), self.embedded.disconnect(depth));
        self.agree("disconnect", &core, &embedded);
        self.compare_tips("disconnect");
    }

    pub(crate) fn reorg(&mut self, depth: u32, script: &Script) {
        let (core, embedded) = (
            self.core.reorg(depth, script),
            self.embedded.reorg(depth, script),
        );
        self.agree("reorg", &core, &embedded);
        self.compare_tips("reorg");
    }

    fn compare_tips(&mut self, what: &str) {
        let place = format!("seed {}, step {}: after {what}", self.seed, self.step);
        let height = self.core.height().unwrap();
        assert_eq!(height, self.embedded.height().unwrap(), "{place}");
        assert_eq!(
            self.core.block_hash(height).unwrap(),
            self.embedded.block_hash(height).unwrap(),
            "{place}"
        );
        self.compare_mempools(what);
        // All at the end; on the way some, the newest among them by chance of their ids.
        let some: Vec<_> = self
            .watched
            .iter()
            .step_by(1 + self.watched.len() / 10)
            .copied()
            .collect();
        self.compare_coins(&some);
    }

    fn compare_coins(&mut self, outpoints: &[OutPoint]) {
        for outpoint in outpoints {
            let (core, embedded) = (
                self.core.utxo(*outpoint).unwrap(),
                self.embedded.utxo(*outpoint).unwrap(),
            );
            assert_eq!(
                core, embedded,
                "seed {}, step {}: coin {outpoint}",
                self.seed, self.step
            );
        }
        let txids: BTreeSet<Txid> = outpoints.iter().map(|outpoint| outpoint.txid).collect();
        for txid in txids {
            let (core, embedded) = (
                self.core.transaction(txid).unwrap(),
                self.embedded.transaction(txid).unwrap(),
            );
            assert_eq!(
                core, embedded,
                "seed {}, step {}: transaction {txid}",
                self.seed, self.step
            );
        }
    }

    /// Compares every coin that was ever watched; returns how often each verdict was given.
    pub(crate) fn finish(&mut self) -> BTreeMap<String, u64> {
        let all: Vec<_> = self.watched.iter().copied().collect();
        println!(
            "{} outputs compared at the end, at height {}",
            all.len(),
            self.core.height().unwrap()
        );
        self.compare_coins(&all);
        self.tally.clone()
    }
}
