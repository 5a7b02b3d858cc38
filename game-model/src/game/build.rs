//! The game of a contract, from its parameters and what it is worth to whom.
//!
//! # Moves
//! The client offers; worker and verifier accept. The worker plays *honest*, *skip* (no work, a
//! commitment to garbage), *target* (the whole work with m bad steps that bring it B outside, if the
//! result is accepted), *garbage* (right steps, m sealed boxes of garbage, the same B), *redraw* (as target, and another
//! root if the sample hits), *hand nothing over*, or *time out*. With skip or target it may promise the verifier a payment
//! outside the contract ([`Promise`]). The verifier, not knowing which, verifies the sample, approves or rejects
//! without looking, or is silent. Nature draws the sample.
//!
//! A rejected worker admits (S4), does nothing until its time is out (S1), or delivers on chain (TxD). Then the verifier
//! rejects on chain (TxV0), approves there after all (TxV1), or is silent (S2); after TxV0 the worker leaves it at that
//! (S4') or appeals (TxA). The panel errs at given rates, or its arbiters are players. An approved worker claims (S3) or
//! withholds the secret.
//!
//! In the paper's template a worker may also claim for work that it never delivered, the verifier may
//! keep its half of an appeal, and a convicted worker may open the other verdict with the panel's
//! one secret: those are the attacks which that template leaves open. It has no moves of the hardened one.
//!
//! With [`TimeOuts::PayRejection`], for comparison, S1 pays a verifier whose signed rejection comes before it. A rejection costs
//! nothing, so one is signed wherever a worker's time runs out; where it was idle that is a move.
//!
//! # Payoffs
//! Changes of deposits by [`settle`], to the satoshi, less costs and fees, plus R, −L and B where a
//! result is revealed (schemes 2, 3, 7). Everybody's payoff is 0 if there is no contract. The
//! retainer goes from the client to the arbiters once there is one.
//!
//! # What is taken as worse than it is
//! - A verifier that has seen a difference is paid if it approves nonetheless: a cheat may seal the token under the right
//!   digests, or hand it over.
//! - An approved worker that withholds does so off chain (S1), where the verifier is not paid.
//! - A promise binds, and may pay for a few bad steps what it does not pay for no work: [`Promise`].
//!
//! # What is not covered
//! - One owner of two parties: [`super::Inspection`] and the inequalities named `league`.
//! - Time-outs are published as soon as they pay: whoever gets a deposit back by it does so.
//! - A verifier that rejects unseen and verifies once the worker has delivered: it ends as honest play, and costs it TxV1.
//!   Nor a verifier that was promised something and rejects unseen, which is the worker's loss.
//! - A move whose payoffs are to everybody those of another is not offered twice: S4 beside S4' where neither costs a fee.

mod arbitration;
mod course;
mod endings;
mod promise;
mod verdict;

use super::builder::GameBuilder;
use super::economics::{Economics, EconomicsError, SidePayments, TimeOuts, VerdictRule};
use super::tree::{Game, Player};
use crate::arbiters::ArbiterSet;
use crate::detection::hit_probability;
use crate::params::settlement::{Outcome, SettlementError, settle};
use crate::params::{Params, Template};
use crate::rational::Rational;

use crate::rational::sat;
pub(super) use endings::{Ending, endings};
pub use promise::Promise;

/// What the worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Honest,
    Skip,
    Target,
    Redraw,
    Garbage,
    Withhold,
    Idle,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Skip => "skipped",
            Self::Target => "targeted",
            Self::Redraw => "would redraw",
            Self::Garbage => "sealed garbage",
            Self::Withhold => "handed nothing over",
            Self::Idle => "idle",
        }
    }

    /// Some steps are bad and others are not, so that the sample matters.
    const fn is_partial(self) -> bool {
        matches!(self, Self::Target | Self::Redraw | Self::Garbage)
    }
}

/// What has happened so far, as far as payoffs and knowledge depend on it.
#[derive(Clone, Copy, Debug)]
struct Past {
    work: Work,
    /// What the worker promised the verifier, and whether it owes it now.
    promise: Option<Promise>,
    owed: bool,
    /// The sample holds a bad step.
    hit: bool,
    /// The verifier recomputed the sample.
    verified: bool,
    /// The verifier has the token without which its pay is burnt.
    token: bool,
    /// The verifier signs no rejection though it could be paid for one.
    left: bool,
    /// Arbiters that checked, each at its cost.
    checked: ArbiterSet,
    /// On-chain moves that have been paid for.
    delivered: bool,
    approved: bool,
    rejected: bool,
    appealed: bool,
}

impl Past {
    const fn new(work: Work) -> Self {
        Self {
            work,
            promise: None,
            owed: false,
            // Garbage is found in whatever sample, and so is that nothing was handed over.
            hit: matches!(work, Work::Skip | Work::Withhold),
            verified: false,
            token: false,
            left: false,
            checked: ArbiterSet::empty(),
            delivered: false,
            approved: false,
            rejected: false,
            appealed: false,
        }
    }

    /// What the worker knows: what it did and promised, and whether the sample holds a bad step of its own.
    fn known(&self) -> String {
        let promised = self.promise.map_or("", Promise::by_worker);
        let found = match (self.work.is_partial(), self.hit) {
            (true, true) => ", found out",
            (true, false) => ", not found out",
            (false, _) => "",
        };
        format!("{}{promised}{found}", self.work.name())
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
    let course = Course::with_hit(params, economics, hit);
    let mut players = vec![Player::Client, Player::Worker, Player::Verifier];
    if economics.arbiters.plays() {
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

impl<'a> Course<'a> {
    fn new(params: &'a Params, economics: &'a Economics) -> Self {
        let (steps, sample) = (params.steps(), params.sample().into());
        let hit = hit_probability(steps, economics.bad_steps, sample);
        Self::with_hit(params, economics, hit)
    }

    fn with_hit(params: &'a Params, economics: &'a Economics, hit: Rational) -> Self {
        Self {
            params,
            economics,
            rule: economics.verdict_rule(params.template()),
            hit,
            failure: std::cell::RefCell::new(None),
        }
    }
}

impl Course<'_> {
    fn is_paper(&self) -> bool {
        self.params.template() == Template::Paper
    }

    fn has_token(&self) -> bool {
        self.rule == VerdictRule::Token
    }

    /// Whether the worker can promise what the contract does not see.
    fn has_promises(&self) -> bool {
        !self.is_paper() && self.economics.side_payments == SidePayments::Possible
    }

    /// Whether S1 pays a verifier that has rejected; never in the paper's template.
    fn pays_rejection(&self) -> bool {
        !self.is_paper() && self.economics.time_outs == TimeOuts::PayRejection
    }

    fn no_contract(&self, board: &mut GameBuilder) {
        let players = match self.economics.arbiters.plays() {
            true => 3 + usize::from(self.params.arbiters()),
            false => 3,
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
            (false, _) if outcome == Outcome::WorkerTimedOut && self.pays_rejection() => {
                let paid = if past.left { "not paid" } else { "paid" };
                format!("{outcome}, verifier {paid}")
            }
            (false, _) => outcome.to_string(),
            (true, Work::Honest) => format!("{outcome} (right result)"),
            (true, _) => format!("{outcome} (wrong result)"),
        }
    }

    fn payoffs(&self, outcome: Outcome, past: &Past) -> Result<Vec<Rational>, SettlementError> {
        let (params, economics) = (self.params, self.economics);
        let payout = settle(params, outcome)?;
        let retainers = sat(params.retainer()) * Rational::from_integer(params.arbiters().into());
        let mut client = sat(payout.client) - sat(params.client_deposit()) - retainers;
        let mut worker = sat(payout.worker) - sat(params.worker_stake());
        let mut verifier = sat(payout.verifier) - sat(params.verifier_stake());
        if reveals(outcome) {
            match past.work {
                Work::Honest => client += sat(economics.right_value),
                _ => client -= sat(economics.wrong_loss),
            }
            if past.work.is_partial() {
                worker += sat(economics.outside_gain);
            }
        }
        if past.work == Work::Honest || past.work.is_partial() {
            worker -= sat(economics.worker_cost);
        }
        if past.verified {
            verifier -= sat(economics.verifier_cost);
        }
        if outcome == Outcome::WorkerTimedOut && self.pays_rejection() && !past.left {
            let penalty = params.alpha().floor_of(params.worker_stake());
            let owed = sat(params.verifier_reward()) + sat(params.bounty());
            verifier += owed.min(sat(penalty));
        }
        if outcome == Outcome::Normal && !past.token && self.has_token() {
            // Locked to a key that nobody has.
            verifier = -sat(params.verifier_stake());
        }
        if let Some(promise) = past.promise.filter(|_| past.owed) {
            let promised = self.promised(promise, past);
            worker -= &promised;
            verifier += promised;
        }
        let fees = &economics.fees;
        let paid = |made: bool, fee| if made { sat(fee) } else { Rational::default() };
        worker -= paid(past.delivered, fees.delivery) + paid(past.appealed, fees.appeal);
        verifier -= paid(past.rejected, fees.rejection) + paid(past.approved, fees.approval);
        if outcome.is_challenged() {
            // TxC is about as large as TxA.
            client -= sat(fees.appeal);
        }
        match (outcome.scheme(), past.rejected) {
            (1, _) => client -= sat(fees.time_out),
            (2, _) => worker -= sat(fees.late),
            (3, _) => worker -= sat(fees.settlement),
            (4, false) => worker -= sat(fees.admission),
            (4, true) => verifier -= sat(fees.unappealed),
            (5, _) => client -= sat(fees.failed),
            (6, _) if outcome.is_challenged() => client -= sat(fees.convicted),
            (6, _) => verifier -= sat(fees.convicted),
            _ => worker -= sat(fees.acquitted),
        }
        let mut payoffs = vec![client, worker, verifier];
        if economics.arbiters.plays() {
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
