//! A subgame with its own subgames replaced by their payoffs.

use std::collections::{BTreeMap, HashMap};

use num_traits::{One, Zero};

use crate::game::tree::{Game, InfoSetId, Node, NodeId};
use crate::rational::Rational;

/// What a node of a game says for people.
pub(super) fn name(game: &Game, node: NodeId) -> String {
    match &game.nodes[node] {
        Node::Decision { infoset, .. } => game.infosets[*infoset].name.clone(),
        Node::Chance { name, .. } => format!("nature: {name}"),
        Node::End { name, .. } => name.clone(),
    }
}

/// The outermost nodes below `root` that are solved; `ends` are [`Game::subtree_ends`].
pub(super) fn inner_subgames(
    ends: &[NodeId],
    root: NodeId,
    solved: impl Fn(NodeId) -> bool,
) -> Vec<NodeId> {
    let mut inner = Vec::new();
    let mut node = root + 1;
    while node < ends[root] {
        if solved(node) {
            inner.push(node);
            node = ends[node];
        } else {
            node += 1;
        }
    }
    inner
}

/// A node of the skeleton.
pub(super) enum Part {
    /// A player chooses: information set and one child an action.
    Choice(InfoSetId, Vec<usize>),
    /// Nature chooses.
    Nature(Vec<(Rational, usize)>),
    /// Over, or a subgame that is solved.
    Value(Vec<Rational>),
}

/// The skeleton and the actions that are still possible.
pub(super) struct Skeleton<'a> {
    pub(super) game: &'a Game,
    /// In preorder.
    pub(super) parts: Vec<Part>,
    /// By information set that occurs, whether each action is possible.
    pub(super) allowed: BTreeMap<InfoSetId, Vec<bool>>,
    /// Own earlier information sets and actions, by information set (perfect recall).
    pub(super) past: BTreeMap<InfoSetId, Vec<(InfoSetId, usize)>>,
}

impl<'a> Skeleton<'a> {
    pub(super) fn new(
        game: &'a Game,
        root: NodeId,
        values: &HashMap<NodeId, Vec<Rational>>,
    ) -> Self {
        let mut skeleton = Self {
            game,
            parts: Vec::new(),
            allowed: BTreeMap::new(),
            past: BTreeMap::new(),
        };
        skeleton.add(root, values, &mut Vec::new());
        skeleton
    }

    fn add(
        &mut self,
        node: NodeId,
        values: &HashMap<NodeId, Vec<Rational>>,
        path: &mut Vec<(InfoSetId, usize)>,
    ) -> usize {
        let index = self.parts.len();
        let game = self.game;
        if let Some(value) = values.get(&node) {
            self.parts.push(Part::Value(value.clone()));
            return index;
        }
        match &game.nodes[node] {
            Node::End { payoffs, .. } => self.parts.push(Part::Value(payoffs.clone())),
            Node::Chance { branches, .. } => {
                self.parts.push(Part::Nature(Vec::new()));
                let follow = branches
                    .iter()
                    .map(|(_, p, child)| (p.clone(), self.add(*child, values, path)));
                let follow = follow.collect();
                self.parts[index] = Part::Nature(follow);
            }
            Node::Decision { infoset, children } => {
                self.parts.push(Part::Choice(*infoset, Vec::new()));
                self.allowed
                    .entry(*infoset)
                    .or_insert_with(|| vec![true; children.len()]);
                let player = game.infosets[*infoset].player;
                let own = path
                    .iter()
                    .filter(|(set, _)| game.infosets[*set].player == player);
                let own = own.copied().collect();
                self.past.insert(*infoset, own);
                let mut follow = Vec::with_capacity(children.len());
                for (action, child) in children.iter().enumerate() {
                    path.push((*infoset, action));
                    follow.push(self.add(*child, values, path));
                    path.pop();
                }
                self.parts[index] = Part::Choice(*infoset, follow);
            }
        }
        index
    }

    /// Number of players of the whole game.
    pub(super) fn players(&self) -> usize {
        self.game.players.len()
    }

    /// Which parts possible actions lead to.
    pub(super) fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.parts.len()];
        if let Some(root) = reached.first_mut() {
            *root = true;
        }
        for (index, part) in self.parts.iter().enumerate() {
            if !reached[index] {
                continue;
            }
            match part {
                Part::Choice(set, children) => {
                    let allowed = self.allowed[set].iter();
                    for (child, _) in children
                        .iter()
                        .zip(allowed)
                        .filter(|(_, allowed)| **allowed)
                    {
                        reached[*child] = true;
                    }
                }
                Part::Nature(branches) => {
                    for (_, child) in branches {
                        reached[*child] = true;
                    }
                }
                Part::Value(_) => {}
            }
        }
        reached
    }

    /// Information sets that are still reached, in preorder of their first node.
    pub(super) fn live_sets(&self) -> Vec<InfoSetId> {
        let mut sets = Vec::new();
        for (part, reached) in self.parts.iter().zip(self.reached()) {
            if let (Part::Choice(set, _), true) = (part, reached)
                && !sets.contains(set)
            {
                sets.push(*set);
            }
        }
        sets
    }

    fn unreached(&self) -> impl Iterator<Item = (InfoSetId, &Vec<bool>)> {
        let live = self.live_sets();
        let all = self.allowed.iter().map(|(set, allowed)| (*set, allowed));
        all.filter(move |(set, _)| !live.contains(set))
    }

    /// Information sets that elimination cut off while several of their actions were possible.
    pub(super) fn unreached_choices(&self) -> Vec<InfoSetId> {
        self.unreached()
            .filter(|(_, allowed)| allowed.iter().filter(|a| **a).count() > 1)
            .map(|(set, _)| set)
            .collect()
    }

    /// Information sets that elimination cut off after it had settled them.
    pub(super) fn unreached_single_actions(&self) -> BTreeMap<InfoSetId, Vec<Rational>> {
        let certain = |allowed: &Vec<bool>| {
            let p = |a: &bool| {
                if *a {
                    Rational::one()
                } else {
                    Rational::zero()
                }
            };
            allowed.iter().map(p).collect::<Vec<_>>()
        };
        self.unreached()
            .filter(|(_, allowed)| allowed.iter().filter(|a| **a).count() == 1)
            .map(|(set, allowed)| (set, certain(allowed)))
            .collect()
    }
}
