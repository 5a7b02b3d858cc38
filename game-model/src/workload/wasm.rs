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

use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    CompilationMode, Config, Engine, Error, Extern, Instance, Linker, Module, Store, StoreLimits,
    StoreLimitsBuilder, TrapCode, ValType,
};

use crate::computation::{StepError, StepProgram};
use crate::tagged::TaggedHasher;

/// Largest program in bytes, text or binary.
pub const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// Largest output of a step in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Deepest call stack of a step, in frames and in bytes of values.
const MAX_CALL_DEPTH: usize = 1_000;
const MAX_STACK_BYTES: usize = 1 << 20;

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
    limits: Limits,
    engine: Engine,
    module: Module,
}

impl WasmProgram {
    /// Compiles a program, given in WebAssembly's text or binary form.
    ///
    /// Its identity is the hash of these very bytes, so it does not depend on how an assembler
    /// encodes a text.
    ///
    /// # Errors
    /// [`ProgramError`] if it is no valid program of this interface.
    pub fn new(source: &[u8], limits: Limits) -> Result<Self, ProgramError> {
        if source.len() > MAX_PROGRAM_BYTES {
            return Err(ProgramError::TooLarge {
                bytes: source.len(),
            });
        }
        if limits.output_bytes == 0 || limits.output_bytes > MAX_OUTPUT_BYTES {
            return Err(ProgramError::OutputSize {
                bytes: limits.output_bytes,
            });
        }
        let engine = Engine::new(&config());
        let module = Module::new(&engine, source)
            .map_err(|error| ProgramError::Invalid(error.to_string()))?;
        check_interface(&module)?;
        let id = TaggedHasher::new("narthex/program")
            .sized(source)
            .number(limits.fuel)
            .number(limits.memory_bytes)
            .number(limits.output_bytes as u64)
            .finish();
        Ok(Self {
            id,
            limits,
            engine,
            module,
        })
    }

    /// The limits of each step.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs one step and tells the fuel that it used.
    ///
    /// # Errors
    /// As [`StepProgram::run`].
    pub fn run_metered(&self, record: &[u8]) -> Result<(Vec<u8>, u64), StepError> {
        let memory_bytes = usize::try_from(self.limits.memory_bytes).unwrap_or(usize::MAX);
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(memory_bytes)
            .table_elements(10_000)
            .instances(1)
            .memories(1)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, store_limits);
        store.limiter(|limits| limits);
        let fail = |error: Error| self.step_error(&error);
        store.set_fuel(self.limits.fuel).map_err(fail)?;
        let instance = Linker::new(&self.engine)
            .instantiate_and_start(&mut store, &self.module)
            .map_err(|error| self.start_error(&error))?;

        self.write_record(&mut store, &instance, record)?;
        let step = instance
            .get_typed_func::<i32, i64>(&store, "step")
            .map_err(fail)?;
        let length = i32::try_from(record.len()).map_err(|_| StepError::RecordDoesNotFit {
            bytes: record.len(),
        })?;
        let packed = step.call(&mut store, length).map_err(fail)?;
        let output = self.read_output(&store, &instance, packed)?;
        let left = store.get_fuel().map_err(fail)?;
        Ok((output, self.limits.fuel.saturating_sub(left)))
    }

    fn write_record(
        &self,
        store: &mut Store<StoreLimits>,
        instance: &Instance,
        record: &[u8],
    ) -> Result<(), StepError> {
        let too_large = || StepError::RecordDoesNotFit {
            bytes: record.len(),
        };
        let memory = instance
            .get_memory(&*store, "memory")
            .ok_or_else(too_large)?;
        let address = instance
            .get_export(&*store, "input")
            .and_then(Extern::into_global)
            .and_then(|global| global.get(&*store).i32())
            .ok_or_else(too_large)?;
        // Addresses are unsigned in WebAssembly.
        let address = usize::try_from(address.cast_unsigned()).map_err(|_| too_large())?;
        memory
            .write(store, address, record)
            .map_err(|_| too_large())
    }

    fn read_output(
        &self,
        store: &Store<StoreLimits>,
        instance: &Instance,
        packed: i64,
    ) -> Result<Vec<u8>, StepError> {
        let packed = packed.cast_unsigned();
        let (address, bytes) = ((packed >> 32) as u32, packed as u32);
        let (expected, found) = (self.limits.output_bytes, bytes as usize);
        // The size is checked before anything of that size is allocated.
        if found == 0 {
            return Err(StepError::NoOutput);
        }
        if found > MAX_OUTPUT_BYTES {
            let limit = MAX_OUTPUT_BYTES;
            return Err(StepError::OversizedOutput { limit, found });
        }
        if found != expected {
            return Err(StepError::WrongOutputSize { expected, found });
        }
        let outside = StepError::OutputOutOfBounds { address, bytes };
        let Some(memory) = instance.get_memory(store, "memory") else {
            return Err(outside);
        };
        let mut output = vec![0; found];
        match memory.read(store, address as usize, &mut output) {
            Ok(()) => Ok(output),
            Err(_) => Err(outside),
        }
    }

    fn step_error(&self, error: &Error) -> StepError {
        match error.as_trap_code() {
            Some(TrapCode::OutOfFuel) => StepError::OutOfFuel {
                limit: self.limits.fuel,
            },
            Some(TrapCode::GrowthOperationLimited) => StepError::MemoryLimit {
                limit: self.limits.memory_bytes,
            },
            _ => StepError::Trap(error.to_string()),
        }
    }

    /// The only thing that an instance without imports and start function can be refused for,
    /// besides traps of its data segments, is the size of its memory.
    fn start_error(&self, error: &Error) -> StepError {
        match error.kind() {
            ErrorKind::Instantiation(InstantiationError::FailedToInstantiateMemory(_)) => {
                StepError::MemoryLimit {
                    limit: self.limits.memory_bytes,
                }
            }
            _ => self.step_error(error),
        }
    }
}

impl StepProgram for WasmProgram {
    fn id(&self) -> [u8; 32] {
        self.id
    }

    fn output_bytes(&self) -> usize {
        self.limits.output_bytes
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.run_metered(record).map(|(output, _)| output)
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        // Lazy translation would charge the first step that calls a function for compiling it.
        .compilation_mode(CompilationMode::Eager)
        .floats(false)
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_tail_call(false)
        .set_max_recursion_depth(MAX_CALL_DEPTH)
        .set_max_stack_height(MAX_STACK_BYTES);
    config
}

fn check_interface(module: &Module) -> Result<(), ProgramError> {
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
    match export("step")?.func() {
        Some(func) if func.params() == [ValType::I32] && func.results() == [ValType::I64] => Ok(()),
        _ => Err(ProgramError::Type("step", "a function from i32 to i64")),
    }
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
}
