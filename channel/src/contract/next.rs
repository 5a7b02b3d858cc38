//! What a party publishes next if nothing else happens: what a watcher of the chain wakes it for.

use std::borrow::Cow;

use narthex_contracts::graph::{NodeId, Source};

use super::{Book, ChainView, ContractMachine, Side, duty};
use crate::Machine as _;

/// The next transaction of a party's own, by what it knows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextMove {
    /// Which transaction of the graph.
    pub node: NodeId,
    /// First height at which a block may hold it; its party publishes it once the block before that is the tip.
    pub from: u32,
    /// Last height at which it is surely in time, where another party's gets its turn then.
    pub until: Option<u32>,
}

impl<S: Side> ContractMachine<S> {
    /// What this party publishes next, at this tip or above, if nobody says or publishes anything before; `None` if it only waits, or
    /// everything is over. What comes may bring something better, or nothing to do: ask again after each message and block.
    ///
    /// The machine itself is shown the heights ahead, so that this is what it does when they come. It takes some microseconds for each
    /// block up to the last lock that may count.
    pub fn next_move(&self, tip: u32) -> Option<NextMove> {
        let mut ahead = Cow::Borrowed(self);
        // No chain is lower than what was seen on it.
        let tip = tip.max(self.book().facts.highest());
        let last = self.book().last_lock()?.max(tip);
        for tip in tip..=last {
            let facts = ahead.book().facts.clone();
            let since = 0;
            let changes = ahead.chain(&ChainView { tip, since, facts }).ok()?;
            for change in &changes {
                ahead.to_mut().apply(change);
            }
            let book = ahead.book();
            if book.is_over || book.is_settled() {
                return None;
            }
            if let Some(node) = book.published_next() {
                let (from, until) = (tip.saturating_add(1), duty::until(book, node));
                return Some(NextMove { node, from, until });
            }
        }
        None
    }
}

impl Book {
    /// A height at which all that can follow where the contract stands is due, if ever it is.
    fn last_lock(&self) -> Option<u32> {
        let (last, _) = self.facts.last()?;
        let (graph, policy) = (self.contract().graph(), self.contract().policy());
        let follows =
            |source: &Source| matches!(source, Source::Output { node, .. } if *node == last);
        let next = graph.nodes().filter(|(_, node)| {
            let first = node.inputs.first();
            first.is_some_and(|input| follows(&input.source))
        });
        let locks = next.filter_map(|(node, _)| duty::earliest(self.contract(), &self.facts, node));
        // Others may be given some blocks, or are waited for.
        let patience =
            u32::from(policy.confirm) + u32::from(policy.message) + policy.depth.blocks();
        Some(locks.max()?.saturating_add(patience))
    }
}
