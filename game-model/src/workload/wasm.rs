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
mod sandbox;
mod snapshot;
mod units;

use wasmi::ValType;

pub use interface::ProgramError;
pub use sandbox::output_span;
pub use units::WasmUnitProgram;

use crate::computation::{StepError, StepProgram};
use crate::tagged::TaggedHasher;
use interface::Function;
use sandbox::Sandbox;

/// Largest program in bytes, text or binary.
pub const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// Largest output of a step in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Deepest call stack of a step, in frames.
pub const MAX_CALL_DEPTH: usize = 1_000;
/// Values on that stack, in bytes.
pub const MAX_STACK_BYTES: usize = 1 << 20;

/// Largest table of functions of a program.
pub const MAX_TABLE_ELEMENTS: usize = 10_000;
/// Most units of a step.
pub const MAX_UNITS: u64 = 1 << 32;

/// What a step may use. Part of the job: with other limits it is another job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Fuel per step, in `wasmi` units (about one per instruction).
    pub fuel: u64,
    /// Linear memory per step in bytes.
    pub memory_bytes: u64,
    /// Exact size of each output in bytes.
    pub output_bytes: usize,
}

/// A compiled program.
#[derive(Clone, Debug)]
pub struct WasmProgram {
    id: [u8; 32],
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
        let sandbox = Sandbox::compile(source, limits, &STEP)?;
        let id = TaggedHasher::new("narthex/program")
            .sized(source)
            .number(limits.fuel)
            .number(limits.memory_bytes)
            .number(limits.output_bytes as u64)
            .finish();
        Ok(Self { id, sandbox })
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

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.run_metered(record).map(|(output, _)| output)
    }
}
