//! Which engine runs WebAssembly.

use narthex_game_model::{
    computation::AnyProgram,
    workload::{Limits, WasmProgram, WasmUnitProgram},
};

use super::error::Malformed;
use super::{JobError, Running};

/// Which engine runs WebAssembly. The choice is no part of the job: all give the same outputs, and where they did not,
/// what wasmi says would be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter that arbiters rule by.
    #[default]
    Wasmi,
    /// Native code, with wasmi where native code cannot decide.
    Wasmtime,
    /// Both, compared at each step.
    Both,
}

impl Engine {
    /// Compiles a program for this engine.
    pub(super) fn compile(
        running: &Running,
        source: &[u8],
        limits: Limits,
    ) -> Result<AnyProgram, JobError> {
        let refused = |source: Malformed| JobError::Refused {
            what: "the program".into(),
            source,
        };
        let program = WasmProgram::new(source, limits).map_err(|e| refused(e.into()))?;
        running.engine.natively(running, program, source, refused)
    }

    /// Compiles a program with units.
    pub(super) fn compile_units(
        running: &Running,
        source: &[u8],
        limits: Limits,
        max_units: u64,
    ) -> Result<AnyProgram, JobError> {
        running.engine.needs_wasmi()?;
        match WasmUnitProgram::new(source, limits, max_units) {
            Ok(program) => Ok(Box::new(program.with_budget(running.budget()))),
            Err(error) => Err(JobError::Refused {
                what: "the program".into(),
                source: error.into(),
            }),
        }
    }

    /// Units are what disputes are about, so they run under the ruling engine only.
    pub(super) fn needs_wasmi(self) -> Result<(), JobError> {
        match self {
            Engine::Wasmi => Ok(()),
            Engine::Wasmtime | Engine::Both => Err(JobError::UnitsNeedWasmi),
        }
    }

    #[cfg(feature = "wasmtime")]
    fn natively(
        self,
        running: &Running,
        program: WasmProgram,
        source: &[u8],
        refused: impl Fn(Malformed) -> JobError,
    ) -> Result<AnyProgram, JobError> {
        use narthex_wasmtime::{CrossChecked, WasmtimeProgram};
        let native = || {
            WasmtimeProgram::new(source, program.limits())
                .map(|native| native.with_budget(running.budget()))
                .map_err(|e| refused(Malformed::Engine(e.to_string())))
        };
        Ok(match self {
            Engine::Wasmi => Box::new(program.with_budget(running.budget())),
            Engine::Wasmtime => Box::new(native()?),
            Engine::Both => Box::new(CrossChecked::new(native()?)),
        })
    }

    #[cfg(not(feature = "wasmtime"))]
    fn natively(
        self,
        running: &Running,
        program: WasmProgram,
        _source: &[u8],
        _refused: impl Fn(Malformed) -> JobError,
    ) -> Result<AnyProgram, JobError> {
        match self {
            Engine::Wasmi => Ok(Box::new(program.with_budget(running.budget()))),
            Engine::Wasmtime | Engine::Both => Err(JobError::NoWasmtime),
        }
    }
}
