//! What the job of a contract may take: whoever judges it must know beforehand that it can.

use serde::{Deserialize, Serialize};

use super::Params;
use crate::caps::{
    MAX_MEMORY_BYTES, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_RECORD_BYTES, MAX_STEP_FUEL,
    MAX_UNITS, STATE_BYTES_PER_FUEL, fuel_in_window,
};
use crate::commitment::SealedShape;
use crate::computation::StepNeeds;

/// Bounds of the contract's job, each at most that of [`crate::caps`].
///
/// A file that says nothing about them means [`JobBounds::default`]; the canonical bytes always hold
/// them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobBounds {
    /// Most fuel of a unit, or of a whole step that is not cut, in `wasmi` units.
    pub fuel: u64,
    /// Most calls of a step that each may burn `fuel`: its units, and the two that begin and end it; 1 where steps
    /// are not cut.
    pub units: u64,
    /// Most memory of a step in bytes.
    pub memory_bytes: u64,
    /// Largest program in bytes.
    pub program_bytes: u64,
    /// Largest input record in bytes.
    pub record_bytes: u64,
    /// Largest output of a step in bytes.
    pub output_bytes: u64,
    /// Fuel that the slowest machine of the panel burns in a second, as its arbiters state it. A
    /// disputed step must fit into the time to judge at this rate.
    pub fuel_per_second: u64,
}

impl Default for JobBounds {
    /// Steps of 10^8 units of fuel that are not cut, 64 MiB of memory, records of 1 MiB, and arbiters
    /// that burn 10^7 units a second: a thirtieth of what an interpreter does on a machine of 2025.
    fn default() -> Self {
        Self {
            fuel: 100_000_000,
            units: 1,
            memory_bytes: 64 << 20,
            program_bytes: MAX_PROGRAM_BYTES as u64,
            record_bytes: 1 << 20,
            output_bytes: MAX_OUTPUT_BYTES as u64,
            fuel_per_second: 10_000_000,
        }
    }
}

impl JobBounds {
    /// As much as any job may take ([`crate::caps`]), and machines that burn 3·10^8 units of fuel a second, which an
    /// interpreter does on one of 2025. More than a contract's parameters may allow all at once: for looking at jobs
    /// that nobody is bound to.
    pub const MOST: Self = Self {
        fuel: MAX_STEP_FUEL,
        units: MAX_UNITS,
        memory_bytes: MAX_MEMORY_BYTES,
        program_bytes: MAX_PROGRAM_BYTES as u64,
        record_bytes: MAX_RECORD_BYTES as u64,
        output_bytes: MAX_OUTPUT_BYTES as u64,
        fuel_per_second: 300_000_000,
    };

    /// The bounds that a program needs, no wider, with records and outputs of these sizes and machines of this rate.
    pub const fn around(
        needs: &StepNeeds,
        record_bytes: u64,
        output_bytes: u64,
        fuel_per_second: u64,
    ) -> Self {
        Self {
            fuel: needs.fuel,
            units: needs.units,
            memory_bytes: needs.memory_bytes,
            program_bytes: needs.program_bytes,
            record_bytes,
            output_bytes,
            fuel_per_second,
        }
    }

    /// Most fuel of a whole step. Where steps are cut, the memory is made, filled and read between any two units,
    /// which costs time that a program's own fuel does not count.
    pub fn step_fuel(&self) -> u128 {
        let state = match self.units {
            0 | 1 => 0,
            _ => self.memory_bytes / STATE_BYTES_PER_FUEL,
        };
        (u128::from(self.fuel) + u128::from(state)).saturating_mul(self.units.into())
    }
}

/// Bytes of a leaf that is opened: index, salt, digest, share, hash of its box; and of the point of a coefficient, of which
/// there are as many as leaves.
const LEAF_BYTES: u128 = 8 + 32 + 32 + 32 + 1 + 32 + 33;
/// Bytes of a box beside the output, with its length.
const BOX_BYTES: u128 = 4 + 32 + 16;
/// Levels of the deepest tree.
const LEVELS: u128 = 64;

impl Params {
    /// Blocks in which arbiters judge: Δ_D, or t4 − t2 in the paper template.
    pub fn judging_blocks(&self) -> u64 {
        match self.paper_locks() {
            None => self.windows().decide_blocks.into(),
            Some(locks) => locks.t4.saturating_sub(locks.t2).into(),
        }
    }

    /// Blocks between the last heights for the verifier's nonce, which draws the sample, and for its reply: ⌊2Δ_V/3⌋ −
    /// ⌊5Δ_V/12⌋; in the paper template t2 − t1.
    pub fn verifying_blocks(&self) -> u64 {
        match self.paper_locks() {
            None => {
                let window = u64::from(self.windows().verdict_blocks);
                8 * window / 12 - 5 * window / 12
            }
            Some(locks) => locks.t2.saturating_sub(locks.t1).into(),
        }
    }

    /// Fuel that fits into the time to verify at a rate, counted as [`Self::fuel_to_judge`] counts.
    pub fn fuel_to_verify(&self, fuel_per_second: u64) -> u128 {
        fuel_in_window(fuel_per_second, self.verifying_blocks())
    }

    /// Fuel that fits into the time to judge at a rate, counted with few seconds a block
    /// ([`crate::caps::JUDGING_SECONDS_PER_BLOCK`]).
    pub fn fuel_to_judge(&self, fuel_per_second: u64) -> u128 {
        fuel_in_window(fuel_per_second, self.judging_blocks())
    }

    /// Most bytes that the worker hands over in one contract, and that a mailbox keeps: the sealed result, and the opening of the
    /// whole sample with its boxes.
    pub fn blob_bytes(&self) -> u128 {
        let output = self.job_bounds().output_bytes;
        let bytes = usize::try_from(output).unwrap_or(usize::MAX);
        let shape = SealedShape::new(self.steps(), bytes, self.sample());
        // There is one for each output that parameters allow, unless 64 bits do not count its bytes.
        let sealed = shape.map_or(u128::from(u64::MAX), |shape| shape.total_bytes().into());
        let boxes = u128::from(self.sample()) * (BOX_BYTES + u128::from(output));
        sealed + self.opened_bytes() + boxes
    }

    /// Of the opening of a whole sample without its boxes.
    fn opened_bytes(&self) -> u128 {
        u128::from(self.sample()) * (LEAF_BYTES + 2 * 32 * self.levels())
    }

    fn levels(&self) -> u128 {
        u128::from(64 - self.steps().leading_zeros()).min(LEVELS)
    }

    /// Most bytes of evidence about one step: its record and the opening of the whole sample, with
    /// their proofs and the box of the step, and the state that a dispute reveals where steps are cut.
    pub fn evidence_bytes(&self) -> u128 {
        let (levels, opened) = (self.levels(), self.opened_bytes());
        let bounds = self.job_bounds();
        // A dispute about a step that is cut ends with the state at a cut: its memory and what describes it.
        let state = match bounds.units {
            0 | 1 => 0,
            _ => u128::from(bounds.memory_bytes) * 257 / 256,
        };
        let sealed = BOX_BYTES + u128::from(bounds.output_bytes);
        u128::from(bounds.record_bytes) + 32 * levels + opened + sealed + state
    }
}
