//! Subsets of the arbiter panel and what a panel can rule.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a case before the panel is about. A contract comes to one of them at most, so the same attestations decide either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accusation {
    /// The worker's, of a verifier that rejected right work (TxA).
    #[default]
    Appeal,
    /// The client's, of a worker whose wrong work was approved (TxC, in the audited template).
    Challenge,
}

/// The largest panel; `8-of-15` already has 16,384 majority sets per ruling.
pub const MAX_ARBITERS: u8 = 15;

/// A set of arbiters, as a bit mask: bit `i` stands for arbiter `i` of the panel, `i < 15`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct ArbiterSet(u16);

impl ArbiterSet {
    /// The set with this mask, or `None` if bit 15 is set.
    pub const fn new(mask: u16) -> Option<Self> {
        if mask >> MAX_ARBITERS == 0 {
            Some(Self(mask))
        } else {
            None
        }
    }

    /// No arbiter.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Arbiters `0 … n−1`; a panel above 15 is cut to 15.
    pub const fn full(n: u8) -> Self {
        let n = if n > MAX_ARBITERS { MAX_ARBITERS } else { n };
        Self(((1u32 << n) - 1) as u16)
    }

    /// The bit mask.
    pub const fn mask(self) -> u16 {
        self.0
    }

    /// Whether arbiter `index` is in the set.
    pub const fn contains(self, index: usize) -> bool {
        index < MAX_ARBITERS as usize && self.0 >> index & 1 == 1
    }

    /// Number of arbiters.
    pub const fn len(self) -> u8 {
        self.0.count_ones() as u8
    }

    /// Whether nobody is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds arbiter `index`; `false` (and no change) if it is there already or is no possible
    /// arbiter.
    pub const fn insert(&mut self, index: usize) -> bool {
        if index >= MAX_ARBITERS as usize || self.contains(index) {
            return false;
        }
        self.0 |= 1 << index;
        true
    }

    /// Those of a panel of `n` that are not in this set.
    pub const fn complement(self, n: u8) -> Self {
        Self(Self::full(n).0 & !self.0)
    }

    /// Whether every member is also in `other`.
    pub const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Indices in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..usize::from(MAX_ARBITERS)).filter(move |index| self.contains(*index))
    }

    /// Every set of at least `k` of `n` arbiters in canonical order: the fullest first, sets of one
    /// size by ascending mask. All parties number majority sets in this order.
    pub fn majorities(n: u8, k: u8) -> impl Iterator<Item = Self> {
        let full = Self::full(n);
        (k..=full.len())
            .rev()
            .flat_map(move |size| (0..=full.0).map(Self).filter(move |set| set.len() == size))
    }
}

impl fmt::Display for ArbiterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, index) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{index}")?;
        }
        f.write_str("}")
    }
}

impl From<ArbiterSet> for u16 {
    fn from(set: ArbiterSet) -> Self {
        set.0
    }
}

impl TryFrom<u16> for ArbiterSet {
    type Error = NoSuchArbiter;

    fn try_from(mask: u16) -> Result<Self, NoSuchArbiter> {
        Self::new(mask).ok_or(NoSuchArbiter)
    }
}

impl FromIterator<usize> for ArbiterSet {
    /// Collects indices; those that no panel can have are left out.
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::empty();
        for index in indices {
            set.insert(index);
        }
        set
    }
}

/// A mask names an arbiter beyond the fifteenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an arbiter set has no arbiter beyond the fifteenth (bits 0 to 14)")]
pub struct NoSuchArbiter;

/// What a panel can decide in a dispute between worker and verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The verifier's rejection stands: scheme 6.
    WorkerAtFault,
    /// The worker's step was right: scheme 7.
    VerifierAtFault,
}

impl Ruling {
    /// Both rulings, in the order of their schemes.
    pub const ALL: [Self; 2] = [Self::WorkerAtFault, Self::VerifierAtFault];

    /// Number of the settlement scheme, 6 or 7.
    pub const fn scheme(self) -> u8 {
        match self {
            Self::WorkerAtFault => 6,
            Self::VerifierAtFault => 7,
        }
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WorkerAtFault => "worker at fault",
            Self::VerifierAtFault => "verifier at fault",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majorities_are_counted_ordered_and_distinct() {
        // The counts that the specification gives for each ruling.
        for (n, k, count) in [(3, 2, 4), (5, 3, 16), (7, 4, 64), (15, 8, 16_384)] {
            let sets: Vec<_> = ArbiterSet::majorities(n, k).collect();
            assert_eq!(sets.len(), count);
            assert_eq!(sets[0], ArbiterSet::full(n));
            let key = |set: &ArbiterSet| (n - set.len(), set.mask());
            assert!(sets.windows(2).all(|w| key(&w[0]) < key(&w[1])));
            assert!(sets.iter().all(|set| set.len() >= k));
        }
        let shown: Vec<_> = ArbiterSet::majorities(3, 2)
            .map(|s| s.to_string())
            .collect();
        assert_eq!(shown, ["{0,1,2}", "{0,1}", "{0,2}", "{1,2}"]);
        assert_eq!(ArbiterSet::majorities(3, 4).count(), 0);
    }

    #[test]
    fn membership() {
        let mut set: ArbiterSet = [2, 0].into_iter().collect();
        assert_eq!(set.to_string(), "{0,2}");
        assert_eq!(set.complement(4).to_string(), "{1,3}");
        assert!(set.insert(14) && !set.insert(14) && !set.insert(15));
        assert!(!set.contains(15) && !set.contains(400));
        assert_eq!(ArbiterSet::full(200), ArbiterSet::full(15));
        assert_eq!(ArbiterSet::new(0x8000), None);
        assert!(serde_json::from_str::<ArbiterSet>("32768").is_err());
        assert!(ArbiterSet::empty().is_subset_of(set) && !set.is_subset_of(ArbiterSet::full(3)));
    }
}
