//! What a party must publish next, and until when: a function of what it knows and of the height of the tip.
//!
//! | who | where the contract stands | what | when |
//! |---|---|---|---|
//! | client, verifier | Tx0 | S1 | its locks have passed; the verifier gives the client b blocks |
//! | worker | Tx0 | S3 | the client has handed it on, and it confirms before S1 can |
//! | | any | an ending | it holds that whole, and it confirms before what gets its turn then; until then it holds back the rest |
//! | | Tx0 | S4 | it is at fault itself |
//! | | | TxD | its owner wants it, the verifier is false, or S1 comes near |
//! | worker | TxD | S2 | Δ_V has passed |
//! | verifier | TxD | TxV1 | what was opened is right, and the client is served; or it cannot wait for that any longer |
//! | | | TxV0 | it is wrong, or the worker is late; own items are with the worker or the panel |
//! | client | TxD | S1'' | its lock has passed |
//! | worker | TxV1 | S3' | TxV1 is deep |
//! | client, verifier | TxV1 | S1' | Δ_W has passed; in an audited contract Δ_C before it, as for S3' |
//! | client | TxV1, audited | TxC | its own look has found something, or it was not served in time, and its lock has passed |
//! | worker | TxV0 | TxA | it is not at fault, its root is on record and deep, and a sample is drawn |
//! | client, verifier | TxV0 | S4' | Δ_A has passed |
//! | whom it pays first | TxA, TxC | S6, S7 | by the fullest set of rulings, once its lock has passed; others b blocks later |
//! | whoever may | TxA, TxC | S5 | no majority, or one for a worker that does not use it, and its lock has passed |
//!
//! For the `paper` template, which is lived for research, `paper.rs` says it.

use narthex_contracts::{
    graph::{NodeId, NodeName, Source, TxGraph},
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Ruling, settlement::MAX_PANEL_WITH_NAMED_SILENCE,
};

use super::{Book, Contract, Facts, Finding, Thing, paper};

/// First height at which a block may hold this transaction, as far as its own locks go and its parents are confirmed.
pub(super) fn earliest(contract: &Contract, facts: &Facts, node: NodeId) -> Option<u32> {
    let node = contract.graph().node(node)?;
    // A lock of 0 is none.
    let mut earliest = match node.lock_height {
        0 => 0,
        height => height.saturating_add(1),
    };
    for input in &node.inputs {
        let Source::Output { node: parent, .. } = input.source else {
            continue;
        };
        let mut path = facts.path.iter();
        let confirmed = path.find_map(|(id, height)| (*id == parent).then_some(*height))?;
        let blocks = match input.sequence.to_relative_lock_time() {
            Some(bitcoin::relative::LockTime::Blocks(blocks)) => u32::from(blocks.value()),
            _ => 0,
        };
        earliest = earliest.max(confirmed.saturating_add(blocks.max(1)));
    }
    Some(earliest)
}

/// The transaction that gets its turn if this one does not confirm in time.
pub(super) fn rival(contract: &Contract, node: NodeId) -> Option<NodeId> {
    let name = contract.name(node)?;
    if contract.is_paper() {
        return contract.find(paper::rival(name)?);
    }
    contract.find(match name {
        Exit::DELIVERED | Exit::NORMAL | Exit::ADMITTED => Exit::WORKER_TIMEOUT,
        Exit::APPROVED | Exit::REJECTED => Exit::VERIFIER_TIMEOUT,
        Exit::VERIFIER_TIMEOUT => Exit::ABANDONED,
        Exit::NORMAL_LONG => Exit::WITHHELD,
        Exit::APPEALED => Exit::UNAPPEALED,
        Exit::CHALLENGED => Exit::NORMAL_LONG,
        _ => return None,
    })
}

/// Last height at which a transaction is surely in time: a block later, another party's may be first.
pub(super) fn until(book: &Book, node: NodeId) -> Option<u32> {
    let contract = book.contract();
    let rival = rival(contract, node)?;
    Some(earliest(contract, &book.facts, rival)?.saturating_sub(1))
}

/// Whether a worker appeals at this tip: on a root that is deep, once nothing better is waited for, or at the last moment. Whoever has
/// seen the appeal can publish it again; where a reorganisation takes both, the root must not come behind it.
pub(super) fn is_time_to_appeal(book: &Book, tip: u32, is_ready: bool) -> bool {
    let (contract, policy) = (book.contract(), book.contract().policy());
    let last = contract
        .find(Exit::APPEALED)
        .and_then(|node| until(book, node));
    let are_left = |blocks: u32| last.is_some_and(|last| tip.saturating_add(blocks) >= last);
    let root = book.facts.root;
    let is_deep = root.is_some_and(|record| policy.depth.is_reached(record.height, tip));
    // On a deep root nothing is lost by an appeal that comes earlier, and it may have to confirm twice.
    let is_time = is_ready || are_left(policy.settles());
    last.is_some() && ((is_time && is_deep) || are_left(policy.confirm.into()))
}

/// One look at a contract.
pub(super) struct Look<'b> {
    pub(super) book: &'b Book,
    tip: u32,
    /// First tip of this process.
    since: u32,
}

/// What gets its turn if an ending does not confirm in time.
fn rival_of_ending(spends: NodeName) -> NodeName {
    match spends {
        Exit::DELIVERED => Exit::ABANDONED,
        Exit::APPROVED => Exit::WITHHELD,
        Exit::REJECTED => Exit::UNAPPEALED,
        _ => Exit::WORKER_TIMEOUT,
    }
}

/// Last height at which an ending of the coin where it is is surely in time.
pub(super) fn ending_until(book: &Book) -> Option<u32> {
    let contract = book.contract();
    let (last, _) = book.facts.last()?;
    let rival = contract.find(rival_of_ending(contract.name(last)?))?;
    Some(earliest(contract, &book.facts, rival)?.saturating_sub(1))
}

/// Whether there is still time for an ending: a block that holds it, a round of messages, and another one for what is published if it
/// does not come.
fn has_time_for_ending(book: &Book, tip: u32) -> bool {
    let policy = book.contract().policy();
    let rest = policy.settles().saturating_add(policy.message.into());
    ending_until(book).is_some_and(|last| tip.saturating_add(rest) < last)
}

/// Whether a worker publishes the ending that it holds whole.
pub(super) fn is_ending_due(book: &Book, tip: u32) -> bool {
    let depth = book.contract().policy().depth;
    let last = book.facts.last();
    let is_deep = last.is_some_and(|(_, height)| depth.is_reached(height, tip));
    book.contract().role() == Role::Worker
        && book.whole_here().is_some()
        && book.publishing().is_none()
        && is_deep
        && has_time_for_ending(book, tip)
}

/// Whether a worker holds back what it could publish: it has agreed to another end, and there is time for it.
fn waits_for_ending(book: &Book, tip: u32) -> bool {
    let is_agreed = book.endings.own().is_some() || book.endings.is_decided;
    book.contract().role() == Role::Worker
        && is_agreed
        && book.publishing().is_none()
        && has_time_for_ending(book, tip)
}

/// What is to be published in the next block, if anything is, by a process that has seen this tip, and that one first.
pub(super) fn due(book: &Book, (tip, since): (u32, u32)) -> Option<NodeId> {
    let look = Look { book, tip, since };
    if book.is_settled() || waits_for_ending(book, tip) {
        return None;
    }
    if book.contract().is_paper() {
        return paper::due(&look);
    }
    let (last, _) = book.facts.last()?;
    let name = book.contract().name(last)?;
    match (name, book.contract().role()) {
        _ if last == TxGraph::FUNDING => look.funded(),
        (Exit::DELIVERED, _) => look.delivered(),
        (Exit::APPROVED, Role::Worker) => look.deep().then(|| look.when(Exit::NORMAL_LONG, 0))?,
        (Exit::APPROVED, Role::Client) => look.when(Exit::WITHHELD, 0).or_else(|| look.challenge()),
        (Exit::APPROVED, Role::Verifier) => look.when(Exit::WITHHELD, look.confirm()),
        (Exit::REJECTED, Role::Worker) => look.appeal(),
        (Exit::REJECTED, Role::Verifier) => look.when(Exit::UNAPPEALED, 0),
        (Exit::REJECTED, Role::Client) => look.when(Exit::UNAPPEALED, look.confirm()),
        (Exit::APPEALED, _) => look.ruled(Accusation::Appeal),
        (Exit::CHALLENGED, _) => look.ruled(Accusation::Challenge),
        _ => None,
    }
}

impl Look<'_> {
    pub(super) fn confirm(&self) -> u32 {
        self.book.contract().policy().confirm.into()
    }

    fn message(&self) -> u32 {
        self.book.contract().policy().message.into()
    }

    /// The transaction, if the next block may hold it, and so many blocks have passed since.
    pub(super) fn when(&self, name: NodeName, patience: u32) -> Option<NodeId> {
        let node = self.book.contract().find(name)?;
        let earliest = earliest(self.book.contract(), &self.book.facts, node)?;
        let next = self.tip.saturating_add(1);
        (next >= earliest.saturating_add(patience)).then_some(node)
    }

    /// Whether what the contract stands on is so deep that a secret may be shown for it.
    pub(super) fn deep(&self) -> bool {
        let depth = self.book.contract().policy().depth;
        let last = self.book.facts.last();
        last.is_some_and(|(_, height)| depth.is_reached(height, self.tip))
    }

    /// Tx0.
    fn funded(&self) -> Option<NodeId> {
        match self.book.contract().role() {
            Role::Client => self.when(Exit::WORKER_TIMEOUT, 0),
            Role::Verifier => self.when(Exit::WORKER_TIMEOUT, self.confirm()),
            Role::Worker => self.worker_before_delivery(),
            Role::Arbiter(_) => None,
        }
    }

    fn worker_before_delivery(&self) -> Option<NodeId> {
        let (book, contract) = (self.book, self.book.contract());
        let normal = contract.find(Exit::NORMAL)?;
        if book.has_decided(Exit::NORMAL) {
            // What it shows may be known already: nothing else is published beside it.
            return Some(normal);
        }
        if book.finding == Some(Finding::OwnFault) {
            return contract.find(Exit::ADMITTED);
        }
        let delivered = contract.find(Exit::DELIVERED)?;
        let is_committed = book.has_own("commitment");
        if book.has_decided(Exit::DELIVERED) {
            // It may be in pools: a settlement beside it could show the result secret, and not confirm.
            return is_committed.then_some(delivered);
        }
        let last = until(book, normal)?;
        let confirms = self.tip.saturating_add(contract.policy().settles());
        // What would give the client its money back is in pools: beside it nothing is shown.
        let gives_back = book
            .whole_here()
            .is_some_and(|whole| !whole.proposal.reveals_result);
        if !book.passed.is_empty() && confirms < last && !gives_back {
            return self.deep().then_some(normal);
        }
        let is_near = confirms.saturating_add(self.message()) >= last;
        let is_wanted = is_near || book.finding == Some(Finding::Wrong);
        (is_committed && is_wanted).then_some(delivered)
    }

    /// TxD.
    fn delivered(&self) -> Option<NodeId> {
        let book = self.book;
        match book.contract().role() {
            Role::Client => self.when(Exit::ABANDONED, 0),
            Role::Worker => self.deep().then(|| self.when(Exit::VERIFIER_TIMEOUT, 0))?,
            Role::Verifier => match self.verdict()? {
                true => self.when(Exit::APPROVED, 0),
                false => self.when(Exit::REJECTED, 0),
            },
            Role::Arbiter(_) => None,
        }
    }

    /// How the verifier answers a delivery, if it is time.
    fn verdict(&self) -> Option<bool> {
        let (book, contract) = (self.book, self.book.contract());
        // One verdict, whatever comes after it.
        if book.has_decided(Exit::APPROVED) {
            return Some(true);
        }
        if book.has_decided(Exit::REJECTED) {
            return Some(false);
        }
        let schedule = contract.schedule(book.facts.delivered(contract)?);
        let is_last = self.tip.saturating_add(self.confirm()) >= schedule.verdict;
        let is_late = book.worker_is_late(self.tip, &schedule, is_last);
        if book.finding == Some(Finding::Equal) {
            // At the last moment also where nobody says that it has what the key opens: silence costs the verifier's deposit and pays
            // the worker all the same, and what the verifier has it gives the client.
            let settles = self.tip.saturating_add(contract.policy().settles());
            if book.is_served() || (settles >= schedule.verdict && !is_late) {
                return Some(true);
            }
            if !is_late {
                return None;
            }
            // Right, and not to be had: the key would open boxes that nobody has.
        }
        // Whoever has just started may be told again what its disk has lost.
        let is_late = is_late && (is_last || !book.has_just_started((self.tip, self.since)));
        let is_false = book.rejects();
        // A rejection is judged by what was handed over before it, wherever a reorganisation puts it.
        ((is_late || is_false) && (is_last || book.is_heard(self.tip))).then_some(false)
    }

    /// TxV0, to the worker.
    fn appeal(&self) -> Option<NodeId> {
        let (book, contract) = (self.book, self.book.contract());
        if book.finding == Some(Finding::OwnFault) || !book.is_recorded() {
            return None;
        }
        // Where no sample was drawn, a later block draws one: known and deep, as long as one can wait for it.
        let schedule = contract.schedule(book.facts.delivered(contract)?);
        let drawn = contract.policy().depth.reached_at(schedule.token);
        let is_drawn = book.deep.is_some() || self.tip >= drawn;
        is_time_to_appeal(book, self.tip, is_drawn).then(|| self.when(Exit::APPEALED, 0))?
    }

    /// TxV1, to the client.
    fn challenge(&self) -> Option<NodeId> {
        let node = self.when(Exit::CHALLENGED, 0)?;
        self.book.has_ground(self.tip).then_some(node)
    }

    /// TxA or TxC.
    fn ruled(&self, accusation: Accusation) -> Option<NodeId> {
        let book = self.book;
        let quorum = book.contract().terms().params().quorum();
        let sets = Ruling::ALL.map(|ruling| (ruling, book.attested_set(ruling)));
        // Arbiters that rule both ways may make two majorities.
        let mut decided = sets
            .iter()
            .filter(|(_, set)| set.len() >= quorum)
            .peekable();
        match decided.peek() {
            Some(_) => decided.find_map(|(ruling, set)| self.ruled_so(accusation, *ruling, *set)),
            None => self.undecided(accusation, 0),
        }
    }

    fn ruled_so(&self, accusation: Accusation, ruling: Ruling, set: ArbiterSet) -> Option<NodeId> {
        let name = Exit::ruled_on(accusation, ruling, set);
        match (ruling, self.book.contract().role()) {
            // Nobody else can: it shows the worker's secret. Where it does not, those who have ruled take their stakes back as from a panel
            // that has failed: not as soon as they may, since a worker beside whose settlement another one waits shows nothing.
            (Ruling::VerifierAtFault, Role::Worker) => self.deep().then(|| self.when(name, 0))?,
            (Ruling::VerifierAtFault, _) => {
                self.undecided(accusation, self.book.contract().policy().settles())
            }
            (Ruling::WorkerAtFault, role) if !confirms_conviction(accusation, role) => None,
            (Ruling::WorkerAtFault, Role::Arbiter(_)) => self.when(name, self.confirm()),
            (Ruling::WorkerAtFault, _) => self.when(name, 0),
        }
    }

    /// Nobody has a majority, or none that this party can use: it waits so many blocks behind the lock. Whoever has just started was away, or
    /// has an older disk: it is told first how arbiters have ruled meanwhile.
    fn undecided(&self, accusation: Accusation, patience: u32) -> Option<NodeId> {
        let (book, contract) = (self.book, self.book.contract());
        if book.has_just_started((self.tip, self.since)) {
            return None;
        }
        let rulings = Rulings {
            worker: book.attested_set(Ruling::WorkerAtFault),
            verifier: book.attested_set(Ruling::VerifierAtFault),
        };
        let is_named = contract.terms().panel_size() <= MAX_PANEL_WITH_NAMED_SILENCE;
        let rulings = is_named.then_some(rulings);
        let may = |by_anyone: bool| {
            let node = self.when(Exit::failed_on(accusation, rulings, by_anyone), patience)?;
            let signing = contract.graph().node(node)?.signing?;
            let is_ours = signing.broadcasters.contains(contract.role());
            is_ours.then_some(node)
        };
        may(false).or_else(|| may(true))
    }
}

/// Whether a party has a worker's conviction confirmed: whoever loses by it leaves that to the others, a verifier that has approved too.
pub(super) const fn confirms_conviction(accusation: Accusation, role: Role) -> bool {
    match (accusation, role) {
        (_, Role::Worker) | (Accusation::Challenge, Role::Verifier) => false,
        (_, Role::Client | Role::Verifier | Role::Arbiter(_)) => true,
    }
}

impl Book {
    /// Whether publishing this transaction was decided on.
    pub(super) fn has_decided(&self, name: NodeName) -> bool {
        let node = self.contract().find(name);
        node.is_some_and(|node| self.decided.contains(&node))
    }

    /// Whether a process that has seen this tip, and that one first, has started less than a round of messages ago: its disk may have gone
    /// back, and what it has forgotten is still to be told again.
    pub(super) fn has_just_started(&self, (tip, since): (u32, u32)) -> bool {
        tip < since.saturating_add(self.contract().policy().message.into())
    }

    /// Whether the verifier has found the worker at fault.
    pub(super) fn rejects(&self) -> bool {
        self.finding == Some(Finding::Wrong) || self.has_denied() || self.is_unfit()
    }

    /// Whether the verifier's own items, as far as there are any, are with the worker or with enough arbiters: without that a panel takes its
    /// rejection for silence, and it does better to be silent.
    pub fn has_handed_own(&self) -> bool {
        self.is_heard(u32::MAX)
    }

    /// Whether the verifier's own items are where they count, and have been for so long that what is published at this tip cannot come
    /// into an earlier block, also after a reorganisation.
    pub(super) fn is_heard(&self, tip: u32) -> bool {
        let id = self.contract().id();
        let own = self.papers.named(id);
        let mut own = own.filter(|(_, item)| matches!(item.name(), "sample" | "reply"));
        own.all(|(named, _)| {
            let handed = self.handed_at(Thing::Item(named), Role::Worker);
            handed.is_some_and(|height| self.contract().policy().depth.is_reached(height, tip))
        })
    }
}
