//! What is different in a contract of the `paper` template, which is lived for research alone ([`Contract::research`]).
//!
//! There is no delivery on chain and no token. The verifier signs a hash of its own digests before anything is opened
//! ([`Item::Blind`]); its verdict is the share that it kept back, of Tx4 or of TxA; the panel has one secret for both rulings. What the
//! template does not withstand its honest parties do not withstand either: nothing is mended here.
//!
//! | who | where the contract stands | what | when |
//! |---|---|---|---|
//! | client | Tx0 | Tx2 | above t3, if it has nothing |
//! | verifier | Tx0 | Tx1 | b blocks later, if it has nothing |
//! | | | Tx5 | above t2, if it has rejected |
//! | worker | Tx0 | Tx4 | it holds the verifier's share, and Tx0 is deep |
//! | | | TxA | the same, and it is not at fault |
//! | | | Tx3 | above t1, if it has committed and there is no verdict |
//! | verifier, client | TxA | Tx7 | by all who ruled so, if a majority did and the panel's secret is out; arbiters b blocks later |
//! | worker | TxA | Tx8 | the same, and TxA is deep |
//! | client | TxA | Tx6 | above t4, if the panel has not ruled or kept its secret |

use bitcoin::secp256k1::Secp256k1;
use narthex_contracts::{
    graph::{NodeId, NodeName, TxGraph},
    setup::Release,
    shared_secret::{RevealedShare, SharingError},
    template::PaperExit,
    terms::Role,
};
use narthex_game_model::{PaperLocks, Ruling, ruling::Item};

use super::{
    Book, Contract, ContractChange, ContractEffect, Finding, Parcel, Task, Thing, duty::Look,
};

/// The transaction that gets its turn if this one does not confirm in time.
pub(super) fn rival(name: NodeName) -> Option<NodeName> {
    match name.base {
        "Tx3" | "Tx4" | "TxA" => Some(PaperExit::UNAPPEALED),
        "Tx7" | "Tx8" => Some(PaperExit::FAILED),
        _ => None,
    }
}

/// What is to be published in the next block, if anything is.
pub(super) fn due(look: &Look<'_>) -> Option<NodeId> {
    let book = look.book;
    let (last, _) = book.facts.last()?;
    let role = book.contract().role();
    if last != TxGraph::FUNDING {
        return ruled(look);
    }
    match role {
        Role::Client => look
            .when(PaperExit::TIMEOUT_BY_CLIENT, 0)
            .filter(|_| !book.has_data()),
        Role::Verifier => verifier(look),
        Role::Worker => worker(look),
        Role::Arbiter(_) => None,
    }
}

fn verifier(look: &Look<'_>) -> Option<NodeId> {
    let book = look.book;
    match book.rejected.is_empty() {
        false => look.when(PaperExit::UNAPPEALED, 0),
        // One verdict, and this was the other.
        true if !book.approved.is_empty() => None,
        true => look
            .when(PaperExit::TIMEOUT_BY_VERIFIER, look.confirm())
            .filter(|_| !book.has_data()),
    }
}

fn worker(look: &Look<'_>) -> Option<NodeId> {
    let book = look.book;
    let appeals = book.finding == Some(Finding::Wrong);
    match (book.approved.is_empty(), book.rejected.is_empty()) {
        (false, _) => look.deep().then(|| look.when(PaperExit::NORMAL, 0))?,
        (true, false) if appeals => look.deep().then(|| look.when(PaperExit::APPEALED, 0))?,
        (true, false) => None,
        (true, true) if book.has_own("commitment") => look
            .deep()
            .then(|| look.when(PaperExit::SILENT_VERIFIER, 0))?,
        (true, true) => None,
    }
}

/// TxA.
fn ruled(look: &Look<'_>) -> Option<NodeId> {
    let (book, contract) = (look.book, look.book.contract());
    let quorum = contract.terms().params().quorum();
    let mut majorities = Ruling::ALL.into_iter().filter_map(|ruling| {
        let set = book.attested_set(ruling);
        (book.is_panel_open() && set.len() >= quorum).then_some((ruling, set))
    });
    let Some((ruling, set)) = majorities.next() else {
        let is_client = contract.role() == Role::Client;
        return is_client.then(|| look.when(PaperExit::FAILED, 0))?;
    };
    let name = PaperExit::ruled(ruling, set);
    match (ruling, contract.role()) {
        // It shows the worker's secret too.
        (Ruling::VerifierAtFault, Role::Worker) => look.deep().then(|| look.when(name, 0))?,
        (Ruling::VerifierAtFault, _) | (Ruling::WorkerAtFault, Role::Worker) => None,
        (Ruling::WorkerAtFault, Role::Verifier | Role::Client) => look.when(name, 0),
        (Ruling::WorkerAtFault, Role::Arbiter(_)) => look.when(name, look.confirm()),
    }
}

impl Contract {
    /// To whom the verifier hands its share of the settlement.
    pub(super) const fn approved_to(&self) -> Role {
        match self.is_paper() {
            true => Role::Worker,
            false => Role::Client,
        }
    }

    /// Whether a share of the panel's secret is its member's.
    pub(super) fn check_share(&self, share: &RevealedShare) -> Result<(), SharingError> {
        match self.shared() {
            Some(shared) => shared.verify(&Secp256k1::new(), share),
            None => Err(SharingError::FalseReveal {
                member: share.member,
            }),
        }
    }

    pub(super) fn locks(&self) -> Option<PaperLocks> {
        self.terms().params().paper_locks()
    }
}

/// Whether an item is one of a contract with a token, or of one without.
pub(super) const fn is_of_paper(item: &Item) -> Option<bool> {
    match item {
        Item::Commitment(_) | Item::Sample { .. } | Item::Opening { .. } | Item::Verdict { .. } => {
            None
        }
        Item::Blind { .. } => Some(true),
        Item::Token { .. }
        | Item::Reply { .. }
        | Item::Audit { .. }
        | Item::AuditOpening { .. } => Some(false),
    }
}

impl Book {
    /// Shares of the panel's secret that arbiters have shown.
    pub fn revealed(&self) -> &[RevealedShare] {
        &self.revealed
    }

    /// The verifier's share of the appeal, which is how it rejects: its own, or at the worker's as it was checked.
    pub fn rejections(&self) -> &[Release] {
        &self.rejected
    }

    /// What the verifier has parted with, as it came, until it is checked.
    pub fn unchecked(&self) -> &[Release] {
        &self.released
    }

    /// The verifier's hash of its own digests of the first sample: id of the item.
    pub fn blind(&self) -> Option<[u8; 32]> {
        let id = self.contract().id();
        let (drawn, _) = self.papers.sample(id)?;
        let blind = self.papers.first(id, |item| match item {
            Item::Blind { sample, .. } if *sample == drawn => Some(()),
            _ => None,
        });
        blind.map(|(item, ())| item)
    }

    fn has_data(&self) -> bool {
        self.papers.has_given(self.contract().id(), Thing::Data)
    }

    /// Whether what was decided on says that nothing came, and it has come since: the next look decides anew.
    pub(super) fn is_overtaken(&self, node: NodeId) -> bool {
        match self.contract().name(node) {
            _ if !self.contract().is_paper() => false,
            Some(PaperExit::SILENT_VERIFIER) => {
                !(self.approved.is_empty() && self.rejected.is_empty())
            }
            Some(PaperExit::TIMEOUT_BY_CLIENT | PaperExit::TIMEOUT_BY_VERIFIER) => self.has_data(),
            _ => false,
        }
    }

    /// Whether enough of the panel have shown their shares: each was checked when it came.
    pub(super) fn is_panel_open(&self) -> bool {
        self.revealed.len() >= self.contract().terms().params().quorum().into()
    }

    fn own_share(&self) -> Option<&RevealedShare> {
        let me = self.contract().role();
        let mut all = self.revealed.iter();
        all.find(|share| Role::Arbiter(share.member) == me)
    }

    /// What an arbiter that has ruled does with its share of the one secret: it shows it, however it has ruled.
    pub(super) fn revealing(&self) -> Option<ContractEffect> {
        let is_asked = self.contract().is_paper() && self.is_accused();
        is_asked.then(|| match self.own_share() {
            None => ContractEffect::Task(Task::Reveal),
            Some(_) => ContractEffect::Send {
                to: self.contract().others(),
                what: Parcel::Share,
            },
        })
    }

    /// What the verifier rejects in the last moment before the worker may say that it was silent: nothing was opened to it after the
    /// worker had acknowledged that it has computed the sample.
    pub(super) fn unopened(&self, tip: u32) -> Option<ContractChange> {
        let policy = self.contract().policy();
        let t1 = self.contract().locks()?.t1;
        let blind = self.blind().filter(|_| self.contract().is_paper())?;
        let is_open = self.finding.is_none() && self.is_funded();
        let is_last = tip.saturating_add(policy.message.into()) >= t1;
        let is_asked = self.is_acknowledged_by(Thing::Item(blind), Role::Worker);
        (is_open && is_last && is_asked).then_some(ContractChange::Found(Finding::Wrong))
    }

    /// Last height at which an arbiter hears evidence: what it shows after that would come too late for t4.
    pub(super) fn last_evidence(&self) -> Option<u32> {
        let policy = self.contract().policy();
        let rest = u32::from(policy.confirm) + u32::from(policy.message);
        Some(self.contract().locks()?.t4.saturating_sub(rest))
    }
}
