//! Real work to play the game with: WebAssembly programs over input records.

pub mod digits;
mod records;
mod wasm;

pub use records::{LineFault, Records, RecordsError};
pub use wasm::{Limits, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, ProgramError, WasmProgram};
