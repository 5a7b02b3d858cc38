//! Every bound of a record, checked in one pass that collects all that are broken.

use bitcoin_units::Amount;

use super::bounds::{Bound, BrokenBound, Quantity};
use super::settlement::{Outcome, Party, SettlementError, settle};
use super::{
    LOCK_TIME_THRESHOLD, MAX_FUND_SCRIPT_BYTES, MAX_MONEY_SAT, MAX_RELATIVE_LOCK_BLOCKS,
    MIN_APPEAL_BLOCKS, MIN_COMPLETE_BLOCKS, MIN_DECIDE_BLOCKS, MIN_PER_MISSING_BLOCKS,
    MIN_VERDICT_BLOCKS, MIN_WORK_BLOCKS, Params, ParamsRecord, Template,
};
use crate::arbiters::MAX_ARBITERS;
use crate::caps::{
    MAX_MEMORY_BYTES, MAX_OPENINGS, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_RECORD_BYTES,
    MAX_STEP_FUEL, MAX_UNITS,
};
use crate::ratio::Ratio;

/// The bounds that `candidate` breaks; empty if it is valid.
pub(super) fn broken_bounds(candidate: &Params) -> Vec<BrokenBound> {
    let mut checks = Checks(Vec::new());
    deposits(candidate, &mut checks);
    fractions(candidate, &mut checks);
    sample(candidate, &mut checks);
    job(candidate, &mut checks);
    penalties(candidate, &mut checks);
    windows(candidate, &mut checks);
    locks(candidate, &mut checks);
    audit(candidate, &mut checks);
    // Payouts mean something only where sums cannot overflow and the panel exists.
    let payable = ![
        Bound::TotalWithinSupply,
        Bound::PanelAtLeastThree,
        Bound::PanelAtMostFifteen,
        Bound::MajorityAboveHalf,
        Bound::MajorityAtMostOne,
    ]
    .iter()
    .any(|bound| checks.0.iter().any(|broken| broken.bound == *bound));
    if payable {
        payouts(candidate, &mut checks);
    }
    checks.0
}

/// Of those only the ones that no amount, fraction or sample mends: whoever searches for these asks once, first.
pub(super) fn broken_whatever_the_amounts(candidate: &Params) -> Vec<BrokenBound> {
    let mut checks = Checks(Vec::new());
    job(candidate, &mut checks);
    windows(candidate, &mut checks);
    locks(candidate, &mut checks);
    checks.0
}

struct Checks(Vec<BrokenBound>);

impl Checks {
    fn require(
        &mut self,
        bound: Bound,
        holds: bool,
        lhs: impl Into<Quantity>,
        rhs: impl Into<Quantity>,
    ) {
        if !holds {
            let (lhs, rhs) = (lhs.into(), rhs.into());
            self.0.push(BrokenBound { bound, lhs, rhs });
        }
    }
}

fn deposits(p: &Params, checks: &mut Checks) {
    let zero = Amount::ZERO;
    let (c, w, v, a) = (
        p.reward(),
        p.worker_stake(),
        p.verifier_stake(),
        p.arbiter_stake(),
    );
    checks.require(Bound::RewardPositive, c > zero, c, zero);
    checks.require(Bound::WorkerStakePositive, w > zero, w, zero);
    checks.require(Bound::VerifierStakePositive, v > zero, v, zero);
    checks.require(Bound::WorkerStakeAtMostVerifierStake, w <= v, w, v);
    checks.require(Bound::ArbiterStakeAtLeastVerifierStake, a >= v, a, v);

    let n = p.arbiters();
    let count = |value: u64| Quantity::Count(value);
    checks.require(Bound::PanelAtLeastThree, n >= 3, count(n.into()), count(3));
    checks.require(
        Bound::PanelAtMostFifteen,
        n <= MAX_ARBITERS,
        count(n.into()),
        count(MAX_ARBITERS.into()),
    );
    let script = p.fund().len();
    let script_count = count(script as u64);
    checks.require(
        Bound::FundScriptNotEmpty,
        script >= 1,
        script_count,
        count(1),
    );
    checks.require(
        Bound::FundScriptLength,
        script <= MAX_FUND_SCRIPT_BYTES,
        script_count,
        count(MAX_FUND_SCRIPT_BYTES as u64),
    );

    let sat = |amount: Amount| u128::from(amount.to_sat());
    let stake = sat(a) + sat(p.retainer());
    let total = sat(p.client_deposit()) + sat(w) + sat(v) + u128::from(n) * stake;
    let supply = u128::from(MAX_MONEY_SAT);
    checks.require(
        Bound::TotalWithinSupply,
        total <= supply,
        Quantity::Sat(total),
        Quantity::Sat(supply),
    );
    checks.require(
        Bound::StakeOutputAboveDust,
        stake >= sat(p.dust_limit()),
        Quantity::Sat(stake),
        p.dust_limit(),
    );
}

fn fractions(p: &Params, checks: &mut Checks) {
    let (zero, one) = (Ratio::ZERO, Ratio::ONE);
    let up_to_one = [
        (p.alpha(), Bound::AlphaPositive, Bound::AlphaAtMostOne),
        (p.beta(), Bound::BetaPositive, Bound::BetaAtMostOne),
        (p.delta(), Bound::DeltaPositive, Bound::DeltaAtMostOne),
        (p.epsilon(), Bound::EpsilonPositive, Bound::EpsilonAtMostOne),
        (p.sigma(), Bound::SigmaPositive, Bound::SigmaAtMostOne),
    ];
    for (value, positive, at_most_one) in up_to_one {
        checks.require(positive, value > zero, value, zero);
        checks.require(at_most_one, value <= one, value, one);
    }
    let (gamma, epsilon, mu, rho) = (p.gamma(), p.epsilon(), p.mu(), p.rho());
    checks.require(Bound::GammaPositive, gamma > zero, gamma, zero);
    checks.require(Bound::GammaBelowEpsilon, gamma < epsilon, gamma, epsilon);
    checks.require(Bound::MajorityAboveHalf, mu > Ratio::HALF, mu, Ratio::HALF);
    checks.require(Bound::MajorityAtMostOne, mu <= one, mu, one);
    checks.require(Bound::RhoPositive, rho > zero, rho, zero);
    checks.require(Bound::RhoBelowOne, rho < one, rho, one);

    let count = |value: u64| Quantity::Count(value);
    checks.require(
        Bound::StepsPositive,
        p.steps() > 0,
        count(p.steps()),
        count(0),
    );
    let sampled = p.sigma().ceil_of_u64(p.steps());
    checks.require(
        Bound::SampleIsSigmaOfSteps,
        u64::from(p.sample()) == sampled,
        count(p.sample().into()),
        count(sampled),
    );
}

fn sample(p: &Params, checks: &mut Checks) {
    let count = |value: u64| Quantity::Count(value);
    let most_sample = u64::from(MAX_OPENINGS);
    let sample = u64::from(p.openings());
    checks.require(
        Bound::SampleAtMost,
        sample <= most_sample,
        count(sample),
        count(most_sample),
    );
}

fn job(p: &Params, checks: &mut Checks) {
    let b = p.job_bounds();
    let count = |value: u64| Quantity::Count(value);
    let fuel = |value: u64| Quantity::Fuel(value.into());
    checks.require(Bound::JobFuelPositive, b.fuel >= 1, fuel(b.fuel), fuel(1));
    checks.require(
        Bound::JobUnitsPositive,
        b.units >= 1,
        count(b.units),
        count(1),
    );
    checks.require(
        Bound::JobUnitsAtMost,
        b.units <= MAX_UNITS,
        count(b.units),
        count(MAX_UNITS),
    );
    checks.require(
        Bound::JobFuelAtMost,
        b.step_fuel() <= MAX_STEP_FUEL.into(),
        Quantity::Fuel(b.step_fuel()),
        fuel(MAX_STEP_FUEL),
    );
    let bytes = |value: u64| Quantity::Bytes(value);
    checks.require(
        Bound::JobOutputPositive,
        b.output_bytes >= 1,
        bytes(b.output_bytes),
        bytes(1),
    );
    for (bound, value, most) in [
        (Bound::JobMemoryAtMost, b.memory_bytes, MAX_MEMORY_BYTES),
        (
            Bound::JobProgramAtMost,
            b.program_bytes,
            MAX_PROGRAM_BYTES as u64,
        ),
        (
            Bound::JobRecordAtMost,
            b.record_bytes,
            MAX_RECORD_BYTES as u64,
        ),
        (
            Bound::JobOutputAtMost,
            b.output_bytes,
            MAX_OUTPUT_BYTES as u64,
        ),
    ] {
        checks.require(bound, value <= most, bytes(value), bytes(most));
    }
    let in_time = p.fuel_to_judge(b.fuel_per_second);
    checks.require(
        Bound::JobJudgedInWindow,
        b.step_fuel() <= in_time,
        Quantity::Fuel(b.step_fuel()),
        Quantity::Fuel(in_time),
    );
}

fn penalties(p: &Params, checks: &mut Checks) {
    let sat = |amount: Amount| i128::from(amount.to_sat());
    // Both sides of these bounds are sums or differences; negative ones hold trivially.
    let side = |value: i128| Quantity::Sat(value.unsigned_abs());
    let (w, v) = (sat(p.worker_stake()), sat(p.verifier_stake()));
    let (reward, bounty) = (sat(p.verifier_reward()), sat(p.bounty()));
    let admission = sat(p.delta().floor_of(p.worker_stake()));
    match p.template() {
        Template::Hardened | Template::Audited => {
            let verifier = reward + bounty;
            checks.require(
                Bound::VerifierPaidFromAdmission,
                verifier <= admission,
                side(verifier),
                side(admission),
            );
            let pot = w - verifier;
            checks.require(Bound::PotAtMostVerifierStake, pot <= v, side(pot), side(v));
        }
        Template::Paper => {
            let taken = reward + admission;
            checks.require(
                Bound::PaperAdmissionAtMostStake,
                taken <= w,
                side(taken),
                side(w),
            );
            checks.require(
                Bound::GammaPlusEpsilonAtMostOne,
                p.gamma().sum_at_most_one(p.epsilon()),
                Quantity::FractionSum(p.gamma(), p.epsilon()),
                Ratio::ONE,
            );
            let zero = Amount::ZERO;
            checks.require(Bound::PaperHasNoBounty, bounty == 0, p.bounty(), zero);
            checks.require(
                Bound::PaperHasNoRetainer,
                p.retainer() == zero,
                p.retainer(),
                zero,
            );
        }
    }
}

fn windows(p: &Params, checks: &mut Checks) {
    let w = p.windows();
    let blocks = |value: u64| Quantity::Blocks(value);
    let minima = [
        (Bound::WorkWindowMinimum, w.work_blocks, MIN_WORK_BLOCKS),
        (
            Bound::VerdictWindowMinimum,
            w.verdict_blocks,
            MIN_VERDICT_BLOCKS,
        ),
        (
            Bound::AppealWindowMinimum,
            w.appeal_blocks,
            MIN_APPEAL_BLOCKS,
        ),
        (
            Bound::CompleteWindowMinimum,
            w.complete_blocks,
            MIN_COMPLETE_BLOCKS,
        ),
        (
            Bound::DecideWindowMinimum,
            w.decide_blocks,
            MIN_DECIDE_BLOCKS,
        ),
        (
            Bound::PerMissingWindowMinimum,
            w.per_missing_blocks,
            MIN_PER_MISSING_BLOCKS,
        ),
    ];
    for (bound, value, least) in minima {
        checks.require(
            bound,
            value >= least,
            blocks(value.into()),
            blocks(least.into()),
        );
    }
    let decide = u64::from(w.decide_blocks);
    let missing = u64::from(p.arbiters().saturating_sub(p.quorum()));
    let decided = missing * u64::from(w.per_missing_blocks) + u64::from(w.appeal_blocks);
    checks.require(
        Bound::DecisionLeavesSlowestMajorityAppealWindow,
        decide >= decided,
        blocks(decide),
        blocks(decided),
    );
    let locks = [
        (Bound::RelativeLocksFit, longest_decision(p.record())),
        (Bound::StakeLockFits, stake_lock(p.record())),
    ];
    for (bound, lock) in locks {
        checks.require(
            bound,
            lock <= MAX_RELATIVE_LOCK_BLOCKS,
            blocks(lock),
            blocks(MAX_RELATIVE_LOCK_BLOCKS),
        );
    }
}

/// 2Δ_D + nΔ_Q.
fn longest_decision(record: &ParamsRecord) -> u64 {
    let w = record.windows;
    2 * u64::from(w.decide_blocks) + u64::from(record.arbiters) * u64::from(w.per_missing_blocks)
}

/// Δ_T + Δ_V + max(Δ_C + Δ_W, max(Δ_A, Δ_C) + 2Δ_D + nΔ_Q), wide enough for records that are not valid.
pub(super) fn stake_lock(record: &ParamsRecord) -> u64 {
    let w = record.windows;
    let challenge = record.audit.map_or(0, |audit| audit.challenge_blocks);
    let dispute = u64::from(w.appeal_blocks.max(challenge)) + longest_decision(record);
    let complete = u64::from(challenge) + u64::from(w.complete_blocks);
    u64::from(w.work_blocks) + u64::from(w.verdict_blocks) + dispute.max(complete)
}

fn locks(p: &Params, checks: &mut Checks) {
    let height = Quantity::Height;
    let deliver = p.deliver_height();
    checks.require(
        Bound::DeliverHeightPositive,
        deliver >= 1,
        height(deliver),
        height(1),
    );
    checks.require(
        Bound::DeliverHeightIsHeight,
        deliver < LOCK_TIME_THRESHOLD,
        height(deliver),
        height(LOCK_TIME_THRESHOLD),
    );
    match (p.template(), p.paper_locks()) {
        (Template::Hardened | Template::Audited, None) => {}
        (Template::Hardened | Template::Audited, Some(_)) => checks.require(
            Bound::PaperLocksAbsent,
            false,
            Quantity::Present,
            Quantity::Absent,
        ),
        (Template::Paper, None) => checks.require(
            Bound::PaperLocksPresent,
            false,
            Quantity::Absent,
            Quantity::Present,
        ),
        (Template::Paper, Some(locks)) => {
            let ordered = [
                (Bound::PaperLockOneBeforeTwo, locks.t1, locks.t2),
                (Bound::PaperLockTwoBeforeThree, locks.t2, locks.t3),
                (Bound::PaperLockThreeBeforeFour, locks.t3, locks.t4),
                (Bound::PaperLocksAreHeights, locks.t4, LOCK_TIME_THRESHOLD),
            ];
            for (bound, earlier, later) in ordered {
                checks.require(bound, earlier < later, height(earlier), height(later));
            }
        }
    }
}

/// The client's challenge: given where it can be made, its arbiters and the compensation paid out of the stakes.
fn audit(p: &Params, checks: &mut Checks) {
    let (present, absent) = (Quantity::Present, Quantity::Absent);
    let audit = match (p.template(), p.audit()) {
        (Template::Audited, Some(audit)) => audit,
        (Template::Audited, None) => {
            return checks.require(Bound::AuditPresent, false, absent, present);
        }
        (_, None) => return,
        (_, Some(_)) => return checks.require(Bound::AuditAbsent, false, present, absent),
    };
    let zero = Amount::ZERO;
    checks.require(
        Bound::ChallengeBondPositive,
        audit.bond > zero,
        audit.bond,
        zero,
    );
    let sat = |amount: Amount| u128::from(amount.to_sat());
    let least = u128::from(p.arbiters()) * sat(p.dust_limit());
    checks.require(
        Bound::ChallengeBondAboveDust,
        sat(audit.bond) >= least,
        audit.bond,
        Quantity::Sat(least),
    );
    let taken = sat(audit.compensation) + sat(p.verifier_reward());
    checks.require(
        Bound::CompensationFromWorkerStake,
        taken <= sat(p.worker_stake()),
        Quantity::Sat(taken),
        p.worker_stake(),
    );
    let paid = sat(audit.compensation) + sat(audit.bond);
    let stakes = sat(p.worker_stake()) + sat(p.verifier_stake());
    checks.require(
        Bound::ChallengePaidFromStakes,
        paid <= stakes,
        Quantity::Sat(paid),
        Quantity::Sat(stakes),
    );
    let blocks = |value: u16| Quantity::Blocks(value.into());
    let steps = |value: u64| Quantity::Count(value);
    let audited = u64::from(audit.steps);
    checks.require(
        Bound::AuditStepsPositive,
        audited >= 1,
        steps(audited),
        steps(1),
    );
    checks.require(
        Bound::AuditStepsAtMost,
        audited <= p.steps(),
        steps(audited),
        steps(p.steps()),
    );
    let third = audit.challenge_blocks / 3;
    let record = p.windows().verdict_blocks / 3;
    checks.require(
        Bound::ChallengeAfterRecord,
        third > record,
        blocks(third),
        blocks(record),
    );
}

/// Tries every kind of outcome: each must be payable and leave nobody with dust.
fn payouts(p: &Params, checks: &mut Checks) {
    let dust = p.dust_limit();
    for outcome in Outcome::kinds(p.template(), p.arbiters(), p.quorum()) {
        let payout = match settle(p, outcome) {
            Ok(payout) => payout,
            Err(error) => {
                let (paid, pot) = match error {
                    SettlementError::Unbalanced { paid, pot, .. } => {
                        (Quantity::Sat(paid.into()), Quantity::Sat(pot.into()))
                    }
                    _ => {
                        let pot = p.pot(outcome).map_or(Quantity::More, Quantity::from);
                        (Quantity::More, pot)
                    }
                };
                checks.require(Bound::OutcomeSolvent { outcome }, false, paid, pot);
                continue;
            }
        };
        for (party, share) in payout.shares() {
            let bound = Bound::ShareAboveDust { outcome, party };
            // A fund share below the limit has been merged already.
            let holds = share == Amount::ZERO || share >= dust || party == Party::Fund;
            checks.require(bound, holds, share, dust);
        }
    }
}
