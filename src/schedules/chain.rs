//! A chain of what matters to a set-up: which spend of the funding's inputs is in which block.

use narthex_channel::setup::ChainView;
use narthex_contracts::party::PartyId;

/// A transaction that spends inputs of the funding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spend {
    /// The funding itself.
    Funding(Vec<u8>),
    /// A party's spend of its own input to itself.
    Back(PartyId),
}

/// The chain and what waits for it. All spends conflict: each attempt is funded by coins of the same wallets.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) tip: u32,
    confirmed: Option<(Spend, u32)>,
    waiting: Vec<Spend>,
}

impl Chain {
    pub(super) const fn new(tip: u32) -> Chain {
        Chain {
            tip,
            confirmed: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn publish(&mut self, spend: Spend) {
        if !self.waiting.contains(&spend) {
            self.waiting.push(spend);
        }
    }

    /// A block, with one of those that wait if nothing is confirmed yet.
    pub(super) fn mine(&mut self, choose: impl FnOnce(usize) -> usize) {
        self.tip += 1;
        if self.confirmed.is_none() && !self.waiting.is_empty() {
            let spend = self.waiting[choose(self.waiting.len())].clone();
            self.confirmed = Some((spend, self.tip));
        }
    }

    /// The last block is replaced by another, in which another one of those that wait may be.
    pub(super) fn replace_last(&mut self, choose: impl FnOnce(usize) -> usize) {
        if self
            .confirmed
            .as_ref()
            .is_some_and(|(_, at)| *at == self.tip)
        {
            self.confirmed = None;
        }
        self.tip -= 1;
        self.mine(choose);
    }

    /// As a party sees it whose terms lead to this funding.
    pub(super) fn view(&self, own: Option<&[u8]>) -> ChainView {
        let (funded_at, spent_at) = match &self.confirmed {
            Some((Spend::Funding(funding), at)) if Some(funding.as_slice()) == own => {
                (Some(*at), None)
            }
            Some((_, at)) => (None, Some(*at)),
            None => (None, None),
        };
        ChainView {
            tip: self.tip,
            funded_at,
            spent_at,
        }
    }

    /// The funding that is in a block.
    pub(super) fn funding(&self) -> Option<&[u8]> {
        match &self.confirmed {
            Some((Spend::Funding(funding), _)) => Some(funding),
            _ => None,
        }
    }
}
