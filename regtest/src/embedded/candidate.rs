//! The checks that every transaction passes on its way into the mempool, before scripts are run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, TxOut, Txid};

use super::consensus::{Coin, check_inputs, check_transaction, sigop_cost};
use super::fee::{MIN_RELAY_SAT_PER_KVB, fee_for};
use super::locktime::is_final;
use super::pool::{Entry, Pool};
use super::refusal::Refusal;
use super::standard::{check_dust_pays_no_fee, check_form, check_spends};
use super::state::State;
use super::truc::{Truc, check_single};

/// Highest weighted signature operations of a standard transaction: a fifth of a block's.
const MAX_STANDARD_SIGOPS_COST: u64 = 16_000;
/// A signature operation counts for at least so many weight units.
const WEIGHT_PER_SIGOP: u64 = 20;

/// How a transaction comes to the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// By itself, or as the first try for a member of a package.
    Alone,
    /// As a member of a package whose fees are added up.
    InPackage,
    /// Back from a block that was disconnected: neither fee floor nor TRUC topology apply.
    FromBlock,
}

/// A transaction that may enter, and what has to leave for it.
pub(crate) struct Candidate {
    pub(crate) entry: Arc<Entry>,
    pub(crate) spent: Vec<Coin>,
    /// Waiting transactions that spend the same coins, or that are evicted as a TRUC sibling.
    pub(crate) conflicts: BTreeSet<Txid>,
    pub(crate) evicts_sibling: bool,
    /// Waiting transactions that it spends from.
    pub(crate) parents: BTreeSet<Txid>,
}

/// Chain, mempool and the outputs of package members that came before.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) pool: &'a Pool,
    pub(crate) package_outputs: &'a BTreeMap<OutPoint, TxOut>,
}

impl View<'_> {
    pub(crate) fn pre_check(&self, tx: &Transaction, route: Route) -> Result<Candidate, Refusal> {
        check_transaction(tx)?;
        if tx.is_coinbase() {
            return Err(Refusal::new("coinbase"));
        }
        check_form(tx)?;
        let context = self.state.next_lock_context();
        if !is_final(tx, context) {
            return Err(Refusal::new("non-final"));
        }
        let (txid, wtxid) = (tx.compute_txid(), tx.compute_wtxid());
        match self.pool.get(&txid) {
            Some(entry) if entry.wtxid == wtxid => {
                return Err(Refusal::new("txn-already-in-mempool"));
            }
            Some(_) => return Err(Refusal::new("txn-same-nonwitness-data-in-mempool")),
            None => {}
        }
        let spent = self.coins(tx, txid)?;
        let lock_points = self.state.lock_points(tx, &spent);
        if !lock_points.allow(context) {
            return Err(Refusal::new("non-BIP68-final"));
        }
        let fee = check_inputs(tx, &spent, context.height)?;
        check_spends(tx, &spent)?;
        let sigop_cost = sigop_cost(tx, &spent);
        check_dust_pays_no_fee(tx, fee)?;
        if sigop_cost > MAX_STANDARD_SIGOPS_COST {
            return Err(Refusal::new(format!(
                "bad-txns-too-many-sigops, {sigop_cost}"
            )));
        }
        let adjusted_weight = tx
            .weight()
            .to_wu()
            .max(sigop_cost.saturating_mul(WEIGHT_PER_SIGOP));
        let entry = Arc::new(Entry {
            tx: tx.clone(),
            txid,
            wtxid,
            fee,
            adjusted_weight,
            sigop_cost,
            lock_points,
            lock_block: self.state.hash(lock_points.newest_coin),
        });
        if route == Route::Alone {
            check_fee(fee, entry.vsize())?;
        }
        self.find_conflicts(entry, spent, route)
    }

    /// The coin of each input: waiting, of the package, or confirmed.
    fn coins(&self, tx: &Transaction, txid: Txid) -> Result<Vec<Coin>, Refusal> {
        let next_height = self.state.height().saturating_add(1);
        let unconfirmed = |output: &TxOut| Coin {
            output: output.clone(),
            height: next_height,
            coinbase: false,
        };
        let coin = |outpoint: &OutPoint| {
            let waiting = self
                .pool
                .get(&outpoint.txid)
                .and_then(|entry| entry.tx.output.get(outpoint.vout as usize));
            let waiting = waiting.or_else(|| self.package_outputs.get(outpoint));
            waiting
                .map(unconfirmed)
                .or_else(|| self.state.coin(outpoint).cloned())
        };
        let coins: Option<Vec<_>> = tx
            .input
            .iter()
            .map(|input| coin(&input.previous_output))
            .collect();
        coins.ok_or_else(|| {
            if self.state.has_unspent_output_of(txid, tx.output.len()) {
                Refusal::new("txn-already-known")
            } else {
                Refusal::missing_inputs()
            }
        })
    }

    fn find_conflicts(
        &self,
        entry: Arc<Entry>,
        spent: Vec<Coin>,
        route: Route,
    ) -> Result<Candidate, Refusal> {
        let inputs = entry.tx.input.iter();
        let conflicts = inputs
            .filter_map(|input| self.pool.spender(&input.previous_output))
            .collect();
        let parents = self.pool.parents(&entry.tx);
        let mut candidate = Candidate {
            entry,
            spent,
            conflicts,
            evicts_sibling: false,
            parents,
        };
        if route != Route::FromBlock {
            match check_single(self.pool, &candidate) {
                Truc::Fine => {}
                Truc::Sibling { sibling, .. } if route == Route::Alone => {
                    candidate.conflicts.insert(sibling);
                    candidate.evicts_sibling = true;
                }
                Truc::Violation(why) | Truc::Sibling { why, .. } => {
                    return Err(Refusal::new(format!("TRUC-violation, {why}")));
                }
            }
        }
        Ok(candidate)
    }
}

/// The fee floor, for a transaction or a package.
pub(crate) fn check_fee(fee: bitcoin::Amount, vsize: u64) -> Result<(), Refusal> {
    let floor = fee_for(MIN_RELAY_SAT_PER_KVB, vsize);
    if fee < floor {
        let reason = format!(
            "min relay fee not met, {} < {}",
            fee.to_sat(),
            floor.to_sat()
        );
        return Err(Refusal::reconsiderable(reason));
    }
    Ok(())
}
