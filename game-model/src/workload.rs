//! Real work to play the game with: WebAssembly programs over input records, inference of a model,
//! word counts over texts.

pub mod digits;
pub mod model;
mod wasm;
pub mod words;

pub use crate::records::{LineFault, Records, RecordsError};
pub use wasm::{
    Limits, MAX_CALL_DEPTH, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_STACK_BYTES,
    MAX_TABLE_ELEMENTS, MAX_UNITS, ProgramError, WasmProgram, WasmUnitProgram, output_span,
};
