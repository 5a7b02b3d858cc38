//! The panel as players whose rulings are bits: what a wrong ruling costs to buy, and what makes checking pay.

mod dominance;

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize, Serializer};

use super::builder::{GameBuilder, GameError, Move};
use super::economics::Economics;
use super::tree::{Game, Player};
use crate::params::Params;
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};
pub use dominance::Dominance;

/// Who looks at the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversight {
    /// τ: the share of appeals in which the worker is guilty. In equilibrium there are none, so a panel that is to check
    /// needs some that are planted (audits with a known answer).
    pub planted: Ratio,
    /// θ: the probability that a wrong ruling is overruled, by a larger panel or an audit, and its majority slashed
    /// instead of the minority.
    pub overruled: Ratio,
    /// q: the probability that somebody looks whether a ruling was right, each arbiter's for itself.
    pub audited: Ratio,
    /// F: what an arbiter loses whose ruling an audit finds wrong, beside what the settlement did to it. Its stake is spent
    /// by then, so it is a bond of its own.
    pub fine: Amount,
}

impl Oversight {
    /// Nobody looks, and nobody appeals against the panel; a share `planted` of the workers is guilty.
    pub const fn none(planted: Ratio) -> Self {
        Self {
            planted,
            overruled: Ratio::ZERO,
            audited: Ratio::ZERO,
            fine: Amount::ZERO,
        }
    }
}

/// Audits of arbiters, as figures of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelAudits {
    /// τ: the share of appeals in which the worker is guilty, planted ones included.
    pub planted: Ratio,
    /// F: what an arbiter loses whose ruling an audit finds wrong, in satoshi.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "fine_sat")]
    pub fine: Amount,
}

/// What stands between an appeal and a wrong ruling, in satoshi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PanelReport {
    /// n.
    pub arbiters: u8,
    /// k.
    pub quorum: u8,
    /// pot = w − φ − b, which the majority shares.
    #[serde(serialize_with = "shown")]
    pub pot_sat: Rational,
    /// n(a + pot/k): what somebody has to be seen to hold who promises every arbiter more than the panel can cost it, if
    /// the ruling it votes for does not win. If it wins, nothing of it is spent (a p + ε bribe).
    #[serde(serialize_with = "shown")]
    pub budget_sat: Rational,
    /// What a guilty worker gains by such a ruling over giving up: δw + c + B.
    #[serde(serialize_with = "shown")]
    pub buys_worker_sat: Rational,
    /// What a verifier gains by it that rejected right work: v + φ + b.
    #[serde(serialize_with = "shown")]
    pub buys_verifier_sat: Rational,
    /// What k arbiters in league with a side lose by a wrong ruling of theirs where nobody overrules: nothing; they have
    /// the pot. What stands against them is how the panel is drawn.
    #[serde(serialize_with = "shown")]
    pub cartel_costs_sat: Rational,
    /// Whether all arbiters can rule and none have a majority: 2k > n + 1. Then nobody is slashed.
    pub can_hang: bool,
    /// What an honest worker loses then: εw + z, and fees.
    #[serde(serialize_with = "shown")]
    pub hung_worker_loses_sat: Rational,
    /// What an honest verifier loses then: εv + y, and fees.
    #[serde(serialize_with = "shown")]
    pub hung_verifier_loses_sat: Rational,
    /// g / (a + pot/n): the least share of guilty workers, planted ones included, at which checking pays an arbiter whose
    /// colleagues check; above 1 it never does.
    #[serde(serialize_with = "shown")]
    pub least_planted: Rational,
    /// The least θ at which checking pays an arbiter whose colleagues all acquit unseen, if every worker is guilty: below
    /// it all may as well guess, whatever is planted.
    #[serde(serialize_with = "shown")]
    pub least_overruled: Rational,
    /// What makes checking the best an arbiter can do, whatever the others do.
    pub dominance: Dominance,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn pot(params: &Params) -> Rational {
    sat(params.worker_stake()) - sat(params.verifier_reward()) - sat(params.bounty())
}

impl PanelReport {
    /// The report for these figures.
    pub fn new(params: &Params, economics: &Economics) -> Self {
        let (n, k) = (params.arbiters(), params.quorum());
        let (w, v, a) = (
            params.worker_stake(),
            params.verifier_stake(),
            sat(params.arbiter_stake()),
        );
        let fees = &economics.fees;
        let (pot, g) = (pot(params), sat(economics.arbiter_cost));
        let share = &pot / exact(n);
        let bounty = sat(params.verifier_reward()) + sat(params.bounty());
        let lost = |stake, cost| sat(params.epsilon().floor_of(stake)) + sat(cost);
        Self {
            arbiters: n,
            quorum: k,
            budget_sat: exact(n) * (&a + &pot / exact(k)),
            buys_worker_sat: sat(params.delta().floor_of(w))
                + sat(params.reward())
                + sat(economics.outside_gain),
            buys_verifier_sat: sat(v) + bounty,
            cartel_costs_sat: exact(0),
            can_hang: 2 * u16::from(k) > u16::from(n) + 1,
            hung_worker_loses_sat: lost(w, economics.worker_cost)
                + sat(fees.delivery)
                + sat(fees.appeal),
            hung_verifier_loses_sat: lost(v, economics.verifier_cost) + sat(fees.rejection),
            least_planted: &g / (&a + &share),
            // θ(pot + a) − (1 − θ)(a + pot/n) > g
            least_overruled: (&g + &a + &share) / (&pot + &a + &a + &share),
            pot_sat: pot,
            dominance: Dominance::new(params, economics),
        }
    }
}

/// The panel alone, after an appeal: nature says whether the worker is guilty, each arbiter checks, guesses or is silent,
/// not knowing what others do, and a wrong majority may be overruled. Payoffs are changes of stakes, less g.
///
/// # Errors
/// [`GameError`]: a defect of this function.
pub fn panel_game(
    params: &Params,
    economics: &Economics,
    oversight: Oversight,
) -> Result<Game, GameError> {
    let panel = Panel {
        overruled: fraction(oversight.overruled),
        // Who looks at each ruling for itself is no move of the tree: what it costs on average is.
        wrong: fraction(oversight.audited) * sat(oversight.fine),
        ..Panel::new(params, economics)
    };
    let players = (0..panel.n).map(Player::Arbiter).collect();
    let mut board = GameBuilder::new(
        "Narthex, a panel whose rulings are bits".to_owned(),
        players,
    );
    let planted = fraction(oversight.planted);
    let begin = |guilty| {
        let panel = &panel;
        move |b: &mut GameBuilder, (): &()| {
            let votes = vec![Vote::Silent; usize::from(panel.n)];
            panel.vote(b, 0, &Votes { guilty, votes });
        }
    };
    let (guilty, innocent) = (begin(true), begin(false));
    let branches: [(Rational, Move<'_, ()>); 2] = [
        (planted.clone(), ("guilty", &guilty)),
        (exact(1) - planted, ("innocent", &innocent)),
    ];
    board.chance("worker", &(), &branches);
    board.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Vote {
    Checked,
    Convict,
    Acquit,
    Silent,
}

struct Votes {
    guilty: bool,
    votes: Vec<Vote>,
}

struct Panel {
    n: u8,
    k: usize,
    stake: Rational,
    silence: Rational,
    cost: Rational,
    pot: Rational,
    overruled: Rational,
    /// What a wrong ruling costs on average beside the settlement.
    wrong: Rational,
}

impl Panel {
    /// Without oversight.
    fn new(params: &Params, economics: &Economics) -> Self {
        Self {
            n: params.arbiters(),
            k: params.quorum().into(),
            stake: sat(params.arbiter_stake()),
            silence: sat(params.epsilon().floor_of(params.arbiter_stake())),
            cost: sat(economics.arbiter_cost),
            pot: pot(params),
            overruled: exact(0),
            wrong: exact(0),
        }
    }

    fn vote(&self, board: &mut GameBuilder, index: u8, votes: &Votes) {
        if index == self.n {
            return self.counted(board, votes);
        }
        let with = |vote| {
            move |b: &mut GameBuilder, before: &Votes| {
                let mut votes = before.votes.clone();
                votes[usize::from(index)] = vote;
                let guilty = before.guilty;
                self.vote(b, index + 1, &Votes { guilty, votes });
            }
        };
        let (check, convict) = (with(Vote::Checked), with(Vote::Convict));
        let (acquit, silent) = (with(Vote::Acquit), with(Vote::Silent));
        let moves: [Move<'_, Votes>; 4] = [
            ("check", &check),
            ("guess worker at fault", &convict),
            ("guess verifier at fault", &acquit),
            ("be silent", &silent),
        ];
        board.decide(Player::Arbiter(index), "called", Some(0), votes, &moves);
    }

    fn counted(&self, board: &mut GameBuilder, votes: &Votes) {
        let convicts = |vote: &Vote| match vote {
            Vote::Checked => Some(votes.guilty),
            Vote::Convict => Some(true),
            Vote::Acquit => Some(false),
            Vote::Silent => None,
        };
        let rulings = votes.votes.iter().map(convicts).collect::<Vec<_>>();
        let for_it = |ruling| rulings.iter().filter(|r| **r == Some(ruling)).count();
        let won = [true, false].into_iter().find(|r| for_it(*r) >= self.k);
        let paid = |winner: bool| {
            let winners = for_it(winner);
            rulings
                .iter()
                .map(|ruling| match ruling {
                    Some(side) if *side == winner => &self.pot / exact(winners as u64),
                    _ => -self.stake.clone(),
                })
                .collect::<Vec<_>>()
        };
        let less_costs = |payoffs: Vec<Rational>| {
            let each = payoffs.into_iter().zip(votes.votes.iter().zip(&rulings));
            let cost = |(payoff, (vote, ruling)): (Rational, (&Vote, &Option<bool>))| match vote {
                Vote::Checked => payoff - &self.cost,
                _ if ruling.is_some_and(|ruling| ruling != votes.guilty) => payoff - &self.wrong,
                _ => payoff,
            };
            each.map(cost).collect::<Vec<_>>()
        };
        match won {
            None => {
                let each = rulings.iter().map(|ruling| match ruling {
                    Some(_) => exact(0),
                    None => -self.silence.clone(),
                });
                board.end("undecided".to_owned(), less_costs(each.collect()));
            }
            Some(winner) if winner == votes.guilty => {
                board.end("rightly ruled".to_owned(), less_costs(paid(winner)));
            }
            Some(winner) => {
                let stands = |b: &mut GameBuilder, (): &()| {
                    b.end("wrongly ruled".to_owned(), less_costs(paid(winner)));
                };
                let over = |b: &mut GameBuilder, (): &()| {
                    b.end("overruled".to_owned(), less_costs(paid(!winner)));
                };
                let branches: [(Rational, Move<'_, ()>); 2] = [
                    (self.overruled.clone(), ("overruled", &over)),
                    (exact(1) - &self.overruled, ("stands", &stands)),
                ];
                board.chance("appeal", &(), &branches);
            }
        }
    }
}
