//! The transaction graph of a contract, and everything that can be done with any graph: check, assemble, weigh,
//! hash for signing, draw. Nothing here knows a template.

mod assemble;
mod builder;
mod draw;
mod node;
mod spend;
mod weight;

use std::sync::OnceLock;

use bitcoin::{OutPoint, ScriptBuf, TxOut, Txid};

pub use builder::{GraphBuilder, GraphError};
pub use draw::{Detail, in_threes};
pub use node::{
    Adaptor, AdaptorId, KeySetId, Leaf, LeafId, Node, NodeId, NodeInput, NodeName, NodeOutput,
    OutputScript, Purpose, ScriptId, SecretId, SecretName, SigningPlan, Source, Spend, Stage,
    StageName, Variant, Withheld,
};
pub use spend::{Locks, Slot, SpendPlan};
pub use weight::{MAX_CHILD_VBYTES, MAX_TRUC_VBYTES, satisfaction_weight, signed_weight};

use crate::{
    musig::KeySet,
    party::{PartyId, PartyName, PartySet},
};

/// Pay-to-anchor: anybody may spend it without a signature (Bitcoin Core 28 and later).
pub fn anchor_script() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51, 0x02, 0x4e, 0x73])
}

/// All transactions that a contract may ever need, from funding to every ending.
#[derive(Debug)]
pub struct TxGraph {
    nodes: Vec<Node>,
    txids: Vec<OnceLock<Txid>>,
    key_sets: Vec<KeySet>,
    adaptors: Vec<Adaptor>,
    leaves: Vec<Leaf>,
    scripts: Vec<OutputScript>,
    parties: Vec<PartyName>,
    secrets: Vec<SecretName>,
    stages: Vec<StageName>,
    /// One more than the last stage of any transaction.
    stage_count: u8,
}

impl TxGraph {
    /// The funding transaction's index.
    pub const FUNDING: NodeId = NodeId(0);

    /// All transactions, parents before children.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (NodeId(i as u32), node))
    }

    /// A transaction by index; `None` for an index of another graph.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// A transaction by name.
    pub fn find(&self, name: NodeName) -> Option<NodeId> {
        self.nodes()
            .find(|(_, node)| node.name == name)
            .map(|(id, _)| id)
    }

    /// A key set by index.
    pub fn key_set(&self, id: KeySetId) -> Option<&KeySet> {
        self.key_sets.get(usize::from(id.0))
    }

    /// An adaptor by index.
    pub fn adaptor(&self, id: AdaptorId) -> Option<&Adaptor> {
        self.adaptors.get(id.0 as usize)
    }

    /// The secrets that complete a transaction; none if its signatures are whole without one.
    pub fn needs(&self, id: NodeId) -> &[SecretId] {
        let signing = self.node(id).and_then(|node| node.signing.as_ref());
        let adaptor = signing.and_then(|signing| self.adaptor(signing.adaptor?));
        adaptor.map_or(&[], |adaptor| &adaptor.needs)
    }

    /// A script leaf by index.
    pub fn leaf(&self, id: LeafId) -> Option<&Leaf> {
        self.leaves.get(usize::from(id.0))
    }

    /// What this contract calls a party.
    pub fn party(&self, party: impl Into<PartyId>) -> PartyName {
        let id = party.into();
        let named = self.parties.iter().find(|name| name.id == id);
        named.copied().unwrap_or(PartyName::unnamed(id))
    }

    /// What this contract calls a secret.
    pub fn secret(&self, id: SecretId) -> SecretName {
        let named = self.secrets.iter().find(|name| name.id == id);
        named.copied().unwrap_or(SecretName::unnamed(id))
    }

    /// What this contract calls a stage; its number, if it has no name.
    pub fn stage(&self, id: Stage) -> StageName {
        let named = self.stages.iter().find(|name| name.id == id);
        let number = || StageName::numbered(id, "", id.0.into());
        named.copied().unwrap_or_else(number)
    }

    /// All stages in order. Those that no transaction belongs to are among them, up to the last that one does.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = Stage> + use<> {
        (0..self.stage_count).map(Stage)
    }

    /// What this contract calls several, in canonical order.
    pub fn parties(&self, parties: PartySet) -> Vec<PartyName> {
        parties.iter().map(|party| self.party(party)).collect()
    }

    /// A coin that was on chain before the contract, as the first transaction that spends it knows it.
    pub fn external(&self, coin: OutPoint) -> Option<TxOut> {
        let mut inputs = self.nodes.iter().flat_map(|node| &node.inputs);
        inputs.find_map(|input| match &input.source {
            Source::External { outpoint, prevout } if *outpoint == coin => Some(prevout.clone()),
            _ => None,
        })
    }

    /// An output script by index.
    pub fn script(&self, id: ScriptId) -> Option<&OutputScript> {
        self.scripts.get(usize::from(id.0))
    }
}
