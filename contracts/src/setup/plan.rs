//! The list of signatures that a graph needs, the same for every party.

use crate::parallel::*;

use super::SetupError;
#[cfg(doc)]
use super::{NoncesMessage, SharesMessage};
#[cfg(doc)]
use crate::graph::Slot;
use crate::{
    graph::{AdaptorId, KeySetId, NodeId, Spend, Stage, TxGraph, Withheld},
    musig::{AdaptorPoint, KeySet},
    party::{PartyId, PartySet},
};

/// One signature of a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The transaction.
    pub node: NodeId,
    /// The input.
    pub input: u32,
    /// Its place among the signatures of the input, as [`Slot::place`].
    pub place: u16,
    /// Who signs.
    pub keys: KeySetId,
    /// Signers, as a set.
    pub signers: PartySet,
    /// What is signed (BIP341, BIP342).
    pub message: [u8; 32],
    /// The adaptor point, if any.
    pub adaptor: Option<AdaptorId>,
    /// When its shares are exchanged.
    pub stage: Stage,
    /// Who holds it complete after setup.
    pub signature_holders: PartySet,
    /// Who holds it but for one share.
    pub withheld: Option<Withheld>,
}

impl Item {
    /// Whether `from` sends its share to `to` during setup.
    pub fn sends(&self, from: impl Into<PartyId>, to: impl Into<PartyId>) -> bool {
        let (from, to) = (from.into(), to.into());
        from != to && self.signers.contains(from) && self.collects(to) && {
            !self
                .withheld
                .is_some_and(|a| a.holder == to && a.signer == from)
        }
    }

    /// Whether `party` gathers shares of it: as a holder, or waiting for one.
    pub fn collects(&self, party: impl Into<PartyId>) -> bool {
        let party = party.into();
        self.signature_holders.contains(party) || self.withheld.is_some_and(|a| a.holder == party)
    }
}

/// All signatures of a graph that are made before anything is funded: those of key paths and of script leaves, in order
/// of its transactions, their inputs, and the places in these.
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

/// Bytes of a [`NoncesMessage`] without nonces, and of one nonce.
const NONCES_BYTES: [usize; 2] = [41, 66];

/// Bytes of a [`SharesMessage`] without shares, and of one share.
const SHARES_BYTES: [usize; 2] = [75, 32];

impl Plan {
    /// How long the message with `party`'s nonces is, known before a byte of it comes: 41 and 66 for each.
    pub fn nonce_bytes(&self, party: impl Into<PartyId>) -> usize {
        let [head, each] = NONCES_BYTES;
        head + each * self.signed_by(party).count()
    }

    /// How long the message with `from`'s shares of a stage for `to` is: 75 and 32 for each.
    pub fn share_bytes(
        &self,
        stage: impl Into<Stage>,
        from: impl Into<PartyId>,
        to: impl Into<PartyId>,
    ) -> usize {
        let [head, each] = SHARES_BYTES;
        head + each * self.sent(stage, from, to).count()
    }
}

fn node_items(graph: &TxGraph, id: NodeId) -> Result<Vec<Item>, SetupError> {
    let node = graph
        .node(id)
        .ok_or(SetupError::Graph("such transaction"))?;
    let Some(signing) = node.signing else {
        return Ok(Vec::new());
    };
    let parent = SetupError::Graph("parent of a transaction");
    let slots = graph
        .slots(node)
        .ok_or(SetupError::Graph("leaf of an input"))?;
    let whole = graph.sighashes(id).ok_or(parent.clone())?;
    let release = match slots.iter().any(|slot| slot.release) {
        true => graph.release_hashes(id).ok_or(parent.clone())?,
        false => Vec::new(),
    };
    let mut items = Vec::with_capacity(slots.len());
    for of_input in slots.chunk_by(|one, other| one.input == other.input) {
        let signers = of_input.iter().map(|slot| signers(graph, slot.keys));
        let signers = signers.collect::<Result<Vec<_>, _>>()?;
        // What nobody holds but who signs it alone is signed when it is published, and is no business of the others.
        let leaf = of_input
            .first()
            .and_then(|slot| node.inputs.get(slot.input as usize))
            .is_some_and(|input| matches!(input.spend, Spend::Leaf(_)));
        let own = |set: &PartySet| set.len() == 1 && *set == signing.signature_holders;
        if leaf && signing.withheld.is_none() && signers.iter().all(own) {
            continue;
        }
        for (slot, signers) in of_input.iter().zip(signers) {
            // A party that waits for one signer holds the signatures which that one does not make at once.
            let (signature_holders, withheld) = match signing.withheld {
                Some(a) if !signers.contains(a.signer) => {
                    (signing.signature_holders.with(a.holder), None)
                }
                withheld => (signing.signature_holders, withheld),
            };
            let messages = if slot.release { &release } else { &whole };
            let message = messages.get(slot.input as usize);
            items.push(Item {
                node: id,
                input: slot.input,
                place: slot.place,
                keys: slot.keys,
                signers,
                message: *message.ok_or(parent.clone())?,
                adaptor: signing.adaptor,
                stage: signing.stage,
                signature_holders,
                withheld,
            });
        }
    }
    Ok(items)
}

fn signers(graph: &TxGraph, keys: KeySetId) -> Result<PartySet, SetupError> {
    let keys = graph.key_set(keys);
    let keys = keys.ok_or(SetupError::Graph("key set of an input"))?;
    Ok(keys.signers().collect())
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
