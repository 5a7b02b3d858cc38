//! What a program must export, and why bytes are none.

use wasmi::{Module, ValType};
use wasmparser::{Operator, Parser, Payload};

use super::snapshot::PAGE_BYTES;
use crate::caps::{MAX_MEMORY_BYTES, MAX_STEP_FUEL};
use crate::caps::{MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_TABLE_ELEMENTS, MAX_UNITS};

/// A function that a program must export.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [ValType],
    pub(super) results: &'static [ValType],
    pub(super) text: &'static str,
}

/// Memory that a program declares, in bytes.
pub(super) struct Declared {
    /// It begins with so much.
    pub(super) least: u64,
    /// It never has more.
    pub(super) most: u64,
}

/// Checks that nothing is imported and that memory, `input` and these functions are exported.
pub(super) fn check(module: &Module, functions: &[Function]) -> Result<Declared, ProgramError> {
    if let Some(import) = module.imports().next() {
        let name = format!("{}.{}", import.module(), import.name());
        return Err(ProgramError::Import(name));
    }
    let export = |name: &'static str| module.get_export(name).ok_or(ProgramError::Missing(name));
    let memory = export("memory")?;
    let memory = memory.memory().ok_or(ProgramError::Missing("memory"))?;
    let bytes = |pages: u64| pages.saturating_mul(PAGE_BYTES as u64);
    let declared = Declared {
        least: bytes(memory.minimum()),
        most: memory.maximum().map_or(MAX_MEMORY_BYTES, bytes),
    };
    match export("input")?.global() {
        Some(global) if global.content() == ValType::I32 => {}
        _ => return Err(ProgramError::Type("input", "an i32 global")),
    }
    for wanted in functions {
        match export(wanted.name)?.func() {
            Some(f) if f.params() == wanted.params && f.results() == wanted.results => {}
            _ => return Err(ProgramError::Type(wanted.name, wanted.text)),
        }
    }
    Ok(declared)
}

/// Checks that tables are small and that none grows: what growing one costs would depend on
/// when the engine looks at the clock. The module was validated before.
pub(super) fn check_tables(source: &[u8]) -> Result<(), ProgramError> {
    let invalid = |error: &dyn std::fmt::Display| ProgramError::Invalid(error.to_string());
    let binary = wat::parse_bytes(source).map_err(|error| invalid(&error))?;
    for payload in Parser::new(0).parse_all(&binary) {
        match payload.map_err(|error| invalid(&error))? {
            Payload::TableSection(section) => {
                for table in section {
                    let table = table.map_err(|error| invalid(&error))?;
                    if table.ty.initial > MAX_TABLE_ELEMENTS as u64 {
                        return Err(ProgramError::Tables("too large a table"));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader();
                for operator in operators.map_err(|error| invalid(&error))? {
                    if let Operator::TableGrow { .. } = operator.map_err(|error| invalid(&error))? {
                        return Err(ProgramError::Tables("a table that grows"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Above [`MAX_PROGRAM_BYTES`].
    #[error("program of {bytes} bytes, at most {MAX_PROGRAM_BYTES} allowed")]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
    /// An output size of 0 or above [`MAX_OUTPUT_BYTES`].
    #[error("output size of {bytes} bytes, allowed are 1 to {MAX_OUTPUT_BYTES}")]
    OutputSize {
        /// Size asked for.
        bytes: usize,
    },
    /// Not WebAssembly, or WebAssembly with features that are off.
    #[error("no valid program: {0}")]
    Invalid(String),
    /// The program wants something from its surroundings.
    #[error("the program imports `{0}`; steps get nothing but their record")]
    Import(String),
    /// An export is missing.
    #[error("the program does not export `{0}`")]
    Missing(&'static str),
    /// An export has another type.
    #[error("the export `{0}` must be {1}")]
    Type(&'static str, &'static str),
    /// State that a snapshot between units would not hold.
    #[error("the program keeps state where a snapshot does not reach: {0}")]
    HiddenState(&'static str),
    /// More fuel for a step than any may have.
    #[error(
        "{fuel} units of fuel for each of {units} units of a step; a step has at most {MAX_STEP_FUEL} in all, or nobody could judge it in time"
    )]
    Fuel {
        /// Fuel asked for, for each unit.
        fuel: u64,
        /// Most units of a step; 1 where it is not cut.
        units: u64,
    },
    /// More memory for a step than any may have.
    #[error("{found} bytes of memory for a step; at most {MAX_MEMORY_BYTES} are allowed")]
    Memory {
        /// Bytes asked for.
        found: u64,
    },
    /// The program begins with more memory than its own limit: no step could ever run.
    #[error(
        "the program begins with {least} bytes of memory, and its limit is {limit}: no step could run"
    )]
    MemoryBelowMinimum {
        /// Limit in bytes.
        limit: u64,
        /// What the program begins with.
        least: u64,
    },
    /// Tables beyond what a step may have.
    #[error(
        "the program has {0}; a table has at most {MAX_TABLE_ELEMENTS} elements, and does not grow"
    )]
    Tables(&'static str),
    /// No units at all, or more than [`MAX_UNITS`].
    #[error("at most {found} units; allowed are 1 to {MAX_UNITS}")]
    Units {
        /// Number asked for.
        found: u64,
    },
}
