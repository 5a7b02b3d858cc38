//! The list of signatures that a graph needs, the same for every party.

use crate::parallel::*;

use super::SetupError;
use crate::{
    graph::{AdaptorId, Awaits, KeySetId, NodeId, Spend, Stage, TxGraph},
    musig::{AdaptorPoint, KeySet},
    party::{PartyId, PartySet},
};

/// One signature: an input of a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The transaction.
    pub node: NodeId,
    /// The input.
    pub input: u32,
    /// Who signs.
    pub keys: KeySetId,
    /// Signers, as a set.
    pub signers: PartySet,
    /// What is signed (BIP341).
    pub message: [u8; 32],
    /// The adaptor point, if any.
    pub adaptor: Option<AdaptorId>,
    /// When its shares are exchanged.
    pub stage: Stage,
    /// Who holds it complete after setup.
    pub holders: PartySet,
    /// Who holds it but for one share.
    pub awaits: Option<Awaits>,
}

impl Item {
    /// Whether `from` sends its share to `to` during setup.
    pub fn sends(&self, from: impl Into<PartyId>, to: impl Into<PartyId>) -> bool {
        let (from, to) = (from.into(), to.into());
        from != to && self.signers.contains(from) && self.collects(to) && {
            !self
                .awaits
                .is_some_and(|a| a.holder == to && a.signer == from)
        }
    }

    /// Whether `party` gathers shares of it: as a holder, or waiting for one.
    pub fn collects(&self, party: impl Into<PartyId>) -> bool {
        let party = party.into();
        self.holders.contains(party) || self.awaits.is_some_and(|a| a.holder == party)
    }
}

/// All signatures of a graph, in order of its transactions and their inputs.
#[derive(Debug)]
pub struct Plan {
    items: Vec<Item>,
}

impl Plan {
    /// Lists the signatures of a graph. Hashes every transaction once, on all cores.
    pub fn new(graph: &TxGraph) -> Result<Plan, SetupError> {
        let nodes = graph.nodes().map(|(id, _)| id).collect::<Vec<_>>();
        let items = nodes
            .into_par_iter()
            .map(|id| node_items(graph, id))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Plan {
            items: items.into_iter().flatten().collect(),
        })
    }

    /// All signatures.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Those that `party` signs, with their positions.
    pub fn signed_by(&self, party: impl Into<PartyId>) -> impl Iterator<Item = (usize, &Item)> {
        let party = party.into();
        self.items
            .iter()
            .enumerate()
            .filter(move |(_, item)| item.signers.contains(party))
    }

    /// Those of which `from` sends its share to `to` in `stage`, with their positions.
    pub fn sent(
        &self,
        stage: impl Into<Stage>,
        from: impl Into<PartyId>,
        to: impl Into<PartyId>,
    ) -> impl Iterator<Item = (usize, &Item)> {
        let (stage, from, to) = (stage.into(), from.into(), to.into());
        self.items
            .iter()
            .enumerate()
            .filter(move |(_, item)| item.stage == stage && item.sends(from, to))
    }
}

fn node_items(graph: &TxGraph, id: NodeId) -> Result<Vec<Item>, SetupError> {
    let node = graph
        .node(id)
        .ok_or(SetupError::Graph("such transaction"))?;
    let Some(signing) = node.signing else {
        return Ok(Vec::new());
    };
    let messages = graph
        .sighashes(id)
        .ok_or(SetupError::Graph("parent of a transaction"))?;
    let mut items = Vec::with_capacity(messages.len());
    for ((input, message), i) in node.inputs.iter().zip(messages).zip(0u32..) {
        let Spend::KeyPath(keys) = input.spend else {
            continue;
        };
        let signers: PartySet = graph
            .key_set(keys)
            .ok_or(SetupError::Graph("key set of an input"))?
            .signers()
            .collect();
        // A party that waits for one signer holds the inputs which that one does not sign at once.
        let (holders, awaits) = match signing.awaits {
            Some(a) if !signers.contains(a.signer) => (signing.holders.with(a.holder), None),
            awaits => (signing.holders, awaits),
        };
        items.push(Item {
            node: id,
            input: i,
            keys,
            signers,
            message,
            adaptor: signing.adaptor,
            stage: signing.stage,
            holders,
            awaits,
        });
    }
    Ok(items)
}

/// Key set and point of an item.
pub(super) fn context<'g>(
    graph: &'g TxGraph,
    item: &Item,
) -> Result<(&'g KeySet, Option<&'g AdaptorPoint>), SetupError> {
    let keys = graph
        .key_set(item.keys)
        .ok_or(SetupError::Graph("key set of an input"))?;
    let point = match item.adaptor {
        None => None,
        Some(id) => Some(
            &graph
                .adaptor(id)
                .ok_or(SetupError::Graph("adaptor of an input"))?
                .point,
        ),
    };
    Ok((keys, point))
}
