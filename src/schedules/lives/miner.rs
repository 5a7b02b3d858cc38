//! The miner: what it leaves out, which blocks it replaces, and what its blocks do.

use std::collections::BTreeMap;

use bitcoin::{OutPoint, ScriptBuf, Transaction, secp256k1::rand::Rng};
use narthex_regtest::{ChainSource as _, Miner as _};

use super::{pool::PACE, world::World};
use crate::schedules::FaultKind;

/// Blocks for which a transaction may be left out: b less one.
const LEFT_OUT: u32 = PACE.confirm as u32 - 1;

/// Highest fee rate that the miner asks for, in satoshi for 1000 weight units: 50 times the lowest.
const MOST_FLOOR: u64 = 12_500;

impl World<'_> {
    /// One block more, or the last ones replaced and one more.
    pub(super) fn mine(&mut self) {
        self.walk_floor();
        let mut blocks = 1;
        if self.fault(FaultKind::Reorg, (1, 8)) {
            let depth = self.rng.gen_range(1..=u32::from(PACE.reorg));
            if self.chain.disconnect(depth).is_ok() {
                let from = self.tip.saturating_sub(depth).saturating_add(1);
                for node in self.nodes.values_mut() {
                    node.purse.0.borrow_mut().forget(from);
                }
                // What comes back waits from there on.
                let fork = from.saturating_sub(1);
                for txid in self.chain.mempool().unwrap_or_default() {
                    self.waiting.entry(txid).or_insert(fork);
                }
                self.event(format!("{depth} blocks are replaced"));
                blocks += depth;
            }
        }
        for _ in 0..blocks {
            self.block();
        }
        self.see_chain();
    }

    fn walk_floor(&mut self) {
        if self.fault(FaultKind::Floor, (1, 4)) {
            let steps = [250, 250, 500, 1_000, 2_500, 6_000, MOST_FLOOR];
            self.floor = steps[self.rng.gen_range(0..steps.len())];
            self.event(format!("the miner asks for {}", self.floor));
        }
    }

    fn block(&mut self) {
        self.blocks += 1;
        let anyone = ScriptBuf::new_p2a();
        let height = self.chain.height().unwrap_or(self.tip);
        // Who may be away for a block publishes a block later.
        let may_be_away = self.has(FaultKind::Absence) || self.has(FaultKind::Partition);
        let left_out = LEFT_OUT - u32::from(may_be_away);
        let must = |since: &u32| height.saturating_sub(*since) >= left_out;
        let is_free = !self.waiting.values().chain(self.spent.values()).any(must);
        if is_free && let Some(tx) = self.bribed.pop() {
            // It may be of a coin that is gone: then the miner has nothing of it.
            if self
                .chain
                .mine_exactly(std::slice::from_ref(&tx), &anyone)
                .is_ok()
            {
                return self.mined();
            }
        }
        self.bribed.clear();
        let is_empty = is_free && self.fault(FaultKind::Empty, (1, 6));
        let censors = self.fault(FaultKind::Censor, (1, 3));
        let floor = self.floor;
        // Which groups are left out is drawn before.
        let dice: u64 = self.rng.gen_range(0..u64::MAX);
        // What takes the place of another, by a higher fee, has waited as long as that.
        let (waiting, spent) = (&self.waiting, &self.spent);
        let mut left = BTreeMap::<OutPoint, u32>::new();
        let mut at = 0u32;
        let mut takes = |group: &[&Transaction], rate: bitcoin::FeeRate| {
            at += 1;
            let coins = || group.iter().flat_map(|tx| &tx.input);
            let coins = || coins().map(|input| input.previous_output);
            let replaced = coins().filter_map(|coin| spent.get(&coin));
            let since = group
                .iter()
                .filter_map(|tx| waiting.get(&tx.compute_txid()))
                .chain(replaced)
                .min()
                .copied();
            let is_due = since.as_ref().is_some_and(must);
            let is_censored = censors && (dice >> (at % 60)) & 1 == 1;
            let is_taken = is_due || !(is_empty || is_censored || rate.to_sat_per_kwu() < floor);
            if !is_taken {
                left.extend(coins().map(|coin| (coin, since.unwrap_or(height))));
            }
            is_taken
        };
        let mined = self.chain.mine_chosen(&anyone, &mut takes);
        self.spent = left;
        if mined.is_err() {
            return;
        }
        self.mined();
    }

    /// A block is connected.
    fn mined(&mut self) {
        let Ok(tip) = self.chain.height() else {
            return;
        };
        self.tip = tip;
        let Ok(block) = self.chain.block(tip) else {
            return;
        };
        let is_empty = block.txdata.len() < 2;
        if !is_empty {
            for node in self.nodes.values_mut() {
                node.purse.0.borrow_mut().see(tip, &block);
            }
        }
        for tx in block.txdata.iter().skip(1) {
            let txid = tx.compute_txid();
            let contract = self.ready.contracts.values().next();
            let graph = contract.map(|contract| contract.graph().clone());
            let node = graph.and_then(|graph| {
                let mut nodes = graph.nodes();
                nodes.find_map(|(id, node)| (graph.txid(id) == Some(txid)).then_some(node.name))
            });
            match node {
                Some(name) => self.event(format!("block: {name}")),
                None => self.event(format!("block: {txid}")),
            }
        }
    }
}
