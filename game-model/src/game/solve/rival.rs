//! A second subgame-perfect equilibrium, where elimination has only argued it away.
//!
//! Elimination asks what a player can believe of others that do nothing dominated: a verifier that is asked to verify
//! concludes that the worker did what may pay. Subgame perfection alone lets it believe anything about a worker from which
//! it expected nothing. So "only equilibrium" after elimination does not mean "only subgame-perfect one".

use num_traits::One;
use serde::Serialize;

use super::deviation::Profile;
use super::{Solution, equilibria};
use crate::game::tree::{Game, InfoSetId, Node, Player};

/// Most equilibria of a game with one action prescribed that are tried.
const MOST_TRIED: usize = 8;

/// An equilibrium in every subgame in which a player acts dishonestly where honest play comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rival {
    /// Who.
    pub player: Player,
    /// What it knows there.
    pub at: String,
    /// What it does, or would do: the others may keep clear of it.
    pub action: String,
    /// Where another leaves honest play because of it: what it knows, what it does.
    pub others: Vec<(String, String)>,
}

/// Looks for a subgame-perfect equilibrium beside honest play, in pure strategies: at each information set on honest
/// play's path in which its player does not know all that happened, each other action is prescribed, the rest is solved,
/// and the whole is tested in every subgame. `None` says that none was found so, not that there is none;
/// [`crate::game::inequalities()`] are sufficient for that.
pub fn rival(game: &Game, solution: &Solution) -> Option<Rival> {
    let members = game.members();
    let path = honest_path(game);
    let sets = path.into_iter().filter(|set| members[*set].len() > 1);
    for set in sets {
        let info = &game.infosets[set];
        for action in (0..info.actions.len()).filter(|action| Some(*action) != info.honest) {
            let (prescribed, _) = equilibria(&prescribing(game, set, action));
            let candidates = prescribed.iter().take(MOST_TRIED);
            for candidate in candidates {
                let mut profile = Profile::honest(game, solution.equilibria.first());
                for (at, odds) in &candidate.behaviour {
                    // Mixed play is left out.
                    if let Some(certain) = odds.iter().position(One::is_one) {
                        profile.set(*at, certain);
                    }
                }
                profile.set(set, action);
                if profile.stands_in_every_subgame() {
                    return Some(Rival {
                        player: game.players[info.player],
                        at: info.name.clone(),
                        action: info.actions[action].clone(),
                        others: profile.departures(set),
                    });
                }
            }
        }
    }
    None
}

/// The information sets to which honest play leads, whatever nature does.
fn honest_path(game: &Game) -> Vec<InfoSetId> {
    let (mut open, mut sets) = (vec![0], Vec::new());
    while let Some(node) = open.pop() {
        match &game.nodes[node] {
            Node::Decision { infoset, children } => {
                let Some(honest) = game.infosets[*infoset].honest else {
                    continue;
                };
                if !sets.contains(infoset) {
                    sets.push(*infoset);
                }
                open.extend(children.get(honest));
            }
            Node::Chance { branches, .. } => open.extend(branches.iter().map(|(_, _, n)| *n)),
            Node::End { .. } => {}
        }
    }
    sets
}

/// The game in which whatever the player does at this set leads where the prescribed action leads.
fn prescribing(game: &Game, set: InfoSetId, action: usize) -> Game {
    let mut builder = Pruned {
        from: game,
        nodes: Vec::new(),
        set,
        action,
    };
    builder.copy(0);
    let nodes = builder.nodes;
    let mut infosets = game.infosets.clone();
    let info = &mut infosets[set];
    info.actions = vec![info.actions[action].clone()];
    info.honest = None;
    Game {
        title: game.title.clone(),
        players: game.players.clone(),
        infosets,
        nodes,
    }
}

struct Pruned<'a> {
    from: &'a Game,
    nodes: Vec<Node>,
    set: InfoSetId,
    action: usize,
}

impl Pruned<'_> {
    fn copy(&mut self, node: usize) -> usize {
        let index = self.nodes.len();
        self.nodes.push(self.from.nodes[node].clone());
        let children = self.from.children(node).collect::<Vec<_>>();
        let kept = match &self.from.nodes[node] {
            Node::Decision { infoset, .. } if *infoset == self.set => vec![children[self.action]],
            _ => children,
        };
        let copies = kept.into_iter().map(|child| self.copy(child));
        let copies = copies.collect::<Vec<_>>();
        match &mut self.nodes[index] {
            Node::Decision { children, .. } => *children = copies,
            Node::Chance { branches, .. } => {
                for (branch, copy) in branches.iter_mut().zip(copies) {
                    branch.2 = copy;
                }
            }
            Node::End { .. } => {}
        }
        index
    }
}
