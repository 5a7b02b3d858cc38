//! The canonical parameter record (the Prometheus paper's contract P) and its validated form.
//!
//! [`ParamsRecord`] is what somebody proposes; [`Params`] exists only if every bound holds, so
//! code that receives one checks nothing again. Both parties derive the whole contract from these
//! values, therefore they have one byte form ([`Params::to_bytes`]) and one hash.

mod accepted;
mod bounds;
mod check;
mod codec;
mod example;
mod job;
pub mod settlement;

use std::fmt;

use bitcoin_units::Amount;
use serde::{Deserialize, Serialize};

pub(crate) use accepted::within;
pub use accepted::{AcceptedJob, JobMisfit};
pub use bounds::{Bound, BrokenBound, ParamsError, Quantity};
pub use codec::DecodeError;
pub use job::JobBounds;

use crate::ratio::Ratio;
use crate::tagged::tagged_hash;
use settlement::Outcome;

/// Longest accepted output script of the common fund, in bytes.
pub const MAX_FUND_SCRIPT_BYTES: usize = 83;
/// Absolute lock times from this value on are read as times, not heights (BIP65).
pub const LOCK_TIME_THRESHOLD: u32 = 500_000_000;
/// Longest relative lock in blocks (BIP68).
pub const MAX_RELATIVE_LOCK_BLOCKS: u64 = 65_535;
/// Least Δ_T: a funding transaction that confirms after t_deliver still leaves the worker a block.
pub const MIN_WORK_BLOCKS: u16 = 1;
/// Least Δ_V: the sampled steps are known only once the root of record is, which may come up to a
/// third of the window after the delivery; the verifier samples and publishes in the rest.
pub const MIN_VERDICT_BLOCKS: u16 = 6;
/// Least Δ_A: the rejection is seen in one block, and the appeal can be mined in the next.
pub const MIN_APPEAL_BLOCKS: u16 = 2;
/// Least Δ_W: the approval is seen in one block, and the completion can be mined in the next.
pub const MIN_COMPLETE_BLOCKS: u16 = 2;
/// Least Δ_D: the appeal is seen in one block, and the settlement can be mined in the next.
pub const MIN_DECIDE_BLOCKS: u16 = 2;
/// Least Δ_Q: a smaller majority must open later than a larger one.
pub const MIN_PER_MISSING_BLOCKS: u16 = 1;
/// 21 million bitcoin, in satoshi.
pub const MAX_MONEY_SAT: u64 = 2_100_000_000_000_000;
/// Default dust limit of a P2TR output at the usual relay fee, in satoshi.
pub const P2TR_DUST_SAT: u64 = 330;

/// Which transaction graph and settlement table a contract follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Delivery and verdict are facts on chain, disputes run under relative locks.
    Hardened,
    /// The Prometheus paper's own graph and table with absolute locks, for research.
    Paper,
    /// As hardened, and the client can challenge an approval: worker and verifier that are in league lose both stakes.
    Audited,
}

impl Template {
    /// Whether delivery and verdict are facts on chain, as in all templates but the paper's.
    pub const fn has_delivery(self) -> bool {
        !matches!(self, Self::Paper)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hardened => "hardened",
            Self::Paper => "paper",
            Self::Audited => "audited",
        })
    }
}

/// What the client's challenge of an approval costs and brings: part of a record in the audited template only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// x: what the client locks beside the reward, and loses with it when its challenge is dismissed. It pays the arbiters
    /// of a challenge, however they rule.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "bond_sat")]
    pub bond: Amount,
    /// κ: what the client gets out of the stakes, beside all that it locked, when its challenge is upheld.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "compensation_sat"
    )]
    pub compensation: Amount,
    /// How many steps the worker opens to the client, beside the sample: what finds a league's cheat.
    pub steps: u32,
    /// Δ_C: how long after an approval on chain the worker can settle. In the first third of it nobody can challenge: until
    /// then the worker's root comes on record at the latest, the chain draws a sample where nobody did, and the worker
    /// serves the client with it.
    pub challenge_blocks: u16,
}

/// Relative windows of the hardened template, in blocks. The paper template has them too, with the same
/// bounds, and does not use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Δ_T: the least time for the worker's delivery after the funding confirmed, whenever that is.
    ///
    /// Scheme 1 (the worker timed out) is valid only after t_deliver and Δ_T blocks after the
    /// funding. Without the second condition, whoever signs the funding transaction last could hold
    /// it back until the worker has no time left.
    pub work_blocks: u16,
    /// Δ_V: time for the verifier's verdict after the delivery.
    pub verdict_blocks: u16,
    /// Δ_A: time for the worker's appeal after a rejection.
    pub appeal_blocks: u16,
    /// Δ_W: time for the worker to reveal the result secret after an approval.
    pub complete_blocks: u16,
    /// Δ_D: time for the panel's decision after an appeal.
    pub decide_blocks: u16,
    /// Δ_Q: extra delay of a majority set per arbiter missing in it.
    pub per_missing_blocks: u16,
}

/// The paper's absolute lock heights, numbered as in its settlement table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperLocks {
    /// Verifier time-out (scheme 2).
    pub t1: u32,
    /// Faulty worker without appeal (scheme 4).
    pub t2: u32,
    /// Worker time-out (scheme 1).
    pub t3: u32,
    /// Failed arbitration (scheme 5).
    pub t4: u32,
}

/// A parameter record as proposed, nothing checked. Symbols are those of the contract's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamsRecord {
    /// Transaction graph and settlement table.
    pub template: Template,
    /// c: what the client pays for the result.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "reward_sat")]
    pub reward: Amount,
    /// w: the worker's stake.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "worker_stake_sat"
    )]
    pub worker_stake: Amount,
    /// v: the verifier's stake.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "verifier_stake_sat"
    )]
    pub verifier_stake: Amount,
    /// n: number of arbiters, 3 to 15.
    pub arbiters: u8,
    /// a: the stake of each arbiter.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "arbiter_stake_sat"
    )]
    pub arbiter_stake: Amount,
    /// F: output script of the common fund, opaque here.
    #[serde(with = "narthex_base::hex", rename = "fund_script")]
    pub fund: Vec<u8>,
    /// α: share of w lost by a worker that times out.
    pub alpha: Ratio,
    /// β: share of v lost by a verifier that times out.
    pub beta: Ratio,
    /// γ: share of w that compensates the client when arbitration fails.
    pub gamma: Ratio,
    /// δ: share of w lost by a worker that admits a fault.
    pub delta: Ratio,
    /// ε: share of each stake lost when arbitration fails.
    pub epsilon: Ratio,
    /// μ: voting majority; k = ⌈μn⌉ arbiters decide.
    pub mu: Ratio,
    /// σ: fraction of the steps that is sampled.
    pub sigma: Ratio,
    /// ρ: the worker's share of the reward. (The paper uses σ for this too.)
    pub rho: Ratio,
    /// b: bounty for a verifier whose rejection stands.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "bounty_sat")]
    pub bounty: Amount,
    /// What the client gives each arbiter for standing by, on top of c; held in the arbiter's
    /// stake output and the arbiter's whatever happens. May be 0.
    #[serde(with = "bitcoin_units::amount::serde::as_sat", rename = "retainer_sat")]
    pub retainer: Amount,
    /// N: number of steps of the job.
    pub steps: u64,
    /// Number of distinct steps that are sampled. Must be ⌈σN⌉: it is written out so that both
    /// sides see the number they agree on.
    pub sample: u32,
    /// t_deliver: absolute height until which the worker must have delivered; in the hardened template
    /// it always has [`Windows::work_blocks`] after the funding.
    pub deliver_height: u32,
    /// Relative windows. The paper template does not use them.
    pub windows: Windows,
    /// What the job may take at most.
    #[serde(default)]
    pub job_bounds: JobBounds,
    /// Absolute locks of the paper template; absent in the hardened one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_locks: Option<PaperLocks>,
    /// The client's challenge; present in the audited template alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// Smallest value an output may have.
    #[serde(
        with = "bitcoin_units::amount::serde::as_sat",
        rename = "dust_limit_sat"
    )]
    pub dust_limit: Amount,
}

/// A record whose every bound holds.
///
/// It reads like the record (`params.arbiters()`, `params.alpha()`, …); there is no way to change
/// it, except by taking the record out and validating it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params(ParamsRecord);

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty),+ $(,)?) => {
        $($(#[$doc])* pub const fn $name(&self) -> $type { self.0.$name })+
    };
}

impl ParamsRecord {
    /// [`Params::stake_lock_blocks`] of this record, valid or not.
    pub(crate) fn stake_lock_blocks(&self) -> u16 {
        // Longer is a broken bound; only a record that is not valid has this maximum.
        u16::try_from(check::stake_lock(self)).unwrap_or(u16::MAX)
    }

    /// Whether some choice of amounts, fractions and sample can make this record valid: job, windows and locks stand.
    ///
    /// # Errors
    /// [`ParamsError`] with every bound that none mends.
    pub(crate) fn check_but_amounts(&self) -> Result<(), ParamsError> {
        let broken = check::broken_whatever_the_amounts(&Params(self.clone()));
        if broken.is_empty() {
            Ok(())
        } else {
            Err(ParamsError { broken })
        }
    }
}

impl Params {
    /// Validates a record.
    ///
    /// # Errors
    /// [`ParamsError`] with every broken bound, not just the first.
    pub fn new(record: ParamsRecord) -> Result<Self, ParamsError> {
        let candidate = Self(record);
        let broken = check::broken_bounds(&candidate);
        if broken.is_empty() {
            Ok(candidate)
        } else {
            Err(ParamsError { broken })
        }
    }

    /// The record that was validated.
    pub const fn record(&self) -> &ParamsRecord {
        &self.0
    }

    /// Gives the record back, to change it and validate it again.
    pub fn into_record(self) -> ParamsRecord {
        self.0
    }

    /// Identifies the contract's terms: tagged hash `narthex/params` of [`Self::to_bytes`].
    pub fn hash(&self) -> [u8; 32] {
        tagged_hash("narthex/params", &self.to_bytes())
    }

    getters! {
        /// Transaction graph and settlement table.
        template: Template,
        /// c, what the client pays for the result.
        reward: Amount,
        /// w, the worker's stake.
        worker_stake: Amount,
        /// v, the verifier's stake.
        verifier_stake: Amount,
        /// n, the number of arbiters.
        arbiters: u8,
        /// a, the stake of each arbiter.
        arbiter_stake: Amount,
        /// α, the share of w lost by a worker that times out.
        alpha: Ratio,
        /// β, the share of v lost by a verifier that times out.
        beta: Ratio,
        /// γ, the share of w that compensates the client when arbitration fails.
        gamma: Ratio,
        /// δ, the share of w lost by a worker that admits a fault.
        delta: Ratio,
        /// ε, the share of each stake lost when arbitration fails.
        epsilon: Ratio,
        /// μ, the voting majority.
        mu: Ratio,
        /// σ, the sampled fraction of the steps.
        sigma: Ratio,
        /// ρ, the worker's share of the reward.
        rho: Ratio,
        /// b, the bounty for a verifier whose rejection stands.
        bounty: Amount,
        /// What each arbiter gets for standing by.
        retainer: Amount,
        /// N, the number of steps.
        steps: u64,
        /// Number of sampled steps, ⌈σN⌉.
        sample: u32,
        /// t_deliver, an absolute height.
        deliver_height: u32,
        /// Relative windows in blocks.
        windows: Windows,
        /// What the job may take at most.
        job_bounds: JobBounds,
        /// The paper template's absolute locks.
        paper_locks: Option<PaperLocks>,
        /// The audited template's challenge.
        audit: Option<Audit>,
        /// Smallest value an output may have.
        dust_limit: Amount,
    }

    /// F, the output script of the common fund.
    pub fn fund(&self) -> &[u8] {
        &self.0.fund
    }

    /// k = ⌈μn⌉: how many arbiters make a majority.
    pub fn quorum(&self) -> u8 {
        let quorum = self.0.mu.ceil_of(u32::from(self.0.arbiters));
        u8::try_from(quorum).unwrap_or(u8::MAX)
    }

    /// q = n − k + 1: as many arbiters that keep a thing show that it was handed over.
    pub fn keepers(&self) -> usize {
        usize::from(self.0.arbiters.saturating_sub(self.quorum())) + 1
    }

    /// ⌊ρc⌋: the worker's part of the reward.
    pub fn worker_share(&self) -> Amount {
        self.0.rho.floor_of(self.0.reward)
    }

    /// φ = ⌊(1−ρ)c⌋: the verifier's part of the reward.
    pub fn verifier_reward(&self) -> Amount {
        // ρ > 1 is a broken bound; only validation itself sees this zero.
        let share = self.0.rho.complement().unwrap_or(Ratio::ZERO);
        share.floor_of(self.0.reward)
    }

    /// x, the client's bond; nothing where there is no challenge.
    pub fn challenge_bond(&self) -> Amount {
        self.0.audit.map_or(Amount::ZERO, |audit| audit.bond)
    }

    /// c + x: what the client locks in the contract output.
    pub fn client_deposit(&self) -> Amount {
        let sum = self.0.reward.to_sat();
        // Valid parameters stay below 21 million bitcoin, so nothing saturates.
        Amount::from_sat(sum.saturating_add(self.challenge_bond().to_sat()))
    }

    /// Δ_C: how long an approval on chain can be challenged; 0 where it cannot.
    pub fn challenge_blocks(&self) -> u16 {
        self.0.audit.map_or(0, |audit| audit.challenge_blocks)
    }

    /// How many steps the worker opens at most: the sample, and the client's own where it has one; all, if there are no
    /// more. The polynomial of the result's keys has this degree.
    pub fn openings(&self) -> u32 {
        let audited = self.0.audit.map_or(0, |audit| audit.steps);
        let all = u32::try_from(self.0.steps).unwrap_or(u32::MAX);
        self.0.sample.saturating_add(audited).min(all)
    }

    /// ⌊Δ_C/3⌋: how long an approval on chain cannot be challenged yet.
    pub fn challenge_lock_blocks(&self) -> u16 {
        self.challenge_blocks() / 3
    }

    /// c + x + w + v: value of the contract output, in satoshi.
    pub fn contract_value(&self) -> Amount {
        // Valid parameters stay below 21 million bitcoin, so nothing saturates.
        let sum = self
            .client_deposit()
            .to_sat()
            .saturating_add(self.0.worker_stake.to_sat())
            .saturating_add(self.0.verifier_stake.to_sat());
        Amount::from_sat(sum)
    }

    /// Δ_T + Δ_V + max(Δ_C + Δ_W, max(Δ_A, Δ_C) + 2Δ_D + nΔ_Q): the relative lock of the stake outputs.
    ///
    /// It outlasts the longest story that starts at the funding and in which everybody uses the
    /// whole of each window. A worker whose t_deliver is later than Δ_T blocks after the funding has
    /// longer; that the stakes outlast this too takes an absolute lock beside the relative one.
    pub fn stake_lock_blocks(&self) -> u16 {
        self.0.stake_lock_blocks()
    }

    /// a + retainer: value of each arbiter's stake output, in satoshi.
    pub fn stake_output_value(&self) -> Amount {
        let sum = self.0.arbiter_stake.to_sat();
        Amount::from_sat(sum.saturating_add(self.0.retainer.to_sat()))
    }

    /// Value of the outputs that the settlement of `outcome` spends: the contract output and, in
    /// schemes 5 to 7, all stake outputs. `None` only beyond 2⁶⁴−1 sat.
    pub fn pot(&self, outcome: Outcome) -> Option<Amount> {
        let stakes = if outcome.spends_stakes() {
            self.stake_output_value()
                .checked_mul(u64::from(self.0.arbiters))?
        } else {
            Amount::ZERO
        };
        self.contract_value().checked_add(stakes)
    }
}
