//! What a watchtower publishes for a party that is away: a function of the chain, and of how the panel has ruled.
//!
//! | for whom | where the contract stands | what | when |
//! |---|---|---|---|
//! | client | Tx0 | S1 | its locks have passed |
//! | worker | Tx0 | TxD | S1 comes near |
//! | client | TxD | S1'' | its lock has passed |
//! | client, verifier | TxV1 | S1' | Δ_W has passed |
//! | client, verifier | TxV0 | S4' | Δ_A has passed |
//! | worker | TxV0 | TxA | its root is on record and deep; at the last moment, on record |
//! | client, verifier, arbiter | TxA | S6 | by the fullest set of rulings that are known, once its lock has passed |
//! | client, arbiter | TxC | S6' | as S6 |
//! | anybody | TxA, TxC | S5any, S5any' | no majority is known, and its lock has passed |
//!
//! The party itself would do most of it the same way. A tower judges nothing: it gives no verdict, challenges none, admits nothing, and
//! shows no secret.

use narthex_contracts::{
    attest::{AttestError, Attestation},
    graph::{NodeId, NodeName, TxGraph},
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{Accusation, Ruling, settlement::MAX_PANEL_WITH_NAMED_SILENCE};

use super::{Book, ChainView, Contract, ContractChange, ContractRefusal, duty};

/// A contract that is watched for one of its parties.
#[derive(Clone, Debug)]
pub struct Tower {
    book: Book,
    tip: u32,
}

impl Tower {
    /// Watches from now on; the contract is as its party sees it.
    pub fn new(contract: Contract) -> Tower {
        let book = Book::new(contract);
        Tower { book, tip: 0 }
    }

    /// What is known: of the chain, and of rulings.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The chain as it stands.
    ///
    /// # Errors
    /// [`ContractRefusal::View`]: it can be none of this contract. The caller's fault; nothing changes.
    pub fn see(&mut self, view: &ChainView) -> Result<(), ContractRefusal> {
        view.check(self.book.contract())?;
        self.tip = view.tip;
        self.book.apply(&ContractChange::Seen(view.facts.clone()));
        Ok(())
    }

    /// How an arbiter has ruled; whether that is new.
    ///
    /// # Errors
    /// [`AttestError`]: it is no ruling of this panel's. The fault of whoever brings it; nothing changes.
    pub fn attest(&mut self, attestation: &Attestation) -> Result<bool, AttestError> {
        attestation.check(self.book.contract().terms())?;
        let mut known = self.book.attested.iter();
        let key = (attestation.arbiter, attestation.ruling);
        let is_new = known.all(|known| (known.arbiter, known.ruling) != key);
        if is_new {
            let change = ContractChange::Attested(*attestation);
            self.book.apply(&change);
        }
        Ok(is_new)
    }

    /// What the next block may hold and the party wants there, and the last height at which it is surely in time.
    pub fn due(&self) -> Option<(NodeId, Option<u32>)> {
        let (book, contract) = (&self.book, self.book.contract());
        if book.is_settled() {
            return None;
        }
        let (last, _) = book.facts.last()?;
        let name = contract.name(last)?;
        let node = match (name, contract.role()) {
            (_, Role::Client) if last == TxGraph::FUNDING => self.when(Exit::WORKER_TIMEOUT),
            (_, Role::Worker) if last == TxGraph::FUNDING => self.delivery(),
            (Exit::DELIVERED, Role::Client) => self.when(Exit::ABANDONED),
            (Exit::APPROVED, Role::Client | Role::Verifier) => self.when(Exit::WITHHELD),
            (Exit::REJECTED, Role::Client | Role::Verifier) => self.when(Exit::UNAPPEALED),
            (Exit::REJECTED, Role::Worker) => self.appeal(),
            (Exit::APPEALED, role) => self.ruled(Accusation::Appeal, role),
            (Exit::CHALLENGED, role) => self.ruled(Accusation::Challenge, role),
            _ => None,
        }?;
        Some((node, duty::until(book, node)))
    }

    /// The transaction, if the next block may hold it.
    fn when(&self, name: NodeName) -> Option<NodeId> {
        let contract = self.book.contract();
        let node = contract.find(name)?;
        let earliest = duty::earliest(contract, &self.book.facts, node)?;
        (self.tip.saturating_add(1) >= earliest).then_some(node)
    }

    /// TxD, when it is time: the worker itself may have a better way until then.
    fn delivery(&self) -> Option<NodeId> {
        let (node, policy) = (self.when(Exit::DELIVERED)?, self.book.contract().policy());
        let last = duty::until(&self.book, node)?;
        let confirms = self.tip.saturating_add(policy.settles());
        (confirms.saturating_add(policy.message.into()) >= last).then_some(node)
    }

    /// TxA. Without a root on record an appeal is lost, whatever the work.
    fn appeal(&self) -> Option<NodeId> {
        let node = self.when(Exit::APPEALED)?;
        self.book.facts.root?;
        duty::is_time_to_appeal(&self.book, self.tip, true).then_some(node)
    }

    /// What is behind TxA or TxC.
    fn ruled(&self, accusation: Accusation, role: Role) -> Option<NodeId> {
        let (book, terms) = (&self.book, self.book.contract().terms());
        let quorum = terms.params().quorum();
        let set = |ruling| book.attested_set(ruling);
        let convicted = set(Ruling::WorkerAtFault);
        if convicted.len() >= quorum {
            let name = Exit::ruled_on(accusation, Ruling::WorkerAtFault, convicted);
            return duty::confirms_conviction(accusation, role).then(|| self.when(name))?;
        }
        // The worker itself takes what it is acquitted for: it shows its secret.
        if set(Ruling::VerifierAtFault).len() >= quorum {
            return None;
        }
        let is_named = terms.panel_size() <= MAX_PANEL_WITH_NAMED_SILENCE;
        let rulings = is_named.then(|| Rulings {
            worker: convicted,
            verifier: set(Ruling::VerifierAtFault),
        });
        self.when(Exit::failed_on(accusation, rulings, true))
    }
}
