//! The worker's side.

use bitcoin::hashes::Hash;
use narthex_contracts::terms::Role;
use narthex_game_model::{
    ruling::{Answer, Item, Litigant},
    sample::nonce_commitment,
};

use super::{Book, ContractChange, ContractEffect, Finding, Side, Task, table};
use crate::Transition;

/// The worker's side: works, commits, seals, opens after the right answer, and settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Working;

impl Book {
    /// Height of the block of the verifier's sample, if it is drawn with the nonce of the terms.
    fn sample_height(&self) -> Option<u32> {
        let (_, (nonce, height, _)) = self.papers.sample(self.contract().id())?;
        let committed = self
            .contract()
            .terms()
            .record()
            .sample_nonce
            .to_byte_array();
        (nonce_commitment(&nonce) == committed).then_some(height)
    }

    /// Whether a panel or the client was shown steps before a sample was sealed for, and a reorganisation took back what that was
    /// for.
    fn has_shown_others(&self) -> bool {
        !self.pleaded.is_empty() || self.has_own("opening of the audit")
    }

    /// Whether this reply is the first to the token that was sealed, and says that the verifier has it. Whether it is true is
    /// found by whoever knows the token.
    pub(super) fn may_open_to(&self, reply: &[u8; 32]) -> bool {
        if self.contract().is_paper() {
            return self.is_asked_blindly() == Some(*reply);
        }
        matches!(self.answer(), Some((id, Answer::Shown { .. })) if id == *reply)
    }

    /// The verifier's hash of what it has computed, of a sample of which the block is deep (`paper` template).
    fn is_asked_blindly(&self) -> Option<[u8; 32]> {
        let blind = self.blind().filter(|_| self.contract().is_paper());
        blind.filter(|_| self.deep.is_some())
    }

    /// What is made again: own words came back to a disk that is older, and what is long and was only named in them did not. It is the
    /// same again, for it follows from the job and from what the seed gives.
    fn lost(&self) -> Option<Task> {
        let papers = &self.papers;
        if self.is_settled() {
            return None;
        }
        if self.has_own("commitment") && papers.boxes().is_none() && !self.contract().is_paper() {
            return Some(Task::Work);
        }
        // Whoever has found more since works by that, and what was drawn comes again too.
        let is_drawn = papers.sample(self.contract().id()).is_some();
        if self.finding.is_some() || papers.commitment().is_none() || !is_drawn {
            return None;
        }
        // What is opened to the client depends on what else was opened, which an older disk does not know.
        let mut own = self.items_by(|author| author == Litigant::Worker);
        own.any(|(_, item)| match item {
            Item::Opening { reply, opening } => {
                self.may_open_to(reply) && papers.opening(opening).is_none()
            }
            _ => false,
        })
        .then_some(Task::Open)
    }

    /// The verifier's answer to the token that this worker has sealed.
    fn answer(&self) -> Option<([u8; 32], Answer)> {
        let id = self.contract().id();
        let (token, _) = self.papers.sealed(id)?;
        self.papers.reply_to(id, &token)
    }
}

impl Side for Working {
    const NAME: &'static str = "contract: worker";
    const SUMMARY: &'static str = "A worker's side of a contract: it works and commits, seals its token under the sample's digests, opens nothing before the right answer, and takes its reward by showing the result secret.";
    const TABLE: &'static [&'static [Transition]] = table::WORKER;

    fn is_of(role: Role) -> bool {
        role == Role::Worker
    }

    fn state(book: &Book) -> &'static str {
        if let Some(state) = book.chain_state() {
            return state;
        }
        match (book.finding, book.deep) {
            _ if !book.passed.is_empty() || !book.approved.is_empty() => "paid",
            (Some(Finding::OwnFault), _) => "at_fault",
            (Some(_), _) => "contested",
            _ if !book.rejected.is_empty() => "rejected",
            _ if book.has_own("opening") => "opened",
            _ if book.answer().is_some() || book.is_asked_blindly().is_some() => "answered",
            _ if book.has_own("token") => "sealed",
            (None, Some(_)) => "sampled",
            _ if book.has_own("commitment") => "committed",
            _ => "working",
        }
    }

    fn due(book: &Book) -> Vec<ContractEffect> {
        let task = |task| vec![ContractEffect::Task(task)];
        let mut due = match Self::state(book) {
            "working" => task(Task::Work),
            // With these steps, who was shown others would have the key.
            "sampled" if !book.has_shown_others() && !book.contract().is_paper() => {
                task(Task::Seal)
            }
            // A disk that went back may have an answer again before what it is of.
            "answered" if book.papers.sample(book.contract().id()).is_some() => task(Task::Open),
            "rejected" if book.contract().is_paper() => task(Task::Review),
            _ => Vec::new(),
        };
        if !book.handed.is_empty() && book.passed.is_empty() && book.is_funded() {
            due.extend(task(Task::Check));
        }
        if book.contract().is_paper()
            && !book.released.is_empty()
            && book.approved.is_empty()
            && book.is_funded()
        {
            due.extend(task(Task::Check));
        }
        due.extend(book.serves_by().map(|_| ContractEffect::Task(Task::Serve)));
        due.extend(book.lost().map(ContractEffect::Task));
        due.extend(book.pleading());
        let contract = book.contract();
        let delivered = book
            .facts
            .delivered(contract)
            .filter(|_| !book.is_settled());
        if let (Some(delivered), None) = (delivered, book.facts.root) {
            let until = contract.schedule(delivered).record;
            due.push(ContractEffect::Record { until });
        }
        due
    }

    fn seen(book: &Book, (tip, _): (u32, u32)) -> Vec<ContractChange> {
        let is_drawn = book.deep.is_some() || !book.has_own("commitment");
        let depth = book.contract().policy().depth;
        let height = book.sample_height().filter(|_| !is_drawn);
        let deep = height.filter(|height| depth.is_reached(*height, tip));
        let deep = deep.map(|height| ContractChange::Deep { height });
        deep.into_iter().chain(book.audit_seen(tip)).collect()
    }
}
