//! Who has acknowledged what, as a panel counts it, and what a party acknowledges itself.

use narthex_contracts::{
    party::{PartyId, PartySet},
    terms::Role,
};
use narthex_game_model::{commitment::ReceiptKind, ruling::Item};

use super::{Book, ContractEffect, Parcel, Thing};

impl Book {
    /// Whether a party has acknowledged a thing. The other side's date must be one that a panel takes: whoever dates a receipt
    /// behind its deadline has given none, and the arbiters keep the thing instead.
    pub(super) fn is_acknowledged_by(&self, thing: Thing, role: Role) -> bool {
        self.acknowledged_at(thing, role).is_some()
    }

    fn acknowledged_at(&self, thing: Thing, role: Role) -> Option<u32> {
        let key = self.word(role);
        let dated = key.and_then(|key| self.papers.acknowledged(self.contract().id(), thing, &key));
        dated.filter(|height| self.is_in_time(thing, role, *height))
    }

    /// Whether so many arbiters keep it that a panel counts it as handed over.
    pub(super) fn is_kept(&self, thing: Thing) -> bool {
        self.kept_by_enough_at(thing).is_some()
    }

    /// From which height on so many arbiters keep it.
    fn kept_by_enough_at(&self, thing: Thing) -> Option<u32> {
        let enough = self.contract().terms().params().keepers();
        let panel = self.contract().panel();
        let dated = panel
            .iter()
            .filter_map(|party| self.keeps_from(thing, party));
        let mut dated: Vec<u32> = dated.collect();
        dated.sort_unstable();
        // Of no keepers nothing is asked.
        match enough.checked_sub(1) {
            Some(last) => dated.get(last).copied(),
            None => Some(0),
        }
    }

    /// Whether a receipt of this height is one in time, as the panel counts it. Before the delivery there are no deadlines.
    pub(super) fn is_in_time(&self, thing: Thing, by: Role, height: u32) -> bool {
        self.deadline(thing, by).is_none_or(|last| height <= last)
    }

    /// Last height of a receipt of this party's for a thing that is one in time; `None` if nothing depends on it as it stands.
    fn deadline(&self, thing: Thing, by: Role) -> Option<u32> {
        let contract = self.contract();
        let approved = self.facts.approved(contract);
        let served = approved.map(|height| contract.challenge_schedule(height).served);
        let item = match thing {
            Thing::Item(id) => self.papers.item(contract.id(), &id),
            Thing::Data | Thing::Part(_) => None,
        };
        match (thing, item) {
            // What binds the worker, and what it owes the client, counts from an approval.
            (_, Some(Item::Audit { .. })) => return approved,
            (_, Some(Item::AuditOpening { .. })) => return served,
            (Thing::Data, _) if served.is_some() => return served,
            _ if by == Role::Client => return None,
            _ => {}
        }
        let schedule = contract.schedule(self.facts.delivered(contract)?);
        match self.papers.receipt_kind(contract.id(), thing)? {
            ReceiptKind::Data => Some(schedule.record),
            ReceiptKind::Sample => Some(schedule.nonce),
            ReceiptKind::Token => Some(schedule.token),
            ReceiptKind::Reply => Some(schedule.reply),
            ReceiptKind::Opening => Some(schedule.opening),
            // Nothing depends on when a commitment was received.
            _ => None,
        }
    }

    /// Whether a thing was handed over to a party, as a panel counts it.
    pub(super) fn is_handed(&self, thing: Thing, to: Role) -> bool {
        self.handed_at(thing, to).is_some()
    }

    /// From which height on it was, by the receipts.
    pub(super) fn handed_at(&self, thing: Thing, to: Role) -> Option<u32> {
        let (acknowledged, kept) = (
            self.acknowledged_at(thing, to),
            self.kept_by_enough_at(thing),
        );
        acknowledged.into_iter().chain(kept).min()
    }

    pub(super) fn keeps(&self, thing: Thing, party: PartyId) -> bool {
        self.keeps_from(thing, party).is_some()
    }

    fn keeps_from(&self, thing: Thing, party: PartyId) -> Option<u32> {
        let key = self.word(party.into());
        let dated = key.and_then(|key| self.papers.kept(self.contract().id(), thing, &key));
        dated.filter(|height| self.is_in_time(thing, party.into(), *height))
    }

    /// Own receipts, to whom they are for. What client and arbiters have, the verifier must know before it approves.
    pub(super) fn receipts(&self) -> Vec<ContractEffect> {
        let me = self.contract().role();
        let mut all = Vec::new();
        let id = self.contract().id();
        for (thing, signed) in &self.papers.given {
            // What an arbiter has heard it signs on the part itself, to those who rule by it.
            if !self.papers.has_given(id, *thing) || matches!(thing, Thing::Part(_)) {
                continue;
            }
            let Some(holder) = self.holder_of(&signed.receipt.holder) else {
                continue;
            };
            let mut to = PartySet::EMPTY.with(holder);
            if holder == Role::Worker && me != Role::Verifier {
                to = to.with(Role::Verifier);
            }
            // Arbiters do not give those the boxes who have them. And whoever forgets that it had them is told by more than the worker.
            let has_boxes = *thing == Thing::Data && matches!(me, Role::Verifier | Role::Client);
            if has_boxes && self.is_appealing {
                to = self.contract().panel().iter().fold(to, PartySet::with);
            }
            let what = Parcel::Receipt(*thing);
            all.push(ContractEffect::Send { to, what });
        }
        all
    }
}
