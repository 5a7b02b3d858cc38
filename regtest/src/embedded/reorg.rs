//! Whether a waiting transaction may still wait after the tip was disconnected.

use std::sync::Arc;

use bitcoin::OutPoint;

use super::consensus::{Coin, check_inputs};
use super::locktime::is_final;
use super::pool::{Entry, Pool};
use super::state::State;

/// The entry as it is to wait on, or `None` when the next block could not hold it.
///
/// Relative locks are reckoned anew only when the block of the youngest confirmed coin is gone, as Core does. When
/// that coin itself came back to the mempool, the demand is stated for the block after *this* tip, so a further
/// disconnection drops the transaction even if its relative lock is zero.
pub(crate) fn revisit(state: &State, pool: &Pool, entry: &Arc<Entry>) -> Option<Arc<Entry>> {
    let context = state.next_lock_context();
    let tx = &entry.tx;
    let coin = |outpoint: &OutPoint| {
        let waiting = pool
            .get(&outpoint.txid)
            .and_then(|entry| entry.tx.output.get(outpoint.vout as usize));
        let waiting = waiting.map(|output| Coin {
            output: output.clone(),
            height: context.height,
            coinbase: false,
        });
        waiting.or_else(|| state.coin(outpoint).cloned())
    };
    let spent = tx
        .input
        .iter()
        .map(|input| coin(&input.previous_output))
        .collect::<Option<Vec<_>>>()?;
    let mut entry = entry.clone();
    if entry.lock_block != state.hash(entry.lock_points.newest_coin) {
        let lock_points = state.lock_points(tx, &spent);
        let lock_block = state.hash(lock_points.newest_coin);
        entry = Arc::new(Entry {
            lock_points,
            lock_block,
            ..(*entry).clone()
        });
    }
    let ripe = is_final(tx, context) && entry.lock_points.allow(context);
    (ripe && check_inputs(tx, &spent, context.height).is_ok()).then_some(entry)
}
