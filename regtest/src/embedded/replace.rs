//! What may push what out of the mempool, and how large a cluster may grow: Bitcoin Core 31.99's cluster mempool.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::{Amount, Txid};

use super::candidate::Candidate;
use super::fee::{FeeFrac, INCREMENTAL_RELAY_SAT_PER_KVB, fee_for};
use super::linearize::compare_diagrams;
use super::pool::{Entry, Pool};
use super::refusal::Refusal;

const MAX_CONFLICTING_CLUSTERS: usize = 100;
const MAX_CLUSTER_COUNT: usize = 64;
/// In weight units: 101,000 virtual bytes.
const MAX_CLUSTER_WEIGHT: u64 = 404_000;

/// The mempool as it would be, and what would be gone from it.
pub(crate) struct Change {
    pub(crate) after: Pool,
    removed: BTreeSet<Txid>,
    added: Vec<Arc<Entry>>,
}

impl Change {
    /// Takes out `conflicts` with all that depends on them and puts `added` in.
    pub(crate) fn new(pool: &Pool, conflicts: &BTreeSet<Txid>, added: Vec<Arc<Entry>>) -> Self {
        let removed = pool.with_descendants(conflicts);
        let mut after = pool.clone();
        after.remove_all(&removed);
        added.iter().for_each(|entry| after.insert(entry.clone()));
        Self {
            after,
            removed,
            added,
        }
    }

    pub(crate) fn check_cluster_limits(&self) -> Result<(), Refusal> {
        for entry in &self.added {
            let cluster = self.after.clusters(&BTreeSet::from([entry.txid]));
            let weight: u64 = cluster
                .iter()
                .filter_map(|txid| self.after.get(txid))
                .map(|e| e.adjusted_weight)
                .sum();
            if cluster.len() > MAX_CLUSTER_COUNT || weight > MAX_CLUSTER_WEIGHT {
                return Err(Refusal::new("too-large-cluster"));
            }
        }
        Ok(())
    }

    fn check_payment(&self, pool: &Pool) -> Result<(), String> {
        let before = self
            .removed
            .iter()
            .filter_map(|txid| pool.get(txid))
            .map(|entry| entry.fee);
        // Fees of transactions that spend real coins: their sum is below the 21 million there are.
        let before = before.fold(Amount::ZERO, |sum, fee| sum.checked_add(fee).unwrap_or(sum));
        let after = total_fee(&self.added);
        let txid = self
            .added
            .last()
            .map(|entry| entry.txid.to_string())
            .unwrap_or_default();
        let Some(more) = after.checked_sub(before) else {
            return Err(format!(
                "rejecting replacement {txid}, less fees than conflicting txs; {after} < {before}"
            ));
        };
        let needed = fee_for(INCREMENTAL_RELAY_SAT_PER_KVB, total_vsize(&self.added));
        if more < needed {
            return Err(format!(
                "rejecting replacement {txid}, not enough additional fees to relay; {more} < {needed}"
            ));
        }
        Ok(())
    }

    /// Whether a miner earns more with the change, whatever the size of the block.
    fn improves_diagram(&self, pool: &Pool) -> bool {
        let mut touched = self.removed.clone();
        touched.extend(self.added.iter().flat_map(|entry| pool.parents(&entry.tx)));
        let before = pool.clusters(&touched);
        let mut after: BTreeSet<_> = before.difference(&self.removed).copied().collect();
        after.extend(self.added.iter().map(|entry| entry.txid));
        compare_diagrams(&self.after.chunks(&after), &pool.chunks(&before))
            == Some(Ordering::Greater)
    }
}

pub(crate) fn total_fee(entries: &[Arc<Entry>]) -> Amount {
    entries.iter().fold(Amount::ZERO, |sum, entry| {
        sum.checked_add(entry.fee).unwrap_or(sum)
    })
}

pub(crate) fn total_vsize(entries: &[Arc<Entry>]) -> u64 {
    entries.iter().map(|entry| entry.vsize()).sum()
}

fn check_conflicting_clusters(pool: &Pool, conflicts: &BTreeSet<Txid>) -> bool {
    let clusters: BTreeSet<_> = conflicts
        .iter()
        .filter_map(|txid| pool.clusters(&BTreeSet::from([*txid])).first().copied())
        .collect();
    clusters.len() <= MAX_CONFLICTING_CLUSTERS
}

/// Whether one transaction may replace what it conflicts with.
pub(crate) fn check_single(
    pool: &Pool,
    candidate: &Candidate,
    change: &Change,
) -> Result<(), Refusal> {
    let with_sibling = if candidate.evicts_sibling {
        " (including sibling eviction)"
    } else {
        ""
    };
    if !check_conflicting_clusters(pool, &candidate.conflicts) {
        return Err(Refusal::new(format!(
            "too many potential replacements{with_sibling}"
        )));
    }
    change
        .check_payment(pool)
        .map_err(|why| Refusal::reconsiderable(format!("insufficient fee{with_sibling}, {why}")))?;
    change.check_cluster_limits()?;
    if !change.improves_diagram(pool) {
        let reason = "replacement-failed, insufficient feerate: does not improve feerate diagram";
        return Err(Refusal::reconsiderable(reason));
    }
    Ok(())
}

/// Whether a parent and its child together may replace what either conflicts with; the error is the package's.
pub(crate) fn check_package(
    pool: &Pool,
    package: &[Candidate],
    change: &Change,
) -> Result<(), String> {
    let failed = |why: &str| Err(format!("package RBF failed: {why}"));
    let [parent, child] = package else {
        return failed("package must be 1-parent-1-child");
    };
    if !parent.parents.is_empty() || !child.parents.is_empty() {
        return failed("new transaction cannot have mempool ancestors");
    }
    let conflicts: BTreeSet<_> = parent.conflicts.union(&child.conflicts).copied().collect();
    if !check_conflicting_clusters(pool, &conflicts) {
        return failed("too many potential replacements");
    }
    change
        .check_payment(pool)
        .or_else(|why| failed(&format!("insufficient anti-DoS fees, {why}")))?;
    let rate = |fee: Amount, size| FeeFrac {
        fee: fee.to_sat(),
        size,
    };
    let package_rate = rate(total_fee(&change.added), total_vsize(&change.added));
    if package_rate.cmp_ratio(rate(parent.entry.fee, parent.entry.vsize())) != Ordering::Greater {
        return failed("package feerate is less than or equal to parent feerate");
    }
    change
        .check_cluster_limits()
        .map_err(|refusal| refusal.reason)?;
    if !change.improves_diagram(pool) {
        return failed("insufficient feerate: does not improve feerate diagram");
    }
    Ok(())
}
