//! One owner of worker and verifier, against the client.
//!
//! Nothing that a verifier shows stops a verifier that is the worker. What does is the client's own look at a few steps,
//! if it has recourse: a challenge that takes both stakes. Looking costs, so a client that is never cheated does not look,
//! and a league that is never looked at cheats: there is no pure equilibrium. [`Inspection`] is the mixed one.

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use super::builder::{GameBuilder, GameError, Move};
use super::economics::Economics;
use super::tree::{Game, Player};
use crate::detection::hit_probability;
use crate::params::Params;
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};

/// How likely a league is, and what the client can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct League {
    /// f: the probability that worker and verifier have one owner, such as its share of the bonds from which verifiers
    /// are drawn.
    pub worker_verifier: Ratio,
    /// What it costs the client to recompute as many steps as the sample has, or as its contract lets it look at, in satoshi.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "audit_cost_sat"
    )]
    pub audit_cost: Amount,
    /// κ: what a challenge that is upheld pays the client beyond its reward back, in satoshi. A contract of the audited template
    /// says it itself.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "kappa_sat")]
    pub kappa: Amount,
}

/// The game of a league K and a client that may audit, in closed form. All amounts in satoshi.
///
/// K cheats (garbage or bad steps, B outside) or is honest; the client, not knowing, audits or does not. An audit finds a
/// cheat with p. Then K loses w + v and the client has c and κ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// p of the audit.
    pub found: Rational,
    /// ε: how often a league cheats where the client may challenge; 1 where an audit does not pay even then.
    pub cheats: Rational,
    /// q: how often the client audits then, and the least rate θ at which challenges that it is bound to deter a league;
    /// `None` where even an audit of every contract does not.
    pub audits: Option<Rational>,
    /// f · ε: the share of contracts in which a wrong result is accepted at most, if the client knows a league when it
    /// meets one.
    pub accepted: Rational,
    /// How often a league cheats if the client cannot tell it from strangers: ε/f, at most 1. The client audits by what it
    /// believes of everybody; with few leagues among them each may cheat more.
    pub hidden_cheats: Rational,
    /// The share of contracts in which a wrong result is accepted at most then: the lesser of ε and f.
    pub hidden_accepted: Rational,
    /// The same without recourse, as in the templates without a challenge: f.
    pub accepted_without_challenge: Rational,
    /// What the client loses by it on average, f · (c + L), without recourse.
    pub loss_without_challenge: Rational,
}

/// The figures of the matrix.
struct Stakes {
    p: Rational,
    price: Rational,
    lost: Rational,
    kappa: Rational,
    audit: Rational,
    /// z + y, which a league saves.
    saved: Rational,
    gain: Rational,
    deposits: Rational,
}

impl Stakes {
    fn new(params: &Params, economics: &Economics, league: &League) -> Self {
        // A contract with a challenge says what is looked at and what it pays; for the others it is what such a one would.
        let audit = params.audit();
        let looked_at = audit.map_or(params.sample(), |audit| audit.steps);
        Self {
            p: hit_probability(params.steps(), economics.bad_steps, looked_at.into()),
            price: sat(params.reward()),
            lost: sat(economics.wrong_loss),
            kappa: sat(audit.map_or(league.kappa, |audit| audit.compensation)),
            audit: sat(league.audit_cost),
            saved: sat(economics.worker_cost) + sat(economics.verifier_cost),
            gain: sat(economics.outside_gain),
            deposits: sat(params.worker_stake()) + sat(params.verifier_stake()),
        }
    }
}

impl Inspection {
    /// The equilibrium for these figures.
    pub fn new(params: &Params, economics: &Economics, league: &League) -> Self {
        let s = Stakes::new(params, economics, league);
        let (zero, one) = (exact(0), exact(1));
        // The client is indifferent: ε · p(κ + L + c) = the audit's cost.
        let worth = &s.p * (&s.kappa + &s.lost + &s.price);
        let cheats = if worth > s.audit {
            &s.audit / worth
        } else {
            one.clone()
        };
        // The league is: q · p(c + B + w + v) = z + y + B.
        let gained = &s.saved + &s.gain;
        let at_stake = &s.p * (&s.price + &s.gain + &s.deposits);
        let audits = (at_stake > zero && at_stake >= gained).then(|| gained / at_stake);
        // A league that no audit deters always cheats.
        let cheats = if audits.is_none() { one } else { cheats };
        let f = fraction(league.worker_verifier);
        let hidden_cheats = match f > cheats {
            true => &cheats / &f,
            false => exact(1),
        };
        Self {
            hidden_accepted: &f * &hidden_cheats,
            hidden_cheats,
            accepted: &f * &cheats,
            loss_without_challenge: &f * (&s.price + &s.lost),
            accepted_without_challenge: f,
            found: s.p,
            cheats,
            audits,
        }
    }
}

/// The inspection game itself, for the solver and for Gambit: two players, one move each. The client knows that it faces
/// a league.
///
/// # Errors
/// [`GameError`]: a defect of this function.
pub fn inspection_game(
    params: &Params,
    economics: &Economics,
    league: &League,
) -> Result<Game, GameError> {
    inspection(params, economics, league, false)
}

/// The same where nature draws who worker and verifier are: a league with f, else strangers, who are honest. The client
/// cannot tell.
///
/// # Errors
/// [`GameError`]: a defect of this function.
pub fn hidden_league_game(
    params: &Params,
    economics: &Economics,
    league: &League,
) -> Result<Game, GameError> {
    inspection(params, economics, league, true)
}

fn inspection(
    params: &Params,
    economics: &Economics,
    league: &League,
    hidden: bool,
) -> Result<Game, GameError> {
    const LEAGUE: Player = Player::Named("league of worker and verifier");
    let s = Stakes::new(params, economics, league);
    let right = sat(economics.right_value);
    let mut board = GameBuilder::new(
        "Narthex, one owner of worker and verifier".to_owned(),
        vec![LEAGUE, Player::Client],
    );
    let end = |b: &mut GameBuilder, name: &str, league: Rational, client: Rational| {
        b.end(name.to_owned(), vec![league, client]);
    };
    let look = |b: &mut GameBuilder, cheats: &bool| {
        let audit = |b: &mut GameBuilder, cheats: &bool| {
            if !cheats {
                let paid = &right - &s.price - &s.audit;
                return end(b, "audited for nothing", &s.price - &s.saved, paid);
            }
            let caught = |b: &mut GameBuilder, (): &()| {
                end(b, "caught", -s.deposits.clone(), &s.kappa - &s.audit);
            };
            let missed = |b: &mut GameBuilder, (): &()| {
                let client = -(&s.price + &s.lost + &s.audit);
                end(b, "missed", &s.price + &s.gain, client);
            };
            let branches: [(Rational, Move<'_, ()>); 2] = [
                (s.p.clone(), ("hit", &caught)),
                (exact(1) - &s.p, ("missed", &missed)),
            ];
            b.chance("audit", &(), &branches);
        };
        let trust = |b: &mut GameBuilder, cheats: &bool| {
            if *cheats {
                let client = -(&s.price + &s.lost);
                end(b, "cheated", &s.price + &s.gain, client);
            } else {
                end(b, "honest", &s.price - &s.saved, &right - &s.price);
            }
        };
        let moves: [Move<'_, bool>; 2] = [("audit", &audit), ("trust", &trust)];
        b.decide(Player::Client, "approved", None, cheats, &moves);
    };
    let moves: [Move<'_, ()>; 2] = [
        ("be honest", &|b, ()| look(b, &false)),
        ("cheat", &|b, ()| look(b, &true)),
    ];
    let works = |b: &mut GameBuilder, (): &()| b.decide(LEAGUE, "at work", Some(0), &(), &moves);
    if hidden {
        let f = fraction(league.worker_verifier);
        let strangers = |b: &mut GameBuilder, (): &()| look(b, &false);
        let branches: [(Rational, Move<'_, ()>); 2] = [
            (f.clone(), ("league", &works)),
            (exact(1) - f, ("strangers", &strangers)),
        ];
        board.chance("owners", &(), &branches);
    } else {
        works(&mut board, &());
    }
    board.finish()
}
