//! What a party of a contract knows.

use std::sync::Arc;

use bitcoin::Txid;
use narthex_contracts::{
    attest::Attestation,
    graph::{NodeId, NodeName, Source},
    setup::{HandedOver, Release},
    shared_secret::RevealedShare,
    template::{ContractSecret, Exit},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Ruling,
    commitment::SignedReceipt,
    ruling::{Item, Litigant},
};

use super::{
    Audited, Contract, ContractChange, ContractEffect, ContractRefusal, EndingChange, Endings,
    Facts, Finding, Once, Papers, duty, parts::litigants_of,
};

/// All that a party knows of a contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    contract: Arc<Contract>,
    pub(super) facts: Facts,
    pub(super) papers: Papers,
    pub(super) deep: Option<u32>,
    pub(super) finding: Option<Finding>,
    /// What came of the settlement and is not checked yet.
    pub(super) released: Vec<Release>,
    pub(super) handed: Vec<HandedOver>,
    /// How often what came was none.
    pub(super) fakes: u8,
    /// What was checked, or is one's own.
    pub(super) approved: Vec<Release>,
    pub(super) passed: Vec<HandedOver>,
    pub(super) decided: Vec<NodeId>,
    pub(super) is_appealing: bool,
    /// Own evidence, for each case that it was put together for: a reorganisation may make a challenge of an appeal.
    pub(super) pleaded: Vec<(Accusation, SignedReceipt)>,
    /// Tip at which an accusation was seen first, and which: an arbiter's.
    pub(super) summoned: Option<u32>,
    case: Option<Accusation>,
    pub(super) is_closed: bool,
    pub(super) ruled: Option<Ruling>,
    pub(super) attested: Vec<Attestation>,
    pub(super) decrypted: Option<(Txid, Option<[u8; 32]>)>,
    /// A transaction that shows the result secret was given to a node, or was about to be.
    pub(super) is_showing: bool,
    pub(super) is_over: bool,
    /// Height of the block that draws what the client looks at where it has drawn nothing, once that and the approval are deep.
    pub(super) audit_deep: Option<u32>,
    /// What came of the client's own look.
    pub(super) audited: Option<Audited>,
    pub(super) endings: Endings,
    /// The verifier's share of the appeal (`paper` template).
    pub(super) rejected: Vec<Release>,
    /// Shares of the panel's secret, each checked (`paper` template).
    pub(super) revealed: Vec<RevealedShare>,
    /// Digests of rulings, own and others'.
    pub(super) once: Once,
}

impl Book {
    pub(super) fn new(contract: Contract) -> Book {
        Book {
            contract: Arc::new(contract),
            facts: Facts::default(),
            papers: Papers::default(),
            deep: None,
            finding: None,
            released: Vec::new(),
            handed: Vec::new(),
            fakes: 0,
            approved: Vec::new(),
            passed: Vec::new(),
            decided: Vec::new(),
            is_appealing: false,
            pleaded: Vec::new(),
            summoned: None,
            case: None,
            is_closed: false,
            ruled: None,
            attested: Vec::new(),
            decrypted: None,
            is_showing: false,
            is_over: false,
            audit_deep: None,
            audited: None,
            endings: Endings::default(),
            rejected: Vec::new(),
            revealed: Vec::new(),
            once: Once::default(),
        }
    }

    /// What the party goes by.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// What the chain says, as it was shown last.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What was said.
    pub const fn papers(&self) -> &Papers {
        &self.papers
    }

    /// The shares of the settlement that the verifier has parted with, as they came: at the client's to be checked.
    pub fn releases(&self) -> &[Release] {
        match self.approved.is_empty() {
            true => &self.released,
            false => &self.approved,
        }
    }

    /// The signatures of the settlement that the client has parted with, as they came: at the worker's to be checked.
    pub fn handed_over(&self) -> &[HandedOver] {
        match self.passed.is_empty() {
            true => &self.handed,
            false => &self.passed,
        }
    }

    /// How the arbiters have ruled, as far as they have.
    pub fn attestations(&self) -> &[Attestation] {
        &self.attested
    }

    /// Own ruling, once it is fixed.
    pub const fn ruling(&self) -> Option<Ruling> {
        self.ruled
    }

    /// What was decrypted: by which settlement, and by what it is kept.
    pub const fn decrypted(&self) -> Option<(Txid, Option<[u8; 32]>)> {
        self.decrypted
    }

    /// What was found in what the other side said.
    pub const fn finding(&self) -> Option<Finding> {
        self.finding
    }

    /// What the three agree on.
    pub const fn endings(&self) -> &Endings {
        &self.endings
    }

    /// What came of the client's own look.
    pub const fn audited(&self) -> Option<Audited> {
        self.audited
    }

    /// By which hashes own evidence is kept, of every case that it was put together for.
    pub fn pleaded(&self) -> impl Iterator<Item = &[u8; 32]> {
        let pleaded = self.pleaded.iter();
        pleaded.map(|(_, brought)| &brought.receipt.item)
    }

    /// First height at which a block may hold this transaction, as far as its locks go; `None` as long as something that it spends
    /// is not confirmed.
    pub fn earliest(&self, node: NodeId) -> Option<u32> {
        duty::earliest(&self.contract, &self.facts, node)
    }

    /// Whether whoever publishes this transaction shows the result secret.
    pub fn shows_secret(&self, node: NodeId) -> bool {
        let needs = self.contract.graph().needs(node);
        needs.contains(&ContractSecret::Result.into())
    }

    pub(super) fn apply(&mut self, change: &ContractChange) {
        match change {
            ContractChange::Seen(facts) => {
                self.facts = facts.clone();
                match self.accusation() {
                    None => self.summoned = None,
                    // Another case: it is heard anew, unless the one ruling that there can be is fixed.
                    Some(other) if self.case.is_some_and(|case| case != other) => {
                        self.summoned = None;
                        self.case = None;
                        self.is_closed &= self.ruled.is_some();
                    }
                    Some(_) => {}
                }
                self.audit_deep = self
                    .audit_deep
                    .filter(|_| self.audit_height() == self.audit_deep);
                if !matches!(self.contract.role(), Role::Worker | Role::Verifier) {
                    self.papers
                        .record(self.facts.root.map(|record| record.root));
                }
                // What nobody signed is what the root of record is of, or nothing.
                let bare = self.papers.bare.take();
                self.papers.bare = bare.filter(|shown| self.has_root(&shown.id()));
            }
            ContractChange::Filed(signed) => self.papers.file(signed.clone()),
            ContractChange::Shown(commitment) => self.papers.bare = Some(**commitment),
            ContractChange::Kept { by, blob } => self.papers.keep(*by, blob),
            ContractChange::Brought(part) => self.papers.bring(*part),
            ContractChange::Receipt(signed) => self.papers.receipts.push(*signed),
            ContractChange::Acknowledged { thing, receipt } => self.papers.give(*thing, *receipt),
            ContractChange::NotReceived(thing) => {
                let contract = *self.contract.id();
                self.papers.drop_thing(&contract, *thing);
            }
            ContractChange::Deep { height } => self.deep = Some(*height),
            ContractChange::Found(finding) => self.finding = Some(*finding),
            ContractChange::Released(release) => self.released.push(release.clone()),
            ContractChange::HandedOver(handed) => self.handed.push(handed.clone()),
            ContractChange::Approved(releases) => self.approved = releases.clone(),
            ContractChange::Passed(handed) => self.passed = handed.clone(),
            ContractChange::False => {
                self.released.clear();
                self.handed.clear();
                self.fakes = self.fakes.saturating_add(1);
            }
            ContractChange::Decided(node) => {
                self.decided.push(*node);
                // Both spend one coin.
                self.endings.is_decided = false;
            }
            ContractChange::Appealing => self.is_appealing = true,
            ContractChange::Pleaded(brought) => {
                let accusation = self.accusation().unwrap_or_default();
                self.pleaded.push((accusation, *brought));
            }
            ContractChange::Summoned { tip } => {
                self.summoned = Some(*tip);
                self.case = self.accusation();
            }
            ContractChange::Closed => self.is_closed = true,
            ContractChange::Ruled(ruling) => self.ruled = Some(*ruling),
            ContractChange::Attested(attestation) => self.attested.push(*attestation),
            ContractChange::Decrypted { by, result } => self.decrypted = Some((*by, *result)),
            ContractChange::Showing(_) => self.is_showing = true,
            ContractChange::Over => self.is_over = true,
            ContractChange::AuditDeep { height } => self.audit_deep = Some(*height),
            ContractChange::Audited(audited) => self.audited = Some(*audited),
            ContractChange::Recalled(receipt) => self.papers.recall(*receipt),
            ContractChange::Ending(change) => {
                self.is_showing |= matches!(**change, EndingChange::Showing);
                self.endings.apply(change);
            }
            ContractChange::Rejected(releases) => {
                self.rejected = releases.clone();
                self.released.clear();
            }
            ContractChange::Revealed(share) => self.revealed.push(*share),
            ContractChange::RulingFixed { .. }
            | ContractChange::DigestSeen { .. }
            | ContractChange::Asked { .. }
            | ContractChange::MayAttest
            | ContractChange::PutBack(_)
            | ContractChange::DigestHeard(_) => self.once.apply(change),
        }
    }

    // Where the chain stands.

    fn is_at(&self, name: NodeName) -> bool {
        self.facts
            .last()
            .is_some_and(|(node, _)| self.contract.find(name) == Some(node))
            && self.facts.agreed.is_none()
    }

    /// Whether this root is on record.
    pub(super) fn has_root(&self, root: &[u8; 32]) -> bool {
        self.facts.root.is_some_and(|record| record.root == *root)
    }

    /// Whether the root of the commitment that is here is on record.
    pub(super) fn is_recorded(&self) -> bool {
        let root = self.papers.root();
        root.is_some_and(|root| self.has_root(&root))
    }

    /// Nothing has spent the funding.
    pub(super) fn is_funded(&self) -> bool {
        self.facts.path.len() == 1 && self.facts.agreed.is_none()
    }

    /// Height of the block in which the contract's coin was spent for good, as far as the chain says so now.
    pub fn ended(&self) -> Option<u32> {
        self.facts.settled(&self.contract)
    }

    /// Whether this party has shown its result secret, or may have: it was about to when this was written down.
    pub const fn has_shown(&self) -> bool {
        self.is_showing
    }

    pub(super) fn is_settled(&self) -> bool {
        self.facts.settled(&self.contract).is_some()
    }

    pub(super) fn is_accused(&self) -> bool {
        self.accusation().is_some()
    }

    /// What has put the case before the panel.
    pub(super) fn accusation(&self) -> Option<Accusation> {
        let accusation = self.facts.accusation(&self.contract);
        accusation.map(|(accusation, _)| accusation)
    }

    /// In a word, where the chain says more than the talk.
    pub(super) fn chain_state(&self) -> Option<&'static str> {
        match () {
            () if self.is_over => Some("over"),
            () if self.is_settled() => Some("settled"),
            () if self.is_accused() => Some("accused"),
            () if self.is_at(Exit::REJECTED) => Some("rejected"),
            () if self.is_at(Exit::APPROVED) => Some("approved"),
            () => None,
        }
    }

    /// The settlement that shows the result secret, if that is how it ended.
    pub(super) fn shown_by(&self) -> Option<NodeId> {
        let (last, _) = self.facts.last().filter(|_| self.is_settled())?;
        self.shows_secret(last).then_some(last)
    }

    // Who is who.

    /// What is not this party's to hear from that one.
    pub(super) fn not_its_part<T>(
        &self,
        from: Role,
        what: &'static str,
    ) -> Result<T, ContractRefusal> {
        let to = self.contract.role();
        Err(ContractRefusal::NotItsPart { from, to, what })
    }

    pub(super) fn word(&self, role: Role) -> Option<[u8; 32]> {
        self.contract.word_key(role).map(|key| key.serialize())
    }

    /// Whose word key this is.
    pub(super) fn holder_of(&self, key: &[u8; 32]) -> Option<Role> {
        let mut roles = self.contract.terms().roles();
        roles.find(|role| self.word(*role).as_ref() == Some(key))
    }

    // What was said.

    /// Own items, or another's, by the author.
    pub(super) fn items_by(
        &self,
        author: impl Fn(Litigant) -> bool,
    ) -> impl Iterator<Item = ([u8; 32], &Item)> {
        let items = self.papers.named(self.contract.id());
        items.filter(move |(_, item)| author(item.author()))
    }

    pub(super) fn has_own(&self, name: &str) -> bool {
        let me = self.contract.role().litigant();
        self.items_by(|author| Some(author) == me)
            .any(|(_, item)| item.name() == name)
    }

    /// The arbiters that have ruled so.
    pub(super) fn attested_set(&self, ruling: Ruling) -> ArbiterSet {
        let rulings = self.attested.iter().filter(|a| a.ruling == ruling);
        rulings
            .map(|attestation| usize::from(attestation.arbiter))
            .collect()
    }

    /// The two sides of the case before the panel.
    pub(super) fn litigants(&self) -> Option<[Litigant; 2]> {
        self.accusation().map(litigants_of)
    }

    /// The transaction that was decided on last, as long as what it spends is unspent. An appeal waits while a reorganisation has taken the
    /// root from the chain: on record after the appeal, it is none.
    pub(super) fn publishing(&self) -> Option<ContractEffect> {
        let node = self.published_next()?;
        let until = duty::until(self, node);
        Some(ContractEffect::Publish { node, until })
    }

    pub(super) fn published_next(&self) -> Option<NodeId> {
        let node = *self.decided.last()?;
        let is_appeal = self.contract.find(Exit::APPEALED) == Some(node);
        let is_unrecorded = is_appeal && !self.contract.is_paper() && !self.is_recorded();
        if is_unrecorded || self.is_overtaken(node) {
            return None;
        }
        let (last, _) = self.facts.last().filter(|_| self.facts.agreed.is_none())?;
        let graph = self.contract.graph();
        let input = graph.node(node)?.inputs.first()?;
        let spends = matches!(&input.source, Source::Output { node, .. } if *node == last);
        spends.then_some(node)
    }
}
