//! An arbiter's side.

use narthex_contracts::{party::PartySet, terms::Role};
use narthex_game_model::ruling::{Item, Litigant};

use super::{Book, ContractChange, ContractEffect, Parcel, Side, Task, Thing, table};
use crate::Transition;

/// An arbiter's side: keeps what a party does not acknowledge, hears a case, rules and attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judging;

impl Book {
    /// Whether this arbiter's attestation is here.
    pub(super) fn has_attested(&self) -> bool {
        let me = self.contract().role();
        let mut rulings = self.attested.iter();
        rulings.any(|attestation| Role::Arbiter(attestation.arbiter) == me)
    }

    /// What this arbiter keeps, to those it was meant for: a date that nobody could have known of would count for nothing.
    fn passed_on(&self) -> Vec<ContractEffect> {
        let id = self.contract().id();
        let mut all = Vec::new();
        for (named, item) in self.papers.named(id) {
            if !self.papers.has_given(id, Thing::Item(named)) {
                continue;
            }
            let to = self.meant_for(item);
            let parcels = match item.opened() {
                Some(opening) => self.opening_parcels(named, opening),
                None => vec![Parcel::Item(named)],
            };
            let send = |what| ContractEffect::Send { to, what };
            all.extend(parcels.into_iter().filter(|_| !to.is_empty()).map(send));
        }
        let boxes = self.papers.boxes().copied();
        let boxes = boxes.filter(|_| self.papers.has_given(id, Thing::Data));
        let to = self.lacks_boxes();
        if let Some(boxes) = boxes.filter(|_| !to.is_empty()) {
            let what = Parcel::Boxes(boxes);
            all.push(ContractEffect::Send { to, what });
        }
        all
    }

    /// Who has not said that it has the boxes, of those they were meant for. The verifier rejects for boxes that it has not, and does not
    /// know of who keeps them: a worker and one arbiter that hides it would have it convicted. A client that can challenge an approval
    /// has what it looks at, whoever served the arbiters alone.
    fn lacks_boxes(&self) -> PartySet {
        let is_approved = self.facts.approved(self.contract()).is_some();
        let client = is_approved.then_some(Role::Client);
        let meant = client.into_iter().chain([Role::Verifier]);
        meant
            .filter(|role| !self.is_acknowledged_by(Thing::Data, *role))
            .collect()
    }

    /// Whom a thing that is kept was meant for.
    fn meant_for(&self, item: &Item) -> PartySet {
        let is_approved = self.facts.approved(self.contract()).is_some();
        let only = |role| PartySet::EMPTY.with(role);
        match item {
            // Until there is an approval the worker has the client's draw from itself, or not at all.
            Item::Audit { .. } if is_approved => only(Role::Worker),
            Item::Audit { .. } => PartySet::EMPTY,
            Item::AuditOpening { .. } => only(Role::Client),
            Item::Commitment(_) if is_approved => only(Role::Verifier).with(Role::Client),
            _ => only(match item.author() {
                Litigant::Verifier => Role::Worker,
                Litigant::Worker | Litigant::Client => Role::Verifier,
            }),
        }
    }
}

impl Side for Judging {
    const NAME: &'static str = "contract: arbiter";
    const SUMMARY: &'static str = "An arbiter's side of a contract: it keeps what one side does not acknowledge and hands it on, hears the case until the evidence is closed, fixes its ruling, and attests it once enough of the others say that they have no other of it.";
    const TABLE: &'static [&'static [Transition]] = table::ARBITER;

    fn is_of(role: Role) -> bool {
        matches!(role, Role::Arbiter(_))
    }

    fn state(book: &Book) -> &'static str {
        match book.chain_state() {
            Some("accused") if book.has_attested() => "attested",
            Some("accused") if book.once.is_contradicted() => "silent",
            Some("accused") if book.once.may_attest() => "attesting",
            Some("accused") if book.once.fixed().is_some() => "asking",
            Some("accused") if book.ruled.is_some() => "ruled",
            Some("accused") if book.is_closed => "ruling",
            Some("accused") => "hearing",
            Some(state @ ("settled" | "over")) => state,
            _ => "keeping",
        }
    }

    fn place(book: &Book) -> &'static str {
        match Self::state(book) {
            // How far it has come with its ruling is its own work until it attests.
            "ruling" | "ruled" | "asking" | "attesting" | "silent" => "hearing",
            state => state,
        }
    }

    fn due(book: &Book) -> Vec<ContractEffect> {
        let task = |task| vec![ContractEffect::Task(task)];
        let state = Self::state(book);
        let mut due = match state {
            "ruling" => task(Task::Rule),
            "ruled" => task(Task::Fix),
            "asking" => {
                let (to, what) = (book.contract().others(), Parcel::Digest);
                vec![ContractEffect::Send { to, what }]
            }
            "attesting" => task(Task::Attest),
            "attested" => {
                let (to, what) = (book.contract().others(), Parcel::Attestation);
                let send = ContractEffect::Send { to, what };
                book.revealing().into_iter().chain([send]).collect()
            }
            "settled" => book.all_for_client(),
            _ => Vec::new(),
        };
        if book.is_accused() && !book.is_settled() {
            due.extend(book.hearing());
        }
        if state == "keeping" {
            due.extend(book.passed_on());
        }
        due
    }

    fn seen(book: &Book, at: (u32, u32)) -> Vec<ContractChange> {
        let mut changes = Self::hears(book, at.0);
        changes.extend(book.once_seen(at));
        changes
    }
}

impl Judging {
    /// Whether the evidence is closed, at this tip.
    fn hears(book: &Book, tip: u32) -> Vec<ContractChange> {
        let Some(case) = book.accusation().filter(|_| !book.is_closed) else {
            return Vec::new();
        };
        let summoned = book.summoned.unwrap_or(tip);
        let mut changes = Vec::new();
        if book.summoned.is_none() {
            changes.push(ContractChange::Summoned { tip });
        }
        if book.is_heard_out(case, (tip, summoned)) {
            changes.push(ContractChange::Closed);
        }
        changes
    }
}
