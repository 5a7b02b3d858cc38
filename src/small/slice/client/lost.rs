//! A client whose disk went back behind the end of its ceremony: its own terms come back from the providers, and what nobody claims by the refunds.
//!
//! What it held is lost: it reads no claim, and begins no other ceremony, since the coins of this one may be locked.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Transaction, secp256k1::rand::rngs::OsRng};
use narthex_channel::CoinSeen;
use narthex_contracts::{
    depth::Depth,
    graph::TxGraph,
    slice::{SliceTerms, derive, lost_refund},
};

use crate::small::{SmallError, Surroundings, onchain};

/// What is left of it.
pub(super) struct Lost {
    pub(super) terms: SliceTerms,
    pub(super) graph: Arc<TxGraph>,
    /// Where the prices are, in order.
    prices: Vec<CoinSeen>,
    refunds: BTreeMap<u8, Transaction>,
}

impl Lost {
    /// Of terms as they were said.
    pub(super) fn of(json: &[u8]) -> Result<Lost, SmallError> {
        let terms = SliceTerms::from_json(json)?;
        let providers = terms.participants().size();
        Ok(Lost {
            graph: Arc::new(derive(&terms)?),
            prices: vec![CoinSeen::Unfunded; providers.into()],
            terms,
            refunds: BTreeMap::new(),
        })
    }

    pub(super) fn see(&mut self, found: &[(u32, &Transaction)]) {
        let graph = &self.graph;
        for (vout, price) in (0..).zip(&mut self.prices) {
            *price = onchain::seen(graph, vout, found);
        }
    }

    /// Whose price the next block may give back.
    fn due(&self, tip: u32) -> impl Iterator<Item = u8> {
        let d = u32::from(self.terms.record().refund_blocks);
        let is_due = move |price: &CoinSeen| match price {
            CoinSeen::Locked { height } => tip.saturating_add(1) >= height.saturating_add(d),
            _ => false,
        };
        let all = (0u8..).zip(&self.prices);
        all.filter(move |(_, price)| is_due(price))
            .map(|(index, _)| index)
    }

    pub(super) fn go_on(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let due: Vec<_> = self.due(with.tip).collect();
        for index in due {
            if !self.refunds.contains_key(&index) {
                let tx = lost_refund(&self.terms, index, &with.key, &mut OsRng)?;
                self.refunds.insert(index, tx);
            }
        }
        Ok(())
    }

    /// Refunds that are due.
    pub(super) fn publishes(&self, tip: u32) -> Vec<Transaction> {
        let due = self.due(tip);
        due.filter_map(|index| self.refunds.get(&index).cloned())
            .collect()
    }

    /// The first height at which one is, if nobody claims.
    pub(super) fn acts_at(&self, tip: u32) -> Option<u32> {
        let d = u32::from(self.terms.record().refund_blocks);
        let locked = self.prices.iter().filter_map(|price| match price {
            CoinSeen::Locked { height } => Some(height.saturating_add(d).saturating_sub(1)),
            _ => None,
        });
        locked.filter(|at| *at > tip).min()
    }

    /// Whether all is gone, and deep; or was never there, and can be no more.
    pub(super) fn is_over(&self, tip: u32, (depth, fund_height): (Depth, u32)) -> bool {
        let d = u32::from(self.terms.record().refund_blocks);
        self.prices.iter().all(|price| match price {
            // Funded above that, it would take it back in the next block.
            CoinSeen::Unfunded => tip > fund_height.saturating_add(d),
            CoinSeen::Locked { .. } => false,
            CoinSeen::Spent { height, .. } => depth.is_reached(*height, tip),
        })
    }
}
