//! What a party goes by from the beginning of a contract to its end.

use std::sync::Arc;

use bitcoin::{OutPoint, secp256k1::XOnlyPublicKey};
use narthex_contracts::{
    depth::Depth,
    graph::{NodeId, NodeName, TxGraph},
    party::PartySet,
    shared_secret::SharedPoint,
    template::root_coin,
    terms::{Role, Terms},
};
use narthex_game_model::schedule::{ChallengeSchedule, PanelSchedule, Schedule};

use super::Unfit;

/// How a party reads the chain: its own judgement, and nobody else's signature depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How deep a block lies before something is shown on the strength of it.
    pub depth: Depth,
    /// b: blocks until a transaction confirms, whatever its fee rate.
    pub confirm: u16,
    /// m: blocks for a round of messages.
    pub message: u16,
}

impl Policy {
    /// r: blocks that a reorganisation may undo.
    pub(super) const fn reorg(&self) -> u32 {
        self.depth.blocks().saturating_sub(1)
    }

    /// b + r: blocks that must be left when a transaction is published which another party's may replace then. A block that has it may be
    /// replaced by one that leaves it out, and it has to confirm once more.
    pub(super) fn settles(&self) -> u32 {
        self.reorg().saturating_add(self.confirm.into())
    }
}

/// A contract as one of its parties sees it. Nothing in it changes.
#[derive(Clone, Debug)]
pub struct Contract {
    terms: Arc<Terms>,
    graph: Arc<TxGraph>,
    role: Role,
    policy: Policy,
    /// What each signs with, which takes time to derive.
    words: Arc<Vec<(Role, XOnlyPublicKey)>>,
    /// What the panel's one secret is checked by: of a contract of the `paper` template.
    shared: Option<Arc<SharedPoint>>,
}

/// Two are the same if terms, party and policy are: the graph follows from the terms.
impl PartialEq for Contract {
    fn eq(&self, other: &Self) -> bool {
        let of = |this: &Self| (*this.terms.agreement_id(), this.role, this.policy);
        of(self) == of(other)
    }
}

impl Contract {
    /// The contract of these terms, with the graph that was derived from them.
    ///
    /// # Errors
    /// [`Unfit`]: terms of the `paper` template, which has no delivery on chain and is lived for research alone ([`Contract::research`]), or
    /// a party that they do not name. The caller's fault.
    pub fn new(
        terms: Arc<Terms>,
        graph: Arc<TxGraph>,
        role: Role,
        policy: Policy,
    ) -> Result<Contract, Unfit> {
        let template = terms.template();
        if !template.has_delivery() || terms.token_point().is_none() {
            return Err(Unfit::Template { template });
        }
        Contract::with((terms, graph), role, policy, None)
    }

    /// A contract of the `paper` template, which is known not to withstand attacks: for plays and simulations of it, never for money. What
    /// the panel shares is no part of the terms: they have its point alone.
    ///
    /// # Errors
    /// [`Unfit`]: terms of another template, of another panel's secret, or a party that they do not name. The caller's fault.
    pub fn research(
        (terms, graph): (Arc<Terms>, Arc<TxGraph>),
        role: Role,
        policy: Policy,
        shared: Arc<SharedPoint>,
    ) -> Result<Contract, Unfit> {
        let template = terms.template();
        let Some(paper) = &terms.record().paper else {
            return Err(Unfit::NoResearch { template });
        };
        if shared.point() != Some(paper.panel) {
            return Err(Unfit::Shared);
        }
        Contract::with((terms, graph), role, policy, Some(shared))
    }

    fn with(
        (terms, graph): (Arc<Terms>, Arc<TxGraph>),
        role: Role,
        policy: Policy,
        shared: Option<Arc<SharedPoint>>,
    ) -> Result<Contract, Unfit> {
        if terms.key(role).is_none() {
            return Err(Unfit::NoParty { role });
        }
        let word = |role| Some((role, terms.word_key(role)?));
        let words = Arc::new(terms.roles().filter_map(word).collect());
        Ok(Contract {
            words,
            terms,
            graph,
            role,
            policy,
            shared,
        })
    }

    /// The same contract as a party of another judgement reads it.
    #[must_use]
    pub fn read_by(&self, policy: Policy) -> Contract {
        let contract = self.clone();
        Contract { policy, ..contract }
    }

    /// The terms.
    pub const fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The graph.
    pub const fn graph(&self) -> &Arc<TxGraph> {
        &self.graph
    }

    /// Oneself.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How one reads the chain.
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether it is of the `paper` template.
    pub const fn is_paper(&self) -> bool {
        self.shared.is_some()
    }

    /// What shares of the panel's one secret are checked by, in the `paper` template.
    pub fn shared(&self) -> Option<&SharedPoint> {
        self.shared.as_deref()
    }

    /// The coin that the worker's root goes on record by; none in the `paper` template.
    pub fn root_coin(&self) -> Option<OutPoint> {
        root_coin(&self.terms, &self.graph).filter(|_| !self.is_paper())
    }

    /// What tells first whether it is funded: a coin that the funding spends. What is to be watched behind it,
    /// [`Facts::take`](super::Facts::take) says.
    pub fn watched(&self) -> Vec<OutPoint> {
        let funding = self.graph.assemble(TxGraph::FUNDING);
        let first = funding.and_then(|tx| Some(tx.input.first()?.previous_output));
        first.into_iter().collect()
    }

    /// Its id, which items and receipts name.
    pub fn id(&self) -> &[u8; 32] {
        self.terms.contract_id()
    }

    /// Everybody but oneself.
    pub fn others(&self) -> PartySet {
        self.terms
            .roles()
            .filter(|role| *role != self.role)
            .collect()
    }

    /// The panel.
    pub fn panel(&self) -> PartySet {
        (0..self.terms.panel_size()).map(Role::Arbiter).collect()
    }

    /// What a party signs items and receipts with.
    pub fn word_key(&self, role: Role) -> Option<XOnlyPublicKey> {
        let mut words = self.words.iter();
        words.find_map(|(of, key)| (*of == role).then_some(*key))
    }

    pub(super) fn find(&self, name: NodeName) -> Option<NodeId> {
        self.graph.find(name)
    }

    pub(super) fn name(&self, node: NodeId) -> Option<NodeName> {
        Some(self.graph.node(node)?.name)
    }

    /// Every deadline of a delivery at this height.
    pub fn schedule(&self, delivered: u32) -> Schedule {
        Schedule::of(self.terms.params(), delivered)
    }

    /// Whether the client looks for itself, and can challenge an approval on chain.
    pub fn is_audited(&self) -> bool {
        self.terms.params().audit().is_some()
    }

    /// Every deadline of an approval at this height, where the client can challenge it.
    pub fn challenge_schedule(&self, approved: u32) -> ChallengeSchedule {
        ChallengeSchedule::of(self.terms.params(), approved)
    }

    /// Every deadline of an accusation at this height.
    pub fn panel_schedule(&self, accused: u32) -> PanelSchedule {
        PanelSchedule::of(self.terms.params(), accused)
    }
}
