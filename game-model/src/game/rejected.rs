//! What a worker does that was rejected off chain, under the contract's rule and under the one that was not taken.
//!
//! It may let its time run out (S1). That must not be better than admitting, or the verifier that caught it has nothing.
//! Contracts make S1 dearer than S4 and its fee; the other way is to pay the verifier out of S1 too, where it has signed a
//! rejection before. A signature costs nothing, so that rule pays a verifier for any worker that does not deliver, and for
//! keeping one from delivering.

use bitcoin_units::Amount;
use serde::{Serialize, Serializer};

use super::build;
use super::builder::{GameBuilder, GameError, Move};
use super::economics::{Economics, EconomicsError, TimeOuts};
use super::inequality::Symbols;
use super::solve::solve;
use super::tree::{Game, Player};
use crate::params::{Params, Template};
use crate::rational::{Rational, exact, sat};

/// One of the two rules, for one contract. Amounts in satoshi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedWorker {
    /// The rule; contracts have the first.
    pub time_outs: TimeOuts,
    /// Whether honest play is the only equilibrium.
    pub honest_play_pays: bool,
    /// Conditions that fail.
    pub unmet: Vec<&'static str>,
    /// What a worker loses that is found out off chain and does what is best for it.
    #[serde(serialize_with = "shown")]
    pub worker_loses_sat: Rational,
    /// What a verifier has where the worker delivers nothing.
    #[serde(serialize_with = "shown")]
    pub idle_pays_sat: Rational,
    /// What it gains over honest play by keeping an honest worker from delivering, less what that costs it; negative if it
    /// loses.
    #[serde(serialize_with = "shown")]
    pub hindering_pays_sat: Rational,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn under(economics: &Economics, time_outs: TimeOuts) -> Economics {
    Economics {
        time_outs,
        ..economics.clone()
    }
}

/// Both rules, the contract's first; none for the paper's template, which has no settlement that a rejection comes before.
///
/// # Errors
/// [`EconomicsError`] if the figures make no game.
pub fn rejected_worker(
    params: &Params,
    economics: &Economics,
) -> Result<Vec<RejectedWorker>, EconomicsError> {
    if params.template() == Template::Paper {
        return Ok(Vec::new());
    }
    let each = [TimeOuts::PayNobody, TimeOuts::PayRejection].map(|time_outs| {
        let economics = under(economics, time_outs);
        let game = build(params, &economics)?;
        let symbols = Symbols::new(params, &economics);
        let rows = symbols.rows().into_iter();
        let idle = idle_verifier(params, time_outs);
        Ok(RejectedWorker {
            time_outs,
            honest_play_pays: solve(&game).verdict.honest_play_pays(),
            unmet: rows.filter(|r| !r.holds()).map(|r| r.name).collect(),
            worker_loses_sat: symbols.gives_up_for(),
            hindering_pays_sat: &idle - honest_verifier(params, &economics),
            idle_pays_sat: idle,
        })
    });
    each.into_iter().collect()
}

/// What a verifier has of S1 for a rejection of nothing.
fn idle_verifier(params: &Params, time_outs: TimeOuts) -> Rational {
    let penalty = sat(params.alpha().floor_of(params.worker_stake()));
    let owed = sat(params.verifier_reward()) + sat(params.bounty());
    match time_outs {
        TimeOuts::PayNobody => exact(0),
        TimeOuts::PayRejection => owed.min(penalty),
    }
}

fn honest_verifier(params: &Params, economics: &Economics) -> Rational {
    sat(params.verifier_reward()) - sat(economics.verifier_cost)
}

/// A verifier that may keep an honest worker from delivering until its time is out (by cutting its line, by outbidding its
/// transactions) at this cost, under the rule of the economics: for the solver. The worker has no move.
///
/// # Errors
/// [`GameError`]: a defect of this function.
pub fn hindrance_game(
    params: &Params,
    economics: &Economics,
    cost: Amount,
) -> Result<Game, GameError> {
    let idle = idle_verifier(params, economics.time_outs);
    let mut board = GameBuilder::new(
        "Narthex, a verifier that may hinder the worker".to_owned(),
        vec![Player::Verifier],
    );
    let works = |b: &mut GameBuilder, (): &()| {
        let honest = honest_verifier(params, economics);
        b.end("delivered".to_owned(), vec![honest]);
    };
    let hindered = |b: &mut GameBuilder, (): &()| {
        b.end("timed out".to_owned(), vec![&idle - sat(cost)]);
    };
    let moves: [Move<'_, ()>; 2] = [("let it deliver", &works), ("hinder it", &hindered)];
    board.decide(Player::Verifier, "at work", Some(0), &(), &moves);
    board.finish()
}
