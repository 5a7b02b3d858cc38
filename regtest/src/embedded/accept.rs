//! The way into the mempool, alone or as a package.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Transaction, Txid};

use super::candidate::{Candidate, Route, View, check_fee};
use super::pool::Pool;
use super::refusal::{Kind, Refusal};
use super::replace::{self, Change, total_fee, total_vsize};
use super::standard::is_dust;
use super::state::State;
use super::{script, truc};

/// Accepts `tx` into `pool`, or leaves the pool as it was.
pub(crate) fn accept(
    state: &State,
    pool: &mut Pool,
    tx: &Transaction,
    route: Route,
) -> Result<(), Refusal> {
    let view = View {
        state,
        pool,
        package_outputs: &BTreeMap::new(),
    };
    let candidate = view.pre_check(tx, route)?;
    let change = Change::new(pool, &candidate.conflicts, vec![candidate.entry.clone()]);
    if candidate.conflicts.is_empty() {
        // From a block everything comes back, however large the cluster: see docs/chains.md.
        if route != Route::FromBlock {
            change.check_cluster_limits()?;
        }
    } else {
        replace::check_single(pool, &candidate, &change)?;
        check_does_not_spend_what_it_replaces(pool, &candidate)?;
    }
    if route != Route::FromBlock {
        check_dust_is_spent(pool, std::slice::from_ref(&candidate))
            .map_err(|(_, refusal)| refusal)?;
    }
    check_scripts(&candidate)?;
    *pool = change.after;
    Ok(())
}

fn check_does_not_spend_what_it_replaces(
    pool: &Pool,
    candidate: &Candidate,
) -> Result<(), Refusal> {
    let ancestors = pool.with_ancestors(&candidate.parents);
    match ancestors.intersection(&candidate.conflicts).next() {
        None => Ok(()),
        Some(both) => {
            let txid = candidate.entry.txid;
            let reason = format!(
                "bad-txns-spends-conflicting-tx, {txid} spends conflicting transaction {both}"
            );
            Err(Refusal::new(reason))
        }
    }
}

/// Whoever spends from a waiting transaction with dust must spend the dust too; the error names the child.
fn check_dust_is_spent(pool: &Pool, package: &[Candidate]) -> Result<(), (Txid, Refusal)> {
    for member in package {
        let inputs: BTreeSet<_> = member
            .entry
            .tx
            .input
            .iter()
            .map(|input| input.previous_output)
            .collect();
        for parent_id in inputs
            .iter()
            .map(|outpoint| outpoint.txid)
            .collect::<BTreeSet<_>>()
        {
            let in_package = package
                .iter()
                .map(|other| &other.entry)
                .find(|other| other.txid == parent_id);
            let Some(parent) = in_package.or_else(|| pool.get(&parent_id)) else {
                continue;
            };
            let dust = (0u32..)
                .zip(&parent.tx.output)
                .filter(|(_, output)| is_dust(output));
            let mut dust = dust.map(|(vout, _)| bitcoin::OutPoint {
                txid: parent_id,
                vout,
            });
            if dust.any(|outpoint| !inputs.contains(&outpoint)) {
                let (txid, wtxid) = (member.entry.txid, member.entry.wtxid);
                let why =
                    format!("tx {txid} (wtxid={wtxid}) did not spend parent's ephemeral dust");
                return Err((
                    txid,
                    Refusal::new(format!("missing-ephemeral-spends, {why}")),
                ));
            }
        }
    }
    Ok(())
}

fn check_scripts(candidate: &Candidate) -> Result<(), Refusal> {
    script::verify(&candidate.entry.tx, &candidate.spent).map_err(|input| {
        let txid = candidate.entry.txid;
        Refusal::new(format!(
            "mempool-script-verify-flag-failed (input {input} of {txid})"
        ))
    })
}

/// Why a package was not taken: the package's own verdict and, where there is one, that on a single member.
pub(crate) struct PackageRefusal {
    pub(crate) message: String,
    pub(crate) member: Option<(Txid, String)>,
}

impl PackageRefusal {
    fn whole(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            member: None,
        }
    }

    fn member(message: &str, txid: Txid, refusal: Refusal) -> Self {
        Self {
            message: message.into(),
            member: Some((txid, refusal.reason)),
        }
    }
}

/// Accepts the members of a package that are not in the mempool and failed alone for want of fee or of a parent:
/// all of them, or none.
pub(crate) fn accept_together(
    state: &State,
    pool: &mut Pool,
    txs: &[&Transaction],
) -> Result<(), PackageRefusal> {
    const FAILED: &str = "transaction failed";
    let mut package_outputs = BTreeMap::new();
    let mut package: Vec<Candidate> = Vec::new();
    for tx in txs {
        let view = View {
            state,
            pool,
            package_outputs: &package_outputs,
        };
        let txid = tx.compute_txid();
        let candidate = view
            .pre_check(tx, Route::InPackage)
            .map_err(|refusal| PackageRefusal::member(FAILED, txid, refusal))?;
        let outputs = (0u32..)
            .zip(&tx.output)
            .map(|(vout, output)| (bitcoin::OutPoint { txid, vout }, output.clone()));
        package_outputs.extend(outputs);
        package.push(candidate);
    }
    truc::check_package(pool, &package)
        .map_err(|why| PackageRefusal::whole(format!("TRUC-violation, {why}")))?;

    let entries: Vec<_> = package
        .iter()
        .map(|candidate| candidate.entry.clone())
        .collect();
    let child = entries
        .last()
        .map(|entry| entry.txid)
        .ok_or_else(|| PackageRefusal::whole("package-empty"))?;
    check_fee(total_fee(&entries), total_vsize(&entries))
        .map_err(|refusal| PackageRefusal::member(FAILED, child, refusal))?;
    let conflicts: BTreeSet<_> = package
        .iter()
        .flat_map(|candidate| candidate.conflicts.iter().copied())
        .collect();
    let change = Change::new(pool, &conflicts, entries);
    if conflicts.is_empty() {
        change
            .check_cluster_limits()
            .map_err(|refusal| PackageRefusal::whole(refusal.reason))?;
    } else {
        replace::check_package(pool, &package, &change).map_err(PackageRefusal::whole)?;
    }
    check_dust_is_spent(pool, &package)
        .map_err(|(txid, refusal)| PackageRefusal::member("unspent-dust", txid, refusal))?;
    for candidate in &package {
        check_scripts(candidate)
            .map_err(|refusal| PackageRefusal::member(FAILED, candidate.entry.txid, refusal))?;
    }
    *pool = change.after;
    Ok(())
}

/// Whether a member that failed alone may pass in company.
pub(crate) fn may_pass_in_package(refusal: &Refusal) -> bool {
    refusal.kind != Kind::Final
}
