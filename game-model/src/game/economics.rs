//! What a contract is worth to its parties, beside what it pays.

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

use super::fees::Fees;
use super::league::League;
use super::panel::PanelAudits;
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
    /// What stands behind a verdict. `None`: as the template has it, a token in the hardened one, nothing in the
    /// paper's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictRule>,
    /// What S1 pays a verifier that has rejected. Contracts pay it nothing; the other rule is for comparison.
    #[serde(default, skip_serializing_if = "TimeOuts::is_default")]
    pub time_outs: TimeOuts,
    /// What moves on chain cost.
    #[serde(default)]
    pub fees: Fees,
    /// Whether worker and verifier can promise each other payments outside the contract.
    #[serde(default, skip_serializing_if = "SidePayments::is_default")]
    pub side_payments: SidePayments,
    /// What locking coins costs, as a share of them per 1,000 blocks. Not part of the tree; [`super::inequalities`] asks
    /// whether the retainer pays an arbiter for it.
    #[serde(default = "no_cost", skip_serializing_if = "is_no_cost")]
    pub capital_cost: Ratio,
    /// One owner of worker and verifier, who is outside the tree. `None`: nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub league: Option<League>,
    /// Who looks at arbiters, which is outside the tree too. `None`: nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel_audits: Option<PanelAudits>,
}

const fn no_cost() -> Ratio {
    Ratio::ZERO
}

fn is_no_cost(cost: &Ratio) -> bool {
    *cost == Ratio::ZERO
}

/// What a settlement by the worker's time-out (S1) pays a verifier that has signed a rejection before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeOuts {
    /// Nothing, as contracts have it. So doing nothing must cost a rejected worker more than admitting: αw > δw + f.
    #[default]
    PayNobody,
    /// φ + b out of αw, as S4 does. A rejection is a signature, which costs nothing and needs no work to be about: a verifier
    /// signs one whenever a worker's time runs out.
    PayRejection,
}

impl TimeOuts {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Payments between worker and verifier that the contract does not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SidePayments {
    /// A worker can promise, and is bound by what it promised, as by a contract of its own.
    #[default]
    Possible,
    /// Nobody pays for silence.
    Impossible,
}

impl SidePayments {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What stands behind a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictRule {
    /// The verifier's pay in schemes 3 and 3' waits for a token that is sealed under the digests of the whole sample:
    /// whoever approves without work burns its stake and its reward. A rejection without work is one over digests that
    /// are made up.
    Token,
    /// Anybody may sign anything at any time and is paid for it (the Prometheus paper).
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
    /// Each arbiter of the panel is a player that checks, guesses or is silent. Under [`VerdictRule::Token`] a ruling
    /// counts only with the digests on which it rests, so a guess is as good as silence.
    Strategic,
    /// The same, where a ruling is a bit whatever the rule, as the chain sees it: a guess counts.
    Bits,
}

impl ArbiterModel {
    /// Whether each arbiter is a player.
    pub const fn plays(&self) -> bool {
        matches!(self, Self::Strategic | Self::Bits)
    }
}

impl Economics {
    /// Figures for which [`crate::ParamsRecord::example`] makes honest play pay, side payments included: a sample of 100
    /// of 1,000 steps finds 20 bad ones with 0.88.
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
            bad_steps: 20,
            arbiters: ArbiterModel::Rates {
                convicts_innocent: ratio(1, 100),
                acquits_guilty: ratio(1, 100),
                undecided: ratio(1, 100),
            },
            verdicts: None,
            time_outs: TimeOuts::default(),
            fees: Fees::default(),
            side_payments: SidePayments::default(),
            capital_cost: Ratio::ZERO,
            league: Some(League {
                worker_verifier: ratio(1, 10),
                audit_cost: sat(500),
                kappa: sat(100_000),
            }),
            panel_audits: Some(PanelAudits {
                planted: ratio(1, 10),
                fine: sat(1_000_000),
            }),
        }
    }

    /// The rule under which verdicts are given in this template.
    pub fn verdict_rule(&self, template: Template) -> VerdictRule {
        self.verdicts.unwrap_or(match template {
            Template::Hardened | Template::Audited => VerdictRule::Token,
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

    /// What a ruling of `arbiters` costs in all: g for each, and the fee of the settlement that follows. `None` beyond 2⁶⁴−1
    /// sat.
    pub fn ruling_cost(&self, arbiters: u8) -> Option<Amount> {
        let judged = self.arbiter_cost.checked_mul(arbiters.into())?;
        judged.checked_add(self.fees.convicted.max(self.fees.acquitted))
    }

    /// Checks that there is a game for these figures and this record, and that the bond of a challenge pays for the ruling:
    /// else arbiters would rather be silent than judge it.
    ///
    /// # Errors
    /// [`EconomicsError`].
    pub fn check(&self, params: &Params) -> Result<(), EconomicsError> {
        let (steps, bad) = (params.steps(), self.bad_steps);
        if bad == 0 || bad > steps {
            return Err(EconomicsError::BadSteps { bad, steps });
        }
        self.check_draws(params.sample().into())?;
        if let Some(audit) = params.audit() {
            let needed = self.ruling_cost(params.arbiters());
            let bond = audit.bond;
            if needed.is_none_or(|needed| bond < needed) {
                let needed = needed.unwrap_or(Amount::MAX);
                return Err(EconomicsError::Bond { bond, needed });
            }
        }
        let shares = [
            self.league
                .map(|league| ("leagues", league.worker_verifier)),
            self.panel_audits
                .map(|audits| ("guilty workers", audits.planted)),
        ];
        for (of, share) in shares.into_iter().flatten() {
            if share > Ratio::ONE {
                return Err(EconomicsError::Share { of, share });
            }
        }
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
            ArbiterModel::Strategic | ArbiterModel::Bits => {
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
    /// A challenge costs its panel more than it brings. Of whoever proposes the contract.
    #[error(
        "a bond of {bond} does not pay for a ruling, which costs the panel {needed}: n·g and the fee of the settlement"
    )]
    Bond {
        /// x.
        bond: Amount,
        /// n·g and the larger fee of S6 and S7.
        needed: Amount,
    },
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
    /// A proof was asked for with a rule that is for comparison only.
    #[error("no contract has an S1 that pays for a rejection: leave `time_outs` out")]
    NoSuchContract,
    /// A share of more than all.
    #[error("a share of {share} {of} is more than all")]
    Share {
        /// Of what.
        of: &'static str,
        /// The share.
        share: Ratio,
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
