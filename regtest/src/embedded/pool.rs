//! The mempool: what waits, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bitcoin::{Amount, BlockHash, OutPoint, Transaction, Txid, Wtxid};

use super::linearize::{Chunk, Node, chunks};
use super::locktime::LockPoints;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tx: Transaction,
    pub(crate) txid: Txid,
    pub(crate) wtxid: Wtxid,
    pub(crate) fee: Amount,
    /// Weight units, or more where signature operations count for more.
    pub(crate) adjusted_weight: u64,
    pub(crate) sigop_cost: u64,
    /// What relative locktimes demand, as last reckoned.
    pub(crate) lock_points: LockPoints,
    /// Block of the youngest confirmed coin when that was reckoned.
    pub(crate) lock_block: Option<BlockHash>,
}

impl Entry {
    /// Size in virtual bytes that fee rates are reckoned by.
    pub(crate) fn vsize(&self) -> u64 {
        self.adjusted_weight.div_ceil(4)
    }
}

/// Waiting transactions; cheap to clone, so that a change can be tried out on a copy.
#[derive(Clone, Default)]
pub(crate) struct Pool {
    // Ordered, so that the same calls make the same blocks.
    entries: BTreeMap<Txid, Arc<Entry>>,
    spenders: HashMap<OutPoint, Txid>,
}

impl Pool {
    pub(crate) fn get(&self, txid: &Txid) -> Option<&Arc<Entry>> {
        self.entries.get(txid)
    }

    pub(crate) fn contains(&self, txid: &Txid) -> bool {
        self.entries.contains_key(txid)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// The waiting transaction that spends this output.
    pub(crate) fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.spenders.get(outpoint).copied()
    }

    pub(crate) fn insert(&mut self, entry: Arc<Entry>) {
        self.spenders.extend(
            entry
                .tx
                .input
                .iter()
                .map(|input| (input.previous_output, entry.txid)),
        );
        self.entries.insert(entry.txid, entry);
    }

    pub(crate) fn remove(&mut self, txid: &Txid) {
        let Some(entry) = self.entries.remove(txid) else {
            return;
        };
        for input in &entry.tx.input {
            self.spenders.remove(&input.previous_output);
        }
    }

    pub(crate) fn remove_all(&mut self, txids: &BTreeSet<Txid>) {
        txids.iter().for_each(|txid| self.remove(txid));
    }

    /// Waiting transactions that `tx` spends from.
    pub(crate) fn parents(&self, tx: &Transaction) -> BTreeSet<Txid> {
        let spent = tx.input.iter().map(|input| input.previous_output.txid);
        spent.filter(|txid| self.contains(txid)).collect()
    }

    /// Waiting transactions that spend from `tx`, which need not wait itself.
    pub(crate) fn children(&self, txid: Txid, outputs: usize) -> BTreeSet<Txid> {
        (0u32..)
            .take(outputs)
            .filter_map(|vout| self.spender(&OutPoint { txid, vout }))
            .collect()
    }

    fn parents_of(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.get(txid)
            .map(|entry| self.parents(&entry.tx))
            .unwrap_or_default()
    }

    fn children_of(&self, txid: &Txid) -> BTreeSet<Txid> {
        self.get(txid)
            .map(|entry| self.children(*txid, entry.tx.output.len()))
            .unwrap_or_default()
    }

    /// All of `from` and everything they depend on.
    pub(crate) fn with_ancestors(&self, from: &BTreeSet<Txid>) -> BTreeSet<Txid> {
        closure(from, |txid| self.parents_of(txid))
    }

    /// All of `from` and everything that depends on them.
    pub(crate) fn with_descendants(&self, from: &BTreeSet<Txid>) -> BTreeSet<Txid> {
        closure(from, |txid| self.children_of(txid))
    }

    /// All of `from` and everything connected to them.
    pub(crate) fn clusters(&self, from: &BTreeSet<Txid>) -> BTreeSet<Txid> {
        closure(from, |txid| {
            self.parents_of(txid)
                .union(&self.children_of(txid))
                .copied()
                .collect()
        })
    }

    /// Each cluster for itself, in the order of their smallest ids.
    pub(crate) fn all_clusters(&self) -> Vec<BTreeSet<Txid>> {
        let mut seen = BTreeSet::new();
        let mut clusters = Vec::new();
        for txid in self.entries.keys() {
            if !seen.contains(txid) {
                let cluster = self.clusters(&BTreeSet::from([*txid]));
                seen.extend(cluster.iter().copied());
                clusters.push(cluster);
            }
        }
        clusters
    }

    /// Removes the transaction, if it waits, and everything that depends on it.
    pub(crate) fn remove_with_descendants(&mut self, tx: &Transaction) {
        let txid = tx.compute_txid();
        let mut from = self.children(txid, tx.output.len());
        if self.contains(&txid) {
            from.insert(txid);
        }
        self.remove_all(&self.with_descendants(&from));
    }

    /// Best order to mine `members` in, cut into chunks of falling fee rate.
    pub(crate) fn chunks(&self, members: &BTreeSet<Txid>) -> Vec<Chunk<Txid>> {
        let present = members.iter().filter_map(|txid| self.get(txid));
        let nodes: Vec<_> = present
            .map(|entry| Node {
                id: entry.txid,
                fee: entry.fee.to_sat(),
                size: entry.adjusted_weight,
                parents: self
                    .parents(&entry.tx)
                    .into_iter()
                    .filter(|parent| members.contains(parent))
                    .collect(),
            })
            .collect();
        chunks(nodes)
    }
}

fn closure(from: &BTreeSet<Txid>, next: impl Fn(&Txid) -> BTreeSet<Txid>) -> BTreeSet<Txid> {
    let mut found = from.clone();
    let mut todo: Vec<_> = from.iter().copied().collect();
    while let Some(txid) = todo.pop() {
        todo.extend(next(&txid).into_iter().filter(|txid| found.insert(*txid)));
    }
    found
}
