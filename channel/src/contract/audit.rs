//! The client's own look at a result, in contracts where it can challenge an approval.
//!
//! A verifier that is the worker approves anything. So the client draws steps of its own, of the root that the worker has
//! signed, and the worker opens them to it, and the rest of what may ever be opened. Off chain the client does so before it
//! hands the settlement on; behind an approval on chain in the time that it has to challenge it.
//!
//! Its draw is kept by enough arbiters before the worker sees it, and these give it to the worker when there is an approval: a
//! worker that had it by then cannot leave it for the one of a block (`docs/contracts/audited.md`).

use narthex_contracts::{party::PartySet, template::Exit, terms::Role};
use narthex_game_model::{ruling::Item, schedule::Schedule};

use super::{Audited, Book, ContractChange, ContractEffect, Parcel, Task, Thing};

/// What draws the steps that the client looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditDraw {
    /// The client, by a nonce.
    Own {
        /// Id of its item.
        id: [u8; 32],
        /// The nonce.
        nonce: [u8; 32],
    },
    /// The client has drawn nothing that counts: the first block behind approval and root.
    Block {
        /// Its height.
        height: u32,
    },
}

impl AuditDraw {
    /// How an opening names it: zeros for a block's.
    pub const fn id(&self) -> [u8; 32] {
        match self {
            AuditDraw::Own { id, .. } => *id,
            AuditDraw::Block { .. } => [0; 32],
        }
    }
}

impl Book {
    /// The client's draw of the root of the commitment that is here.
    fn own_draw(&self) -> Option<AuditDraw> {
        let root = self.papers.commitment()?.id();
        let drawn = self.papers.audit_of(self.contract().id(), &root);
        drawn.map(|(id, nonce)| AuditDraw::Own { id, nonce })
    }

    /// Height of the block that draws where the client does not: the first behind an approval that can be challenged and the
    /// root.
    pub(super) fn audit_height(&self) -> Option<u32> {
        let approved = self.facts.approved(self.contract())?;
        Some(Schedule::sample_height(approved, self.facts.root?.height))
    }

    /// That block is deep, and whoever has the client's draw had a round of messages since the approval to bring it.
    pub(super) fn audit_seen(&self, tip: u32) -> Option<ContractChange> {
        let policy = self.contract().policy();
        let height = self.audit_height()?;
        let approved = self.facts.approved(self.contract())?;
        let brought = approved.saturating_add(policy.message.into());
        let is_new = self.audit_deep.is_none() && tip >= brought;
        let is_deep = is_new && policy.depth.is_reached(height, tip);
        is_deep.then_some(ContractChange::AuditDeep { height })
    }

    // The client.

    /// The root that the client is to draw of now: what the worker has opened of its sample is here, or the verifier approves.
    ///
    /// One that only the worker's root of record is of is none: the worker has signed nothing, and could record another.
    pub(super) fn draws_of(&self) -> Option<[u8; 32]> {
        let (contract, papers) = (self.contract(), &self.papers);
        let root = papers.signed_commitment()?.id();
        let has = |thing| papers.has_given(contract.id(), thing);
        let opened = papers.first(contract.id(), |item| match item {
            Item::Opening { .. } => Some(()),
            _ => None,
        });
        let is_opened = opened.is_some_and(|(id, ())| has(Thing::Item(id)));
        let is_approved = !(self.released.is_empty() && self.approved.is_empty());
        let is_open = self.is_undecided() && !self.has_own("audit");
        let is_time = has(Thing::Data) && (is_opened || is_approved);
        (contract.is_audited() && is_open && is_time).then_some(root)
    }

    /// Neither verdict is on chain.
    fn is_undecided(&self) -> bool {
        let last = self.facts.last().filter(|_| self.facts.agreed.is_none());
        let delivered = self.contract().find(Exit::DELIVERED);
        last.is_some_and(|(node, _)| self.is_funded() || Some(node) == delivered)
    }

    /// Hands the client's draw on: to the arbiters, and to the worker once enough of them keep it.
    pub(super) fn hand_draw(&self, thing: Thing, what: Parcel) -> Vec<ContractEffect> {
        let to: PartySet = match self.is_kept(thing) {
            true if self.is_acknowledged_by(thing, Role::Worker) => return Vec::new(),
            true => PartySet::EMPTY.with(Role::Worker),
            false => {
                let panel = self.contract().panel();
                let left = panel.iter().filter(|party| !self.keeps(thing, *party));
                left.fold(PartySet::EMPTY, PartySet::with)
            }
        };
        vec![ContractEffect::Send { to, what }]
    }

    /// What the client looks at, as a panel counts it, if an opening names this draw; `None` if that one does not count.
    ///
    /// A draw of its own that the worker had by the approval binds it; else the worker may take it or leave it for the block's.
    pub fn audited_by(&self, named: &[u8; 32]) -> Option<AuditDraw> {
        let own = self.own_draw();
        let had = |draw: AuditDraw| self.is_handed(Thing::Item(draw.id()), Role::Worker);
        match own {
            Some(draw) if draw.id() == *named => Some(draw),
            Some(draw) if had(draw) => None,
            _ if *named != [0; 32] => None,
            _ => self
                .audit_height()
                .map(|height| AuditDraw::Block { height }),
        }
    }

    /// What was opened to the client, if it has acknowledged that: the draw that is named.
    fn served_by(&self) -> Option<[u8; 32]> {
        let contract = self.contract().id();
        let (item, [named, _]) = self.papers.audit_opening(contract)?;
        let has = |thing| self.papers.has_given(contract, thing);
        (has(Thing::Data) && has(Thing::Item(item))).then_some(named)
    }

    /// What the client's own look asks for.
    pub(super) fn auditing(&self) -> Option<ContractEffect> {
        if !self.contract().is_audited() || self.is_settled() || self.is_accused() {
            return None;
        }
        if self.draws_of().is_some() {
            return Some(ContractEffect::Task(Task::Draw));
        }
        let named = self.served_by().filter(|_| self.audited.is_none())?;
        let is_own = self.own_draw().is_some_and(|draw| draw.id() == named);
        // What it did not draw is drawn, and counts, behind an approval alone.
        let is_time = is_own || self.audit_deep.is_some();
        is_time.then_some(ContractEffect::Task(Task::Audit))
    }

    /// Whether the client has looked where it can, and found nothing wrong.
    pub(super) fn is_content(&self) -> bool {
        !self.contract().is_audited() || self.audited == Some(Audited::Right)
    }

    /// Whether the client has a ground to challenge an approval. What came late and is right is none, whatever a panel would say.
    pub(super) fn has_ground(&self, tip: u32) -> bool {
        let contract = self.contract();
        let Some(approved) = self.facts.approved(contract) else {
            return false;
        };
        match self.audited {
            Some(Audited::Right) => false,
            Some(Audited::Wrong { .. } | Audited::Unopened) => true,
            // What enough arbiters keep for it counts as handed over: they have a round of messages to hand it on.
            None => {
                let served = contract.challenge_schedule(approved).served;
                let brought = served.saturating_add(contract.policy().message.into());
                tip >= brought && self.served_by().is_none()
            }
        }
    }

    // The worker.

    /// By which draw the worker opens to the client now, if it is time: when the verifier has what it may ask for, or has
    /// approved on chain. Nothing more can be opened after that.
    pub fn serves_by(&self) -> Option<AuditDraw> {
        let is_served = self.has_own("opening of the audit");
        if !self.contract().is_audited() || is_served || self.is_settled() || self.is_accused() {
            return None;
        }
        let block = self.audit_deep.map(|height| AuditDraw::Block { height });
        match self.own_draw() {
            own @ Some(_) if self.has_own("opening") || block.is_some() => own,
            Some(_) => None,
            None => block,
        }
    }
}
