//! Equilibria that survive the elimination of dominated actions, exactly.
//!
//! From the last subgame to the first: each is solved with its own subgames replaced by their
//! payoffs. Within one, an action goes that is *conditionally dominated*: in every situation of its
//! information set, whatever follows, it gives its player strictly less than another. (So no belief
//! about an information set off the path can make it a best reply; subgame perfection alone would
//! leave the verifier free to be silent about a cheat that never happens.) This is an argument of forward induction: what
//! is left may be fewer than the subgame-perfect equilibria. [`rival()`] looks for another of those. Of what is left the
//! reduced normal form is taken, strictly dominated strategies go, and all extreme equilibria of the
//! remaining game are found, mixed ones included, if at most two players still have a choice.
//!
//! Elimination may leave several actions at an information set to which none of what is left leads, such as two with the same
//! payoffs. They are no second equilibrium: every action that was taken away is worse than another *whatever* of what is left
//! is done there, so each choice there goes with the same play and the same payoffs. Where honest play names one of
//! them the question whether it is honest play that is left stays open; where it names none there is no such question.
//!
//! Where more than two have one, pure equilibria are found and the rest is left open: the answer
//! says so ([`Verdict::Undecided`]).

mod deviation;
mod dominance;
mod normal;
mod rival;
mod skeleton;

use std::collections::{BTreeMap, HashMap};

use num_traits::One;
use serde::Serialize;

pub use deviation::Deviation;
pub use rival::{Rival, rival};

use super::tree::{Game, InfoSetId, NodeId};
use crate::rational::Rational;
use skeleton::Skeleton;

/// Most combinations of the equilibria of subgames that are followed up.
const MAX_COMBINATIONS: usize = 64;

/// One equilibrium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equilibrium {
    /// By player, in satoshi.
    pub payoffs: Vec<Rational>,
    /// Probability of each action, by information set. Sets that a player's own play excludes are
    /// missing.
    pub behaviour: BTreeMap<InfoSetId, Vec<Rational>>,
}

/// What solving found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The equilibria, extreme ones where there is a continuum.
    pub equilibria: Vec<Equilibrium>,
    /// Reasons why there may be others.
    pub open: Vec<String>,
    /// Each player's best deviation from honest play, where it has one; in the whole game, else in
    /// the first subgame that has any.
    pub deviations: Vec<Deviation>,
    /// What that says of honest play.
    pub verdict: Verdict,
}

/// Whether honest play is what rational parties do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Honest play is the only equilibrium that is left when conditionally dominated actions and strictly dominated
    /// strategies go, one after the other.
    Unique,
    /// Honest play is an equilibrium, and there is another.
    NotUnique {
        /// An action of the other one that is not honest, or the reason why there is another.
        other: String,
    },
    /// Honest play is no equilibrium.
    Deviates(Deviation),
    /// Neither could be shown.
    Undecided {
        /// What stood in the way.
        why: String,
    },
}

impl Verdict {
    /// Whether honest play pays and nothing else does.
    pub const fn honest_play_pays(&self) -> bool {
        matches!(self, Self::Unique)
    }
}

/// Solves a game.
pub fn solve(game: &Game) -> Solution {
    let (equilibria, open) = equilibria(game);
    let deviations = deviation::all(game, equilibria.first());
    let verdict = verdict(game, &equilibria, &open, &deviations);
    Solution {
        equilibria,
        open,
        deviations,
        verdict,
    }
}

/// The equilibria of the whole game, and what was left open on the way to them.
fn equilibria(game: &Game) -> (Vec<Equilibrium>, Vec<String>) {
    let mut solver = Solver {
        game,
        ends: game.subtree_ends(),
        solved: HashMap::new(),
        open: Vec::new(),
    };
    for root in game.subgame_roots().into_iter().rev() {
        let equilibria = solver.subgame(root);
        solver.solved.insert(root, equilibria);
    }
    let whole = solver.solved.remove(&0).unwrap_or_default();
    (whole, solver.open)
}

fn verdict(
    game: &Game,
    equilibria: &[Equilibrium],
    open: &[String],
    deviations: &[Deviation],
) -> Verdict {
    if let Some(most) = deviations.iter().max_by(|a, b| a.gain.cmp(&b.gain)) {
        return Verdict::Deviates(most.clone());
    }
    let mut dishonest = equilibria.iter().filter_map(|e| e.dishonest_action(game));
    if let Some(other) = dishonest.next() {
        return Verdict::NotUnique { other };
    }
    match (equilibria, open) {
        ([_], []) => Verdict::Unique,
        (_, [why, ..]) => Verdict::Undecided { why: why.clone() },
        ([], []) => Verdict::Undecided {
            why: "no equilibrium was found".to_owned(),
        },
        (several, []) => Verdict::NotUnique {
            other: format!(
                "{} equilibria that differ only after a deviation",
                several.len()
            ),
        },
    }
}

impl Equilibrium {
    /// An action that honest play would not take, in words.
    fn dishonest_action(&self, game: &Game) -> Option<String> {
        self.behaviour.iter().find_map(|(set, probabilities)| {
            let info = &game.infosets[*set];
            let honest = info.honest?;
            let other = (0..info.actions.len())
                .find(|a| *a != honest && probabilities[*a] > Rational::default())?;
            let p = &probabilities[other];
            let often = if p.is_one() {
                String::new()
            } else {
                format!(" with probability {p}")
            };
            Some(format!("{}: {}{often}", info.name, info.actions[other]))
        })
    }
}

struct Solver<'a> {
    game: &'a Game,
    ends: Vec<NodeId>,
    solved: HashMap<NodeId, Vec<Equilibrium>>,
    open: Vec<String>,
}

impl Solver<'_> {
    fn subgame(&mut self, root: NodeId) -> Vec<Equilibrium> {
        let inner =
            skeleton::inner_subgames(&self.ends, root, |node| self.solved.contains_key(&node));
        let mut found: Vec<Equilibrium> = Vec::new();
        let choices = inner
            .iter()
            .map(|node| self.solved[node].len())
            .collect::<Vec<_>>();
        let combinations = choices
            .iter()
            .try_fold(1_usize, |all, n| all.checked_mul(*n));
        let combinations = combinations.filter(|all| *all <= MAX_COMBINATIONS);
        if combinations.is_none() {
            self.leave_open(root, "its subgames have too many equilibria together");
        }
        for mut index in 0..combinations.unwrap_or(1) {
            let mut values = HashMap::new();
            let mut behaviour = BTreeMap::new();
            for (node, count) in inner.iter().zip(&choices) {
                let Some(chosen) = self.solved[node].get(index % (*count).max(1)) else {
                    // A subgame that could not be solved leaves this one open too.
                    return Vec::new();
                };
                index /= count;
                values.insert(*node, chosen.payoffs.clone());
                behaviour.extend(chosen.behaviour.clone());
            }
            for mut equilibrium in self.reduced(root, &values) {
                equilibrium.behaviour.extend(behaviour.clone());
                if !found.contains(&equilibrium) {
                    found.push(equilibrium);
                }
            }
        }
        found
    }

    fn reduced(
        &mut self,
        root: NodeId,
        values: &HashMap<NodeId, Vec<Rational>>,
    ) -> Vec<Equilibrium> {
        let mut skeleton = Skeleton::new(self.game, root, values);
        dominance::eliminate(&mut skeleton);
        let Some(form) = normal::NormalForm::new(&skeleton) else {
            self.leave_open(root, "its normal form is too large");
            return Vec::new();
        };
        let (equilibria, complete) = form.equilibria(&skeleton);
        if !complete {
            self.leave_open(
                root,
                "more than two players have a choice in it, so mixed equilibria were not looked for",
            );
        }
        // What nobody reaches any more decides no payoff: an action that went is worse than another whatever is done there.
        // It is part of the answer only where honest play says what to do.
        let mut unsettled = skeleton.unreached_choices().into_iter();
        if let Some(set) = unsettled.find(|set| self.game.infosets[*set].honest.is_some()) {
            let name = &self.game.infosets[set].name;
            let why = format!("several actions are possible at \"{name}\", and one is honest");
            self.leave_open(root, &why);
        }
        let settled = skeleton.unreached_single_actions();
        equilibria
            .into_iter()
            .map(|mut equilibrium| {
                equilibrium.behaviour.extend(settled.clone());
                equilibrium
            })
            .collect()
    }

    fn leave_open(&mut self, root: NodeId, why: &str) {
        let name = skeleton::name(self.game, root);
        let reason = format!("the subgame at \"{name}\" is left open: {why}");
        if !self.open.contains(&reason) {
            self.open.push(reason);
        }
    }
}
