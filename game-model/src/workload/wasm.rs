//! WebAssembly steps under `wasmi`: metered, bounded, without imports, the same everywhere.
//!
//! # Interface of a program
//! It imports nothing and exports
//! - `memory`,
//! - `input`, an `i32` global: address at which the host writes the record,
//! - `step`, a function from `i32` (length of the record) to `i64`: address of the output in the
//!   upper 32 bits, its length in the lower.
//!
//! Each step runs in a fresh instance, so no state passes from one to another. Floating point,
//! vectors, threads and start functions are off: what is left of WebAssembly has exactly one
//! result. Fuel is counted on code that was translated beforehand, not during the run, so that the
//! same step always costs the same.

//!
//! # Programs with units
//! A program whose steps can be cut ([`WasmUnitProgram`]) exports, in the place of `step`,
//! - `begin`, a function from `i32` (length of the record),
//! - `unit`, a function to `i32`: 0 if more units follow, 1 if this was the last,
//! - `result`, a function to `i64` with the output as from `step`.
//!
//! What passes from one call to the next is memory and mutable globals, all of them exported.

mod hidden;
mod interface;
mod limiter;
mod sandbox;
mod snapshot;
mod units;

use std::sync::Arc;

use wasmi::ValType;

use crate::caps::{
    MAX_MEMORY_BYTES, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_STEP_FUEL, MAX_UNITS,
};
pub use interface::ProgramError;
pub use sandbox::output_span;
pub use units::WasmUnitProgram;

use crate::computation::{
    PortableProgram, ProgramData, StepError, StepNeeds, StepProgram, TimeBudget,
};
use crate::tagged::TaggedHasher;
use interface::Function;
use sandbox::Sandbox;

/// What a step may use. Part of the job: with other limits it is another job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Fuel per step, in `wasmi` units (about one per instruction); all units of a step together
    /// have at most [`MAX_STEP_FUEL`](crate::caps::MAX_STEP_FUEL).
    pub fuel: u64,
    /// Linear memory per step in bytes, at most [`MAX_MEMORY_BYTES`](crate::caps::MAX_MEMORY_BYTES).
    pub memory_bytes: u64,
    /// Exact size of each output in bytes.
    pub output_bytes: usize,
}

impl Limits {
    /// The program with these limits, as data.
    fn portable(&self, source: &Arc<[u8]>, max_units: Option<u64>) -> PortableProgram {
        PortableProgram::of(ProgramData::Wasm {
            source: Arc::clone(source),
            fuel: self.fuel,
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes as u64,
            max_units,
        })
    }

    /// Whether a program of this size with these limits may be a job's ([`crate::caps`]).
    fn check(&self, program_bytes: usize, units: u64) -> Result<(), ProgramError> {
        if program_bytes > MAX_PROGRAM_BYTES {
            let bytes = program_bytes;
            return Err(ProgramError::TooLarge { bytes });
        }
        if !(1..=MAX_OUTPUT_BYTES).contains(&self.output_bytes) {
            let bytes = self.output_bytes;
            return Err(ProgramError::OutputSize { bytes });
        }
        if !(1..=MAX_UNITS).contains(&units) {
            return Err(ProgramError::Units { found: units });
        }
        let (fuel, memory) = (self.fuel, self.memory_bytes);
        if u128::from(fuel) * u128::from(units) > u128::from(MAX_STEP_FUEL) {
            return Err(ProgramError::Fuel { fuel, units });
        }
        if memory > MAX_MEMORY_BYTES {
            return Err(ProgramError::Memory { found: memory });
        }
        Ok(())
    }
}

/// A compiled program.
#[derive(Clone, Debug)]
pub struct WasmProgram {
    id: [u8; 32],
    source: Arc<[u8]>,
    sandbox: Sandbox,
}

const STEP: [Function; 1] = [Function {
    name: "step",
    params: &[ValType::I32],
    results: &[ValType::I64],
    text: "a function from i32 to i64",
}];

impl WasmProgram {
    /// Compiles a program, given in WebAssembly's text or binary form.
    ///
    /// Its identity is the hash of these very bytes, so it does not depend on how an assembler
    /// encodes a text.
    ///
    /// # Errors
    /// [`ProgramError`] if it is no valid program of this interface.
    pub fn new(source: &[u8], limits: Limits) -> Result<Self, ProgramError> {
        let sandbox = Sandbox::compile(source, limits, 1, &STEP)?;
        interface::check_tables(source)?;
        let id = TaggedHasher::new("narthex/program")
            .sized(source)
            .number(limits.fuel)
            .number(limits.memory_bytes)
            .number(limits.output_bytes as u64)
            .finish();
        let source = source.into();
        Ok(Self {
            id,
            source,
            sandbox,
        })
    }

    /// With so much time for each step on this machine. It is no part of the job: a step that takes
    /// longer is not decided ([`crate::computation::MachineLimit::Time`]).
    #[must_use]
    pub fn with_budget(mut self, budget: TimeBudget) -> Self {
        self.sandbox.set_budget(budget);
        self
    }

    /// The limits of each step.
    pub const fn limits(&self) -> Limits {
        self.sandbox.limits
    }

    /// Runs one step and tells the fuel that it used.
    ///
    /// # Errors
    /// As [`StepProgram::run`].
    pub fn run_metered(&self, record: &[u8]) -> Result<(Vec<u8>, u64), StepError> {
        let mut run = self.sandbox.start()?;
        let length = run.write_record(record)?;
        let packed = run.call("step", length)?;
        Ok((run.read_output(packed)?, run.fuel_used()?))
    }
}

impl StepProgram for WasmProgram {
    fn id(&self) -> [u8; 32] {
        self.id
    }

    fn output_bytes(&self) -> usize {
        self.sandbox.limits.output_bytes
    }

    fn needs(&self) -> StepNeeds {
        StepNeeds {
            fuel: self.sandbox.limits.fuel,
            units: 1,
            memory_bytes: self.sandbox.memory_bytes(),
            program_bytes: self.source.len() as u64,
        }
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.run_metered(record).map(|(output, _)| output)
    }

    fn portable(&self) -> Option<PortableProgram> {
        Some(self.sandbox.limits.portable(&self.source, None))
    }
}

#[cfg(test)]
mod tests;
