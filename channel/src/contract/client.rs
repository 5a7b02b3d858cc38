//! The client's side.

use narthex_contracts::{party::PartySet, terms::Role};

use super::{Audited, Book, ContractChange, ContractEffect, Parcel, Side, Task, Thing, table};
use crate::Transition;

/// The client's side: takes what is delivered, looks for itself where it can, hands the settlement on, and decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paying;

impl Book {
    /// Whether the contract has ended by what has shown the result secret.
    fn is_shown(&self) -> bool {
        self.shown_by().is_some() || self.is_shown_by_ending()
    }

    /// Whether the last settlement was looked at. An ending that was agreed on shows the same secret as all others.
    fn has_decrypted(&self) -> bool {
        if self.is_shown_by_ending() {
            return self.decrypted.is_some();
        }
        let shown = self.shown_by();
        let txid = shown.and_then(|node| self.contract().graph().txid(node));
        txid.is_some_and(|txid| self.decrypted.is_some_and(|(by, _)| by == txid))
    }
}

impl Side for Paying {
    const NAME: &'static str = "contract: client";
    const SUMMARY: &'static str = "A client's side of a contract: it acknowledges what it has, hands the settlement on when it holds the boxes and the verifier's share is good, and decrypts with what the settlement shows. In an audited contract it draws steps that it looks at itself before that, and challenges an approval of what is wrong.";
    const TABLE: &'static [&'static [Transition]] = table::CLIENT;

    fn is_of(role: Role) -> bool {
        role == Role::Client
    }

    fn state(book: &Book) -> &'static str {
        if let Some(state) = book.chain_state() {
            return match state {
                "settled" if book.has_decrypted() => "decrypted",
                "settled" if book.is_shown() => "shown",
                state => state,
            };
        }
        match () {
            () if !book.passed.is_empty() => "passed",
            () if matches!(
                book.audited,
                Some(Audited::Wrong { .. } | Audited::Unopened)
            ) =>
            {
                "contesting"
            }
            () if !book.approved.is_empty() && !book.is_content() => "auditing",
            () if !book.approved.is_empty() => "passing",
            () if !book.released.is_empty() => "checking",
            () if book.papers.has_given(book.contract().id(), Thing::Data) => "served",
            () => "waiting",
        }
    }

    fn due(book: &Book) -> Vec<ContractEffect> {
        let task = |task| vec![ContractEffect::Task(task)];
        let has_data = book.papers.has_given(book.contract().id(), Thing::Data);
        let mut due = match (Self::state(book), book.shown_by()) {
            ("checking", _) if book.is_funded() => task(Task::Check),
            // What the key opens is here: who pays without it pays for nothing.
            ("passing", _) if book.is_funded() && has_data => task(Task::Pass),
            ("passed", _) if book.is_funded() => vec![ContractEffect::Send {
                to: PartySet::EMPTY.with(Role::Worker),
                what: Parcel::HandedOver,
            }],
            ("shown", Some(settlement)) if has_data => task(Task::Decrypt { settlement }),
            ("shown", None) if has_data => task(Task::DecryptEnding),
            // Boxes that came late may be anybody's: they are looked into as all are.
            ("shown", _) => {
                let is_it =
                    |due: &ContractEffect| *due == ContractEffect::Task(Task::Look(Thing::Data));
                book.looks().into_iter().filter(is_it).collect()
            }
            _ => Vec::new(),
        };
        due.extend(book.auditing());
        due.extend(book.pleading());
        due
    }

    fn seen(book: &Book, (tip, _): (u32, u32)) -> Vec<ContractChange> {
        book.audit_seen(tip).into_iter().collect()
    }
}
