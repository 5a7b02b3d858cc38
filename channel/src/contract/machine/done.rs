//! What came of own work.

use narthex_contracts::{party::PartyId, terms::Role};
use narthex_game_model::{
    commitment::{ReceiptKind, SignedReceipt},
    ruling::{Item, SignedItem},
};

use super::{ContractMachine, Side, Taken};
use crate::{
    Machine,
    contract::{
        Blob, ContractChange, ContractEffect, Done, EndingChange, EndingTask, Finding, Task, Thing,
        paper::is_of_paper,
    },
};

impl<S: Side> ContractMachine<S> {
    fn is_asked(&self, is_it: impl Fn(&Task) -> bool) -> bool {
        let due = self.pending();
        due.iter()
            .any(|effect| matches!(effect, ContractEffect::Task(task) if is_it(task)))
    }

    /// An own item, unless it is here already.
    fn filed_once(&self, signed: &SignedItem) -> Option<ContractChange> {
        let mut items = self.book.papers.items().iter();
        let is_here = items.any(|known| known.item == signed.item);
        (!is_here).then(|| ContractChange::Filed(signed.clone()))
    }

    /// The change, if this task is asked for.
    fn if_asked(
        &self,
        what: &'static str,
        is_it: impl Fn(&Task) -> bool,
        changes: Vec<ContractChange>,
    ) -> Taken {
        match self.is_asked(is_it) {
            true => Ok(changes),
            false => self.not_asked(what),
        }
    }

    pub(super) fn done(&self, done: &Done) -> Taken {
        let book = &self.book;
        match done {
            Done::Committed { commitment, boxes } => {
                let blob = Blob::Boxes { hash: *boxes };
                let by = self.contract().role().into();
                let kept = ContractChange::Kept { by, blob };
                let filed = self.filed_once(commitment);
                // Another one than was given before its boxes were lost would contradict it.
                let is_other = filed.is_some() && book.has_own("commitment");
                let changes = filed.into_iter().chain([kept]).collect();
                let is_own = commitment.item.name() == "commitment" && self.is_own(commitment);
                let is_it = |task: &Task| is_own && !is_other && *task == Task::Work;
                self.if_asked("commitment", is_it, changes)
            }
            Done::Signed(signed) => self.signed(signed),
            Done::Opened { item, opening } => {
                let (by, blob) = (self.contract().role().into(), *opening);
                let kept = ContractChange::Kept { by, blob };
                let filed = self.filed_once(item);
                let is_other = filed.is_some() && book.has_own(item.item.name());
                let changes = [kept].into_iter().chain(filed).collect();
                // Nothing is opened but to a verifier that says it has the token, and after that; and to the client what its draw asks for.
                let named = match &item.item {
                    Item::Opening { reply, opening } if book.may_open_to(reply) => {
                        Some((Task::Open, opening))
                    }
                    Item::AuditOpening { audit, opening }
                        if book.serves_by().is_some_and(|draw| draw.id() == *audit) =>
                    {
                        Some((Task::Serve, opening))
                    }
                    _ => None,
                };
                let opens =
                    |name: &[u8; 32]| matches!(blob, Blob::Opening { id, .. } if id == *name);
                let named =
                    named.filter(|(_, opening)| self.is_own(item) && !is_other && opens(opening));
                let is_it = |task: &Task| named.is_some_and(|(asked, _)| asked == *task);
                self.if_asked("opening", is_it, changes)
            }
            Done::Found(finding) => {
                let is_it = |task: &Task| match task {
                    Task::Open | Task::Review => *finding != Finding::Equal,
                    Task::Seal => *finding == Finding::Wrong,
                    Task::Compare => *finding != Finding::OwnFault,
                    _ => false,
                };
                self.if_asked("finding", is_it, vec![ContractChange::Found(*finding)])
            }
            Done::Audited(audited) => {
                let changes = vec![ContractChange::Audited(*audited)];
                self.if_asked("audit", |task| *task == Task::Audit, changes)
            }
            Done::Acknowledged { thing, receipt } => self.acknowledged(*thing, receipt),
            Done::NotReceived { thing } => {
                let changes = vec![ContractChange::NotReceived(*thing)];
                self.if_asked("refusal", |task| *task == Task::Look(*thing), changes)
            }
            Done::Approved(releases) if !releases.is_empty() => {
                let changes = vec![ContractChange::Approved(releases.clone())];
                let is_checked = self.contract().role() == self.contract().approved_to();
                let is_it = |task: &Task| match task {
                    Task::Approve => true,
                    Task::Check => is_checked,
                    _ => false,
                };
                self.if_asked("approval", is_it, changes)
            }
            Done::Passed(handed) if !handed.is_empty() => {
                let changes = vec![ContractChange::Passed(handed.clone())];
                let (role, is_paper) = (self.contract().role(), self.contract().is_paper());
                let is_worker = role == Role::Worker && !is_paper;
                let is_it = |task: &Task| match task {
                    Task::Pass => true,
                    Task::Check => is_worker,
                    _ => false,
                };
                self.if_asked("signature", is_it, changes)
            }
            Done::Rejected(releases) if !releases.is_empty() => {
                let changes = vec![ContractChange::Rejected(releases.clone())];
                let (role, is_paper) = (self.contract().role(), self.contract().is_paper());
                let is_worker = role == Role::Worker && is_paper;
                let is_it = |task: &Task| match task {
                    Task::Reject => true,
                    Task::Check => is_worker && book.rejected.is_empty(),
                    _ => false,
                };
                self.if_asked("rejection", is_it, changes)
            }
            Done::Approved(_) | Done::Passed(_) | Done::Rejected(_) => {
                self.not_asked("approval of nothing")
            }
            Done::False => {
                let changes = vec![ContractChange::False];
                self.if_asked("check", |task| *task == Task::Check, changes)
            }
            Done::Pleaded(brought) => {
                let part = book.part_of(&brought.receipt.item);
                let is_own = part.is_some_and(|part| part.is_brought(brought));
                let changes = vec![ContractChange::Pleaded(*brought)];
                let is_it = |task: &Task| is_own && *task == Task::Plead;
                self.if_asked("evidence", is_it, changes)
            }
            Done::Showing(node) => {
                let due = self.pending().into_iter();
                let mut due = due.filter_map(|effect| match effect {
                    ContractEffect::Publish { node, .. } => Some(node),
                    _ => None,
                });
                match due.any(|due| due == *node) && book.shows_secret(*node) {
                    true if book.is_showing => Ok(Vec::new()),
                    true => Ok(vec![ContractChange::Showing(*node)]),
                    false => self.not_asked("secret to be shown"),
                }
            }
            Done::EndingAnnounced(nonces) => {
                let is_own = nonces.from == PartyId::from(self.contract().role());
                let is_it = |task| is_own && task == EndingTask::Announce;
                self.of_ending("nonces", is_it, EndingChange::Nonces(nonces.clone()))
            }
            Done::EndingSigned { signing, shares } => {
                let (signing, shares) = (signing.clone(), shares.clone());
                let change = EndingChange::Signed { signing, shares };
                self.of_ending(
                    "share of an ending",
                    |task| task == EndingTask::Sign,
                    change,
                )
            }
            Done::EndingWhole {
                signatures,
                releases,
            } => {
                let (signatures, releases) = (signatures.clone(), releases.clone());
                let change = EndingChange::Whole {
                    signatures,
                    releases,
                };
                self.of_ending("ending", |task| task == EndingTask::Close, change)
            }
            Done::EndingVoid => {
                let next = book.endings.again();
                let change = next.map_or(EndingChange::Lapsed, EndingChange::Agreed);
                self.of_ending("failure of an ending", |_| true, change)
            }
            Done::EndingShowing => {
                let mut due = self.pending().into_iter();
                let is_due =
                    due.any(|effect| matches!(effect, ContractEffect::PublishEnding { .. }));
                let whole = book.whole_here();
                match is_due && whole.is_some_and(|whole| whole.proposal.reveals_result) {
                    true if book.is_showing => Ok(Vec::new()),
                    true => Ok(vec![ContractChange::Ending(Box::new(
                        EndingChange::Showing,
                    ))]),
                    false => self.not_asked("secret to be shown"),
                }
            }
            Done::Ruled(ruling) => {
                let changes = vec![ContractChange::Ruled(*ruling)];
                // The other one where the record of rulings, which no disk that is put back forgets, has bound it before.
                let is_bound = book.ruled.is_some_and(|found| found != *ruling);
                let is_it = |task: &Task| *task == Task::Rule || (is_bound && *task == Task::Fix);
                self.if_asked("ruling", is_it, changes)
            }
            Done::Fixed {
                ruling,
                mine,
                other,
            } => {
                let is_other = book.ruled != Some(*ruling);
                let ruled = is_other.then_some(ContractChange::Ruled(*ruling));
                let (is_own, mine, other) = (
                    Role::Arbiter(mine.arbiter) == self.contract().role(),
                    *mine,
                    *other,
                );
                let fixed = book.and_attests(ContractChange::RulingFixed { mine, other });
                let changes = ruled.into_iter().chain(fixed).collect();
                let is_it = |task: &Task| is_own && mine.digest != other && *task == Task::Fix;
                self.if_asked("digest of a ruling", is_it, changes)
            }
            Done::Attested(attestation) => {
                let is_own = Role::Arbiter(attestation.arbiter) == self.contract().role()
                    && book.ruled == Some(attestation.ruling)
                    && attestation.check(self.contract().terms()).is_ok();
                let changes = vec![ContractChange::Attested(*attestation)];
                let is_it = |task: &Task| is_own && *task == Task::Attest;
                self.if_asked("attestation", is_it, changes)
            }
            Done::Revealed(share) => {
                let contract = self.contract();
                let is_own = Role::Arbiter(share.member) == contract.role()
                    && contract.check_share(share).is_ok();
                let changes = vec![ContractChange::Revealed(*share)];
                let is_it = |task: &Task| is_own && *task == Task::Reveal;
                self.if_asked("share of the panel's secret", is_it, changes)
            }
            Done::Decrypted { by, result } => {
                let (by, result) = (*by, *result);
                let graph = self.contract().graph();
                let is_it = |task: &Task| match task {
                    Task::Decrypt { settlement } => graph.txid(*settlement) == Some(by),
                    Task::DecryptEnding => true,
                    _ => false,
                };
                let changes = vec![ContractChange::Decrypted { by, result }];
                self.if_asked("result", is_it, changes)
            }
        }
    }

    /// What came of signing an ending, if that is asked for.
    fn of_ending(
        &self,
        what: &'static str,
        is_it: impl Fn(EndingTask) -> bool,
        change: EndingChange,
    ) -> Taken {
        let is_it = |task: &Task| matches!(task, Task::Ending { task, .. } if is_it(*task));
        let changes = vec![ContractChange::Ending(Box::new(change))];
        self.if_asked(what, is_it, changes)
    }

    /// Whether this party has signed it.
    fn is_own(&self, signed: &SignedItem) -> bool {
        let contract = self.contract();
        let author = signed.item.author();
        let key = contract.word_key(author.into());
        contract.role().litigant() == Some(author)
            && key.is_some_and(|key| signed.is_by(contract.id(), &key))
    }

    /// What this party signed, as it was asked to.
    fn signed(&self, signed: &SignedItem) -> Taken {
        let is_of_root = match &signed.item {
            Item::Audit { root, .. } => self.book.draws_of() == Some(*root),
            _ => true,
        };
        let is_paper = self.contract().is_paper();
        let is_of_template = is_of_paper(&signed.item).is_none_or(|of| of == is_paper);
        let is_own = self.is_own(signed) && is_of_root && is_of_template;
        let (name, filed) = (signed.item.name(), ContractChange::Filed(signed.clone()));
        let is_it = |task: &Task| {
            matches!(
                (task, name),
                (Task::Sample { .. }, "sample")
                    | (Task::Seal, "token")
                    | (Task::Answer, "reply" | "blind digests")
                    | (Task::Compare, "verdict")
                    | (Task::Draw, "audit")
            )
        };
        let mut changes = vec![filed];
        if name == "verdict" {
            changes.push(ContractChange::Found(Finding::Wrong));
        }
        self.if_asked("item", |task| is_own && is_it(task), changes)
    }

    fn acknowledged(&self, thing: Thing, signed: &SignedReceipt) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        let receipt = &signed.receipt;
        let named = book.papers.receipt_name(contract.id(), thing);
        let kind = match (contract.role(), thing) {
            (Role::Arbiter(_), Thing::Item(_) | Thing::Data) => Some(ReceiptKind::Kept),
            _ => book.papers.receipt_kind(contract.id(), thing),
        };
        let is_right = receipt.contract == *contract.id()
            && (named, kind) == (Some(receipt.item), Some(receipt.kind))
            && book.word(contract.role()) == Some(receipt.issuer);
        // Two of different heights would bind it twice: the one that it has given before stands.
        let before = book.papers.recalled(&receipt.item, receipt.kind);
        let receipt = *before.unwrap_or(signed);
        let changes = vec![ContractChange::Acknowledged { thing, receipt }];
        self.if_asked(
            "receipt",
            |task| is_right && *task == Task::Look(thing),
            changes,
        )
    }
}
