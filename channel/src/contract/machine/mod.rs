//! What each input does.

mod done;
mod said;

use std::{borrow::Cow, marker::PhantomData};

use narthex_contracts::{template::Exit, terms::Role};

use super::{
    Book, ChainView, Contract, ContractChange, ContractEffect, ContractInput, ContractRefusal,
    Finding, Order, Unfit, duty,
};
use crate::{Machine, Step, Tabled, Transition};

/// Blocks on top of a settlement, its own counted, after which nothing is remembered.
const BURIED: u32 = 100;

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
    /// What follows from the height of the tip, in a process that has seen that one first.
    fn seen(book: &Book, at: (u32, u32)) -> Vec<ContractChange>;
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
            ContractInput::Recalled(what) => self.recalled(what),
            ContractInput::PutBack => Ok(self.put_back()),
            ContractInput::Done(done) => self.done(done),
            ContractInput::Order(order) => self.ordered(order),
        }
    }

    pub(super) fn chain(&self, view: &ChainView) -> Taken {
        let tip = view.tip;
        view.check(self.contract())?;
        let mut changes = Vec::new();
        // Most blocks change nothing.
        let mut after = Cow::Borrowed(&self.book);
        let mut take = |after: &mut Cow<'_, Book>, change: ContractChange| {
            after.to_mut().apply(&change);
            changes.push(change);
        };
        if view.facts != after.facts {
            take(&mut after, ContractChange::Seen(view.facts.clone()));
        }
        for change in S::seen(&after, (tip, view.since)) {
            take(&mut after, change);
        }
        let is_litigant = after.contract().role().litigant().is_some();
        let is_delivered = after.facts.delivered(after.contract()).is_some();
        if is_litigant && is_delivered && !after.is_appealing {
            take(&mut after, ContractChange::Appealing);
        }
        for change in after.ending_seen(tip) {
            take(&mut after, ContractChange::Ending(Box::new(change)));
        }
        let decided = duty::due(&after, (tip, view.since));
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

    fn ordered(&self, order: &Order) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        if let Order::Agree(proposal) = order {
            let changes = book.agree(proposal)?.into_iter();
            let changes = changes.map(|change| ContractChange::Ending(Box::new(change)));
            return Ok(changes.collect());
        }
        if contract.role() != Role::Worker || !book.is_funded() {
            return self.not_asked("order");
        }
        match order {
            Order::Deliver if !book.has_own("commitment") => self.not_asked("delivery"),
            Order::Deliver => {
                let node = contract.find(Exit::DELIVERED);
                // What a settlement shows is shown once it is decided on.
                let is_settling = book.decided.iter().any(|node| book.shows_secret(*node))
                    || book.endings.is_decided;
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
            Order::Agree(_) => self.not_asked("order"),
        }
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
            due.extend(book.ending_due());
            due.extend(book.digest_answers());
        }
        // What has a deadline does not wait for work that takes long.
        due.sort_by_key(|effect| match effect {
            ContractEffect::Publish { .. } | ContractEffect::PublishEnding { .. } => 0u8,
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
            ContractInput::Said { .. } | ContractInput::Recalled(_) | ContractInput::PutBack => {
                "said"
            }
            ContractInput::Done(_) => "done",
        }
    }

    /// One name for all: which of them a step hands out follows from the talk too.
    fn effect_name(_: &ContractEffect) -> &'static str {
        "act"
    }
}
