//! What a block changes in the pool, as data.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, OutPoint};
use serde::{Deserialize, Serialize};

use super::Offer;

/// Changes of a [`Pool`](super::Pool): `None` stands for "no longer". Replaying all change sets, or their merge,
/// rebuilds the pool, so that storing one is appending it.
#[must_use = "a pool changes only when the change set is applied"]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolChanges {
    /// Blocks of the best chain by height.
    pub blocks: BTreeMap<u32, Option<BlockHash>>,
    /// Offers by their bond.
    pub offers: BTreeMap<OutPoint, Option<Offer>>,
    /// Heights at which bonds were spent.
    pub spends: BTreeMap<OutPoint, Option<u32>>,
}

impl PoolChanges {
    /// Adds what came later.
    pub fn merge(&mut self, later: PoolChanges) {
        self.blocks.extend(later.blocks);
        self.offers.extend(later.offers);
        self.spends.extend(later.spends);
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.offers.is_empty() && self.spends.is_empty()
    }
}
