//! Builds a game in preorder.

use std::collections::HashMap;

use num_traits::One;

use super::tree::{Game, InfoSet, InfoSetId, Node, NodeId, Player};
use crate::rational::Rational;

/// A move that is offered: what it is called, and what puts up all that follows it: one decision, chance or ending.
pub type Move<'a, C> = (&'a str, &'a dyn Fn(&mut GameBuilder, &C));

/// A game under construction, from the first move to the endings.
///
/// What has happened so far is a context that the caller passes along; a move's function puts up what follows in it. A
/// mistake is kept and said by [`Self::finish`], the first one.
///
/// ```
/// use narthex_game_model::game::{GameBuilder, Player, exact, solve};
///
/// let mut game = GameBuilder::new("A dare".to_owned(), vec![Player::Named("guest")]);
/// let end = |name: &'static str, sat| {
///     move |b: &mut GameBuilder, _: &()| b.end(name.to_owned(), vec![exact(sat)])
/// };
/// let (pass, jump) = (end("passed", 0), end("wet", -5));
/// game.decide(Player::Named("guest"), "dared", Some(0), &(), &[("pass", &pass), ("jump", &jump)]);
/// let game = game.finish()?;
/// assert!(solve(&game).verdict.honest_play_pays());
/// assert!(game.to_efg().starts_with("EFG 2 R \"A dare\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GameBuilder {
    game: Game,
    names: HashMap<String, InfoSetId>,
    /// Nodes that were put up behind the move that is being followed; one is right.
    here: usize,
    fault: Option<GameError>,
}

impl GameBuilder {
    /// A game without a move. Payoffs are in the order of these players.
    pub fn new(title: String, players: Vec<Player>) -> Self {
        Self {
            game: Game {
                title,
                players,
                infosets: Vec::new(),
                nodes: Vec::new(),
            },
            names: HashMap::new(),
            here: 0,
            fault: None,
        }
    }

    /// The game.
    ///
    /// # Errors
    /// [`GameError`], of what was put up first that fits no game: the caller's mistake.
    pub fn finish(mut self) -> Result<Game, GameError> {
        if self.here != 1 {
            self.fail(GameError::Following {
                after: "the beginning".to_owned(),
                found: self.here,
            });
        }
        self.fault.map_or(Ok(self.game), Err)
    }

    /// A decision at the information set of this player and name; the first use fixes its actions
    /// and what is honest (an index of `moves`).
    pub fn decide<C>(
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
        for (label, follow) in moves {
            let child = self.game.nodes.len();
            if let Node::Decision { children, .. } = &mut self.game.nodes[node] {
                children.push(child);
            }
            self.follow(label, |board| follow(board, context));
        }
    }

    /// A move of nature; probabilities sum to 1. Branches of probability 0 are left out, and a certain one is no branch.
    pub fn chance<C>(&mut self, name: &str, context: &C, branches: &[(Rational, Move<'_, C>)]) {
        let zero = Rational::default();
        let sum = branches.iter().fold(zero.clone(), |sum, (p, _)| sum + p);
        if !sum.is_one() || branches.iter().any(|(p, _)| *p < zero) {
            let name = name.to_owned();
            self.fail(GameError::Probabilities { name, sum });
        }
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
            self.follow(label, |board| follow(board, context));
        }
    }

    /// An ending, with what each player has by it, in satoshi and in the order of the players.
    pub fn end(&mut self, name: String, payoffs: Vec<Rational>) {
        let (found, players) = (payoffs.len(), self.game.players.len());
        if found != players {
            let name = name.clone();
            self.fail(GameError::Payoffs {
                name,
                found,
                players,
            });
        }
        self.open(Node::End { name, payoffs });
    }

    fn open(&mut self, node: Node) -> NodeId {
        self.here += 1;
        self.game.nodes.push(node);
        self.game.nodes.len() - 1
    }

    fn fail(&mut self, fault: GameError) {
        self.fault.get_or_insert(fault);
    }

    /// Puts up what follows a move.
    fn follow(&mut self, label: &str, follow: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.here);
        follow(self);
        let found = std::mem::replace(&mut self.here, outer);
        if found != 1 {
            let after = label.to_owned();
            self.fail(GameError::Following { after, found });
        }
    }

    fn infoset<'a>(
        &mut self,
        player: Player,
        name: &str,
        honest: Option<usize>,
        actions: impl Iterator<Item = &'a str>,
    ) -> InfoSetId {
        let name = format!("{player}: {name}");
        let actions: Vec<String> = actions.map(str::to_owned).collect();
        if let Some(known) = self.names.get(&name).copied() {
            if self.game.infosets[known].actions != actions {
                self.fail(GameError::Actions { name });
            }
            return known;
        }
        if actions.is_empty() || honest.is_some_and(|honest| honest >= actions.len()) {
            self.fail(GameError::Actions { name: name.clone() });
        }
        let id = self.game.infosets.len();
        let index = self.game.players.iter().position(|p| *p == player);
        if index.is_none() {
            self.fail(GameError::Stranger { player });
        }
        self.game.infosets.push(InfoSet {
            player: index.unwrap_or_default(),
            name: name.clone(),
            actions,
            honest,
        });
        self.names.insert(name, id);
        id
    }
}

/// What was put up is no game. The fault of whoever put it up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GameError {
    /// Somebody moves who is not listed.
    #[error("{player} moves and is none of the players")]
    Stranger {
        /// Who.
        player: Player,
    },
    /// An information set has no action, its honest one is none of them, or it was met before with others.
    #[error("{name:?} offers nothing, or nothing that is honest, or other actions than before")]
    Actions {
        /// The information set, with its player.
        name: String,
    },
    /// Probabilities that are negative or do not sum to 1.
    #[error("the probabilities of {name:?} are to be at least 0 and to sum to 1, not to {sum}")]
    Probabilities {
        /// What is decided by chance.
        name: String,
        /// Their sum.
        sum: Rational,
    },
    /// An ending that does not say what each player has by it.
    #[error("the ending {name:?} has {found} payoffs for {players} players")]
    Payoffs {
        /// The ending.
        name: String,
        /// Payoffs.
        found: usize,
        /// Players.
        players: usize,
    },
    /// Something else than one decision, chance or ending follows.
    #[error("{found} things follow {after:?}; it is to be one decision, chance or ending")]
    Following {
        /// The move.
        after: String,
        /// How many.
        found: usize,
    },
}
