//! The pool at one height, as a sorted list with a hash.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{
    Amount, BlockHash, OutPoint,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
};
use serde::{Deserialize, Serialize};

use super::Offer;
use crate::{
    bond::{BlockTime, Lock, Locked, Valuation},
    wire::{ReadOutPoint, WriteOutPoint},
};

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
    fn admit(&self, entry: &Entry) -> bool {
        entry.expiry_height > self.min_expiry_height
            && entry.expiry_height > self.height
            && entry.value_sat >= self.min_bond_sat
            && self.terms_hashes.contains(&entry.terms_hash)
    }
}

impl Message for SnapshotRules {
    const KIND: Kind = kinds::SNAPSHOT_ROOT;

    /// Heights (4 each), smallest bond (8), hashes of terms in rising order.
    fn write(&self, w: &mut Writer) {
        w.u32(self.height)
            .u32(self.min_expiry_height)
            .amount(self.min_bond_sat)
            .u32(self.terms_hashes.len() as u32);
        for hash in &self.terms_hashes {
            w.fixed(hash.as_byte_array());
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<SnapshotRules, DecodeError> {
        let (height, min_expiry_height) = (r.u32("height")?, r.u32("least expiry")?);
        let min_bond_sat = read_amount(r, "least bond")?;
        let hashes = r.list("hashes of terms", 32, |r| r.array("hash of terms"))?;
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::invalid("hashes of terms", "not in order"));
        }
        let hashes = hashes.into_iter().map(sha256::Hash::from_byte_array);
        Ok(SnapshotRules {
            height,
            min_expiry_height,
            min_bond_sat,
            terms_hashes: hashes.collect(),
        })
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
    /// Bytes of one in a message.
    pub(super) const BYTES: usize = 32 + 36 + 8 + 4 + 32;

    /// Identity (32), bond (36), value (8), expiry (4), hash of terms (32).
    pub(super) fn write(&self, w: &mut Writer) {
        w.key(&self.identity)
            .outpoint(&self.outpoint)
            .amount(self.value_sat)
            .u32(self.expiry_height)
            .fixed(self.terms_hash.as_byte_array());
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Entry, DecodeError> {
        Ok(Entry {
            identity: r.key("identity")?,
            outpoint: r.outpoint(["transaction of the bond", "output of the bond"])?,
            value_sat: read_amount(r, "value of the bond")?,
            expiry_height: r.u32("expiry")?,
            terms_hash: sha256::Hash::from_byte_array(r.array("hash of terms")?),
        })
    }

    /// The bond's weight in a draw at `height`, by [`Valuation::Linear`]: satoshis times the blocks that it stays
    /// locked, the latter up to [`LOCK_CAP_BLOCKS`](super::LOCK_CAP_BLOCKS).
    ///
    /// Exact, and the same on every machine: below 2⁵¹ · 2²² = 2⁷³, so that 2³² of them add up in 128 bits. It is
    /// linear, so that neither splitting a bond over many identities nor pooling bonds gains weight (ADR 8).
    pub fn weight(&self, height: u32) -> u128 {
        // Offers are locked by height, so the time says nothing; what is left counts, not when it began.
        let now = BlockTime {
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
    /// outpoint. The order in which offers come in does not matter. That the chain has these offers at that height, unspent, the
    /// caller knows: from a [`Pool`](super::Pool), or from whoever wrote them down.
    pub fn new<'a>(
        rules: SnapshotRules,
        block_hash: BlockHash,
        offers: impl IntoIterator<Item = &'a Offer>,
    ) -> Snapshot {
        let mut best: BTreeMap<XOnlyPublicKey, Entry> = BTreeMap::new();
        let rank = |e: &Entry| (std::cmp::Reverse(e.weight(rules.height)), e.outpoint);
        let entries = offers.into_iter().map(|offer| Entry {
            identity: offer.identity,
            outpoint: offer.outpoint,
            value_sat: offer.value_sat,
            expiry_height: offer.expiry_height,
            terms_hash: offer.terms_hash,
        });
        for entry in entries.filter(|entry| rules.admit(entry)) {
            best.entry(entry.identity)
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
        Snapshot::of(rules, block_hash, entries)
    }

    fn of(rules: SnapshotRules, block_hash: BlockHash, entries: Vec<Entry>) -> Snapshot {
        let mut snapshot = Snapshot {
            rules,
            block_hash,
            entries,
            hash: [0; 32],
        };
        let mut w = Writer::default();
        snapshot.write(&mut w);
        snapshot.hash = tagged_hash_parts("narthex/pool-snapshot", &[&w.finish()]);
        snapshot
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

/// One that was kept. Whether the chain has these offers, only a pool says that has read the chain.
impl Message for Snapshot {
    const KIND: Kind = kinds::SNAPSHOT;

    /// What its hash covers: rules, block (32), entries.
    fn write(&self, w: &mut Writer) {
        w.message(&self.rules)
            .fixed(self.block_hash.as_byte_array())
            .list(&self.entries, |w, entry| entry.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<Snapshot, DecodeError> {
        let rules: SnapshotRules = r.message("rules")?;
        let block_hash = BlockHash::from_byte_array(r.array("block")?);
        let entries = r.list("entries", Entry::BYTES, Entry::read)?;
        if !entries.is_sorted_by(|a, b| a.identity.serialize() < b.identity.serialize()) {
            return Err(DecodeError::invalid("entries", "not in order"));
        }
        if let Some(entry) = entries.iter().find(|entry| !rules.admit(entry)) {
            return Err(DecodeError::invalid("entries", entry.outpoint));
        }
        Ok(Snapshot::of(rules, block_hash, entries))
    }
}

fn read_amount(r: &mut Reader<'_>, field: &'static str) -> Result<Amount, DecodeError> {
    match r.amount(field)? {
        value if value > Amount::MAX_MONEY => Err(DecodeError::invalid(field, value)),
        value => Ok(value),
    }
}
