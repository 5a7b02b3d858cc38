//! Subsets of the arbiter panel and what a panel can rule.

use std::fmt;

use narthex_base::set::SmallSet;
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

/// A set of arbiters: bit `i` stands for arbiter `i` of the panel, `i < 15`. All parties number majority sets in the order of
/// [`SmallSet::majorities`].
pub type ArbiterSet = SmallSet<u16, MAX_ARBITERS>;

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
