//! Identities and their bonds, and the draw among them.

use narthex_base::codec::Writer;
use narthex_base::kinds::{self};
use narthex_base::tagged::tagged_hash_parts;
use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{OutPoint, key::XOnlyPublicKey};
use narthex_game_model::Ratio;

use super::{BlockTime, Locked, Valuation};
use crate::{
    lots::{Fenwick, Stream},
    wire::WriteOutPoint,
};

/// Share of draws that ignores bonds, unless another is agreed on: 1/8.
pub const BONDLESS_SHARE: (u32, u32) = (1, 8);

/// A bond pledged to two identities: it counts for neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bond {outpoint} is pledged to {} identities: {}", .identities.len(), list(.identities))]
pub struct Reused {
    /// The bond.
    pub outpoint: OutPoint,
    /// All that it was pledged to, as their bytes.
    pub identities: BTreeSet<[u8; 32]>,
}

fn list(identities: &BTreeSet<[u8; 32]>) -> String {
    let mut text = String::new();
    for id in identities {
        for byte in id {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push(' ');
    }
    text.trim_end().to_owned()
}

/// An identity that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub identity: XOnlyPublicKey,
    /// The bond that counts; none for those who take part without.
    pub bond: Option<OutPoint>,
    /// Its weight.
    pub weight: u128,
}

/// Why nothing can be drawn. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The share is above 1.
    #[error("a share of {share} of the draws cannot ignore bonds")]
    Share {
        /// The share.
        share: Ratio,
    },
    /// The weights add up to more than fits: amounts that no chain has were let in.
    #[error("the weights of {entries} identities add up to more than 128 bits")]
    Overflow {
        /// Number of identities.
        entries: usize,
    },
}

/// All identities with their weights, sorted by the identities' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    entries: Vec<Entry>,
    reused: Vec<Reused>,
}

impl Register {
    /// From verified bonds, each with the identity it is pledged to, and identities that take part without one.
    ///
    /// Of several bonds of an identity the heaviest counts, of equally heavy ones the one with the lowest outpoint. A
    /// bond pledged to two identities counts for neither: whoever rents its bond out gets nothing for it twice.
    /// Both stay as identities without bond. The order of what comes in does not matter.
    pub fn new(
        valuation: &Valuation,
        now: BlockTime,
        bonds: impl IntoIterator<Item = (XOnlyPublicKey, OutPoint, Locked)>,
        bondless: impl IntoIterator<Item = XOnlyPublicKey>,
    ) -> Register {
        let mut pledges: BTreeMap<OutPoint, (Locked, BTreeMap<[u8; 32], XOnlyPublicKey>)> =
            BTreeMap::new();
        for (identity, outpoint, locked) in bonds {
            let (_, to) = pledges
                .entry(outpoint)
                .or_insert_with(|| (locked, BTreeMap::new()));
            to.insert(identity.serialize(), identity);
        }
        // By the bytes: the key type's own order is that of a library's internal form.
        let mut best: BTreeMap<[u8; 32], Entry> = BTreeMap::new();
        let mut reused = Vec::new();
        let rank = |e: &Entry| (std::cmp::Reverse(e.weight), e.bond.is_none(), e.bond);
        let mut consider = |entry: Entry| {
            best.entry(entry.identity.serialize())
                .and_modify(|e| {
                    if rank(&entry) < rank(e) {
                        *e = entry;
                    }
                })
                .or_insert(entry);
        };
        for (outpoint, (locked, to)) in pledges {
            let own = to.len() == 1;
            for identity in to.values() {
                consider(Entry {
                    identity: *identity,
                    bond: own.then_some(outpoint),
                    weight: if own {
                        valuation.weight(&locked, now)
                    } else {
                        0
                    },
                });
            }
            if !own {
                let identities = to.into_keys().collect();
                reused.push(Reused {
                    outpoint,
                    identities,
                });
            }
        }
        for identity in bondless {
            consider(Entry {
                identity,
                bond: None,
                weight: 0,
            });
        }
        Register {
            entries: best.into_values().collect(),
            reused,
        }
    }

    /// Sorted by the identities' bytes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bonds that were pledged more than once.
    pub fn reused(&self) -> &[Reused] {
        &self.reused
    }

    /// Tagged hash of all entries: what parties compare when their draws differ.
    pub fn hash(&self) -> [u8; 32] {
        let mut w = Writer::new(kinds::BOND_REGISTER);
        for entry in &self.entries {
            w.key(&entry.identity);
            match entry.bond {
                None => w.u8(0),
                Some(bond) => w.u8(1).outpoint(&bond),
            };
            w.fixed(&entry.weight.to_be_bytes());
        }
        tagged_hash_parts("narthex/bond-register", &[&w.finish()])
    }

    /// Draws up to `seats` identities without replacement. Each seat goes, with probability `bondless_share`, to
    /// anybody left, all alike; else in proportion to weights. When no weight is left, all alike.
    ///
    /// Pure and exact: who has the same register, share and seed draws the same. The seed must be nobody's choice;
    /// [`panel`](crate::panel) makes such seeds.
    pub fn select(
        &self,
        bondless_share: Ratio,
        seed: &[u8; 32],
        seats: usize,
    ) -> Result<Vec<Entry>, SelectError> {
        let (num, den) = (bondless_share.numerator(), bondless_share.denominator());
        if num > den {
            return Err(SelectError::Share {
                share: bondless_share,
            });
        }
        let entries = self.entries.len();
        let weights = self.entries.iter().map(|e| e.weight).collect::<Vec<_>>();
        weights
            .iter()
            .try_fold(0u128, |sum, w| sum.checked_add(*w))
            .ok_or(SelectError::Overflow { entries })?;
        let share = [num.to_be_bytes(), den.to_be_bytes()].concat();
        let id = tagged_hash_parts("narthex/bond-draw", &[seed, &self.hash(), &share]);
        let mut stream = Stream::new("narthex/bond-stream", id);
        let mut by_bond = Fenwick::new(&weights);
        let mut alike = Fenwick::new(&vec![1; entries]);
        let mut drawn = Vec::with_capacity(seats.min(entries));
        while drawn.len() < seats && alike.total() > 0 {
            let bondless = stream.below(den.into()) < u128::from(num) || by_bond.total() == 0;
            let sums = if bondless { &alike } else { &by_bond };
            let index = sums.find(stream.below(sums.total()));
            let Some(entry) = self.entries.get(index) else {
                break;
            };
            by_bond.remove(index, entry.weight);
            alike.remove(index, 1);
            drawn.push(*entry);
        }
        Ok(drawn)
    }
}
