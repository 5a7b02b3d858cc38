//! Names of the bounds, and the error that lists the broken ones.

use std::borrow::Cow;
use std::fmt;

use bitcoin_units::Amount;

use super::settlement::{Outcome, Party};
use crate::ratio::Ratio;

/// A side of an inequality, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Satoshi; wide enough for sums that overflow an amount.
    Sat(u128),
    /// Blocks.
    Blocks(u64),
    /// An absolute block height.
    Height(u32),
    /// A fraction.
    Fraction(Ratio),
    /// A sum of two fractions.
    FractionSum(Ratio, Ratio),
    /// A number of things.
    Count(u64),
    /// Units of fuel; wide enough for products that overflow.
    Fuel(u128),
    /// Bytes.
    Bytes(u64),
    /// More than the other side, by a sum that no amount holds.
    More,
    /// A value is there.
    Present,
    /// A value is not there.
    Absent,
}

impl From<Amount> for Quantity {
    fn from(amount: Amount) -> Self {
        Self::Sat(u128::from(amount.to_sat()))
    }
}

impl From<Ratio> for Quantity {
    fn from(ratio: Ratio) -> Self {
        Self::Fraction(ratio)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sat(value) => write!(f, "{value} sat"),
            Self::Blocks(value) => write!(f, "{value} blocks"),
            Self::Height(value) => write!(f, "height {value}"),
            Self::Fraction(value) => write!(f, "{value}"),
            Self::FractionSum(a, b) => write!(f, "{a} + {b}"),
            Self::Count(value) => write!(f, "{value}"),
            Self::Fuel(value) => write!(f, "{value} fuel"),
            Self::Bytes(value) => write!(f, "{value} bytes"),
            Self::More => f.write_str("more than that"),
            Self::Present => f.write_str("present"),
            Self::Absent => f.write_str("absent"),
        }
    }
}

/// A bound that a record must meet. The names of the variants are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bound {
    /// c > 0.
    RewardPositive,
    /// w > 0.
    WorkerStakePositive,
    /// v > 0.
    VerifierStakePositive,
    /// w ≤ v: a verifier that is slashed can make good what it disputed.
    WorkerStakeAtMostVerifierStake,
    /// a ≥ v: no party can outbid an arbiter's stake with its own.
    ArbiterStakeAtLeastVerifierStake,
    /// n ≥ 3.
    PanelAtLeastThree,
    /// n ≤ 15.
    PanelAtMostFifteen,
    /// F has a script.
    FundScriptNotEmpty,
    /// F's script has at most 83 bytes.
    FundScriptLength,
    /// α > 0.
    AlphaPositive,
    /// α ≤ 1.
    AlphaAtMostOne,
    /// β > 0.
    BetaPositive,
    /// β ≤ 1.
    BetaAtMostOne,
    /// γ > 0.
    GammaPositive,
    /// γ < ε.
    GammaBelowEpsilon,
    /// δ > 0.
    DeltaPositive,
    /// δ ≤ 1, that is δw ≤ w.
    DeltaAtMostOne,
    /// ε > 0.
    EpsilonPositive,
    /// ε ≤ 1.
    EpsilonAtMostOne,
    /// γ + ε ≤ 1: in the paper's scheme 5 the worker pays both.
    GammaPlusEpsilonAtMostOne,
    /// μ > 1/2: two majorities must overlap.
    MajorityAboveHalf,
    /// μ ≤ 1.
    MajorityAtMostOne,
    /// ρ > 0.
    RhoPositive,
    /// ρ < 1: the verifier earns something.
    RhoBelowOne,
    /// σ > 0.
    SigmaPositive,
    /// σ ≤ 1.
    SigmaAtMostOne,
    /// N > 0.
    StepsPositive,
    /// The sample is ⌈σN⌉.
    SampleIsSigmaOfSteps,
    /// The sample is at most [`MAX_OPENINGS`](crate::caps::MAX_OPENINGS): its keys are shown, and of more none are made.
    SampleAtMost,
    /// A unit of the job has fuel.
    JobFuelPositive,
    /// A step of the job has a unit.
    JobUnitsPositive,
    /// A step has at most [`MAX_UNITS`](crate::caps::MAX_UNITS) units.
    JobUnitsAtMost,
    /// Fuel × units ≤ [`MAX_STEP_FUEL`](crate::caps::MAX_STEP_FUEL).
    JobFuelAtMost,
    /// Memory ≤ [`MAX_MEMORY_BYTES`](crate::caps::MAX_MEMORY_BYTES).
    JobMemoryAtMost,
    /// Program ≤ [`MAX_PROGRAM_BYTES`](crate::caps::MAX_PROGRAM_BYTES).
    JobProgramAtMost,
    /// Record ≤ [`MAX_RECORD_BYTES`](crate::caps::MAX_RECORD_BYTES).
    JobRecordAtMost,
    /// A step has an output.
    JobOutputPositive,
    /// Output ≤ [`MAX_OUTPUT_BYTES`](crate::caps::MAX_OUTPUT_BYTES).
    JobOutputAtMost,
    /// Fuel × units ≤ stated rate × Δ_D (t4 − t2 in the paper template) in seconds
    /// ([`JUDGING_SECONDS_PER_BLOCK`](crate::caps::JUDGING_SECONDS_PER_BLOCK)): an arbiter that cannot
    /// judge in time is slashed for silence.
    JobJudgedInWindow,
    /// φ + b ≤ δw: an admitted fault pays for the verifier.
    VerifierPaidFromAdmission,
    /// φ + δw ≤ w: the paper's scheme 4 takes both from the worker.
    PaperAdmissionAtMostStake,
    /// w − φ − b ≤ v: the arbiters' pot can be paid by a verifier at fault as well.
    PotAtMostVerifierStake,
    /// b = 0 in the paper template, which knows no bounty.
    PaperHasNoBounty,
    /// retainer = 0 in the paper template, which knows no retainer.
    PaperHasNoRetainer,
    /// Δ_T ≥ 1, see [`MIN_WORK_BLOCKS`](super::MIN_WORK_BLOCKS).
    WorkWindowMinimum,
    /// Δ_V ≥ 6, see [`MIN_VERDICT_BLOCKS`](super::MIN_VERDICT_BLOCKS).
    VerdictWindowMinimum,
    /// Δ_A ≥ 2, see [`MIN_APPEAL_BLOCKS`](super::MIN_APPEAL_BLOCKS).
    AppealWindowMinimum,
    /// Δ_W ≥ 2, see [`MIN_COMPLETE_BLOCKS`](super::MIN_COMPLETE_BLOCKS).
    CompleteWindowMinimum,
    /// Δ_D ≥ 2, see [`MIN_DECIDE_BLOCKS`](super::MIN_DECIDE_BLOCKS).
    DecideWindowMinimum,
    /// Δ_Q ≥ 1, see [`MIN_PER_MISSING_BLOCKS`](super::MIN_PER_MISSING_BLOCKS).
    PerMissingWindowMinimum,
    /// Δ_D ≥ (n−k)Δ_Q + Δ_A: the slowest majority has the chain to itself for Δ_A.
    ///
    /// On a split panel (k rule one way, n−k the other, nobody is silent) the failure of the
    /// arbitration opens at Δ_D and the slowest majority's settlement at (n−k)Δ_Q. What lies between
    /// must be a window in which a party can get a transaction confirmed, or the failure could
    /// overtake a decision that has been made.
    DecisionLeavesSlowestMajorityAppealWindow,
    /// 2Δ_D + nΔ_Q ≤ 65535 (BIP68).
    RelativeLocksFit,
    /// Δ_T + Δ_V + max(Δ_C + Δ_W, max(Δ_A, Δ_C) + 2Δ_D + nΔ_Q) ≤ 65535 (BIP68): the lock of the stake outputs.
    StakeLockFits,
    /// t_deliver ≥ 1.
    DeliverHeightPositive,
    /// t_deliver < 500,000,000 (BIP65: above it is a time).
    DeliverHeightIsHeight,
    /// The paper template needs its locks.
    PaperLocksPresent,
    /// Only the paper template has absolute locks besides t_deliver.
    PaperLocksAbsent,
    /// t1 < t2.
    PaperLockOneBeforeTwo,
    /// t2 < t3.
    PaperLockTwoBeforeThree,
    /// t3 < t4.
    PaperLockThreeBeforeFour,
    /// t4 < 500,000,000 (BIP65).
    PaperLocksAreHeights,
    /// The audited template needs the terms of its challenge.
    AuditPresent,
    /// Only the audited template has a challenge.
    AuditAbsent,
    /// x > 0: a challenge that costs nothing is made of every approval.
    ChallengeBondPositive,
    /// x ≥ n · dust limit: the whole panel shares it, and a share that no output may hold pays nobody for a ruling. What a ruling costs
    /// is another question ([`Economics::check`](crate::game::Economics::check)).
    ChallengeBondAboveDust,
    /// κ + x ≤ w + v: an upheld challenge pays the client and, as a dismissed one does, x to the arbiters.
    ChallengePaidFromStakes,
    /// κ + φ ≤ w: client and worker in league lose at least what they would have paid the verifier when the client challenges
    /// work that the worker does not defend. With more they would take the stake of a verifier that did its work.
    CompensationFromWorkerStake,
    /// At least one step is opened to the client.
    AuditStepsPositive,
    /// And no more than there are.
    AuditStepsAtMost,
    /// ⌊Δ_C/3⌋ > ⌊Δ_V/3⌋: a verifier can approve in the block of the delivery, and a challenge must come after the last
    /// moment of the root of record, and a block later that draws a sample. Else client and verifier together could
    /// challenge a worker that had no time to commit.
    ChallengeAfterRecord,
    /// c + x + w + v + n(a + retainer) ≤ 21 million bitcoin.
    TotalWithinSupply,
    /// a + retainer is no dust.
    StakeOutputAboveDust,
    /// After this outcome this party's share, being positive, is no dust.
    ShareAboveDust {
        /// The outcome.
        outcome: Outcome,
        /// Whose share.
        party: Party,
    },
    /// This outcome can be paid from what is locked.
    OutcomeSolvent {
        /// The outcome.
        outcome: Outcome,
    },
}

impl Bound {
    /// Left-hand side, relation and right-hand side, as text.
    pub fn inequality(self) -> (Cow<'static, str>, &'static str, &'static str) {
        let (lhs, relation, rhs) = match self {
            Self::RewardPositive => ("c", ">", "0"),
            Self::WorkerStakePositive => ("w", ">", "0"),
            Self::VerifierStakePositive => ("v", ">", "0"),
            Self::WorkerStakeAtMostVerifierStake => ("w", "<=", "v"),
            Self::ArbiterStakeAtLeastVerifierStake => ("a", ">=", "v"),
            Self::PanelAtLeastThree => ("n", ">=", "3"),
            Self::PanelAtMostFifteen => ("n", "<=", "15"),
            Self::FundScriptNotEmpty => ("fund script bytes", ">=", "1"),
            Self::FundScriptLength => ("fund script bytes", "<=", "83"),
            Self::AlphaPositive => ("alpha", ">", "0"),
            Self::AlphaAtMostOne => ("alpha", "<=", "1"),
            Self::BetaPositive => ("beta", ">", "0"),
            Self::BetaAtMostOne => ("beta", "<=", "1"),
            Self::GammaPositive => ("gamma", ">", "0"),
            Self::GammaBelowEpsilon => ("gamma", "<", "epsilon"),
            Self::DeltaPositive => ("delta", ">", "0"),
            Self::DeltaAtMostOne => ("delta", "<=", "1"),
            Self::EpsilonPositive => ("epsilon", ">", "0"),
            Self::EpsilonAtMostOne => ("epsilon", "<=", "1"),
            Self::GammaPlusEpsilonAtMostOne => ("gamma + epsilon", "<=", "1"),
            Self::MajorityAboveHalf => ("mu", ">", "1/2"),
            Self::MajorityAtMostOne => ("mu", "<=", "1"),
            Self::RhoPositive => ("rho", ">", "0"),
            Self::RhoBelowOne => ("rho", "<", "1"),
            Self::SigmaPositive => ("sigma", ">", "0"),
            Self::SigmaAtMostOne => ("sigma", "<=", "1"),
            Self::StepsPositive => ("steps", ">", "0"),
            Self::SampleIsSigmaOfSteps => ("sample", "=", "ceil(sigma * steps)"),
            Self::SampleAtMost => ("sample + audited steps", "<=", "16384"),
            Self::JobFuelPositive => ("job's fuel", ">=", "1"),
            Self::JobUnitsPositive => ("job's units", ">=", "1"),
            Self::JobUnitsAtMost => ("job's units", "<=", "2^32"),
            Self::JobFuelAtMost => ("job's fuel * units", "<=", "2^40"),
            Self::JobMemoryAtMost => ("job's memory", "<=", "2^32 bytes"),
            Self::JobProgramAtMost => ("job's program", "<=", "4 MiB"),
            Self::JobRecordAtMost => ("job's record", "<=", "64 MiB"),
            Self::JobOutputPositive => ("job's output", ">=", "1 byte"),
            Self::JobOutputAtMost => ("job's output", "<=", "1 MiB"),
            Self::JobJudgedInWindow => (
                "job's fuel * units",
                "<=",
                "fuel per second * blocks to judge * 60 s",
            ),
            Self::VerifierPaidFromAdmission => ("phi + b", "<=", "delta * w"),
            Self::PaperAdmissionAtMostStake => ("phi + delta * w", "<=", "w"),
            Self::PotAtMostVerifierStake => ("w - phi - b", "<=", "v"),
            Self::PaperHasNoBounty => ("b", "=", "0"),
            Self::PaperHasNoRetainer => ("retainer", "=", "0"),
            Self::WorkWindowMinimum => ("work window", ">=", "1"),
            Self::VerdictWindowMinimum => ("verdict window", ">=", "6"),
            Self::AppealWindowMinimum => ("appeal window", ">=", "2"),
            Self::CompleteWindowMinimum => ("completion window", ">=", "2"),
            Self::DecideWindowMinimum => ("decision window", ">=", "2"),
            Self::PerMissingWindowMinimum => ("window per missing arbiter", ">=", "1"),
            Self::DecisionLeavesSlowestMajorityAppealWindow => {
                ("decision window", ">=", "(n - k) * per missing + appeal")
            }
            Self::RelativeLocksFit => ("2 * decision + n * per missing", "<=", "65535"),
            Self::StakeLockFits => (
                "work + verdict + max(challenge + completion, max(appeal, challenge) + 2 * decision + n * per missing)",
                "<=",
                "65535",
            ),
            Self::DeliverHeightPositive => ("t_deliver", ">=", "1"),
            Self::DeliverHeightIsHeight => ("t_deliver", "<", "500000000"),
            Self::PaperLocksPresent => ("paper_locks", "=", "given in the paper template"),
            Self::PaperLocksAbsent => ("paper_locks", "=", "none but in the paper template"),
            Self::PaperLockOneBeforeTwo => ("t1", "<", "t2"),
            Self::PaperLockTwoBeforeThree => ("t2", "<", "t3"),
            Self::PaperLockThreeBeforeFour => ("t3", "<", "t4"),
            Self::PaperLocksAreHeights => ("t4", "<", "500000000"),
            Self::AuditPresent => ("audit", "=", "given in the audited template"),
            Self::AuditAbsent => ("audit", "=", "none but in the audited template"),
            Self::ChallengeBondPositive => ("x", ">", "0"),
            Self::ChallengeBondAboveDust => ("x", ">=", "n * dust limit"),
            Self::ChallengePaidFromStakes => ("kappa + x", "<=", "w + v"),
            Self::CompensationFromWorkerStake => ("kappa + phi", "<=", "w"),
            Self::AuditStepsPositive => ("audited steps", ">=", "1"),
            Self::AuditStepsAtMost => ("audited steps", "<=", "steps"),
            Self::ChallengeAfterRecord => ("challenge window / 3", ">", "verdict window / 3"),
            Self::TotalWithinSupply => ("c + x + w + v + n * (a + retainer)", "<=", "21000000 BTC"),
            Self::StakeOutputAboveDust => ("a + retainer", ">=", "dust limit"),
            Self::ShareAboveDust { outcome, party } => {
                let lhs = format!("share of the {party} in scheme {outcome}");
                return (lhs.into(), ">=", "dust limit");
            }
            Self::OutcomeSolvent { outcome } => {
                let lhs = format!("shares in scheme {outcome}");
                return (lhs.into(), "<=", "what is locked");
            }
        };
        (Cow::Borrowed(lhs), relation, rhs)
    }
}

/// A bound and the values that break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBound {
    /// Which bound.
    pub bound: Bound,
    /// Value of the left-hand side.
    pub lhs: Quantity,
    /// Value of the right-hand side.
    pub rhs: Quantity,
}

impl fmt::Display for BrokenBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, relation, right) = self.bound.inequality();
        write!(
            f,
            "{left} {relation} {right} violated: {left} = {}, {right} = {}",
            self.lhs, self.rhs
        )
    }
}

/// Why a record is no contract: every bound that it breaks, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamsError {
    pub(super) broken: Vec<BrokenBound>,
}

impl ParamsError {
    /// The broken bounds in the order in which they are checked.
    pub fn broken(&self) -> &[BrokenBound] {
        &self.broken
    }

    /// Those of its broken bounds that another record breaks as well; none if there are none.
    pub(crate) fn shared_with(&self, other: &Self) -> Option<Self> {
        let broken = self.broken.iter().filter(|b| other.breaks(b.bound));
        let broken = broken.copied().collect::<Vec<_>>();
        (!broken.is_empty()).then_some(Self { broken })
    }

    /// Whether this bound is among the broken ones.
    pub fn breaks(&self, bound: Bound) -> bool {
        self.broken.iter().any(|broken| broken.bound == bound)
    }
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, broken) in self.broken.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{broken}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParamsError {}
