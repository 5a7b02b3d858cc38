//! Programs from data.

use crate::computation::{AnyProgram, PortableProgram, ProgramData, Stated, TimeBudget};
use crate::workload::model::{Model, ModelError, ModelProgram};
use crate::workload::words::{Chain, ChainError, PartitionError, WordCount};

/// Why data makes no program. The fault of whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is no WebAssembly of the interface, or its limits are none.
    #[cfg(feature = "wasm")]
    #[error(transparent)]
    Wasm(#[from] super::ProgramError),
    /// This program was built without an engine. Nobody's fault.
    #[error("this program was built without an engine for WebAssembly")]
    NoEngine,
    /// It is no model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It is no size of a partition.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// It is no round of merges.
    #[error(transparent)]
    Merge(#[from] ChainError),
    /// A number that no program of this machine can have.
    #[error("{what} of {found} is no program's")]
    Number {
        /// Which.
        what: &'static str,
        /// What was given.
        found: u64,
    },
}

/// The program, under the engine that rules, with so much time for a step of WebAssembly. Whether it is the one that was asked for, its id
/// says.
///
/// # Errors
/// [`LoadError`].
pub fn load(program: &PortableProgram, budget: TimeBudget) -> Result<AnyProgram, LoadError> {
    let inner: AnyProgram = match &program.data {
        ProgramData::Wasm { .. } => wasm(&program.data, budget)?,
        ProgramData::Model(file) => Box::new(ModelProgram::new(Model::from_bytes(file)?)),
        ProgramData::WordCount { partition_bytes } => {
            let bytes = number("a partition", *partition_bytes)?;
            Box::new(WordCount::new(bytes)?)
        }
        ProgramData::MergeTables {
            table_bytes,
            fan_in,
        } => {
            let chain = Chain::new(number("a number of tables", *fan_in)?)?;
            // Larger than any output, which a table is.
            let most = super::MAX_OUTPUT_BYTES as u64;
            let bytes = Some(*table_bytes).filter(|bytes| (1..=most).contains(bytes));
            let bytes = bytes.ok_or(LoadError::Number {
                what: "a table",
                found: *table_bytes,
            })?;
            Box::new(chain.merging(number("a table", bytes)?))
        }
    };
    Ok(Box::new(Stated {
        program: inner,
        entropy_bits: program.entropy_bits,
    }))
}

fn number(what: &'static str, found: u64) -> Result<usize, LoadError> {
    usize::try_from(found).map_err(|_| LoadError::Number { what, found })
}

#[cfg(feature = "wasm")]
fn wasm(data: &ProgramData, budget: TimeBudget) -> Result<AnyProgram, LoadError> {
    use super::{Limits, WasmProgram, WasmUnitProgram};
    let ProgramData::Wasm {
        source,
        fuel,
        memory_bytes,
        output_bytes,
        max_units,
    } = data
    else {
        return Err(LoadError::NoEngine);
    };
    let limits = Limits {
        fuel: *fuel,
        memory_bytes: *memory_bytes,
        output_bytes: number("an output", *output_bytes)?,
    };
    Ok(match max_units {
        None => Box::new(WasmProgram::new(source, limits)?.with_budget(budget)),
        Some(units) => {
            let program = WasmUnitProgram::new(source, limits, *units)?;
            Box::new(program.with_budget(budget))
        }
    })
}

#[cfg(not(feature = "wasm"))]
fn wasm(_: &ProgramData, _: TimeBudget) -> Result<AnyProgram, LoadError> {
    Err(LoadError::NoEngine)
}
