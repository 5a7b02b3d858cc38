//! WebAssembly steps under wasmtime: the fast engine beside the ruling one.
//!
//! [`WasmtimeProgram`] runs the programs of [`narthex_game_model::workload::WasmProgram`], which runs under wasmi, with
//! the same interface, the same limits and the same identity, compiled to native code.
//!
//! # Which engine decides
//! wasmi. What a step may use is counted in its units, and every outcome that is not an output (out of fuel, too deep
//! a stack, too much memory, a trap) is taken from it alone. Native code decides nothing that wasmi might decide
//! otherwise: before it is compiled, a program is given counters that run ahead of wasmi's ([`meter`]), and an output
//! of native code counts only if they stayed within the limits. Then wasmi has the same output, unless one of the two
//! has a defect. In all other cases the step runs again under wasmi. So a program can cost its worker time, but can't
//! make the engines say different things: there is nothing to win with a step near a limit.
//!
//! [`CrossChecked`] runs both always and names a step on which they differ.

mod cross;
mod engine;
pub mod meter;
mod program;

pub use cross::CrossChecked;
pub use program::{Native, WasmtimeProgram};
