//! What a party loses if a transaction does not confirm in time: the bound of what it pays for it.

use std::collections::BTreeMap;

use bitcoin::Amount;
use narthex_contracts::{
    graph::{Node, NodeId, Purpose, Source, TxGraph},
    terms::Role,
};

use super::{Book, duty};

/// Least and most that a party can be paid from a transaction on.
type Range = (Amount, Amount);

/// What a transaction pays a party.
fn payout(node: &Node, role: Role) -> Amount {
    let own = node.outputs.iter().filter(|output| match output.purpose {
        Purpose::Payout(party) => party == role,
        _ => false,
    });
    own.map(|output| output.value).sum()
}

/// Of every transaction, in one pass: a graph of 15 arbiters has tens of thousands, and they are asked for with each block.
fn ranges(graph: &TxGraph, role: Role) -> BTreeMap<NodeId, Range> {
    // Parents come before their children.
    let nodes: Vec<_> = graph.nodes().collect();
    let mut behind: BTreeMap<NodeId, Range> = BTreeMap::new();
    for (id, node) in nodes.into_iter().rev() {
        // Steps pay nobody.
        let own = payout(node, role);
        let (low, high) = *behind.entry(id).or_insert((own, own));
        if let Some(Source::Output { node: parent, .. }) = node.inputs.first().map(|i| &i.source) {
            let of = behind.entry(*parent).or_insert((low, high));
            *of = (of.0.min(low), of.1.max(high));
        }
    }
    behind
}

impl Book {
    /// What this party has to lose if this transaction does not confirm: the most that it may still be paid behind it, less what the
    /// transaction pays that gets its turn then; where none does, less the least that it may be paid without it.
    pub fn at_stake(&self, node: NodeId) -> Amount {
        let (contract, graph) = (self.contract(), self.contract().graph());
        let ranges = ranges(graph, contract.role());
        let range = |id| ranges.get(&id).copied().unwrap_or_default();
        let without = match duty::rival(contract, node) {
            Some(rival) => range(rival).0,
            None => {
                let source = |id: NodeId| Some(&graph.node(id)?.inputs.first()?.source);
                let of_node = source(node);
                let others = graph
                    .nodes()
                    .filter(|(id, _)| *id != node && source(*id) == of_node);
                let others = others.map(|(id, _)| range(id).0);
                others.min().unwrap_or(Amount::ZERO)
            }
        };
        range(node).1.checked_sub(without).unwrap_or(Amount::ZERO)
    }
}
