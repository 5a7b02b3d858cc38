//! How the arbiters come to hear the same evidence: Dolev and Strong's broadcast, for the parts of each litigant.
//!
//! A litigant signs what it brings, and to which case. An arbiter that has heard a part in time signs that, and passes the part on with all signatures for it;
//! with those of j other arbiters it is in time j rounds of ρ blocks later, where ρ follows from the terms ([`PanelSchedule::round`]). At most f of n arbiters lie, so that after f + 1 rounds
//! each honest one has passed on what it has heard in time for the others
//! (`docs/adr/0121-evidence-in-common.md`).
//!
//! So a case is closed behind TxA + ⌊E/3⌋ + (f + 1)·ρ, and not before: whoever closes it with what everybody has said to have heard does not
//! know what another takes in time behind that. Where the terms have no room for rounds it is closed as soon as both parts are here, or
//! behind TxA + ⌊E/3⌋: who enters such terms has no such promise.
//!
//! [`PanelSchedule::round`]: narthex_game_model::schedule::PanelSchedule::round

use std::collections::BTreeSet;

use narthex_contracts::{party::PartySet, terms::Role};
use narthex_game_model::{
    Accusation,
    commitment::{ReceiptKind, SignedReceipt},
    ruling::{Litigant, Part},
    schedule::PanelSchedule,
};

use super::{Book, ContractChange, ContractEffect, ContractRefusal, Parcel, Task, Thing};

/// Most bytes of all parts of one side that a ruling goes by: with those of the other side, terms and program they are a question that a
/// judge takes.
pub const MAX_SIDE_BYTES: u64 = 96 << 20;

/// A part of evidence, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSaid {
    /// To which case it is brought, as its bytes say.
    pub case: Accusation,
    /// Who brings it, as they say too.
    pub by: Litigant,
    /// How many there are.
    pub bytes: u32,
    /// Hash of its bytes.
    pub hash: [u8; 32],
    /// The litigant brings it.
    pub brought: SignedReceipt,
    /// Who has heard it, as far as its sender knows.
    pub heard: Vec<SignedReceipt>,
    /// Tip of whoever drives the machine, when it came.
    pub tip: u32,
}

/// A part of evidence that an arbiter was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroughtPart {
    /// To which case.
    pub case: Accusation,
    /// Whose it is.
    pub by: Litigant,
    /// How many bytes it has.
    pub bytes: u32,
    /// As its litigant has signed, with the hash by which it is kept.
    pub brought: SignedReceipt,
}

impl BroughtPart {
    /// By what it is kept.
    pub const fn hash(&self) -> [u8; 32] {
        self.brought.receipt.item
    }
}

impl Book {
    fn part(&self, by: Litigant, hash: &[u8; 32]) -> Option<Part> {
        let key = self.word(Role::from(by))?;
        Some(Part::of(*self.contract().id(), *hash, key))
    }

    /// The part of what a litigant brings that is kept by this hash, as its bringer and each arbiter that has heard it sign it.
    pub fn part_of(&self, hash: &[u8; 32]) -> Option<Part> {
        let known = self.papers.part_brought(hash);
        let by = known.map(|part| part.by);
        let by = by.or_else(|| self.contract().role().litigant())?;
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
        let mut own = self.pleaded.iter().map(|(_, brought)| brought);
        let own = own.find(|brought| brought.receipt.item == *hash);
        let known = || self.papers.part_brought(hash).map(|part| &part.brought);
        let brought = own.or_else(known)?;
        let heard = self.heard_by(hash).chain(self.own_hearing(hash));
        Some((*brought, heard.copied().collect()))
    }

    /// Rounds in which arbiters tell each other what they have heard, and blocks of each, as the terms have them: f + 1 of ρ, where at most f
    /// of the arbiters lie; none where there is no room for any.
    fn rounds(&self) -> (u32, u32) {
        let params = self.contract().terms().params();
        // How long a round is does not depend on when it begins.
        match self.contract().panel_schedule(0).round {
            0 => (0, 0),
            _ if self.contract().is_paper() => (0, 0),
            blocks => (PanelSchedule::rounds(params), blocks),
        }
    }

    /// Last height at which an arbiter that saw the accusation at this tip first takes a part that so many others have heard. A
    /// reorganisation may bring an appeal that nobody has seen, with blocks on top of it, and an arbiter may have been away: without a
    /// round of messages it would have heard nobody, and convict an honest worker.
    fn heard_until(&self, summoned: u32, others: usize) -> u32 {
        let (rounds, blocks) = self.rounds();
        let anew = blocks.max(self.contract().policy().message.into());
        let heard = summoned.saturating_add(anew);
        let rounds = u32::try_from(others).unwrap_or(u32::MAX).min(rounds);
        let last = self.evidence_until().unwrap_or(0).max(heard);
        last.saturating_add(rounds.saturating_mul(blocks))
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
        let is_known = self.papers.part_brought(&said.hash).is_some();
        // Who is no side of a case brings nothing to it.
        let is_side = litigants_of(said.case).contains(&by);
        // What a reorganisation makes the case before the panel is heard before this arbiter sees it.
        let is_over = self.is_closed && self.accusation() == Some(said.case);
        if is_over || is_known || !is_side {
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
        if self.accusation() == Some(said.case) && is_late && !is_known {
            return Ok(Vec::new());
        }
        if !self.papers.may_bring((said.case, by)) {
            return self.not_its_part(from, "evidence once more");
        }
        let brought = ContractChange::Brought(BroughtPart {
            case: said.case,
            by,
            bytes: said.bytes,
            brought: said.brought,
        });
        let heard = heard.into_iter().map(ContractChange::Receipt);
        Ok(heard.chain([brought]).collect())
    }

    /// The parts of a litigant that count: all, up to as many as are kept of it; the shortest, where they are too long together.
    fn counted_of(&self, case: Accusation, by: Litigant) -> Vec<[u8; 32]> {
        // Nobody who is honest brings so many; whom each honest arbiter knows to have done so has brought nothing.
        if !self.papers.may_bring((case, by)) {
            return Vec::new();
        }
        let known = self.papers.brought_to(case).filter(|part| part.by == by);
        let mut all: Vec<_> = known.map(|part| (part.bytes, part.hash())).collect();
        all.sort_unstable();
        let sums = all.iter().scan(0u64, |sum, (bytes, _)| {
            *sum += u64::from(*bytes);
            Some(*sum)
        });
        let fits = sums.take_while(|sum| *sum <= MAX_SIDE_BYTES).count();
        let mut all: Vec<_> = all.into_iter().take(fits).map(|(_, hash)| hash).collect();
        all.sort_unstable();
        all
    }

    /// What an arbiter rules by: who brings it, and by what it is kept; the same, in the same order, for every honest arbiter.
    pub fn counted(&self) -> Vec<(Litigant, [u8; 32])> {
        let Some(case) = self.accusation() else {
            return Vec::new();
        };
        // In one order, whichever side accuses.
        let mut sides = Vec::from(litigants_of(case));
        sides.sort_unstable();
        let counted = sides.into_iter().flat_map(|by| {
            let parts = self.counted_of(case, by).into_iter();
            parts.map(move |hash| (by, hash))
        });
        counted.collect()
    }

    /// Whether the evidence of this case is closed, at this tip, for an arbiter that saw the accusation at that one first.
    pub(super) fn is_heard_out(&self, case: Accusation, (tip, summoned): (u32, u32)) -> bool {
        let is_brought = |by| self.papers.brought_to(case).any(|part| part.by == by);
        let is_whole = || litigants_of(case).into_iter().all(is_brought);
        let last = self.heard_until(summoned, usize::MAX);
        (self.rounds().0 == 0 && is_whole()) || tip > last
    }

    /// What an arbiter signs for, and passes on: parts that it has heard in time.
    pub(super) fn hearing(&self) -> Vec<ContractEffect> {
        let mut all = Vec::new();
        let me = self.contract().role();
        let panel = self.contract().panel().iter();
        let others = panel.filter(|party| Role::from(*party) != me);
        let others: PartySet = others.map(Role::from).collect();
        let case = self.accusation().into_iter();
        for part in case.flat_map(|case| self.papers.brought_to(case)) {
            let hash = part.hash();
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

/// The two sides of a case.
pub(super) const fn litigants_of(case: Accusation) -> [Litigant; 2] {
    match case {
        Accusation::Appeal => [Litigant::Worker, Litigant::Verifier],
        // Nothing that the verifier signed counts: it has approved.
        Accusation::Challenge => [Litigant::Worker, Litigant::Client],
    }
}
