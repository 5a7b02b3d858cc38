//! Submission as a node's RPC offers it: `sendrawtransaction` and `submitpackage`.

use std::collections::BTreeSet;

use bitcoin::{FeeRate, OutPoint, Transaction, Txid, Weight};

use super::accept::{accept, accept_together, may_pass_in_package};
use super::candidate::Route;
use super::fee::MIN_RELAY_SAT_PER_KVB;
use super::pool::Pool;
use super::state::State;
use crate::package::{MAX_PACKAGE_COUNT, explain};
use crate::{Error, NodePolicy};

const MAX_PACKAGE_WEIGHT: Weight = Weight::from_wu(404_000);

/// Bitcoin Core whose default policy this is, as `getnetworkinfo` writes it.
const CORE_VERSION: u32 = 319_900;

/// What it takes, as a node says it.
pub(crate) fn policy() -> NodePolicy {
    let least = FeeRate::from_sat_per_kwu(MIN_RELAY_SAT_PER_KVB.div_ceil(4));
    NodePolicy {
        agent: "/Narthex:embedded/".into(),
        version: CORE_VERSION,
        truc: None,
        least_relay: least,
        // The mempool is never full.
        least_now: least,
    }
}

/// Offers one transaction; one that waits already is no error.
pub(crate) fn submit(state: &State, pool: &mut Pool, tx: &Transaction) -> Result<Txid, Error> {
    let txid = tx.compute_txid();
    if state.has_unspent_output_of(txid, tx.output.len()) {
        return Err(Error::Rejected {
            txid,
            reason: "Transaction outputs already in utxo set".into(),
        });
    }
    if !pool.contains(&txid) {
        accept(state, pool, tx, Route::Alone).map_err(|refusal| Error::Rejected {
            txid,
            reason: refusal.reason,
        })?;
    }
    Ok(txid)
}

/// Offers a child with its parents. What passes alone stays in the mempool, whatever becomes of the others.
pub(crate) fn submit_package(
    state: &State,
    pool: &mut Pool,
    txs: &[Transaction],
) -> Result<(), Error> {
    check_topology(txs)?;
    let mut results: Vec<(Txid, Option<String>)> = Vec::new();
    let mut together: Vec<&Transaction> = Vec::new();
    let mut hopeless = false;
    for tx in txs {
        let txid = tx.compute_txid();
        let verdict = if pool.contains(&txid) {
            Ok(())
        } else {
            accept(state, pool, tx, Route::Alone)
        };
        if let Err(refusal) = &verdict {
            if txs.len() == 1 || !may_pass_in_package(refusal) {
                hopeless = true;
            } else {
                together.push(tx);
            }
        }
        results.push((txid, verdict.err().map(|refusal| refusal.reason)));
    }
    let mut message = "transaction failed".to_owned();
    if !hopeless {
        match together.as_slice() {
            [] => return Ok(()),
            // One is left, whose parents made it alone: what it then pays, it pays for itself.
            [tx] => match accept(state, pool, tx, Route::Alone) {
                Ok(()) => return Ok(()),
                Err(refusal) => set(&mut results, tx.compute_txid(), refusal.reason),
            },
            _ => match accept_together(state, pool, &together) {
                Ok(()) => return Ok(()),
                Err(refusal) => {
                    message = refusal.message;
                    if let Some((txid, reason)) = refusal.member {
                        set(&mut results, txid, reason);
                    }
                }
            },
        }
    }
    explain(&message, &results).map_or(Ok(()), Err)
}

fn set(results: &mut [(Txid, Option<String>)], txid: Txid, reason: String) {
    if let Some(result) = results.iter_mut().find(|(id, _)| *id == txid) {
        result.1 = Some(reason);
    }
}

/// Rules on the package that need neither chain nor mempool.
fn check_topology(txs: &[Transaction]) -> Result<(), Error> {
    let Some(child) = txs.last().filter(|_| txs.len() <= MAX_PACKAGE_COUNT) else {
        return Err(Error::PackageSize { count: txs.len() });
    };
    let refuse = |reason: &str| {
        Err(Error::Rejected {
            txid: child.compute_txid(),
            reason: reason.into(),
        })
    };
    // A node can't even decode these.
    if txs.iter().any(|tx| tx.input.is_empty()) {
        return refuse("bad-txns-vin-empty");
    }
    let txids: Vec<Txid> = txs.iter().map(Transaction::compute_txid).collect();
    let spends = |tx: &Transaction| -> BTreeSet<Txid> {
        tx.input
            .iter()
            .map(|input| input.previous_output.txid)
            .collect()
    };
    let parents: BTreeSet<_> = txids[..txids.len() - 1].iter().copied().collect();
    let child_spends = spends(child);
    let is_tree = txs[..txs.len() - 1]
        .iter()
        .all(|parent| spends(parent).is_disjoint(&parents));
    if txs.len() > 1 && !(parents.is_subset(&child_spends) && is_tree) {
        return refuse(
            "package topology disallowed. not child-with-parents or parents depend on each other.",
        );
    }
    let weight = txs.iter().fold(Weight::ZERO, |sum, tx| {
        sum.checked_add(tx.weight()).unwrap_or(Weight::MAX)
    });
    if txs.len() > 1 && weight > MAX_PACKAGE_WEIGHT {
        return refuse("package-too-large");
    }
    if txids.iter().collect::<BTreeSet<_>>().len() != txids.len() {
        return refuse("package-contains-duplicates");
    }
    let mut later: BTreeSet<_> = txids.iter().copied().collect();
    for (tx, txid) in txs.iter().zip(&txids) {
        if !spends(tx).is_disjoint(&later) {
            return refuse("package-not-sorted");
        }
        later.remove(txid);
    }
    let mut spent: BTreeSet<OutPoint> = BTreeSet::new();
    for tx in txs {
        let inputs: BTreeSet<_> = tx.input.iter().map(|input| input.previous_output).collect();
        if inputs.is_empty() || !spent.is_disjoint(&inputs) {
            return refuse("conflict-in-package");
        }
        spent.extend(inputs);
    }
    Ok(())
}
