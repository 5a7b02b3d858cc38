//! Topologically restricted transactions, version 3 (BIP431): one parent, one child, both small.

use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::{Transaction, Txid};

use super::candidate::Candidate;
use super::pool::{Entry, Pool};

const TRUC_VERSION: i32 = 3;
/// Largest version-3 transaction, in virtual bytes.
const MAX_VSIZE: u64 = 10_000;
/// Largest version-3 transaction with an unconfirmed parent, in virtual bytes.
const MAX_CHILD_VSIZE: u64 = 1_000;
/// A transaction and its one parent, or its one child.
const MAX_FAMILY: usize = 2;

/// What the rules say of a transaction by itself.
pub(crate) enum Truc {
    Fine,
    /// The parent has a child already, which may be evicted if the newcomer pays for that.
    Sibling {
        sibling: Txid,
        why: String,
    },
    Violation(String),
}

fn is_truc(tx: &Transaction) -> bool {
    tx.version.0 == TRUC_VERSION
}

fn name(entry: &Entry) -> String {
    format!("{} (wtxid={})", entry.txid, entry.wtxid)
}

fn ancestor_count(pool: &Pool, txid: Txid) -> usize {
    pool.with_ancestors(&BTreeSet::from([txid])).len()
}

fn wrong_inheritance(child: &Entry, parent: &Entry) -> Option<String> {
    match (is_truc(&child.tx), is_truc(&parent.tx)) {
        (false, true) => Some(format!(
            "non-version=3 tx {} cannot spend from version=3 tx {}",
            name(child),
            name(parent)
        )),
        (true, false) => Some(format!(
            "version=3 tx {} cannot spend from non-version=3 tx {}",
            name(child),
            name(parent)
        )),
        _ => None,
    }
}

fn too_big(entry: &Entry, is_child: bool) -> Option<String> {
    let (limit, child) = if is_child {
        (MAX_CHILD_VSIZE, "child ")
    } else {
        (MAX_VSIZE, "")
    };
    let vsize = entry.vsize();
    let what = || {
        format!(
            "version=3 {child}tx {} is too big: {vsize} > {limit} virtual bytes",
            name(entry)
        )
    };
    (vsize > limit).then(what)
}

fn too_many_ancestors(entry: &Entry) -> String {
    format!("tx {} would have too many ancestors", name(entry))
}

/// The rules with regard to the mempool.
pub(crate) fn check_single(pool: &Pool, candidate: &Candidate) -> Truc {
    let entry = &candidate.entry;
    let parents: Vec<_> = candidate
        .parents
        .iter()
        .filter_map(|txid| pool.get(txid))
        .collect();
    if let Some(why) = parents
        .iter()
        .find_map(|parent| wrong_inheritance(entry, parent))
    {
        return Truc::Violation(why);
    }
    if !is_truc(&entry.tx) {
        return Truc::Fine;
    }
    if let Some(why) = too_big(entry, false) {
        return Truc::Violation(why);
    }
    let parent = match parents.as_slice() {
        [] => return Truc::Fine,
        [parent] if ancestor_count(pool, parent.txid) < MAX_FAMILY => parent,
        _ => return Truc::Violation(too_many_ancestors(entry)),
    };
    if let Some(why) = too_big(entry, true) {
        return Truc::Violation(why);
    }
    check_siblings(pool, candidate, parent)
}

fn check_siblings(pool: &Pool, candidate: &Candidate, parent: &Entry) -> Truc {
    let mut descendants = pool.with_descendants(&BTreeSet::from([parent.txid]));
    descendants.remove(&parent.txid);
    let Some(sibling) = descendants.first().copied() else {
        return Truc::Fine;
    };
    if descendants
        .iter()
        .any(|txid| candidate.conflicts.contains(txid))
    {
        return Truc::Fine;
    }
    let why = format!("tx {} would exceed descendant count limit", name(parent));
    // More than one descendant, or one with other parents, is only possible after a reorganisation.
    if descendants.len() == 1 && ancestor_count(pool, sibling) == MAX_FAMILY {
        Truc::Sibling { sibling, why }
    } else {
        Truc::Violation(why)
    }
}

/// The rules within a package, after [`check_single`] passed for each member.
pub(crate) fn check_package(pool: &Pool, package: &[Candidate]) -> Result<(), String> {
    for (index, member) in package.iter().enumerate() {
        let spends: BTreeSet<_> = member
            .entry
            .tx
            .input
            .iter()
            .map(|input| input.previous_output.txid)
            .collect();
        let before = package[..index].iter().map(|other| &other.entry);
        let in_package: Vec<_> = before
            .filter(|other| spends.contains(&other.txid))
            .collect();
        check_member(pool, package, member, &in_package)?;
    }
    Ok(())
}

fn check_member(
    pool: &Pool,
    package: &[Candidate],
    member: &Candidate,
    in_package: &[&Arc<Entry>],
) -> Result<(), String> {
    let entry = &member.entry;
    let in_mempool: Vec<_> = member
        .parents
        .iter()
        .filter_map(|txid| pool.get(txid))
        .collect();
    let mut parents = in_mempool.iter().copied().chain(in_package.iter().copied());
    if !is_truc(&entry.tx) {
        return parents
            .find_map(|parent| wrong_inheritance(entry, parent))
            .map_or(Ok(()), Err);
    }
    let Some(parent) = parents.next() else {
        return Ok(());
    };
    let grandparents = in_mempool
        .first()
        .map_or(0, |parent| ancestor_count(pool, parent.txid) - 1);
    if parents.next().is_some() || grandparents > 0 {
        return Err(too_many_ancestors(entry));
    }
    if let Some(why) = too_big(entry, true).or_else(|| wrong_inheritance(entry, parent)) {
        return Err(why);
    }
    let full = || format!("tx {} would exceed descendant count limit", name(parent));
    for other in package
        .iter()
        .map(|other| &other.entry)
        .filter(|other| other.txid != entry.txid)
    {
        for input in &other.tx.input {
            if input.previous_output.txid == parent.txid {
                return Err(full());
            }
            if input.previous_output.txid == entry.txid {
                return Err(too_many_ancestors(other));
            }
        }
    }
    if pool.with_descendants(&BTreeSet::from([parent.txid])).len() > 1
        && pool.contains(&parent.txid)
    {
        return Err(full());
    }
    Ok(())
}
