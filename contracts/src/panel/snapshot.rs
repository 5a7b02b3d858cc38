//! The pool at one height, as a sorted list with a hash.

use narthex_base::codec::Writer;
use narthex_base::kinds::{self};
use narthex_base::tagged::tagged_hash_parts;
use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{
    Amount, BlockHash, OutPoint,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
};
use serde::{Deserialize, Serialize};

use super::Offer;
use crate::bond::{Lock, Locked, Moment, Valuation};

/// Which offers count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRules {
    /// Height at which the pool is looked at.
    pub height: u32,
    /// The bond must be locked at this height still: when the contract is over at the latest.
    pub min_expiry_height: u32,
    /// Smallest bond that counts.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub min_bond_sat: Amount,
    /// Hashes of the offer terms that the parties' contract keeps.
    pub terms_hashes: BTreeSet<sha256::Hash>,
}

impl SnapshotRules {
    /// Canonical bytes, for hashes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(kinds::SNAPSHOT_ROOT);
        w.u32(self.height)
            .u32(self.min_expiry_height)
            .u64(self.min_bond_sat.to_sat())
            .u32(self.terms_hashes.len() as u32);
        for hash in &self.terms_hashes {
            w.fixed(hash.as_byte_array());
        }
        w.finish()
    }

    fn admit(&self, offer: &Offer) -> bool {
        offer.expiry_height > self.min_expiry_height
            && offer.expiry_height > self.height
            && offer.value_sat >= self.min_bond_sat
            && self.terms_hashes.contains(&offer.terms_hash)
    }
}

/// A seat in the drum: one per identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Key that the arbiter is known by.
    pub identity: XOnlyPublicKey,
    /// Its bond.
    pub outpoint: OutPoint,
    /// What the bond holds.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub value_sat: Amount,
    /// Height from which it can be withdrawn.
    pub expiry_height: u32,
    /// Terms that it offers.
    pub terms_hash: sha256::Hash,
}

impl Entry {
    /// The bond's weight in a draw at `height`, by [`Valuation::Linear`]: satoshis times the blocks that it stays
    /// locked, the latter up to [`LOCK_CAP_BLOCKS`](super::LOCK_CAP_BLOCKS).
    ///
    /// Exact, and the same on every machine: below 2⁵¹ · 2²² = 2⁷³, so that 2³² of them add up in 128 bits. It is
    /// linear, so that neither splitting a bond over many identities nor pooling bonds gains weight (ADR 8).
    pub fn weight(&self, height: u32) -> u128 {
        // Offers are locked by height, so the time says nothing; what is left counts, not when it began.
        let now = Moment {
            height,
            median_time: 0,
        };
        let Ok(lock) = Lock::height(self.expiry_height) else {
            return 0;
        };
        let bond = Locked {
            value: self.value_sat,
            lock,
            confirmed: now,
        };
        Valuation::Linear.weight(&bond, now)
    }
}

/// The offers that count, one per identity, sorted by identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    rules: SnapshotRules,
    block_hash: BlockHash,
    entries: Vec<Entry>,
    hash: [u8; 32],
}

impl Snapshot {
    /// Of several offers of one identity the heaviest counts; of equally heavy ones the one with the lowest
    /// outpoint. The order in which offers come in does not matter.
    pub(super) fn new<'a>(
        rules: SnapshotRules,
        block_hash: BlockHash,
        offers: impl IntoIterator<Item = &'a Offer>,
    ) -> Snapshot {
        let mut best: BTreeMap<XOnlyPublicKey, Entry> = BTreeMap::new();
        let rank = |e: &Entry| (std::cmp::Reverse(e.weight(rules.height)), e.outpoint);
        for offer in offers.into_iter().filter(|offer| rules.admit(offer)) {
            let entry = Entry {
                identity: offer.identity,
                outpoint: offer.outpoint,
                value_sat: offer.value_sat,
                expiry_height: offer.expiry_height,
                terms_hash: offer.terms_hash,
            };
            best.entry(offer.identity)
                .and_modify(|e| {
                    if rank(&entry) < rank(e) {
                        *e = entry;
                    }
                })
                .or_insert(entry);
        }
        let mut entries = best.into_values().collect::<Vec<_>>();
        // By the bytes: the key type's own order is that of a library's internal form.
        entries.sort_by_key(|e| e.identity.serialize());
        let hash = hash(&rules, block_hash, &entries);
        Snapshot {
            rules,
            block_hash,
            entries,
            hash,
        }
    }

    /// Which offers count here.
    pub fn rules(&self) -> &SnapshotRules {
        &self.rules
    }

    /// The block that it was taken at.
    pub fn block_hash(&self) -> BlockHash {
        self.block_hash
    }

    /// Sorted by the identities' bytes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Tagged hash of rules, block and entries: what parties compare when their draws differ.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

fn hash(rules: &SnapshotRules, block_hash: BlockHash, entries: &[Entry]) -> [u8; 32] {
    let mut w = Writer::default();
    w.bytes(&rules.to_bytes())
        .fixed(block_hash.as_byte_array())
        .u32(entries.len() as u32);
    for e in entries {
        w.fixed(&e.identity.serialize())
            .fixed(e.outpoint.txid.as_byte_array())
            .u32(e.outpoint.vout)
            .u64(e.value_sat.to_sat())
            .u32(e.expiry_height)
            .fixed(e.terms_hash.as_byte_array());
    }
    tagged_hash_parts("narthex/pool-snapshot", &[&w.finish()])
}
