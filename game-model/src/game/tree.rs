//! Games as trees, with information sets and exact payoffs.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::rational::Rational;

/// Index of a node in [`Game::nodes`].
pub type NodeId = usize;
/// Index of an information set in [`Game::infosets`].
pub type InfoSetId = usize;

/// Who moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Player {
    /// The client.
    Client,
    /// The worker.
    Worker,
    /// The verifier.
    Verifier,
    /// The arbiter with this index in the panel.
    Arbiter(u8),
    /// A player of another game than that of the contract, by the name that the game gives it.
    Named(&'static str),
}

impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Worker => f.write_str("worker"),
            Self::Verifier => f.write_str("verifier"),
            Self::Arbiter(index) => write!(f, "arbiter {index}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Serialize for Player {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Situations that a player can't tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoSet {
    /// Index of the player in [`Game::players`].
    pub player: usize,
    /// What the player knows, in a few words; unique in the game.
    pub name: String,
    /// What it can do.
    pub actions: Vec<String>,
    /// What an honest player does here. `None` where honest play can't lead for want of an honest
    /// past, such as a worker that has skipped its work.
    pub honest: Option<usize>,
}

/// A point in the course of the game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A player chooses.
    Decision {
        /// What it knows.
        infoset: InfoSetId,
        /// One per action of the information set.
        children: Vec<NodeId>,
    },
    /// Nature chooses.
    Chance {
        /// What is decided.
        name: String,
        /// Label, probability, what follows. Probabilities sum to 1.
        branches: Vec<(String, Rational, NodeId)>,
    },
    /// The game is over.
    End {
        /// How.
        name: String,
        /// By player, in satoshi.
        payoffs: Vec<Rational>,
    },
}

/// An extensive-form game with perfect recall.
///
/// Nodes are in preorder, the root first, so a subtree is a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Game {
    /// What it is about.
    pub title: String,
    /// The players; payoffs are in this order.
    pub players: Vec<Player>,
    /// All information sets.
    pub infosets: Vec<InfoSet>,
    /// All nodes in preorder.
    pub nodes: Vec<Node>,
}

impl Game {
    /// The children of a node, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let (decision, chance): (&[NodeId], &[(String, Rational, NodeId)]) = match &self.nodes[node]
        {
            Node::Decision { children, .. } => (children, &[]),
            Node::Chance { branches, .. } => (&[], branches),
            Node::End { .. } => (&[], &[]),
        };
        decision
            .iter()
            .copied()
            .chain(chance.iter().map(|(_, _, child)| *child))
    }

    /// The end of each node's subtree: `node..ends[node]` is its range.
    pub fn subtree_ends(&self) -> Vec<NodeId> {
        let mut ends = vec![0; self.nodes.len()];
        for node in (0..self.nodes.len()).rev() {
            let last = self.children(node).last();
            ends[node] = last.map_or(node + 1, |child| ends[child]);
        }
        ends
    }

    /// The nodes of each information set.
    pub fn members(&self) -> Vec<Vec<NodeId>> {
        let mut members = vec![Vec::new(); self.infosets.len()];
        for (node, kind) in self.nodes.iter().enumerate() {
            if let Node::Decision { infoset, .. } = kind {
                members[*infoset].push(node);
            }
        }
        members
    }

    /// The nodes at which a proper subgame starts: the decisions and chance moves below which no
    /// information set reaches across the border, in preorder.
    pub fn subgame_roots(&self) -> Vec<NodeId> {
        let ends = self.subtree_ends();
        let members = self.members();
        // Least and greatest node of any information set that the subtree touches.
        let mut reach: Vec<(NodeId, NodeId)> = (0..self.nodes.len()).map(|n| (n, n)).collect();
        for node in (0..self.nodes.len()).rev() {
            let (mut low, mut high) = reach[node];
            if let Node::Decision { infoset, .. } = &self.nodes[node] {
                low = low.min(members[*infoset].first().copied().unwrap_or(node));
                high = high.max(members[*infoset].last().copied().unwrap_or(node));
            }
            for child in self.children(node) {
                low = low.min(reach[child].0);
                high = high.max(reach[child].1);
            }
            reach[node] = (low, high);
        }
        (0..self.nodes.len())
            .filter(|n| !matches!(self.nodes[*n], Node::End { .. }))
            .filter(|n| reach[*n].0 >= *n && reach[*n].1 < ends[*n])
            .collect()
    }
}
