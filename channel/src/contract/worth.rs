//! What a party loses if a transaction does not confirm in time: the bound of what it pays for it.

use bitcoin::Amount;
use narthex_contracts::{
    graph::{Node, NodeId, Purpose, Source, TxGraph},
    terms::Role,
};

use super::{Book, duty};

/// What a transaction pays a party.
fn payout(node: &Node, role: Role) -> Amount {
    let own = node.outputs.iter().filter(|output| match output.purpose {
        Purpose::Payout(party) => party == role,
        _ => false,
    });
    own.map(|output| output.value).sum()
}

/// Transactions that spend an output of this one.
fn children(graph: &TxGraph, id: NodeId) -> impl Iterator<Item = NodeId> {
    graph.nodes().filter_map(move |(child, node)| {
        let spends = |source: &Source| matches!(source, Source::Output { node, .. } if *node == id);
        let first = node.inputs.first()?;
        spends(&first.source).then_some(child)
    })
}

/// Least and most that a party can be paid from this transaction on.
fn range(graph: &TxGraph, role: Role, id: NodeId) -> (Amount, Amount) {
    let own = graph
        .node(id)
        .map_or(Amount::ZERO, |node| payout(node, role));
    let mut ranges = children(graph, id).map(|child| range(graph, role, child));
    match ranges.next() {
        // Steps pay nobody.
        Some(first) => ranges.fold(first, |(least, most), (low, high)| {
            (least.min(low), most.max(high))
        }),
        None => (own, own),
    }
}

impl Book {
    /// What this party has to lose if this transaction does not confirm: the most that it may still be paid behind it, less what the
    /// transaction pays that gets its turn then; where none does, less the least that it may be paid without it.
    pub fn at_stake(&self, node: NodeId) -> Amount {
        let (contract, graph) = (self.contract(), self.contract().graph());
        let role = contract.role();
        let (_, most) = range(graph, role, node);
        let without = match duty::rival(contract, node) {
            Some(rival) => range(graph, role, rival).0,
            None => {
                let source = |id: NodeId| Some(&graph.node(id)?.inputs.first()?.source);
                let others = graph
                    .nodes()
                    .filter(|(id, _)| *id != node && source(*id) == source(node));
                let others = others.map(|(id, _)| range(graph, role, id).0);
                others.min().unwrap_or(Amount::ZERO)
            }
        };
        most.checked_sub(without).unwrap_or(Amount::ZERO)
    }
}
