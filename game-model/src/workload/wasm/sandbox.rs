//! One run of a program: a fresh instance with its own memory, fuel and limits.

use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    CompilationMode, Config, Engine, Error, Extern, Instance, Linker, Memory, Module, Store,
    StoreLimits, StoreLimitsBuilder, TrapCode, WasmParams, WasmResults,
};

use super::interface::{self, Function, ProgramError};
use super::{
    Limits, MAX_CALL_DEPTH, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_STACK_BYTES,
    MAX_TABLE_ELEMENTS,
};
use crate::computation::StepError;

/// A compiled program with the limits of its runs.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub(super) limits: Limits,
    engine: Engine,
    module: Module,
}

/// One instance.
pub(super) struct Run<'a> {
    limits: &'a Limits,
    pub(super) store: Store<StoreLimits>,
    pub(super) instance: Instance,
}

impl Sandbox {
    pub(super) fn compile(
        source: &[u8],
        limits: Limits,
        functions: &[Function],
    ) -> Result<Self, ProgramError> {
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
        interface::check(&module, functions)?;
        Ok(Self {
            limits,
            engine,
            module,
        })
    }

    /// A fresh instance with fuel for one call.
    pub(super) fn start(&self) -> Result<Run<'_>, StepError> {
        let memory_bytes = usize::try_from(self.limits.memory_bytes).unwrap_or(usize::MAX);
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(memory_bytes)
            .table_elements(MAX_TABLE_ELEMENTS)
            .instances(1)
            .memories(1)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, store_limits);
        store.limiter(|limits| limits);
        let limits = &self.limits;
        store
            .set_fuel(limits.fuel)
            .map_err(|error| step_error(limits, &error))?;
        let instance = Linker::new(&self.engine)
            .instantiate_and_start(&mut store, &self.module)
            .map_err(|error| start_error(limits, &error))?;
        Ok(Run {
            limits,
            store,
            instance,
        })
    }
}

impl Run<'_> {
    /// Calls an export whose type [`interface::check`] saw.
    pub(super) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> Result<R, StepError> {
        let limits = self.limits;
        let fail = |error: Error| step_error(limits, &error);
        let function = self
            .instance
            .get_typed_func::<P, R>(&self.store, name)
            .map_err(fail)?;
        function.call(&mut self.store, params).map_err(fail)
    }

    /// Fuel for one more call, whatever is left of the last.
    pub(super) fn refuel(&mut self) -> Result<(), StepError> {
        let limits = self.limits;
        self.store
            .set_fuel(limits.fuel)
            .map_err(|error| step_error(limits, &error))
    }

    pub(super) fn fuel_used(&self) -> Result<u64, StepError> {
        let left = self.store.get_fuel();
        let left = left.map_err(|error| step_error(self.limits, &error))?;
        Ok(self.limits.fuel.saturating_sub(left))
    }

    pub(super) fn memory(&self) -> Option<Memory> {
        self.instance.get_memory(&self.store, "memory")
    }

    /// Writes the record at `input` and gives its length as the program's functions take it.
    pub(super) fn write_record(&mut self, record: &[u8]) -> Result<i32, StepError> {
        let too_large = || StepError::RecordDoesNotFit {
            bytes: record.len(),
        };
        let memory = self.memory().ok_or_else(too_large)?;
        let address = self
            .instance
            .get_export(&self.store, "input")
            .and_then(Extern::into_global)
            .and_then(|global| global.get(&self.store).i32())
            .ok_or_else(too_large)?;
        // Addresses are unsigned in WebAssembly.
        let address = usize::try_from(address.cast_unsigned()).map_err(|_| too_large())?;
        memory
            .write(&mut self.store, address, record)
            .map_err(|_| too_large())?;
        i32::try_from(record.len()).map_err(|_| too_large())
    }

    pub(super) fn read_output(&self, packed: i64) -> Result<Vec<u8>, StepError> {
        let (address, bytes) = output_span(packed, self.limits.output_bytes)?;
        let outside = StepError::OutputOutOfBounds { address, bytes };
        let Some(memory) = self.memory() else {
            return Err(outside);
        };
        let mut output = vec![0; bytes as usize];
        match memory.read(&self.store, address as usize, &mut output) {
            Ok(()) => Ok(output),
            Err(_) => Err(outside),
        }
    }
}

/// Where a program says that its output is: address and size. The size is checked before anything
/// of that size is allocated. Every engine reads the number by this rule.
///
/// # Errors
/// [`StepError::NoOutput`], [`StepError::OversizedOutput`], [`StepError::WrongOutputSize`].
pub fn output_span(packed: i64, expected: usize) -> Result<(u32, u32), StepError> {
    let packed = packed.cast_unsigned();
    let (address, bytes) = ((packed >> 32) as u32, packed as u32);
    let found = bytes as usize;
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
    Ok((address, bytes))
}

fn step_error(limits: &Limits, error: &Error) -> StepError {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => StepError::OutOfFuel { limit: limits.fuel },
        Some(TrapCode::GrowthOperationLimited) => StepError::MemoryLimit {
            limit: limits.memory_bytes,
        },
        _ => StepError::Trap(error.to_string()),
    }
}

/// The only thing that an instance without imports and start function can be refused for, besides
/// traps of its data segments, is the size of its memory.
fn start_error(limits: &Limits, error: &Error) -> StepError {
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::FailedToInstantiateMemory(_)) => {
            StepError::MemoryLimit {
                limit: limits.memory_bytes,
            }
        }
        _ => step_error(limits, error),
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
