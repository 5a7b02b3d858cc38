//! What a party of a contract knows, and what all four have to do alike.

use std::sync::Arc;

use bitcoin::Txid;
use narthex_contracts::{
    attest::Attestation,
    graph::{NodeId, NodeName, Source},
    party::{PartyId, PartySet},
    setup::{HandedOver, Release},
    template::{ContractSecret, Exit},
    terms::Role,
};
use narthex_game_model::{
    ArbiterSet, Ruling,
    commitment::ReceiptKind,
    ruling::{Item, Litigant},
};

use super::{
    Contract, ContractChange, ContractEffect, Facts, Finding, Papers, Parcel, Task, Thing, duty,
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
    pub(super) pleaded: Option<[u8; 32]>,
    /// Tip at which an accusation was seen first: an arbiter's.
    pub(super) summoned: Option<u32>,
    pub(super) is_closed: bool,
    pub(super) ruled: Option<Ruling>,
    pub(super) attested: Vec<Attestation>,
    pub(super) decrypted: Option<(Txid, Option<[u8; 32]>)>,
    pub(super) is_over: bool,
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
            pleaded: None,
            summoned: None,
            is_closed: false,
            ruled: None,
            attested: Vec::new(),
            decrypted: None,
            is_over: false,
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
                if !self.is_accused() {
                    self.summoned = None;
                }
                // What nobody signed is what the root of record is of, or nothing.
                let bare = self.papers.bare.take();
                self.papers.bare = bare.filter(|shown| self.has_root(&shown.id()));
            }
            ContractChange::Filed(signed) => self.papers.file(signed.clone()),
            ContractChange::Shown(commitment) => self.papers.bare = Some(**commitment),
            ContractChange::Kept { by, blob } => self.papers.keep(*by, blob),
            ContractChange::Brought { by, hash } => self.papers.bring(*by, *hash),
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
            ContractChange::Decided(node) => self.decided.push(*node),
            ContractChange::Appealing => self.is_appealing = true,
            ContractChange::Pleaded(hash) => self.pleaded = Some(*hash),
            ContractChange::Summoned { tip } => self.summoned = Some(*tip),
            ContractChange::Closed => self.is_closed = true,
            ContractChange::Ruled(ruling) => self.ruled = Some(*ruling),
            ContractChange::Attested(attestation) => self.attested.push(*attestation),
            ContractChange::Decrypted { by, result } => self.decrypted = Some((*by, *result)),
            ContractChange::Over => self.is_over = true,
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
        let commitment = self.papers.commitment();
        commitment.is_some_and(|commitment| self.has_root(&commitment.id()))
    }

    /// Nothing has spent the funding.
    pub(super) fn is_funded(&self) -> bool {
        self.facts.path.len() == 1 && self.facts.agreed.is_none()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.facts.settled(&self.contract).is_some()
    }

    pub(super) fn is_accused(&self) -> bool {
        self.facts.accused(&self.contract).is_some()
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
    fn items_by(&self, author: impl Fn(Litigant) -> bool) -> impl Iterator<Item = &Item> {
        let items = self.papers.items.iter().map(|signed| &signed.item);
        items.filter(move |item| author(item.author()))
    }

    pub(super) fn has_own(&self, name: &str) -> bool {
        let me = self.contract.role().litigant();
        self.items_by(|author| Some(author) == me)
            .any(|item| item.name() == name)
    }

    /// Whether a party has acknowledged a thing. The other side's date must be one that a panel takes: whoever dates a receipt
    /// behind its deadline has given none, and the arbiters keep the thing instead.
    pub(super) fn is_acknowledged_by(&self, thing: Thing, role: Role) -> bool {
        let key = self.word(role);
        let dated = key.and_then(|key| self.papers.acknowledged(self.contract.id(), thing, &key));
        dated.is_some_and(|height| role == Role::Client || self.is_in_time(thing, height))
    }

    /// Whether so many arbiters keep it that a panel counts it as handed over.
    pub(super) fn is_kept(&self, thing: Thing) -> bool {
        let enough = self.contract.terms().params().keepers();
        let panel = self.contract.panel();
        panel
            .iter()
            .filter(|party| self.keeps(thing, *party))
            .count()
            >= enough
    }

    /// Whether a receipt of this height is one in time, as the panel counts it. Before the delivery there are no deadlines.
    fn is_in_time(&self, thing: Thing, height: u32) -> bool {
        let Some(delivered) = self.facts.delivered(&self.contract) else {
            return true;
        };
        let schedule = self.contract.schedule(delivered);
        let last = match self.papers.receipt_kind(self.contract.id(), thing) {
            Some(ReceiptKind::Data) => schedule.record,
            Some(ReceiptKind::Sample) => schedule.nonce,
            Some(ReceiptKind::Token) => schedule.token,
            Some(ReceiptKind::Reply) => schedule.reply,
            Some(ReceiptKind::Opening) => schedule.opening,
            // Nothing depends on when a commitment was received.
            _ => return true,
        };
        height <= last
    }

    /// Whether a thing was handed over to a party, as a panel counts it.
    pub(super) fn is_handed(&self, thing: Thing, to: Role) -> bool {
        self.is_acknowledged_by(thing, to) || self.is_kept(thing)
    }

    /// The arbiters that have ruled so.
    pub(super) fn attested_set(&self, ruling: Ruling) -> ArbiterSet {
        let rulings = self.attested.iter().filter(|a| a.ruling == ruling);
        rulings
            .map(|attestation| usize::from(attestation.arbiter))
            .collect()
    }

    // What all do alike.

    /// Things of others that came, and were neither acknowledged nor found to be none.
    pub(super) fn looks(&self) -> Vec<ContractEffect> {
        let me = self.contract.role().litigant();
        let id = self.contract.id();
        let is_open = |thing: &Thing| {
            !self.papers.has_given(id, *thing) && !self.papers.refused.contains(thing)
        };
        let of_others = self.items_by(|author| Some(author) != me);
        let is_here = |item: &&Item| match item.opened() {
            Some(opening) => self.papers.opening(opening).is_some(),
            None => item.receipt().is_some(),
        };
        let items = of_others
            .filter(is_here)
            .map(|item| Thing::Item(item.id(id)));
        let has_data = self.papers.boxes().is_some() && self.papers.commitment().is_some();
        let data = (has_data && me != Some(Litigant::Worker)).then_some(Thing::Data);
        let things = items.chain(data).filter(is_open);
        things
            .map(|thing| ContractEffect::Task(Task::Look(thing)))
            .collect()
    }

    /// Own receipts, to whom they are for. What client and arbiters have, the verifier must know before it approves.
    pub(super) fn receipts(&self) -> Vec<ContractEffect> {
        let me = self.contract.role();
        let mut all = Vec::new();
        let id = self.contract.id();
        for (thing, signed) in &self.papers.given {
            if !self.papers.has_given(id, *thing) {
                continue;
            }
            let Some(holder) = self.holder_of(&signed.receipt.holder) else {
                continue;
            };
            let mut to = PartySet::EMPTY.with(holder);
            if holder == Role::Worker && me != Role::Verifier {
                to = to.with(Role::Verifier);
            }
            let what = Parcel::Receipt(*thing);
            all.push(ContractEffect::Send { to, what });
        }
        all
    }

    /// Hands over an own thing to those who have not acknowledged it; where one is silent after the delivery, the arbiters
    /// keep it.
    pub(super) fn hand(&self, thing: Thing, what: &[Parcel], to: &[Role]) -> Vec<ContractEffect> {
        let missing = to
            .iter()
            .filter(|role| !self.is_acknowledged_by(thing, **role));
        let mut missing: PartySet = missing.copied().collect();
        if missing.is_empty() {
            return Vec::new();
        }
        if self.is_appealing {
            let panel = self.contract.panel().iter();
            let left = panel.filter(|party| !self.keeps(thing, *party));
            missing = left.fold(missing, PartySet::with);
        }
        let send = |what: &Parcel| ContractEffect::Send {
            to: missing,
            what: *what,
        };
        what.iter().map(send).collect()
    }

    /// The item that names an opening, and the opening, if it is here. The item goes first: an opening that none names is not
    /// taken.
    pub(super) fn opening_parcels(&self, item: [u8; 32], opening: &[u8; 32]) -> Vec<Parcel> {
        let blob = self.papers.opening(opening).copied();
        let parcels = [Parcel::Item(item)].into_iter();
        parcels.chain(blob.map(Parcel::Opening)).collect()
    }

    fn keeps(&self, thing: Thing, party: PartyId) -> bool {
        let key = self.word(party.into());
        let dated = key.and_then(|key| self.papers.kept(self.contract.id(), thing, &key));
        dated.is_some_and(|height| self.is_in_time(thing, height))
    }

    /// Own things of this author's talk, to whom they are said.
    pub(super) fn own_things(&self) -> Vec<ContractEffect> {
        let me = self.contract.role().litigant();
        let id = self.contract.id();
        let mut all = Vec::new();
        for item in self.items_by(|author| Some(author) == me) {
            let named = item.id(id);
            let (thing, parcel) = (Thing::Item(named), Parcel::Item(named));
            let both = [Role::Verifier, Role::Client];
            all.extend(match item {
                Item::Commitment(_) => {
                    let mut sent = self.hand(thing, &[parcel], &both);
                    // Where client and verifier have the commitment and not the boxes, the panel has neither, and takes no boxes alone.
                    let first = (sent.is_empty() && self.is_appealing).then_some(parcel);
                    let boxes = self.papers.boxes().copied().map(Parcel::Boxes);
                    sent.extend(boxes.into_iter().flat_map(|what| {
                        let parcels: Vec<_> = first.into_iter().chain([what]).collect();
                        self.hand(Thing::Data, &parcels, &both)
                    }));
                    sent
                }
                Item::Opening { opening, .. } => {
                    self.hand(thing, &self.opening_parcels(named, opening), &both)
                }
                Item::Token { .. } => self.hand(thing, &[parcel], &[Role::Verifier]),
                Item::Sample { .. } | Item::Reply { .. } => {
                    self.hand(thing, &[parcel], &[Role::Worker])
                }
                Item::Verdict { .. } => {
                    let to = PartySet::EMPTY.with(Role::Worker);
                    vec![ContractEffect::Send { to, what: parcel }]
                }
                Item::Audit { .. } | Item::AuditOpening { .. } => Vec::new(),
            });
        }
        all
    }

    /// Own evidence, once there is an accusation.
    pub(super) fn pleading(&self) -> Vec<ContractEffect> {
        if !self.is_accused() || self.is_settled() {
            return Vec::new();
        }
        vec![match self.pleaded {
            None => ContractEffect::Task(Task::Plead),
            Some(hash) => ContractEffect::Send {
                to: self.contract.panel(),
                what: Parcel::Evidence(hash),
            },
        }]
    }

    /// The transaction that was decided on last, as long as what it spends is unspent. An appeal waits while a reorganisation has taken the
    /// root from the chain: on record after the appeal, it is none.
    pub(super) fn publishing(&self) -> Option<ContractEffect> {
        let node = *self.decided.last()?;
        let is_appeal = self.contract.find(Exit::APPEALED) == Some(node);
        if is_appeal && !self.is_recorded() {
            return None;
        }
        let (last, _) = self.facts.last().filter(|_| self.facts.agreed.is_none())?;
        let graph = self.contract.graph();
        let input = graph.node(node)?.inputs.first()?;
        let spends = matches!(&input.source, Source::Output { node, .. } if *node == last);
        let until = duty::until(self, node);
        spends.then_some(ContractEffect::Publish { node, until })
    }
}
