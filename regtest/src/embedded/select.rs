//! What a miner takes from the mempool.

use std::cmp::Ordering;

use bitcoin::{Amount, FeeRate, Transaction, Weight};

use super::connect::MAX_BLOCK_SIGOPS_COST;
use super::fee::{BLOCK_MIN_SAT_PER_KVB, FeeFrac};
use super::linearize::Chunk;
use super::locktime::{LockContext, is_final};
use super::pool::Pool;

/// Kept free for header and coinbase, as Core does by default.
const RESERVED_WEIGHT: u64 = 8_000;
const RESERVED_SIGOPS_COST: u64 = 400;

/// Chunks by fee rate, as many as fit into a block, and their fees.
///
/// When a chunk does not fit, or the miner does not take it, the rest of its cluster is left out too: it may depend on that
/// chunk.
pub(crate) fn select(
    pool: &Pool,
    context: LockContext,
    takes: &mut dyn FnMut(&[&Transaction], FeeRate) -> bool,
) -> (Vec<Transaction>, Amount) {
    let mut chunks: Vec<(usize, Chunk<_>)> = Vec::new();
    for (cluster, members) in pool.all_clusters().iter().enumerate() {
        chunks.extend(
            pool.chunks(members)
                .into_iter()
                .map(|chunk| (cluster, chunk)),
        );
    }
    // Stable: within a cluster rates never rise, so its chunks stay in order.
    chunks.sort_by(|(_, left), (_, right)| right.rate.cmp_ratio(left.rate));

    let mut skipped = std::collections::BTreeSet::new();
    let (mut weight, mut sigops) = (RESERVED_WEIGHT, RESERVED_SIGOPS_COST);
    let (mut txs, mut fees) = (Vec::new(), Amount::ZERO);
    for (cluster, chunk) in chunks {
        let floor = FeeFrac {
            fee: BLOCK_MIN_SAT_PER_KVB,
            size: 1_000,
        };
        let vsize_rate = FeeFrac {
            fee: chunk.rate.fee,
            size: chunk.rate.size.div_ceil(4),
        };
        if vsize_rate.cmp_ratio(floor) == Ordering::Less {
            break;
        }
        let entries: Vec<_> = chunk
            .members
            .iter()
            .filter_map(|txid| pool.get(txid))
            .collect();
        let chunk_sigops: u64 = entries.iter().map(|entry| entry.sigop_cost).sum();
        let fits = weight + chunk.rate.size < Weight::MAX_BLOCK.to_wu()
            && sigops + chunk_sigops < MAX_BLOCK_SIGOPS_COST;
        if skipped.contains(&cluster)
            || !fits
            || !entries.iter().all(|entry| is_final(&entry.tx, context))
            || !takes(
                &entries.iter().map(|entry| &entry.tx).collect::<Vec<_>>(),
                rate_of(chunk.rate.fee, chunk.rate.size),
            )
        {
            skipped.insert(cluster);
            continue;
        }
        sigops += chunk_sigops;
        for entry in entries {
            weight += entry.tx.weight().to_wu();
            fees = fees.checked_add(entry.fee).unwrap_or(fees);
            txs.push(entry.tx.clone());
        }
    }
    (txs, fees)
}

/// What a chunk of this weight pays.
const fn rate_of(fee: u64, weight: u64) -> FeeRate {
    let per_kwu = fee.saturating_mul(1_000).checked_div(weight);
    FeeRate::from_sat_per_kwu(match per_kwu {
        Some(rate) => rate,
        None => 0,
    })
}
