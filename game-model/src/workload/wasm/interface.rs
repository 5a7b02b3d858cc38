//! What a program must export, and why bytes are none.

use wasmi::{Module, ValType};

use super::{MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_UNITS};

/// A function that a program must export.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [ValType],
    pub(super) results: &'static [ValType],
    pub(super) text: &'static str,
}

/// Checks that nothing is imported and that memory, `input` and these functions are exported.
pub(super) fn check(module: &Module, functions: &[Function]) -> Result<(), ProgramError> {
    if let Some(import) = module.imports().next() {
        let name = format!("{}.{}", import.module(), import.name());
        return Err(ProgramError::Import(name));
    }
    let export = |name: &'static str| module.get_export(name).ok_or(ProgramError::Missing(name));
    if export("memory")?.memory().is_none() {
        return Err(ProgramError::Missing("memory"));
    }
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
    Ok(())
}

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// No units at all, or more than [`MAX_UNITS`].
    #[error("at most {found} units; allowed are 1 to {MAX_UNITS}")]
    Units {
        /// Number asked for.
        found: u64,
    },
}
