//! Who holds how much more or less after a game.

use super::delivery::Delivery;
use super::verdict::Checked;
use super::{Arena, Game, SimulationError};
use crate::computation::{Computation, StepProgram};
use crate::params::settlement::{Outcome, SettlementError, settle};
use crate::play::VerifierStrategy;
use crate::simulation::Sums;

impl<P: StepProgram> Arena<'_, P> {
    pub(super) fn settled(
        &self,
        checked: &Checked,
        delivery: Option<&Delivery>,
        sample_seed: Option<[u8; 32]>,
    ) -> Result<Game, SimulationError> {
        let outcome = checked.outcome;
        let upheld = checked.league.is_some_and(|league| league.upheld);
        let transfers = match upheld {
            true => self.challenged(),
            false => self.transfers(outcome)?,
        };
        // Where the worker withholds, its verifier is paid without a token (scheme 1').
        let transfers = match checked.burnt && outcome == Outcome::Normal {
            true => self.burnt(transfers),
            false => transfers,
        };
        let wrong_delivery = delivery.is_some_and(|delivery| !delivery.bad.is_empty());
        let revealed = matches!(
            outcome,
            Outcome::Normal | Outcome::VerifierTimedOut | Outcome::VerifierAtFault { .. }
        );
        let accepted = revealed && !upheld;
        let game = Game {
            outcome,
            sample_seed,
            wrong_delivery,
            sampled: checked.sampled,
            detected: checked.detected,
            wrong_accepted: accepted && wrong_delivery,
            unopened: checked.unopened,
            unbacked_approval: checked.unbacked_approval,
            equivocations: checked.equivocations,
            grinding: delivery.and_then(|delivery| delivery.grinding),
            other_roots: 0,
            by_record: checked.by_record,
            league: checked.league,
            transfers,
            payoffs: transfers,
        };
        let bad = delivery.map_or(0, |delivery| delivery.bad.len() as u64);
        let outside = self.outside(&game, (accepted, bad), checked.arbiters_that_checked);
        Ok(Game {
            payoffs: transfers + outside,
            ..game
        })
    }

    /// Payout less deposits. Where stakes are not spent, the arbiters have their retainers and
    /// nothing else changes for them.
    fn transfers(&self, outcome: Outcome) -> Result<Sums, SettlementError> {
        let params = &self.setup.params;
        let payout = settle(params, outcome)?;
        let sat = |amount: crate::Amount| i128::from(amount.to_sat());
        let panel = i128::from(params.arbiters());
        let retainers = panel * sat(params.retainer());
        let arbiters = match outcome.spends_stakes() {
            true => {
                payout
                    .arbiters
                    .iter()
                    .map(|share| sat(*share))
                    .sum::<i128>()
                    - panel * sat(params.arbiter_stake())
            }
            false => retainers,
        };
        Ok(Sums {
            client_sat: sat(payout.client) - sat(params.client_deposit()) - retainers,
            worker_sat: sat(payout.worker) - sat(params.worker_stake()),
            verifier_sat: sat(payout.verifier) - sat(params.verifier_stake()),
            arbiters_sat: arbiters,
            fund_sat: sat(payout.fund),
            nobody_sat: 0,
        })
    }

    /// An upheld challenge: worker and verifier lose their stakes, the client has its reward back and κ.
    fn challenged(&self) -> Sums {
        let params = &self.setup.params;
        let sat = |amount: crate::Amount| i128::from(amount.to_sat());
        let kappa = self.setup.league.map_or(0, |play| sat(play.league.kappa));
        let (worker, verifier) = (sat(params.worker_stake()), sat(params.verifier_stake()));
        let retainers = i128::from(params.arbiters()) * sat(params.retainer());
        Sums {
            client_sat: kappa - retainers,
            worker_sat: -worker,
            verifier_sat: -verifier,
            arbiters_sat: retainers,
            fund_sat: worker + verifier - kappa,
            nobody_sat: 0,
        }
    }

    /// The verifier's output is locked to a token that it does not have.
    fn burnt(&self, paid: Sums) -> Sums {
        let stake = i128::from(self.setup.params.verifier_stake().to_sat());
        Sums {
            verifier_sat: -stake,
            nobody_sat: paid.verifier_sat + stake,
            ..paid
        }
    }

    /// Costs, and what the result is worth.
    fn outside(
        &self,
        game: &Game,
        (accepted, bad): (bool, u64),
        arbiters_that_checked: u8,
    ) -> Sums {
        let costs = &self.setup.costs;
        let sat = i128::from;
        let steps = self.job.steps();
        let league = game.league.as_ref();
        let computed = match (league, self.setup.worker.work()) {
            (Some(league), _) if !league.cheats => steps,
            (_, Some(work)) => work.computed(steps),
            (_, None) => 0,
        };
        let worked = sat(costs.work_sat) * sat(computed) / sat(steps.max(1));
        let gained = match game.wrong_accepted && bad >= costs.bad_steps {
            true => sat(costs.outside_gain_sat),
            false => 0,
        };
        let result = match (accepted, game.wrong_accepted) {
            (true, false) => sat(costs.right_result_sat),
            (true, true) => -sat(costs.wrong_result_sat),
            (false, _) => 0,
        };
        // It recomputes the sample as soon as there is a delivery.
        let verifies = self.setup.verifier == VerifierStrategy::Honest
            && game.sample_seed.is_some()
            && league.is_none_or(|league| !league.cheats);
        let audit = match (&self.setup.league, league) {
            (Some(play), Some(game)) if game.audited => sat(play.league.audit_cost.to_sat()),
            _ => 0,
        };
        Sums {
            client_sat: result - audit,
            worker_sat: gained - worked,
            verifier_sat: if verifies { -sat(costs.verify_sat) } else { 0 },
            arbiters_sat: -sat(costs.arbitrate_sat) * i128::from(arbiters_that_checked),
            fund_sat: 0,
            nobody_sat: 0,
        }
    }
}
