//! What a step may take at most, as far as its program says.

use crate::caps::{MAX_MEMORY_BYTES, MAX_PROGRAM_BYTES, MAX_STEP_FUEL};

/// Most that one step of a program may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepNeeds {
    /// Fuel of a unit, or of the whole step if it is not cut. For programs that are not WebAssembly:
    /// about one per machine operation.
    pub fuel: u64,
    /// Most calls of a step that each may burn `fuel`: its units, and the two that begin and end it; 1 if it is not
    /// cut.
    pub units: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Size of what is sent to somebody who does not have the program, in bytes.
    pub program_bytes: u64,
}

impl StepNeeds {
    /// As much as any step may take ([`crate::caps`]).
    pub const MOST: Self = Self {
        fuel: MAX_STEP_FUEL,
        units: 1,
        memory_bytes: MAX_MEMORY_BYTES,
        program_bytes: MAX_PROGRAM_BYTES as u64,
    };

    /// Fuel of a whole step.
    pub fn step_fuel(&self) -> u128 {
        u128::from(self.fuel) * u128::from(self.units)
    }
}
