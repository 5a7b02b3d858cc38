//! Real work to play the game with: WebAssembly programs over input records, inference of a model,
//! word counts over texts.

#[cfg(feature = "wasm")]
pub mod digits;
mod load;
pub mod model;
#[cfg(feature = "wasm")]
mod wasm;
pub mod words;

pub use crate::caps::{
    MAX_CALL_DEPTH, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_STACK_BYTES, MAX_TABLE_ELEMENTS,
    MAX_UNITS,
};
pub use crate::records::{LineFault, Records, RecordsError};
pub use load::{LoadError, load};
#[cfg(feature = "wasm")]
pub use wasm::{Limits, ProgramError, WasmProgram, WasmUnitProgram, output_span};
