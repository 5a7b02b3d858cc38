//! How the arbiters come to hear the same evidence: Dolev and Strong's broadcast, for the parts of each litigant.
//!
//! A litigant signs what it brings. An arbiter that has heard a part in time signs that, and passes the part on with all signatures for it;
//! with those of j other arbiters it is in time j rounds of messages later. At most f of n arbiters lie, so that after f + 1 rounds
//! each honest one has passed on what it has heard in time for the others
//! (`docs/adr/0121-evidence-in-common.md`).
//!
//! So a case is closed behind TxA + ⌊E/3⌋ + (f + 1)·m, and not before: whoever closes it with what everybody has said to have heard does not
//! know what another takes in time behind that. Where the window has no room for the rounds it is closed as soon as both parts are here, or
//! behind TxA + ⌊E/3⌋: who enters such terms has no such promise.

use std::collections::BTreeSet;

use narthex_contracts::{party::PartySet, terms::Role};
use narthex_game_model::{
    commitment::{ReceiptKind, SignedReceipt},
    ruling::{Litigant, Part},
};

use super::{Book, ContractChange, ContractEffect, ContractRefusal, Parcel, Task, Thing};

/// A part of evidence, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSaid {
    /// Who brings it, as its bytes say.
    pub by: Litigant,
    /// Hash of its bytes.
    pub hash: [u8; 32],
    /// The litigant brings it.
    pub brought: SignedReceipt,
    /// Who has heard it, as far as its sender knows.
    pub heard: Vec<SignedReceipt>,
    /// Tip of whoever drives the machine, when it came.
    pub tip: u32,
}

impl Book {
    fn part(&self, by: Litigant, hash: &[u8; 32]) -> Option<Part> {
        let key = self.word(Role::from(by))?;
        Some(Part::of(*self.contract().id(), *hash, key))
    }

    /// The part of what a litigant brings that is kept by this hash, as its bringer and each arbiter that has heard it sign it.
    pub fn part_of(&self, hash: &[u8; 32]) -> Option<Part> {
        let mut known = self.papers.brought();
        let found = known.find_map(|(by, brought)| (brought.receipt.item == *hash).then_some(by));
        let by = found.or_else(|| self.contract().role().litigant())?;
        self.part(by, hash)
    }

    /// Who had signed that it has heard this part when this party heard it.
    fn heard_by<'b>(&'b self, hash: &'b [u8; 32]) -> impl Iterator<Item = &'b SignedReceipt> {
        let receipts = self.papers.receipts.iter();
        receipts.filter(move |signed| {
            let receipt = &signed.receipt;
            receipt.item == *hash && receipt.kind == ReceiptKind::Heard
        })
    }

    /// The own receipt for a part.
    fn own_hearing(&self, hash: &[u8; 32]) -> Option<&SignedReceipt> {
        self.papers.given(Thing::Part(*hash))
    }

    /// What goes with a part: that it is brought, and who has heard it.
    pub(super) fn signed_for(
        &self,
        hash: &[u8; 32],
    ) -> Option<(SignedReceipt, Vec<SignedReceipt>)> {
        let is_it = |brought: &SignedReceipt| brought.receipt.item == *hash;
        let mut own = self.pleaded.iter().map(|(_, brought)| brought);
        let mut known = self.papers.brought().map(|(_, brought)| brought);
        let brought = own.find(|brought| is_it(brought));
        let brought = brought.or_else(|| known.find(|brought| is_it(brought)))?;
        let heard = self.heard_by(hash).chain(self.own_hearing(hash));
        Some((*brought, heard.copied().collect()))
    }

    /// Rounds in which arbiters tell each other what they have heard: f + 1, where at most f of them lie; none where the window has no room.
    fn rounds(&self) -> u32 {
        let params = self.contract().terms().params();
        let liars = params.arbiters().saturating_sub(params.quorum());
        let rounds = u32::from(liars).saturating_add(1);
        let message = u32::from(self.contract().policy().message);
        let needed = rounds.saturating_mul(message);
        let room = self.evidence_until().zip(self.last_moment());
        let has_room = room.is_some_and(|(heard, last)| heard.saturating_add(needed) <= last);
        match has_room && !self.contract().is_paper() {
            true => rounds,
            false => 0,
        }
    }

    /// Last height at which an arbiter that saw the accusation at this tip first takes a part that so many others have heard. A
    /// reorganisation may bring an appeal that nobody has seen, with blocks on top of it, and an arbiter may have been away: without a
    /// round of messages it would have heard nobody, and convict an honest worker.
    fn heard_until(&self, summoned: u32, others: usize) -> u32 {
        let message = u32::from(self.contract().policy().message);
        let heard = summoned.saturating_add(message);
        let rounds = u32::try_from(others).unwrap_or(u32::MAX).min(self.rounds());
        let last = self.evidence_until().unwrap_or(0).max(heard);
        last.saturating_add(rounds.saturating_mul(message))
    }

    /// A litigant brings a part to an arbiter, or another arbiter passes it on.
    pub(super) fn part_said(
        &self,
        from: Role,
        said: &PartSaid,
    ) -> Result<Vec<ContractChange>, ContractRefusal> {
        let what = "evidence";
        let is_arbiter = |role: Role| matches!(role, Role::Arbiter(_));
        let author = self.holder_of(&said.brought.receipt.issuer);
        let by = author.and_then(Role::litigant);
        let by = by.filter(|by| *by == said.by);
        let Some(by) = by.filter(|_| is_arbiter(self.contract().role())) else {
            return self.not_its_part(from, what);
        };
        if !(is_arbiter(from) || Some(from) == author) {
            return self.not_its_part(from, what);
        }
        let mut known = self.papers.brought();
        let is_known = known.any(|(_, brought)| brought.receipt.item == said.hash);
        // Who is no side of a case brings nothing to it.
        let sides = self.litigants();
        let is_side = sides.is_none_or(|sides| sides.contains(&by));
        if self.is_closed || is_known || !is_side {
            return Ok(Vec::new());
        }
        let part = self.part(by, &said.hash);
        let is_heard = |part: &Part, signed: &SignedReceipt| {
            let issuer = self.holder_of(&signed.receipt.issuer);
            issuer.is_some_and(is_arbiter) && part.is_heard(signed)
        };
        let is_signed = part.is_some_and(|part| {
            let mut heard = said.heard.iter();
            part.is_brought(&said.brought) && heard.all(|signed| is_heard(&part, signed))
        });
        if !is_signed {
            return Err(ContractRefusal::Unsigned { from, what });
        }
        let me = self.word(self.contract().role());
        let mut others = BTreeSet::new();
        let is_other = |signed: &&SignedReceipt| {
            let issuer = signed.receipt.issuer;
            Some(issuer) != me && others.insert(issuer)
        };
        let heard: Vec<_> = said.heard.iter().filter(is_other).copied().collect();
        let summoned = self.summoned.unwrap_or(said.tip);
        // Heard in time by a process before this one, whose disk it has no more.
        let mut own = said.heard.iter();
        let is_known = own.any(|signed| Some(signed.receipt.issuer) == me);
        let is_late = said.tip > self.heard_until(summoned, heard.len());
        if self.is_accused() && is_late && !is_known {
            return Ok(Vec::new());
        }
        if !self.papers.may_bring(by) {
            return self.not_its_part(from, "evidence once more");
        }
        let brought = ContractChange::Brought {
            by,
            brought: said.brought,
        };
        let heard = heard.into_iter().map(ContractChange::Receipt);
        Ok(heard.chain([brought]).collect())
    }

    /// The parts of a litigant that count: all, up to as many as are kept of it.
    fn counted_of(&self, by: Litigant) -> Vec<[u8; 32]> {
        // Nobody who is honest brings so many; whom each honest arbiter knows to have done so has brought nothing.
        if !self.papers.may_bring(by) {
            return Vec::new();
        }
        let known = self.papers.brought().filter(|(of, _)| *of == by);
        let mut all: Vec<_> = known.map(|(_, brought)| brought.receipt.item).collect();
        all.sort_unstable();
        all
    }

    /// What an arbiter rules by: who brings it, and by what it is kept; the same, in the same order, for every honest arbiter.
    pub fn counted(&self) -> Vec<(Litigant, [u8; 32])> {
        // In one order, whichever side accuses.
        let mut sides = self.litigants().map(Vec::from).unwrap_or_default();
        sides.sort_unstable();
        let counted = sides.into_iter().flat_map(|by| {
            let parts = self.counted_of(by).into_iter();
            parts.map(move |hash| (by, hash))
        });
        counted.collect()
    }

    /// Whether the evidence is closed, at this tip, for an arbiter that saw the accusation at that one first.
    pub(super) fn is_heard_out(&self, sides: [Litigant; 2], (tip, summoned): (u32, u32)) -> bool {
        let is_whole = || {
            let mut sides = sides.iter();
            sides.all(|by| self.papers.brought().any(|(of, _)| of == *by))
        };
        let last = self.heard_until(summoned, usize::MAX);
        (self.rounds() == 0 && is_whole()) || tip > last
    }

    /// What an arbiter signs for, and passes on: parts that it has heard in time.
    pub(super) fn hearing(&self) -> Vec<ContractEffect> {
        let mut all = Vec::new();
        let me = self.contract().role();
        let panel = self.contract().panel().iter();
        let others = panel.filter(|party| Role::from(*party) != me);
        let others: PartySet = others.map(Role::from).collect();
        for (_, brought) in self.papers.brought() {
            let hash = brought.receipt.item;
            all.push(match self.own_hearing(&hash) {
                None => ContractEffect::Task(Task::Look(Thing::Part(hash))),
                Some(_) => ContractEffect::Send {
                    to: others,
                    what: Parcel::Evidence(hash),
                },
            });
        }
        all
    }
}
