//! Offers that came to nothing, and contracts that are over, are forgotten.

use std::collections::BTreeSet;

use narthex::channel::offer::OfferInput;

use super::{Core, Fatal, archive, contract::short};

impl Core {
    /// Time passes for offers; those that came to nothing are forgotten once they have expired.
    pub(super) fn tick_offers(&mut self) -> Result<(), Fatal> {
        let unix_s = self.now.unix_s;
        let ids: Vec<_> = self.contracts.keys().copied().collect();
        let mut over = BTreeSet::new();
        for id in ids {
            if let Err(refusal) = self.offer_step(id, &OfferInput::Tick { unix_s })? {
                self.note_of(id, format_args!("{}: {refusal}", short(&id)));
            }
            let Some(contract) = self.contracts.get(&id) else {
                continue;
            };
            let expires_s = contract
                .offer
                .machine()
                .offer()
                .map(|offer| offer.expires_s);
            let is_expired = expires_s.is_none_or(|expires_s| unix_s >= expires_s);
            if is_expired && matches!(self.standing(&id), "over" | "declined") {
                over.insert(id);
            }
        }
        for id in over {
            self.forget(id)?;
        }
        self.forget_links()
    }

    /// Forgets a contract that is over, but that its id was used.
    pub(super) fn forget(&mut self, id: [u8; 32]) -> Result<(), Fatal> {
        let Some(contract) = self.contracts.remove(&id) else {
            return Ok(());
        };
        let nodes = contract.nodes();
        drop(contract);
        self.held.remove(&id);
        for node in nodes {
            let is_open = |peer: &super::peers::Peer| peer.link.machine().membership(&id).is_some();
            if self.peers.get(&node).is_some_and(is_open) {
                let due = self.mark(node, |peer| peer.link.end_contract(id))?;
                self.outcomes(due)?;
            }
        }
        for whose in &archive::logs(id) {
            self.store.remove(whose)?;
        }
        self.end_doubt(&id)
    }
}
