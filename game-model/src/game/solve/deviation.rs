//! What pays better than honest play, where something does.

use std::collections::BTreeMap;

use num_traits::{One, Zero};
use serde::{Serialize, Serializer};

use super::{Equilibrium, skeleton};
use crate::game::tree::{Game, InfoSetId, Node, NodeId, Player};
use crate::rational::{Rational, mean, rounded};

/// A player's best answer to everybody else's honest play, better than its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// Who deviates.
    pub player: Player,
    /// From where on: the start of the game, or a situation to which honest play does not lead but
    /// in which it would be given up.
    pub from: String,
    /// Each action that is not honest, or follows one that is not: what the player knows, what it
    /// does.
    pub plan: Vec<(String, String)>,
    /// What honest play gives the player from there on, in satoshi.
    #[serde(rename = "honest_sat", serialize_with = "shown")]
    pub honest: Rational,
    /// How much more the deviation gives, in satoshi.
    #[serde(rename = "gain_sat", serialize_with = "shown")]
    pub gain: Rational,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gain = rounded(&self.gain, 2);
        let honest = rounded(&self.honest, 2);
        write!(
            f,
            "from \"{}\" on, the {} gains {gain} sat over honest play's {honest} by: ",
            self.from, self.player
        )?;
        let each = self.plan.iter().map(|(at, what)| format!("{at} → {what}"));
        f.write_str(&each.collect::<Vec<_>>().join(", "))
    }
}

/// Each player's best deviation in the whole game, else in the first subgame in which one pays.
pub(super) fn all(game: &Game, hint: Option<&Equilibrium>) -> Vec<Deviation> {
    let honest = Profile::honest(game, hint);
    let players = 0..game.players.len();
    game.subgame_roots()
        .into_iter()
        .map(|root| {
            let each = players.clone().filter_map(|p| honest.improve(root, p));
            each.collect::<Vec<_>>()
        })
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// What everybody does at each information set.
pub(super) struct Profile<'a> {
    game: &'a Game,
    members: Vec<Vec<NodeId>>,
    actions: Vec<usize>,
}

impl<'a> Profile<'a> {
    /// Honest play; where it says nothing, the equilibrium's likeliest action, else a best reply.
    pub(super) fn honest(game: &'a Game, hint: Option<&Equilibrium>) -> Self {
        let mut profile = Self {
            game,
            members: game.members(),
            actions: game
                .infosets
                .iter()
                .map(|set| set.honest.unwrap_or(0))
                .collect(),
        };
        let open = (0..game.infosets.len())
            .rev()
            .filter(|set| game.infosets[*set].honest.is_none())
            .collect::<Vec<_>>();
        for set in open {
            let hinted = hint.and_then(|e| e.behaviour.get(&set)).and_then(|p| {
                let likeliest = p.iter().enumerate().max_by(|a, b| a.1.cmp(b.1));
                likeliest.map(|(action, _)| action)
            });
            profile.actions[set] =
                hinted.unwrap_or_else(|| profile.reply(set, &BTreeMap::new(), &profile.actions));
        }
        profile
    }

    /// Prescribes an action.
    pub(super) fn set(&mut self, set: InfoSetId, action: usize) {
        self.actions[set] = action;
    }

    /// Whether nobody gains in any subgame by leaving it alone.
    pub(super) fn stands_in_every_subgame(&self) -> bool {
        let players = 0..self.game.players.len();
        let roots = self.game.subgame_roots();
        roots
            .into_iter()
            .all(|root| players.clone().all(|p| self.improve(root, p).is_none()))
    }

    /// Where it leaves honest play but at this set.
    pub(super) fn departures(&self, but: InfoSetId) -> Vec<(String, String)> {
        let sets = self.game.infosets.iter().enumerate();
        let left = sets.filter(|(set, info)| {
            *set != but && info.honest.is_some_and(|h| h != self.actions[*set])
        });
        let named =
            left.map(|(set, info)| (info.name.clone(), info.actions[self.actions[set]].clone()));
        named.collect()
    }

    fn improve(&self, root: NodeId, player: usize) -> Option<Deviation> {
        let honest = self.value(root, player, &self.actions);
        let reach = self.reach(root, player);
        let mut actions = self.actions.clone();
        // Own later sets come later in preorder, so they are decided first.
        for set in (0..self.game.infosets.len()).rev() {
            let inside = self.members[set].iter().all(|n| reach.contains_key(n));
            if self.game.infosets[set].player == player && inside {
                actions[set] = self.reply(set, &reach, &actions);
            }
        }
        let gain = self.value(root, player, &actions) - &honest;
        if gain <= Rational::zero() {
            return None;
        }
        Some(Deviation {
            player: self.game.players[player],
            from: skeleton::name(self.game, root),
            plan: self.plan(root, player, &actions),
            honest,
            gain,
        })
    }

    /// The best action at a set; honest (or present) play if it is as good.
    fn reply(
        &self,
        set: InfoSetId,
        reach: &BTreeMap<NodeId, Rational>,
        actions: &[usize],
    ) -> usize {
        let info = &self.game.infosets[set];
        let likely = self.members[set]
            .iter()
            .any(|n| reach.get(n).is_some_and(|p| !p.is_zero()));
        let even = Rational::one();
        let worth = |action: usize| -> Rational {
            let each = self.members[set].iter().map(|node| {
                let child = self.game.children(*node).nth(action).unwrap_or(*node);
                let weight = match reach.get(node) {
                    Some(p) if likely => p,
                    // Off the path any belief will do; an even one is taken.
                    _ => &even,
                };
                (weight, self.value(child, info.player, actions))
            });
            mean(each)
        };
        let mut best = (actions[set], worth(actions[set]));
        for action in 0..info.actions.len() {
            let value = worth(action);
            if value > best.1 {
                best = (action, value);
            }
        }
        best.0
    }

    /// Probability of each node of a subtree, but for the player's own actions.
    fn reach(&self, root: NodeId, player: usize) -> BTreeMap<NodeId, Rational> {
        let mut reach = BTreeMap::from([(root, Rational::one())]);
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            let here = reach[&node].clone();
            let weights: Vec<Rational> = match &self.game.nodes[node] {
                Node::End { .. } => Vec::new(),
                Node::Chance { branches, .. } => {
                    branches.iter().map(|(_, p, _)| p * &here).collect()
                }
                Node::Decision { infoset, children } => {
                    let own = self.game.infosets[*infoset].player == player;
                    let taken = self.actions[*infoset];
                    let weight = |a| {
                        if own || a == taken {
                            here.clone()
                        } else {
                            Rational::zero()
                        }
                    };
                    (0..children.len()).map(weight).collect()
                }
            };
            for (child, weight) in self.game.children(node).zip(weights) {
                reach.insert(child, weight);
                open.push(child);
            }
        }
        reach
    }

    fn value(&self, node: NodeId, player: usize, actions: &[usize]) -> Rational {
        match &self.game.nodes[node] {
            Node::End { payoffs, .. } => payoffs[player].clone(),
            Node::Decision { infoset, children } => {
                self.value(children[actions[*infoset]], player, actions)
            }
            Node::Chance { branches, .. } => {
                let each = branches.iter();
                mean(each.map(|(_, p, child)| (p, self.value(*child, player, actions))))
            }
        }
    }

    /// The changed actions along the paths that the new play makes possible, and own later ones.
    fn plan(&self, root: NodeId, player: usize, actions: &[usize]) -> Vec<(String, String)> {
        let mut plan = Vec::new();
        let mut open = vec![(root, false)];
        while let Some((node, mut changed)) = open.pop() {
            match &self.game.nodes[node] {
                Node::End { .. } => {}
                Node::Chance { branches, .. } => {
                    open.extend(branches.iter().rev().map(|(_, _, child)| (*child, changed)));
                }
                Node::Decision { infoset, children } => {
                    let info = &self.game.infosets[*infoset];
                    let action = actions[*infoset];
                    if info.player == player && (changed || action != self.actions[*infoset]) {
                        changed = true;
                        let step = (info.name.clone(), info.actions[action].clone());
                        if !plan.contains(&step) {
                            plan.push(step);
                        }
                    }
                    open.push((children[action], changed));
                }
            }
        }
        plan
    }
}
