//! One owner of worker and verifier, played: it cheats now and then, and the client looks at a few steps now and then.

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use super::closed::{ClosedFormError, detection};
use super::dice::Dice;
use super::setup::Setup;
use crate::game::{Economics, EconomicsError, Inspection, League};
use crate::play::{Strategy, VerifierStrategy, WorkerStrategy};
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};

/// How a league and the client play against each other, in a contract in which the client may challenge.
///
/// A league that cheats does with the steps what [`Setup::worker`] says, and its verifier approves without a look. Whoever
/// is not in league is honest. The client audits without knowing which it is: it draws a sample of its own, as large as
/// the contract's, once it has the result; what it finds costs the league w + v, and pays the client c back and κ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaguePlay {
    /// Share of the games with a league, cost of an audit, κ.
    pub league: League,
    /// How often a league cheats.
    pub cheats: Ratio,
    /// How often the client audits.
    pub audits: Ratio,
}

/// How it went in one game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeagueGame {
    /// Worker and verifier have one owner.
    pub league: bool,
    /// It cheats.
    pub cheats: bool,
    /// The client audits.
    pub audited: bool,
    /// The audit found a wrong step.
    pub upheld: bool,
}

/// What is expected of one game, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeagueExpectation {
    /// p: the probability that an audit finds a cheat.
    pub found: Rational,
    /// f·ε(1 − qp): a wrong result is accepted.
    pub accepted: Rational,
    /// f·ε·qp: a challenge is upheld.
    pub upheld: Rational,
    /// Mean and variance of the client's payoff, in satoshi and their square.
    pub client: [Rational; 2],
    /// The same of what a league that cheats has, worker and verifier together.
    pub cheating: [Rational; 2],
    /// What a league that does not cheat has, always.
    pub honest: Rational,
}

impl LeaguePlay {
    /// The rates at which neither side would rather do something else, to nine decimals, for a client that cannot tell a
    /// league from strangers. What a league saves is y and the steps that its strategy leaves out.
    ///
    /// # Errors
    /// [`EconomicsError`] if the chance of an audit to find the cheat cannot be had exactly.
    pub fn equilibrium(setup: &Setup, league: League) -> Result<Self, EconomicsError> {
        let (params, costs) = (&setup.params, &setup.costs);
        let steps = params.steps();
        let work = setup.worker.work().unwrap_or(&Strategy::Honest);
        let bad = work.bad_steps(steps).len() as u64;
        let skipped = u128::from(steps.saturating_sub(work.computed(steps)));
        let saved = u128::from(costs.work_sat) * skipped / u128::from(steps.max(1));
        let amount = Amount::from_sat;
        let gain = match bad >= costs.bad_steps {
            true => costs.outside_gain_sat,
            false => 0,
        };
        let economics = Economics {
            worker_cost: amount(u64::try_from(saved).unwrap_or(u64::MAX)),
            verifier_cost: amount(costs.verify_sat),
            wrong_loss: amount(costs.wrong_result_sat),
            outside_gain: amount(gain),
            bad_steps: bad,
            ..Economics::example()
        };
        economics.check(params)?;
        let found = Inspection::new(params, &economics, &league);
        // Fewer leagues than the client would look for: it does not look, and they always cheat.
        let audits = match found.hidden_cheats == exact(1) {
            true => None,
            false => found.audits,
        };
        Ok(Self {
            league,
            cheats: near(&found.hidden_cheats),
            audits: audits.as_ref().map_or(Ratio::ZERO, near),
        })
    }

    pub(super) fn check(&self, setup: &Setup) -> Result<(), LeaguePlayError> {
        for share in [self.league.worker_verifier, self.cheats, self.audits] {
            if share > Ratio::ONE {
                return Err(LeaguePlayError::AboveOne(share));
            }
        }
        let stakes = setup
            .params
            .worker_stake()
            .checked_add(setup.params.verifier_stake());
        if stakes.is_none_or(|stakes| self.league.kappa > stakes) {
            return Err(LeaguePlayError::Kappa {
                kappa_sat: self.league.kappa.to_sat(),
                stakes_sat: stakes.map_or(u64::MAX, Amount::to_sat),
            });
        }
        match (&setup.worker, setup.verifier) {
            (WorkerStrategy::Deliver(Strategy::Honest), _) => Err(LeaguePlayError::NoCheat),
            (WorkerStrategy::Deliver(_), VerifierStrategy::Honest) => Ok(()),
            _ => Err(LeaguePlayError::NoCheat),
        }
    }

    pub(super) fn roll(&self, dice: &Dice) -> LeagueGame {
        let happens = |what, share: Ratio| dice.pick(what, 0, &[share]) == 0;
        let league = happens("league", self.league.worker_verifier);
        LeagueGame {
            league,
            cheats: league && happens("league cheats", self.cheats),
            audited: happens("client audits", self.audits),
            upheld: false,
        }
    }

    /// What is expected of a game of this setup.
    ///
    /// # Errors
    /// [`ClosedFormError`] if the chance of an audit to find a cheat is too large a product.
    pub fn expectation(&self, setup: &Setup) -> Result<LeagueExpectation, ClosedFormError> {
        let (params, costs) = (&setup.params, &setup.costs);
        let (steps, sample) = (params.steps(), u64::from(params.sample()));
        let work = setup.worker.work().unwrap_or(&Strategy::Honest);
        let bad = work.bad_steps(steps).len() as u64;
        let p = detection(steps, bad, sample)?;
        let [f, e, q] = [self.league.worker_verifier, self.cheats, self.audits].map(fraction);
        let retainers = sat(params.retainer()) * exact(params.arbiters());
        let price = sat(params.reward()) + &retainers;
        let of = |amount: u64| exact(amount);
        let audit = sat(self.league.audit_cost);
        // ⌊ρc⌋ + ⌊(1−ρ)c⌋ and what flooring leaves, which is the worker's: all of c.
        let paid = sat(params.reward());
        let computed = of(costs.work_sat) * of(work.computed(steps)) / of(steps.max(1));
        let gain = match bad >= costs.bad_steps {
            true => of(costs.outside_gain_sat),
            false => exact(0),
        };
        let stakes = sat(params.worker_stake()) + sat(params.verifier_stake());
        let (caught, cheat) = (&q * &p, &f * &e);
        let right = of(costs.right_result_sat) - &price;
        let wrong = -(of(costs.wrong_result_sat) + &price);
        let upheld = sat(self.league.kappa) - retainers;
        let one = exact(1);
        let [no_cheat, no_audit, missed] = [&cheat, &q, &p].map(|share| &one - share);
        let client = moments(&[
            (&no_cheat * &q, &right - &audit),
            (&no_cheat * &no_audit, right),
            (&cheat * &caught, upheld - &audit),
            (&cheat * &q * missed, &wrong - &audit),
            (&cheat * &no_audit, wrong),
        ]);
        let cheating = moments(&[
            (caught.clone(), -(stakes + &computed)),
            (&one - &caught, &paid + gain - computed),
        ]);
        Ok(LeagueExpectation {
            accepted: &cheat * (&one - &caught),
            upheld: cheat * caught,
            honest: paid - of(costs.work_sat) - of(costs.verify_sat),
            found: p,
            client,
            cheating,
        })
    }
}

/// A probability as a fraction that a file can hold.
fn near(odds: &Rational) -> Ratio {
    const PARTS: u32 = 1_000_000_000;
    let parts = (odds * exact(PARTS)).round().to_integer();
    let ratio = u32::try_from(parts).ok();
    let ratio = ratio.and_then(|parts| Ratio::new(parts, PARTS).ok());
    ratio.unwrap_or(Ratio::ONE)
}

/// Mean and variance.
fn moments(cases: &[(Rational, Rational)]) -> [Rational; 2] {
    let mean: Rational = cases.iter().map(|(odds, value)| odds * value).sum();
    let square: Rational = cases.iter().map(|(odds, v)| odds * v * v).sum();
    let variance = square - &mean * &mean;
    [mean, variance]
}

/// What leagues and audits came to over many games.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeagueTally {
    /// Games in which worker and verifier had one owner.
    pub leagues: u64,
    /// Those in which it cheated.
    pub cheats: u64,
    /// Games in which the client audited.
    pub audits: u64,
    /// Those in which it found something.
    pub upheld: u64,
    /// What leagues that cheated had, worker and verifier together.
    pub cheating_sat: i128,
    /// What the others had.
    pub honest_sat: i128,
    /// What the client had where it audited.
    pub audited_client_sat: i128,
}

impl LeagueTally {
    pub(super) fn add(&mut self, game: &LeagueGame, (client, both): (i128, i128)) {
        self.leagues += u64::from(game.league);
        self.cheats += u64::from(game.cheats);
        self.audits += u64::from(game.audited);
        self.upheld += u64::from(game.upheld);
        if game.cheats {
            self.cheating_sat += both;
        } else if game.league {
            self.honest_sat += both;
        }
        if game.audited {
            self.audited_client_sat += client;
        }
    }
}

impl std::ops::Add for LeagueTally {
    type Output = Self;

    /// Both together.
    fn add(self, other: Self) -> Self {
        sum_fields!(
            self + other,
            leagues,
            cheats,
            audits,
            upheld,
            cheating_sat,
            honest_sat,
            audited_client_sat
        )
    }
}

/// Why a league cannot be played so. The caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaguePlayError {
    /// A probability above 1.
    #[error("{0} is no share of games: it is above 1")]
    AboveOne(Ratio),
    /// It could not be paid.
    #[error(
        "κ of {kappa_sat} sat is more than the stakes of worker and verifier, {stakes_sat} sat"
    )]
    Kappa {
        /// κ.
        kappa_sat: u64,
        /// w + v.
        stakes_sat: u64,
    },
    /// Nothing to find, or nobody to be in league with.
    #[error(
        "a league delivers wrong work that its verifier would else check: a worker that skips, falsifies, targets or \
         seals garbage, and an honest verifier"
    )]
    NoCheat,
}
