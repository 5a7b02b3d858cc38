//! What each input does.

use std::marker::PhantomData;

use narthex_contracts::terms::Role;
use narthex_game_model::{
    commitment::{ReceiptKind, SignedReceipt},
    ruling::{Item, SignedItem},
};

use super::{
    Blob, Book, ChainView, Contract, ContractChange, ContractEffect, ContractInput,
    ContractRefusal, Done, Finding, Order, Task, Thing, Unfit, duty, input::Said,
};
use crate::{Machine, Step, Tabled, Transition};

/// Blocks on top of a settlement, its own counted, after which nothing is remembered.
const BURIED: u32 = 100;

/// Most receipts of one issuer that are filed.
const MAX_OF_ISSUER: usize = 24;

/// Most shares or signatures of the settlement that wait to be checked.
const MAX_UNCHECKED: usize = 4;

/// How often they may be found to be none before no more are taken.
const MAX_FALSE: u8 = 16;

/// Which side of a contract.
pub trait Side: Clone + std::fmt::Debug {
    /// Name of its machine.
    const NAME: &'static str;
    /// What it is for.
    const SUMMARY: &'static str;
    /// Its transitions.
    const TABLE: &'static [&'static [Transition]];

    /// Whether this party is of this side.
    fn is_of(role: Role) -> bool;
    /// Where it stands, in a word.
    fn state(book: &Book) -> &'static str;
    /// Where it stands in its table: where the chain says that the contract stands, `verdict` for TxV1 as for
    /// TxV0, and `open` as long as that says nothing.
    fn place(book: &Book) -> &'static str {
        match book.chain_state() {
            Some("approved" | "rejected") => "verdict",
            state => state.unwrap_or("open"),
        }
    }
    /// What is to be done beside what all do.
    fn due(book: &Book) -> Vec<ContractEffect>;
    /// What follows from the height of the tip.
    fn seen(book: &Book, tip: u32) -> Vec<ContractChange>;
}

/// One party's side of a contract.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractMachine<S> {
    book: Book,
    side: PhantomData<S>,
}

type Taken = Result<Vec<ContractChange>, ContractRefusal>;

impl<S: Side> ContractMachine<S> {
    /// A contract that begins.
    ///
    /// # Errors
    /// [`Unfit::OtherSide`] for another party's contract. The caller's fault.
    pub fn new(contract: Contract) -> Result<ContractMachine<S>, Unfit> {
        let role = contract.role();
        if !S::is_of(role) {
            let machine = S::NAME;
            return Err(Unfit::OtherSide { machine, role });
        }
        Ok(ContractMachine {
            book: Book::new(contract),
            side: PhantomData,
        })
    }

    /// What it knows.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        S::state(&self.book)
    }

    fn contract(&self) -> &Contract {
        self.book.contract()
    }

    fn not_asked<T>(&self, what: &'static str) -> Result<T, ContractRefusal> {
        let state = self.standing();
        Err(ContractRefusal::NotAsked { what, state })
    }

    fn taken(&self, input: &ContractInput) -> Taken {
        match input {
            ContractInput::Chain(_) if self.book.is_over => Ok(Vec::new()),
            _ if self.book.is_over => Err(ContractRefusal::Over),
            ContractInput::Chain(view) => self.chain(view),
            ContractInput::Said { from, what } => self.said(*from, what),
            ContractInput::Done(done) => self.done(done),
            ContractInput::Order(order) => self.ordered(*order),
        }
    }

    fn chain(&self, view: &ChainView) -> Taken {
        let tip = view.tip;
        if view.facts.highest() > tip || !view.facts.is_sound(self.contract()) {
            return Err(ContractRefusal::View { tip });
        }
        let mut changes = Vec::new();
        let mut after = self.book.clone();
        let mut take = |after: &mut Book, change: ContractChange| {
            after.apply(&change);
            changes.push(change);
        };
        if view.facts != after.facts {
            take(&mut after, ContractChange::Seen(view.facts.clone()));
        }
        for change in S::seen(&after, tip) {
            take(&mut after, change);
        }
        let is_litigant = after.contract().role().litigant().is_some();
        let is_delivered = after.facts.delivered(after.contract()).is_some();
        if is_litigant && is_delivered && !after.is_appealing {
            take(&mut after, ContractChange::Appealing);
        }
        let decided = duty::due(&after, tip);
        if let Some(node) = decided.filter(|node| after.decided.last() != Some(node)) {
            take(&mut after, ContractChange::Decided(node));
        }
        let settled = after.facts.settled(after.contract());
        let is_buried = |height: u32| tip >= height.saturating_add(BURIED - 1);
        if settled.is_some_and(is_buried) && S::state(&after) != "shown" {
            take(&mut after, ContractChange::Over);
        }
        Ok(changes)
    }

    fn ordered(&self, order: Order) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        if contract.role() != Role::Worker || !book.is_funded() {
            return self.not_asked("order");
        }
        match order {
            Order::Deliver if !book.has_own("commitment") => self.not_asked("delivery"),
            Order::Deliver => {
                let node = contract.find(narthex_contracts::template::Exit::DELIVERED);
                // What a settlement shows is shown once it is decided on.
                let is_settling = book.decided.iter().any(|node| book.shows_secret(*node));
                match node.filter(|_| !is_settling) {
                    Some(node) if book.decided.last() == Some(&node) => Ok(Vec::new()),
                    Some(node) => Ok(vec![ContractChange::Decided(node)]),
                    None => self.not_asked("delivery"),
                }
            }
            Order::Admit => match (book.finding, book.passed.is_empty()) {
                (Some(Finding::OwnFault), _) => Ok(Vec::new()),
                (None, true) => Ok(vec![ContractChange::Found(Finding::OwnFault)]),
                _ => self.not_asked("admission"),
            },
        }
    }

    fn said(&self, from: Role, what: &Said) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        let me = contract.role();
        let not_its_part = |what| {
            let to = me;
            Err(ContractRefusal::NotItsPart { from, to, what })
        };
        let is_known = contract.terms().key(from).is_some() && from != me;
        let papers = &book.papers;
        match what {
            _ if !is_known => not_its_part("message"),
            Said::Item(signed) => self.item(from, signed),
            Said::Receipt(signed) => self.receipt(from, signed),
            Said::Commitment(commitment) => match (from, papers.commitment()) {
                // What the worker has not signed binds it only by the root of record: another one may be.
                (Role::Worker, None) if book.has_root(&commitment.id()) => {
                    Ok(vec![ContractChange::Shown(commitment.clone())])
                }
                (Role::Worker, Some(_)) => Ok(Vec::new()),
                (Role::Worker, None) => not_its_part("commitment to no root on record"),
                _ => not_its_part("commitment"),
            },
            Said::Blob(Blob::Boxes { .. }) if papers.commitment().is_none() => {
                not_its_part("boxes of no commitment")
            }
            // Another one's opening under this name is not taken first: what nobody signed fills no place.
            Said::Blob(Blob::Opening { id, .. }) if !papers.is_named(id) => {
                not_its_part("opening that no item names")
            }
            Said::Blob(blob) => {
                let (what, is_here) = match blob {
                    Blob::Boxes { .. } => ("boxes", papers.boxes().is_some()),
                    Blob::Opening { id, .. } => ("opening", papers.opening(id).is_some()),
                };
                let by = from.into();
                match is_here {
                    _ if me == Role::Worker || from == Role::Client => not_its_part(what),
                    // The first is looked into before another one takes its place.
                    true => Ok(Vec::new()),
                    false if papers.is_heard(by) => {
                        Ok(vec![ContractChange::Kept { by, blob: *blob }])
                    }
                    false => not_its_part("long thing more, after so many that were none"),
                }
            }
            Said::Evidence(hash) => match (me, from.litigant()) {
                (Role::Arbiter(_), Some(by)) if !book.is_closed => {
                    let is_here = papers.brought().any(|known| known == (by, hash));
                    let change = ContractChange::Brought { by, hash: *hash };
                    match is_here || papers.may_bring(by) {
                        true => Ok((!is_here).then_some(change).into_iter().collect()),
                        false => not_its_part("evidence once more"),
                    }
                }
                (Role::Arbiter(_), Some(_)) => Ok(Vec::new()),
                _ => not_its_part("evidence"),
            },
            Said::Release(release) => match (from, me) {
                (Role::Verifier, Role::Client) if book.fakes >= MAX_FALSE => {
                    not_its_part("share of the settlement, after so many that were none")
                }
                (Role::Verifier, Role::Client) => {
                    let is_wanted = book.approved.is_empty()
                        && book.released.len() < MAX_UNCHECKED
                        && !book.released.contains(release);
                    let change = ContractChange::Released(release.clone());
                    Ok(is_wanted.then_some(change).into_iter().collect())
                }
                _ => not_its_part("share of the settlement"),
            },
            Said::HandedOver(handed) => match (from, me) {
                (Role::Client, Role::Worker) if book.fakes >= MAX_FALSE => {
                    not_its_part("signature of the settlement, after so many that were none")
                }
                (Role::Client, Role::Worker) => {
                    let is_wanted = book.passed.is_empty()
                        && book.handed.len() < MAX_UNCHECKED
                        && !book.handed.contains(handed);
                    let change = ContractChange::HandedOver(handed.clone());
                    Ok(is_wanted.then_some(change).into_iter().collect())
                }
                _ => not_its_part("signature of the settlement"),
            },
            Said::Attestation(attestation) => {
                let checked = attestation.check(contract.terms());
                checked.map_err(|error| ContractRefusal::Attestation { from, error })?;
                self.attestation(attestation)
            }
        }
    }

    fn attestation(&self, attestation: &narthex_contracts::attest::Attestation) -> Taken {
        // Two rulings of one arbiter are both kept: they show its key.
        let same = |known: &narthex_contracts::attest::Attestation| {
            (known.arbiter, known.ruling) == (attestation.arbiter, attestation.ruling)
        };
        match self.book.attested.iter().any(same) {
            true => Ok(Vec::new()),
            false => Ok(vec![ContractChange::Attested(*attestation)]),
        }
    }

    fn item(&self, from: Role, signed: &SignedItem) -> Taken {
        let contract = self.contract();
        let author = Role::from(signed.item.author());
        let key = contract.word_key(author);
        if !key.is_some_and(|key| signed.is_by(contract.id(), &key)) {
            let what = signed.item.name();
            return Err(ContractRefusal::Unsigned { from, what });
        }
        let filed = ContractChange::Filed(signed.clone());
        let is_news = self.book.papers.is_news(signed);
        Ok(is_news.then_some(filed).into_iter().collect())
    }

    /// What another party acknowledges, or keeps. It may come before what it is for.
    fn receipt(&self, from: Role, signed: &SignedReceipt) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        let (me, receipt) = (contract.role(), &signed.receipt);
        let what = "receipt";
        if !matches!(me, Role::Worker | Role::Verifier) {
            let to = me;
            return Err(ContractRefusal::NotItsPart { from, to, what });
        }
        let issuer = book
            .holder_of(&receipt.issuer)
            .filter(|issuer| *issuer != me);
        let kind_fits = issuer.is_some_and(|issuer| {
            matches!(issuer, Role::Arbiter(_)) == (receipt.kind == ReceiptKind::Kept)
        });
        let is_ours = receipt.contract == *contract.id() && kind_fits;
        // It is compared with itself: what it is for may not have come yet.
        if !is_ours || signed.check(receipt).is_err() {
            return Err(ContractRefusal::Unsigned { from, what });
        }
        let mut of_issuer = 0usize;
        for known in &book.papers.receipts {
            let known = &known.receipt;
            of_issuer += usize::from(known.issuer == receipt.issuer);
            if (known.issuer, known.item, known.kind)
                == (receipt.issuer, receipt.item, receipt.kind)
            {
                return Ok(Vec::new());
            }
        }
        let filed = ContractChange::Receipt(*signed);
        let has_room = of_issuer < MAX_OF_ISSUER;
        Ok(has_room.then_some(filed).into_iter().collect())
    }

    fn is_asked(&self, is_it: impl Fn(&Task) -> bool) -> bool {
        let due = self.pending();
        due.iter()
            .any(|effect| matches!(effect, ContractEffect::Task(task) if is_it(task)))
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

    fn done(&self, done: &Done) -> Taken {
        let book = &self.book;
        match done {
            Done::Committed { commitment, boxes } => {
                let blob = Blob::Boxes { hash: *boxes };
                let by = self.contract().role().into();
                let kept = ContractChange::Kept { by, blob };
                let changes = vec![ContractChange::Filed(commitment.clone()), kept];
                let is_own = commitment.item.name() == "commitment" && self.is_own(commitment);
                let is_it = |task: &Task| is_own && *task == Task::Work;
                self.if_asked("commitment", is_it, changes)
            }
            Done::Signed(signed) => self.signed(signed),
            Done::Opened { item, opening } => {
                let (by, blob) = (self.contract().role().into(), *opening);
                let kept = ContractChange::Kept { by, blob };
                let changes = vec![kept, ContractChange::Filed(item.clone())];
                // Nothing is opened but to a verifier that says it has the token, and after that.
                let is_right = self.is_own(item)
                    && matches!((&item.item, blob), (Item::Opening { reply, opening }, Blob::Opening { id, .. })
                        if book.may_open_to(reply) && *opening == id);
                let is_it = |task: &Task| is_right && *task == Task::Open;
                self.if_asked("opening", is_it, changes)
            }
            Done::Found(finding) => {
                let is_it = |task: &Task| match task {
                    Task::Open => *finding != Finding::Equal,
                    Task::Seal => *finding == Finding::Wrong,
                    Task::Compare => *finding != Finding::OwnFault,
                    _ => false,
                };
                self.if_asked("finding", is_it, vec![ContractChange::Found(*finding)])
            }
            Done::Acknowledged { thing, receipt } => self.acknowledged(*thing, receipt),
            Done::NotReceived { thing } => {
                let changes = vec![ContractChange::NotReceived(*thing)];
                self.if_asked("refusal", |task| *task == Task::Look(*thing), changes)
            }
            Done::Approved(releases) if !releases.is_empty() => {
                let changes = vec![ContractChange::Approved(releases.clone())];
                let is_client = self.contract().role() == Role::Client;
                let is_it = |task: &Task| match task {
                    Task::Approve => true,
                    Task::Check => is_client,
                    _ => false,
                };
                self.if_asked("approval", is_it, changes)
            }
            Done::Passed(handed) if !handed.is_empty() => {
                let changes = vec![ContractChange::Passed(handed.clone())];
                let is_worker = self.contract().role() == Role::Worker;
                let is_it = |task: &Task| match task {
                    Task::Pass => true,
                    Task::Check => is_worker,
                    _ => false,
                };
                self.if_asked("signature", is_it, changes)
            }
            Done::Approved(_) | Done::Passed(_) => self.not_asked("approval of nothing"),
            Done::False => {
                let changes = vec![ContractChange::False];
                self.if_asked("check", |task| *task == Task::Check, changes)
            }
            Done::Pleaded(hash) => {
                let changes = vec![ContractChange::Pleaded(*hash)];
                self.if_asked("evidence", |task| *task == Task::Plead, changes)
            }
            Done::Ruled(ruling) => {
                let changes = vec![ContractChange::Ruled(*ruling)];
                self.if_asked("ruling", |task| *task == Task::Rule, changes)
            }
            Done::Attested(attestation) => {
                let is_own = Role::Arbiter(attestation.arbiter) == self.contract().role()
                    && book.ruled == Some(attestation.ruling)
                    && attestation.check(self.contract().terms()).is_ok();
                let changes = vec![ContractChange::Attested(*attestation)];
                let is_it = |task: &Task| is_own && *task == Task::Attest;
                self.if_asked("attestation", is_it, changes)
            }
            Done::Decrypted { by, result } => {
                let (by, result) = (*by, *result);
                let graph = self.contract().graph();
                let is_it = |task: &Task| match task {
                    Task::Decrypt { settlement } => graph.txid(*settlement) == Some(by),
                    _ => false,
                };
                let changes = vec![ContractChange::Decrypted { by, result }];
                self.if_asked("result", is_it, changes)
            }
        }
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
        let is_own = self.is_own(signed);
        let (name, filed) = (signed.item.name(), ContractChange::Filed(signed.clone()));
        let is_it = |task: &Task| {
            matches!(
                (task, name),
                (Task::Sample { .. }, "sample")
                    | (Task::Seal, "token")
                    | (Task::Answer, "reply")
                    | (Task::Compare, "verdict")
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
        let kind = match contract.role() {
            Role::Arbiter(_) => Some(ReceiptKind::Kept),
            _ => book.papers.receipt_kind(contract.id(), thing),
        };
        let is_right = receipt.contract == *contract.id()
            && (named, kind) == (Some(receipt.item), Some(receipt.kind))
            && book.word(contract.role()) == Some(receipt.issuer);
        let receipt = *signed;
        let changes = vec![ContractChange::Acknowledged { thing, receipt }];
        self.if_asked(
            "receipt",
            |task| is_right && *task == Task::Look(thing),
            changes,
        )
    }
}

impl<S: Side> Machine for ContractMachine<S> {
    type Input = ContractInput;
    type Change = ContractChange;
    type Effect = ContractEffect;
    type Error = ContractRefusal;

    /// The effects of a step are those that were not due before it. What was taken before has none: two that repeat
    /// themselves would answer each other for ever.
    fn step(
        &self,
        input: &ContractInput,
    ) -> Result<Step<ContractChange, ContractEffect>, ContractRefusal> {
        let changes = self.taken(input)?;
        Ok(match changes.is_empty() {
            true => Step::seen(Vec::new()),
            false => Step::of_new(self, changes),
        })
    }

    fn apply(&mut self, change: &ContractChange) {
        self.book.apply(change);
    }

    fn pending(&self) -> Vec<ContractEffect> {
        let book = &self.book;
        if book.is_over {
            return Vec::new();
        }
        let mut due = S::due(book);
        if !book.is_settled() {
            due.extend(book.publishing());
            due.extend(book.looks());
            due.extend(book.own_things());
            due.extend(book.receipts());
        }
        // What has a deadline does not wait for work that takes long.
        due.sort_by_key(|effect| match effect {
            ContractEffect::Publish { .. } => 0u8,
            ContractEffect::Record { .. } => 1,
            ContractEffect::Send { .. } => 2,
            ContractEffect::Task(_) => 3,
        });
        due
    }
}

impl<S: Side> Tabled for ContractMachine<S> {
    const NAME: &'static str = S::NAME;
    const SUMMARY: &'static str = S::SUMMARY;
    const TABLE: &'static [&'static [Transition]] = S::TABLE;

    /// What the chain says. Where the talk stands is said by [`ContractMachine::standing`]: it goes on behind a reorganisation
    /// as before it, so that a row for each of both would be many rows.
    fn state(&self) -> &'static str {
        S::place(&self.book)
    }

    /// As coarse as the state: what another party may say, and which own work is done, is of the talk.
    fn input_name(input: &ContractInput) -> &'static str {
        match input {
            ContractInput::Chain(_) => "chain",
            ContractInput::Order(_) => "order",
            ContractInput::Said { .. } => "said",
            ContractInput::Done(_) => "done",
        }
    }

    /// One name for all: which of them a step hands out follows from the talk too.
    fn effect_name(_: &ContractEffect) -> &'static str {
        "act"
    }
}
