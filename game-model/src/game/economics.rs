//! What a contract is worth to its parties, beside what it pays.

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use crate::params::{Params, Template};
use crate::ratio::Ratio;

/// Largest panel whose arbiters can be players: each has three or four moves, and all combinations
/// are leaves of the tree.
pub const MAX_STRATEGIC_ARBITERS: u8 = 5;
/// Most steps or samples over which the hit probability is computed exactly.
pub const MAX_EXACT_DRAWS: u64 = 2_000;

/// Costs and values of the parties, in satoshi. They are estimates: each party checks the game with
/// its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Economics {
    /// z: what the whole work costs the worker.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "worker_cost_sat"
    )]
    pub worker_cost: Amount,
    /// y: what recomputing the sample costs the verifier.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "verifier_cost_sat"
    )]
    pub verifier_cost: Amount,
    /// g: what judging costs an arbiter.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "arbiter_cost_sat"
    )]
    pub arbiter_cost: Amount,
    /// R: what a right result is worth to the client.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "right_value_sat"
    )]
    pub right_value: Amount,
    /// L: what a wrong result that it takes for right costs the client.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "wrong_loss_sat"
    )]
    pub wrong_loss: Amount,
    /// B: what the worker gains outside the contract if a result with its few bad steps is accepted.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "outside_gain_sat"
    )]
    pub outside_gain: Amount,
    /// m: the fewest bad steps that give the worker B.
    pub bad_steps: u64,
    /// How arbiters are modelled.
    pub arbiters: ArbiterModel,
    /// Whether a verdict follows from blind digests. `None`: as the template has it, mechanical in the
    /// hardened one and free in the paper's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictRule>,
    /// What moves on chain cost.
    #[serde(default)]
    pub fees: Fees,
}

/// Whether parties may say what they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictRule {
    /// Blind digests: a verdict is the comparison of digests that were committed to before any leaf
    /// was opened. Whoever did not do the work has none, so its blind answer is a rejection that
    /// does not stand, and an arbiter's guess does not count.
    Mechanical,
    /// Anybody may sign anything at any time (the Prometheus paper).
    Free,
}

/// Arbiters as nature with error rates, or as players.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArbiterModel {
    /// The panel errs at these rates.
    Rates {
        /// e1: it convicts an innocent worker.
        convicts_innocent: Ratio,
        /// e2: it acquits a guilty one.
        acquits_guilty: Ratio,
        /// e5: it comes to no decision.
        undecided: Ratio,
    },
    /// Each arbiter of the panel is a player that checks, guesses or is silent.
    Strategic,
}

/// Chain fees in satoshi, each paid by whoever makes the move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fees {
    /// A settlement, by the party that publishes it.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "settlement_sat"
    )]
    pub settlement: Amount,
    /// The delivery TxD, by the worker; only when the verdict does not come at once.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "delivery_sat")]
    pub delivery: Amount,
    /// A rejection TxV0, by the verifier; only when the worker appeals.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "rejection_sat"
    )]
    pub rejection: Amount,
    /// The appeal TxA, by the worker.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "appeal_sat")]
    pub appeal: Amount,
}

impl Economics {
    /// Figures for which [`crate::ParamsRecord::example`] makes honest play pay.
    pub fn example() -> Self {
        let sat = Amount::from_sat;
        let ratio = |num, den| Ratio::new(num, den).unwrap_or(Ratio::ZERO);
        Self {
            worker_cost: sat(5_000),
            verifier_cost: sat(500),
            arbiter_cost: sat(1_000),
            right_value: sat(150_000),
            wrong_loss: sat(100_000),
            outside_gain: sat(20_000),
            bad_steps: 1,
            arbiters: ArbiterModel::Rates {
                convicts_innocent: ratio(1, 100),
                acquits_guilty: ratio(1, 100),
                undecided: ratio(1, 100),
            },
            verdicts: None,
            fees: Fees::default(),
        }
    }

    /// The rule under which verdicts are given in this template.
    pub fn verdict_rule(&self, template: Template) -> VerdictRule {
        self.verdicts.unwrap_or(match template {
            Template::Hardened => VerdictRule::Mechanical,
            Template::Paper => VerdictRule::Free,
        })
    }

    /// Checks that the probability to hit can be had exactly: its cost grows with the smaller count.
    pub(super) fn check_draws(&self, sample: u64) -> Result<(), EconomicsError> {
        let bad = self.bad_steps;
        if bad.min(sample) > MAX_EXACT_DRAWS {
            return Err(EconomicsError::TooManyDraws { bad, sample });
        }
        Ok(())
    }

    /// Checks that there is a game for these figures and this record.
    ///
    /// # Errors
    /// [`EconomicsError`].
    pub fn check(&self, params: &Params) -> Result<(), EconomicsError> {
        let (steps, bad) = (params.steps(), self.bad_steps);
        if bad == 0 || bad > steps {
            return Err(EconomicsError::BadSteps { bad, steps });
        }
        self.check_draws(params.sample().into())?;
        match self.arbiters {
            ArbiterModel::Rates {
                convicts_innocent,
                acquits_guilty,
                undecided,
            } => {
                for error in [convicts_innocent, acquits_guilty] {
                    if !error.sum_at_most_one(undecided) {
                        return Err(EconomicsError::Rates { error, undecided });
                    }
                }
            }
            ArbiterModel::Strategic => {
                let arbiters = params.arbiters();
                if arbiters > MAX_STRATEGIC_ARBITERS {
                    return Err(EconomicsError::PanelTooLarge { arbiters });
                }
            }
        }
        Ok(())
    }
}

/// Figures of which no game can be made. The caller's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EconomicsError {
    /// No bad step, or more than the job has.
    #[error("{bad} bad steps in a job of {steps}: say 1 to {steps}")]
    BadSteps {
        /// m.
        bad: u64,
        /// N.
        steps: u64,
    },
    /// The exact hit probability would be a fraction of too many digits.
    #[error(
        "{bad} bad steps and {sample} sampled ones: the smaller may be at most {MAX_EXACT_DRAWS}; \
         fewer bad steps are harder to find, so they are on the safe side"
    )]
    TooManyDraws {
        /// m.
        bad: u64,
        /// k.
        sample: u64,
    },
    /// Error rates of the panel that exceed 1 together.
    #[error("the panel's rates {error} and {undecided} are more than 1 together")]
    Rates {
        /// e1 or e2.
        error: Ratio,
        /// e5.
        undecided: Ratio,
    },
    /// More arbiters than can be players.
    #[error(
        "a panel of {arbiters} is too large for arbiters as players (at most \
         {MAX_STRATEGIC_ARBITERS}); give error rates instead"
    )]
    PanelTooLarge {
        /// n.
        arbiters: u8,
    },
    /// The settlement table has no row for an ending of the game.
    #[error(transparent)]
    Settlement(#[from] crate::params::settlement::SettlementError),
    /// What was built of them is no game: a defect of the rules in [`mod@super::build`].
    #[error(transparent)]
    Game(#[from] super::builder::GameError),
}
