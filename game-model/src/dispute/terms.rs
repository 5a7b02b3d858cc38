//! What a dispute is about, fixed before its first move.

use secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};

use super::cost::{move_fuel, plan};
use super::entry::Side;
use super::interval::Interval;
use crate::caps::fuel_in_window;
use crate::commitment::{Commitment, Opening, OpeningFault};
use crate::computation::{JobSpec, UnitProgram};
use crate::params::{AcceptedJob, JobBounds, JobMisfit, within};
use crate::tagged::TaggedHasher;

/// Most parts into which a round cuts an interval: a post is then 32 KiB.
pub const MAX_FAN_OUT: u32 = 1_024;
/// Most units of a step that can be disputed: points are counted in 64 bits.
pub const MAX_UNITS: u64 = u64::MAX - 2;

/// The terms of a dispute. Everybody derives them from the contract and from what is on record;
/// nobody takes them from the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeTerms {
    /// The contract's identity, so that no move counts in another contract.
    #[serde(with = "narthex_base::hex::array")]
    pub contract: [u8; 32],
    /// The job.
    pub job: JobSpec,
    /// What the contract's parameters allow the job, and the rate of the slowest machine that is to keep the window.
    pub bounds: JobBounds,
    /// What the worker is bound to.
    pub commitment: Commitment,
    /// The disputed step.
    pub index: u64,
    /// An opening of the worker's that contains the step.
    pub opening: Opening,
    /// Key with which the worker signs its moves.
    pub worker: XOnlyPublicKey,
    /// Key with which the challenger signs its moves.
    pub challenger: XOnlyPublicKey,
    /// M, the most units of a step ([`UnitProgram::max_units`]).
    pub max_units: u64,
    /// n: into how many parts each round cuts the interval.
    pub fan_out: u32,
    /// Blocks that each move may take, from the date of the one before; more than twice
    /// [`Self::date_depth`], by as many as it takes to run the step again at the stated rate
    /// ([`Self::blocks_to_compute`]).
    pub response_blocks: u16,
    /// How many blocks must lie above a block before the dates in it count for a ruling; at least 1.
    /// A reorganisation that replaces no more blocks than this changes no ruling.
    pub date_depth: u16,
}

impl DisputeTerms {
    /// Identifies the dispute; every move signs it. When the dispute was opened is a date and not
    /// part of it: there is one dispute on the same terms, opened where that is first on record.
    ///
    /// # Errors
    /// [`TermsError::NotOpened`] if the opening says nothing about the step.
    pub fn id(&self) -> Result<[u8; 32], TermsError> {
        Ok(TaggedHasher::new("narthex/dispute/3")
            .fixed(&self.contract)
            .fixed(&self.job.id())
            .fixed(&self.commitment.id())
            .number(self.index)
            .fixed(&self.claimed()?)
            .fixed(&self.worker.serialize())
            .fixed(&self.challenger.serialize())
            .number(self.max_units)
            .number(u64::from(self.fan_out))
            .number(u64::from(self.response_blocks))
            .number(u64::from(self.date_depth))
            .number(self.bounds.fuel)
            .number(self.bounds.units)
            .number(self.bounds.memory_bytes)
            .number(self.bounds.program_bytes)
            .number(self.bounds.record_bytes)
            .number(self.bounds.output_bytes)
            .number(self.bounds.fuel_per_second)
            .finish())
    }

    /// The digest that the worker claims for the step's output.
    ///
    /// # Errors
    /// [`TermsError::NotOpened`] if the opening says nothing about the step.
    pub fn claimed(&self) -> Result<[u8; 32], TermsError> {
        let index = self.index;
        self.opening
            .digest(index)
            .ok_or(TermsError::NotOpened { index })
    }

    /// Key of a side.
    pub const fn key(&self, side: Side) -> &XOnlyPublicKey {
        match side {
            Side::Worker => &self.worker,
            Side::Challenger => &self.challenger,
        }
    }

    /// Checks the terms against the program and each other.
    ///
    /// # Errors
    /// [`TermsError`]; whoever proposed these terms is at fault.
    pub fn check<P: UnitProgram + ?Sized>(&self, program: &P) -> Result<(), TermsError> {
        self.check_program(program)?;
        if self.commitment.job != self.job.id() || self.commitment.steps != self.job.steps {
            return Err(TermsError::OtherJob);
        }
        if self.max_units > MAX_UNITS {
            let max_units = self.max_units;
            return Err(TermsError::TooManyUnits { max_units });
        }
        if !(2..=MAX_FAN_OUT).contains(&self.fan_out) {
            let fan_out = self.fan_out;
            return Err(TermsError::FanOut { fan_out });
        }
        if self.response_blocks == 0 {
            return Err(TermsError::NoTime);
        }
        let (response_blocks, date_depth) = (self.response_blocks, self.date_depth);
        if date_depth == 0 {
            return Err(TermsError::NoDepth);
        }
        // A branch that nobody saw coming is longer than what it replaces: depth + 1 blocks. Behind
        // it there is as much time again to get a move recorded.
        if u32::from(response_blocks) <= 2 * u32::from(date_depth) {
            return Err(TermsError::Window {
                response_blocks,
                date_depth,
            });
        }
        self.bounds.holds_program(&program.needs())?;
        within(
            "bytes an output",
            self.job.output_bytes,
            self.bounds.output_bytes,
        )?;
        self.check_rate(program)?;
        if self.worker == self.challenger {
            return Err(TermsError::OneKey);
        }
        self.opening
            .verify(&self.commitment)
            .map_err(TermsError::Leaf)?;
        self.claimed().map(|_| ())
    }

    /// Checks that these are the terms for a job that was accepted, with its bounds.
    ///
    /// # Errors
    /// [`TermsError::OtherJob`] or [`JobMisfit::OtherBounds`]; whoever proposed these terms is at fault.
    pub fn check_accepted(&self, job: &AcceptedJob) -> Result<(), TermsError> {
        match (self.job == *job.spec(), self.bounds == *job.bounds()) {
            (true, true) => Ok(()),
            (true, false) => Err(JobMisfit::OtherBounds.into()),
            (false, _) => Err(TermsError::OtherJob),
        }
    }

    /// Blocks of a window in which a move is computed. Of the others, a branch that nobody saw coming
    /// may take `date_depth` + 1, and the rest is left for getting the move recorded.
    pub fn blocks_to_compute(&self) -> u64 {
        let others = 2 * u32::from(self.date_depth);
        u32::from(self.response_blocks)
            .saturating_sub(others)
            .into()
    }

    /// Whether an honest party with the slowest machine can make each move within its window: for any one of them it
    /// may have to run the whole step again, when it has just been started or finds itself on another branch.
    fn check_rate<P: UnitProgram + ?Sized>(&self, program: &P) -> Result<(), TermsError> {
        let fuel = move_fuel(&program.needs(), self.max_units);
        let (fuel_per_second, blocks) = (self.bounds.fuel_per_second, self.blocks_to_compute());
        let in_time = fuel_in_window(fuel_per_second, blocks);
        match fuel <= in_time {
            true => Ok(()),
            false => Err(TermsError::TooSlow {
                fuel,
                in_time,
                fuel_per_second,
                blocks,
            }),
        }
    }

    /// Checks that the program is the one in dispute; units included, since they are part of its
    /// identity.
    pub(super) fn check_program<P: UnitProgram + ?Sized>(
        &self,
        program: &P,
    ) -> Result<(), TermsError> {
        let units = program.max_units();
        if program.id() != self.job.program || units != self.max_units {
            let max_units = self.max_units;
            return Err(TermsError::OtherProgram { units, max_units });
        }
        Ok(())
    }

    /// Most blocks from the opening to a ruling: each move of the longest search ([`super::plan`])
    /// at its deadline, and the depth of the last date.
    pub fn most_blocks(&self) -> u64 {
        let moves = plan(self.max_units, self.fan_out).moves;
        u64::from(moves) * u64::from(self.response_blocks) + u64::from(self.date_depth)
    }

    /// Number of the last point, the output.
    pub(super) const fn last_point(&self) -> u64 {
        self.max_units.saturating_add(2)
    }

    /// The whole step: the record is agreed, the output disputed.
    pub(super) fn whole(&self) -> Result<Interval, TermsError> {
        Ok(Interval {
            agreed: 0,
            agreed_digest: self.job.input_root,
            disputed: self.last_point(),
            disputed_digest: self.claimed()?,
        })
    }
}

/// Why terms open no dispute. Whoever proposed them is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// Another program, or another number of units.
    #[error("the program at hand (of {units} units) is not the job's (of {max_units})")]
    OtherProgram {
        /// Units of the program at hand.
        units: u64,
        /// Units in the terms.
        max_units: u64,
    },
    /// The commitment is for another job.
    #[error("the commitment is for another job")]
    OtherJob,
    /// Too many units to count points in 64 bits.
    #[error("{max_units} units a step; at most {MAX_UNITS} can be disputed")]
    TooManyUnits {
        /// M in the terms.
        max_units: u64,
    },
    /// A fan-out that searches nothing or makes posts too large.
    #[error("an interval is cut into 2 to {MAX_FAN_OUT} parts, not {fan_out}")]
    FanOut {
        /// n in the terms.
        fan_out: u32,
    },
    /// Nobody could answer in time.
    #[error("a response window of 0 blocks leaves no time for a move")]
    NoTime,
    /// Every reorganisation would change what has been ruled.
    #[error("dates that count at once can be reorganised away: date_depth must be 1 or more")]
    NoDepth,
    /// A reorganisation could take the whole window for an answer.
    #[error(
        "{response_blocks} blocks for each move leave no room for reorganisations of up to {date_depth} blocks: response_blocks must be more than twice date_depth"
    )]
    Window {
        /// Blocks for each move.
        response_blocks: u16,
        /// Depth at which dates count.
        date_depth: u16,
    },
    /// The job may take more than the contract allows it.
    #[error(transparent)]
    Misfit(#[from] JobMisfit),
    /// An honest party with a machine of the stated rate would be too late.
    #[error(
        "a move may take {fuel} fuel, and a machine that burns {fuel_per_second} a second burns {in_time} in the {blocks} blocks that response_blocks leaves beside twice date_depth; allow more blocks for each move, or a lower date_depth"
    )]
    TooSlow {
        /// Fuel that one move may take: the whole step, run again.
        fuel: u128,
        /// Fuel that is burnt in the time for it.
        in_time: u128,
        /// The stated rate.
        fuel_per_second: u64,
        /// Blocks in which a move is computed.
        blocks: u64,
    },
    /// A party cannot dispute with itself.
    #[error("worker and challenger have the same key")]
    OneKey,
    /// The leaf is not the worker's.
    #[error("the disputed leaf is not in the worker's tree: {0}")]
    Leaf(OpeningFault),
    /// The opening is good but does not contain the step.
    #[error("step {index} is not among the opened leaves")]
    NotOpened {
        /// The disputed step.
        index: u64,
    },
}
