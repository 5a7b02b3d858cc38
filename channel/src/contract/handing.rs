//! What sides do alike with what they have: look at what came, hand over what is their own and what the client has paid for, plead.

use narthex_contracts::{party::PartySet, terms::Role};
use narthex_game_model::ruling::{Item, Litigant};

use super::{Book, ContractEffect, Parcel, Task, Thing};

impl Book {
    /// Things of others that came, and were neither acknowledged nor found to be none.
    pub(super) fn looks(&self) -> Vec<ContractEffect> {
        let me = self.contract().role().litigant();
        let id = self.contract().id();
        let is_open = |thing: &Thing| {
            !self.papers.has_given(id, *thing) && !self.papers.refused.contains(thing)
        };
        let of_others = self.items_by(|author| Some(author) != me);
        let is_here = |(_, item): &([u8; 32], &Item)| match item.opened() {
            Some(opening) => self.papers.opening(opening).is_some(),
            None => item.receipt().is_some(),
        };
        let items = of_others
            .filter(is_here)
            .map(|(named, _)| Thing::Item(named));
        let has_data = self.papers.boxes().is_some() && self.papers.commitment().is_some();
        let data = (has_data && me != Some(Litigant::Worker)).then_some(Thing::Data);
        let things = items.chain(data).filter(is_open);
        things
            .map(|thing| ContractEffect::Task(Task::Look(thing)))
            .collect()
    }

    /// Hands over an own thing to those who have not acknowledged it; where one is silent after the delivery, the arbiters
    /// keep it.
    pub(super) fn hand(&self, thing: Thing, what: &[Parcel], to: &[Role]) -> Vec<ContractEffect> {
        let missing = to
            .iter()
            .filter(|role| !self.is_acknowledged_by(thing, **role));
        let mut missing: PartySet = missing.copied().collect();
        if missing.is_empty() {
            return Vec::new();
        }
        if self.is_appealing {
            let panel = self.contract().panel().iter();
            let left = panel.filter(|party| !self.keeps(thing, *party));
            missing = left.fold(missing, PartySet::with);
        }
        let send = |what: &Parcel| ContractEffect::Send {
            to: missing,
            what: *what,
        };
        what.iter().map(send).collect()
    }

    /// The item that names an opening, and the opening, if it is here. The item goes first: an opening that none names is not
    /// taken.
    pub(super) fn opening_parcels(&self, item: [u8; 32], opening: &[u8; 32]) -> Vec<Parcel> {
        let blob = self.papers.opening(opening).copied();
        let parcels = [Parcel::Item(item)].into_iter();
        parcels.chain(blob.map(Parcel::Opening)).collect()
    }

    /// Own things of this author's talk, to whom they are said.
    pub(super) fn own_things(&self) -> Vec<ContractEffect> {
        let me = self.contract().role().litigant();
        let mut all = Vec::new();
        for (named, item) in self.items_by(|author| Some(author) == me) {
            let (thing, parcel) = (Thing::Item(named), Parcel::Item(named));
            let both = [Role::Verifier, Role::Client];
            all.extend(match item {
                Item::Commitment(_) => {
                    let mut sent = self.hand(thing, &[parcel], &both);
                    // Where client and verifier have the commitment and not the boxes, the panel has neither, and takes no boxes alone.
                    let first = (sent.is_empty() && self.is_appealing).then_some(parcel);
                    let boxes = self.papers.boxes().copied().map(Parcel::Boxes);
                    sent.extend(boxes.into_iter().flat_map(|what| {
                        let parcels: Vec<_> = first.into_iter().chain([what]).collect();
                        self.hand(Thing::Data, &parcels, &both)
                    }));
                    sent
                }
                Item::Opening { opening, .. } => {
                    self.hand(thing, &self.opening_parcels(named, opening), &both)
                }
                Item::Token { .. } => self.hand(thing, &[parcel], &[Role::Verifier]),
                Item::Sample { .. } | Item::Reply { .. } | Item::Blind { .. } => {
                    self.hand(thing, &[parcel], &[Role::Worker])
                }
                Item::Verdict { .. } => {
                    let to = PartySet::EMPTY.with(Role::Worker);
                    vec![ContractEffect::Send { to, what: parcel }]
                }
                Item::Audit { .. } => self.hand_draw(thing, parcel),
                Item::AuditOpening { opening, .. } => {
                    let parcels = self.opening_parcels(named, opening);
                    self.hand(thing, &parcels, &[Role::Client])
                }
            });
        }
        all
    }

    /// What boxes are boxes of: whoever does not have the commitment takes none, so it goes first. As the worker signed it, if it did.
    pub(super) fn commitment_parcel(&self) -> Option<Parcel> {
        let bound = self.papers.commitment()?;
        let is_it = |item: &Item| match item {
            Item::Commitment(signed) => (**signed == bound).then_some(()),
            _ => None,
        };
        let signed = self.papers.first(self.contract().id(), is_it);
        Some(signed.map_or(Parcel::Commitment, |(item, ())| Parcel::Item(item)))
    }

    /// All that a key opens, to the client, once a settlement shows it: a worker may have served others alone. What the boxes are
    /// boxes of goes first, or the client takes none; and what was opened before the boxes, for a box of coefficients may be garbage,
    /// and then only shares give the keys.
    pub(super) fn all_for_client(&self) -> Vec<ContractEffect> {
        let id = self.contract().id();
        let is_kept = self.papers.has_given(id, Thing::Data) && self.shown_by().is_some();
        let Some(boxes) = self.papers.boxes().copied().filter(|_| is_kept) else {
            return Vec::new();
        };
        let mut parcels: Vec<_> = self.commitment_parcel().into_iter().collect();
        for (named, item) in self.papers.named(id) {
            if let Item::Opening { opening, .. } = item
                && self.papers.has_given(id, Thing::Item(named))
            {
                parcels.extend(self.opening_parcels(named, opening));
            }
        }
        parcels.push(Parcel::Boxes(boxes));
        let to = PartySet::EMPTY.with(Role::Client);
        let send = |what| ContractEffect::Send { to, what };
        parcels.into_iter().map(send).collect()
    }

    /// Last height at which evidence is in time by the chain alone; `None` if nothing is before the panel.
    pub(super) fn evidence_until(&self) -> Option<u32> {
        let contract = self.contract();
        let (_, accused) = self.facts.accusation(contract)?;
        match contract.is_paper() {
            true => self.last_evidence(),
            false => Some(contract.panel_schedule(accused).evidence),
        }
    }

    /// Whether a process that has seen this tip, and that one first, waits before it puts its evidence together: what others have
    /// acknowledged comes again to a disk that went back.
    pub fn awaits_receipts(&self, times: (u32, u32)) -> bool {
        self.awaits_what_it_forgot(times, self.evidence_until().unwrap_or(0))
    }

    /// Whether it waits before it draws a sample: its own may come again, drawn by an earlier block, and who signs two is convicted.
    pub fn awaits_own_sample(&self, times: (u32, u32)) -> bool {
        let delivered = self.facts.delivered(self.contract());
        let until = delivered.map(|height| self.contract().schedule(height).nonce);
        self.awaits_what_it_forgot(times, until.unwrap_or(u32::MAX))
    }

    /// A disk may have gone back, and what it has forgotten comes again within a round of messages. Not where what waits for that would
    /// come too late by it; where it is late already, there is nothing to lose.
    fn awaits_what_it_forgot(&self, times: (u32, u32), until: u32) -> bool {
        let round = u32::from(self.contract().policy().message);
        let (tip, _) = times;
        self.has_just_started(times) && (tip.saturating_add(round) < until || tip > until)
    }

    /// Own evidence, once there is an accusation.
    pub(super) fn pleading(&self) -> Vec<ContractEffect> {
        let me = self.contract().role().litigant();
        let sides = self.litigants().filter(|_| !self.is_settled());
        if !sides.is_some_and(|sides| sides.into_iter().any(|side| Some(side) == me)) {
            return Vec::new();
        }
        let mut pleaded = self.pleaded.iter();
        let pleaded = pleaded.find(|(case, _)| Some(*case) == self.accusation());
        vec![match pleaded {
            None => ContractEffect::Task(Task::Plead),
            Some((_, brought)) => ContractEffect::Send {
                to: self.contract().panel(),
                what: Parcel::Evidence(brought.receipt.item),
            },
        }]
    }
}
