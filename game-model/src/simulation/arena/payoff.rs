//! Who holds how much more or less after a game.

use super::delivery::Delivery;
use super::verdict::Checked;
use super::{Arena, Game, SimulationError};
use crate::computation::{Computation, StepProgram};
use crate::params::settlement::{Outcome, SettlementError, settle};
use crate::play::{VerifierStrategy, WorkerStrategy};
use crate::simulation::Sums;

impl<P: StepProgram> Arena<'_, P> {
    pub(super) fn settled(
        &self,
        checked: &Checked,
        delivery: Option<&Delivery>,
        sample_seed: Option<[u8; 32]>,
    ) -> Result<Game, SimulationError> {
        let outcome = checked.outcome;
        let transfers = self.transfers(outcome)?;
        let wrong_delivery = delivery.is_some_and(|delivery| !delivery.bad.is_empty());
        let accepted = matches!(
            outcome,
            Outcome::Normal | Outcome::VerifierTimedOut | Outcome::VerifierAtFault { .. }
        );
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
            transfers,
            payoffs: transfers,
        };
        let bad = delivery.map_or(0, |delivery| delivery.bad.len() as u64);
        let outside = self.outside(&game, (accepted, bad), checked.arbiters_that_checked);
        Ok(Game {
            payoffs: transfers.plus(outside),
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
        })
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
        let computed = match &self.setup.worker {
            WorkerStrategy::Deliver(work) | WorkerStrategy::Grind { work, .. } => {
                work.computed(steps)
            }
            WorkerStrategy::TimeOut | WorkerStrategy::Copy => 0,
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
        let verifies =
            self.setup.verifier == VerifierStrategy::Honest && game.sample_seed.is_some();
        Sums {
            client_sat: result,
            worker_sat: gained - worked,
            verifier_sat: if verifies { -sat(costs.verify_sat) } else { 0 },
            arbiters_sat: -sat(costs.arbitrate_sat) * i128::from(arbiters_that_checked),
            fund_sat: 0,
        }
    }
}
