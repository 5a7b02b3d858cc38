//! Builds a game in preorder.

use std::collections::HashMap;

use super::tree::{Game, InfoSet, InfoSetId, Node, NodeId, Player};
use crate::rational::Rational;

/// A move that is offered: what it is called and what follows.
pub(super) type Move<'a, C> = (&'a str, &'a dyn Fn(&mut Board, &C));

/// A game under construction.
pub(super) struct Board {
    game: Game,
    names: HashMap<String, InfoSetId>,
}

impl Board {
    pub(super) fn new(title: String, players: Vec<Player>) -> Self {
        Self {
            game: Game {
                title,
                players,
                infosets: Vec::new(),
                nodes: Vec::new(),
            },
            names: HashMap::new(),
        }
    }

    pub(super) fn finish(self) -> Game {
        self.game
    }

    /// A decision at the information set of this player and name; the first use fixes its actions
    /// and what is honest.
    pub(super) fn decide<C>(
        &mut self,
        player: Player,
        name: &str,
        honest: Option<usize>,
        context: &C,
        moves: &[Move<'_, C>],
    ) {
        let infoset = self.infoset(player, name, honest, moves.iter().map(|m| m.0));
        let node = self.open(Node::Decision {
            infoset,
            children: Vec::with_capacity(moves.len()),
        });
        for (_, follow) in moves {
            let child = self.game.nodes.len();
            if let Node::Decision { children, .. } = &mut self.game.nodes[node] {
                children.push(child);
            }
            follow(self, context);
        }
    }

    /// A move of nature. Branches of probability 0 are left out, and a certain one is no branch.
    pub(super) fn chance<C>(
        &mut self,
        name: &str,
        context: &C,
        branches: &[(Rational, Move<'_, C>)],
    ) {
        let zero = Rational::default();
        let mut possible = branches.iter().filter(|(p, _)| *p != zero);
        if let (Some((_, (_, follow))), None) = (possible.next(), possible.next()) {
            return follow(self, context);
        }
        let node = self.open(Node::Chance {
            name: name.to_owned(),
            branches: Vec::with_capacity(branches.len()),
        });
        for (p, (label, follow)) in branches.iter().filter(|(p, _)| *p != zero) {
            let child = self.game.nodes.len();
            if let Node::Chance { branches, .. } = &mut self.game.nodes[node] {
                branches.push(((*label).to_owned(), p.clone(), child));
            }
            follow(self, context);
        }
    }

    /// An ending.
    pub(super) fn end(&mut self, name: String, payoffs: Vec<Rational>) {
        self.open(Node::End { name, payoffs });
    }

    fn open(&mut self, node: Node) -> NodeId {
        self.game.nodes.push(node);
        self.game.nodes.len() - 1
    }

    fn infoset<'a>(
        &mut self,
        player: Player,
        name: &str,
        honest: Option<usize>,
        actions: impl Iterator<Item = &'a str>,
    ) -> InfoSetId {
        let name = format!("{player}: {name}");
        if let Some(known) = self.names.get(&name) {
            return *known;
        }
        let id = self.game.infosets.len();
        let player = self.game.players.iter().position(|p| *p == player);
        self.game.infosets.push(InfoSet {
            // Every player that moves is listed by the builder of the game.
            player: player.unwrap_or_default(),
            name: name.clone(),
            actions: actions.map(str::to_owned).collect(),
            honest,
        });
        self.names.insert(name, id);
        id
    }
}
