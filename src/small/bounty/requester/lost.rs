//! A requester whose disk went back behind the end of its ceremony: its own terms come back from the recomputers, and its coin by the refund.
//!
//! What it held is lost: it takes no more part, and begins no other ceremony, since the coin of this one may be locked.

use std::sync::Arc;

use bitcoin::{Transaction, secp256k1::rand::rngs::OsRng};
use narthex_channel::CoinSeen;
use narthex_contracts::{
    bounty::{BountyTerms, derive, lost_refund},
    graph::TxGraph,
};

use super::super::coin::COIN;
use crate::small::{SmallError, Surroundings, onchain};

/// What is left of it.
pub(super) struct Lost {
    pub(super) terms: BountyTerms,
    pub(super) graph: Arc<TxGraph>,
    pub(super) coin: CoinSeen,
    pub(super) refund: Option<Transaction>,
}

impl Lost {
    /// Of terms as they were said.
    pub(super) fn of(json: &[u8]) -> Result<Lost, SmallError> {
        let terms = BountyTerms::from_json(json)?;
        Ok(Lost {
            graph: Arc::new(derive(&terms)?),
            terms,
            coin: CoinSeen::Unfunded,
            refund: None,
        })
    }

    pub(super) fn see(&mut self, found: &[(u32, &Transaction)]) {
        self.coin = onchain::seen(&self.graph, COIN, found);
    }

    /// Whether the refund is due.
    pub(super) fn is_due(&self, tip: u32) -> bool {
        let is_locked = matches!(self.coin, CoinSeen::Locked { .. });
        is_locked && tip >= self.terms.record().refund_height
    }

    pub(super) fn go_on(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        if self.is_due(with.tip) && self.refund.is_none() {
            self.refund = Some(lost_refund(&self.terms, &with.key, &mut OsRng)?);
        }
        Ok(())
    }
}
