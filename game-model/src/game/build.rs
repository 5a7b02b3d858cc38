//! The game of a contract, from its parameters and what it is worth to whom.
//!
//! # Moves
//! The client offers; worker and verifier accept. The worker plays *honest*, *skip* (no work, a
//! commitment to garbage), *target* (the whole work with m bad steps that bring it B outside, if the
//! result is accepted) or *time out*. The verifier, not knowing which, verifies the sample, answers
//! without looking, or is silent. Nature draws the sample. After a verdict the worker claims or
//! withholds, admits or appeals; then the panel errs at given rates, or its arbiters are players.
//! In the paper's template a worker may also claim for work that it never delivered, the verifier may
//! keep its half of an appeal, and a convicted worker may open the other verdict with the panel's
//! one secret: those are the attacks which that template leaves open.
//!
//! # Payoffs
//! Changes of deposits by [`settle`], to the satoshi, less costs and fees, plus R, −L and B where a
//! result is revealed (schemes 2, 3, 7). Everybody's payoff is 0 if there is no contract. The
//! retainer goes from the client to the arbiters once there is one.
//!
//! # What is not covered
//! - Coalitions. A worker that is the verifier, or bribes it, can share its digests. The `bribe`
//!   inequality is what stands against an offer to a verifier that is not the worker.
//! - Time-outs are published as soon as they pay: whoever gets a deposit back by it does so.
//! - A rejected worker that neither admits nor appeals loses as one that admits (S4 or S4').
//! - A verifier under [`VerdictRule::Mechanical`] is bound to its digests; that the contract's chain
//!   alone does not bind it is why the rule is a parameter.

mod arbitration;
mod course;

use super::builder::GameBuilder;
use super::economics::{ArbiterModel, Economics, EconomicsError, VerdictRule};
use super::tree::{Game, Player};
use crate::arbiters::ArbiterSet;
use crate::detection::hit_probability;
use crate::params::settlement::{Outcome, SettlementError, settle};
use crate::params::{Params, Template};
use crate::rational::Rational;

use crate::rational::sat;

/// What the worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Honest,
    Skip,
    Target,
    Idle,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Skip => "skipped",
            Self::Target => "targeted",
            Self::Idle => "idle",
        }
    }
}

/// What has happened so far, as far as payoffs and knowledge depend on it.
#[derive(Clone, Copy, Debug)]
struct Past {
    work: Work,
    /// The sample holds a bad step.
    hit: bool,
    /// The verifier recomputed the sample.
    verified: bool,
    /// Arbiters that checked, each at its cost.
    checked: ArbiterSet,
    /// On-chain moves that have been paid for.
    delivered: bool,
    appealed: bool,
}

impl Past {
    const fn new(work: Work) -> Self {
        Self {
            work,
            // Garbage is found in whatever sample.
            hit: matches!(work, Work::Skip),
            verified: false,
            checked: ArbiterSet::empty(),
            delivered: false,
            appealed: false,
        }
    }

    /// What a worker with some bad steps knows of the sample.
    const fn found(&self) -> &'static str {
        match (self.work, self.hit) {
            (Work::Target, true) => ", found out",
            (Work::Target, false) => ", not found out",
            _ => "",
        }
    }
}

/// Everything that the shape and the payoffs depend on.
struct Course<'a> {
    params: &'a Params,
    economics: &'a Economics,
    rule: VerdictRule,
    hit: Rational,
    /// First ending that the settlement table could not pay; the parameters' bounds exclude it.
    failure: std::cell::RefCell<Option<SettlementError>>,
}

/// Builds the game of `params` for parties with these costs and values.
///
/// # Errors
/// [`EconomicsError`] if the figures make no game.
pub fn build(params: &Params, economics: &Economics) -> Result<Game, EconomicsError> {
    economics.check(params)?;
    let hit = hit_probability(params.steps(), economics.bad_steps, params.sample().into());
    build_with(params, economics, hit)
}

/// The same, where the sample hits with probability `hit`: for a search that ends with the exact one.
pub(super) fn build_with(
    params: &Params,
    economics: &Economics,
    hit: Rational,
) -> Result<Game, EconomicsError> {
    economics.check(params)?;
    let course = Course {
        params,
        economics,
        rule: economics.verdict_rule(params.template()),
        hit,
        failure: std::cell::RefCell::new(None),
    };
    let mut players = vec![Player::Client, Player::Worker, Player::Verifier];
    if economics.arbiters == ArbiterModel::Strategic {
        players.extend((0..params.arbiters()).map(Player::Arbiter));
    }
    let title = format!(
        "Narthex, {} template, reward {} sat, worker's stake {} sat",
        params.template(),
        params.reward().to_sat(),
        params.worker_stake().to_sat()
    );
    let mut board = GameBuilder::new(title, players);
    course.offer(&mut board);
    match course.failure.into_inner() {
        Some(failure) => Err(failure.into()),
        None => Ok(board.finish()?),
    }
}

impl Course<'_> {
    fn is_paper(&self) -> bool {
        self.params.template() == Template::Paper
    }

    fn is_mechanical(&self) -> bool {
        self.rule == VerdictRule::Mechanical
    }

    fn no_contract(&self, board: &mut GameBuilder) {
        let players = match self.economics.arbiters {
            ArbiterModel::Strategic => 3 + usize::from(self.params.arbiters()),
            ArbiterModel::Rates { .. } => 3,
        };
        board.end("no contract".to_owned(), vec![Rational::default(); players]);
    }

    fn end(&self, board: &mut GameBuilder, outcome: Outcome, past: &Past) {
        match self.payoffs(outcome, past) {
            Ok(payoffs) => board.end(self.ending(outcome, past), payoffs),
            Err(error) => {
                self.failure.borrow_mut().get_or_insert(error);
                self.no_contract(board);
            }
        }
    }

    fn ending(&self, outcome: Outcome, past: &Past) -> String {
        match (reveals(outcome), past.work) {
            (false, _) => outcome.to_string(),
            (true, Work::Honest) => format!("{outcome} (right result)"),
            (true, _) => format!("{outcome} (wrong result)"),
        }
    }

    fn payoffs(&self, outcome: Outcome, past: &Past) -> Result<Vec<Rational>, SettlementError> {
        let (params, economics) = (self.params, self.economics);
        let payout = settle(params, outcome)?;
        let retainers = sat(params.retainer()) * Rational::from_integer(params.arbiters().into());
        let mut client = sat(payout.client) - sat(params.reward()) - retainers;
        let mut worker = sat(payout.worker) - sat(params.worker_stake());
        let mut verifier = sat(payout.verifier) - sat(params.verifier_stake());
        if reveals(outcome) {
            match past.work {
                Work::Honest => client += sat(economics.right_value),
                _ => client -= sat(economics.wrong_loss),
            }
            if past.work == Work::Target {
                worker += sat(economics.outside_gain);
            }
        }
        if matches!(past.work, Work::Honest | Work::Target) {
            worker -= sat(economics.worker_cost);
        }
        if past.verified {
            verifier -= sat(economics.verifier_cost);
        }
        let fees = &economics.fees;
        if past.delivered {
            worker -= sat(fees.delivery);
        }
        if past.appealed {
            worker -= sat(fees.appeal);
            verifier -= sat(fees.rejection);
        }
        match outcome.scheme() {
            1 | 5 => client -= sat(fees.settlement),
            6 => verifier -= sat(fees.settlement),
            _ => worker -= sat(fees.settlement),
        }
        let mut payoffs = vec![client, worker, verifier];
        if economics.arbiters == ArbiterModel::Strategic {
            let stake = sat(params.arbiter_stake());
            for index in 0..usize::from(params.arbiters()) {
                // A stake that is spent comes back with the retainer in its share.
                let mut arbiter = match payout.arbiters.get(index) {
                    Some(share) if outcome.spends_stakes() => sat(*share) - &stake,
                    _ => sat(params.retainer()),
                };
                if past.checked.contains(index) {
                    arbiter -= sat(economics.arbiter_cost);
                }
                payoffs.push(arbiter);
            }
        }
        Ok(payoffs)
    }
}

/// Whether the settlement publishes the result secret.
const fn reveals(outcome: Outcome) -> bool {
    matches!(outcome.scheme(), 2 | 3 | 7)
}
