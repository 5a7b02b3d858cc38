//! One run of a program: a fresh instance with its own memory, fuel and limits.

use wasmi::errors::{ErrorKind, MemoryError, TableError};
use wasmi::{
    CompilationMode, Config, Engine, Error, Extern, Instance, Linker, Memory, Module, Store,
    TrapCode, TypedResumableCall, WasmParams, WasmResults,
};

use super::Limits;
use super::interface::{self, Function, ProgramError};
use super::limiter::{Reserve, StepLimiter};
use crate::caps::{MAX_CALL_DEPTH, MAX_OUTPUT_BYTES, MAX_STACK_BYTES};
use crate::computation::{Deadline, MachineLimit, StepError, TimeBudget, reserve, zeros};

/// Fuel between two looks at the clock: a small part of a second on any machine.
const SLICE: u64 = 4_000_000;
/// What an engine takes beside a step's memory: its stacks and the instance.
const ENGINE_BYTES: u64 = 8 << 20;

/// A compiled program with the limits of its runs.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub(super) limits: Limits,
    /// Calls with fuel of their own that a step may make.
    units: u64,
    engine: Engine,
    module: Module,
    /// Most that its memory may grow to, by the limits and by its own declaration.
    memory_bytes: u64,
    budget: Option<TimeBudget>,
    slice: u64,
    reserve: Reserve,
}

/// One instance.
pub(super) struct Run<'a> {
    sandbox: &'a Sandbox,
    pub(super) store: Store<StepLimiter>,
    pub(super) instance: Instance,
    /// Fuel of the call that the engine was not given yet.
    kept: u64,
    /// Fuel of the calls before.
    burnt: u64,
    deadline: Option<Deadline<'a>>,
}

impl Sandbox {
    pub(super) fn compile(
        source: &[u8],
        limits: Limits,
        units: u64,
        functions: &[Function],
    ) -> Result<Self, ProgramError> {
        limits.check(source.len(), units)?;
        let engine = Engine::new(&config());
        let module = Module::new(&engine, source)
            .map_err(|error| ProgramError::Invalid(error.to_string()))?;
        let declared = interface::check(&module, functions)?;
        if declared.least > limits.memory_bytes {
            return Err(ProgramError::MemoryBelowMinimum {
                limit: limits.memory_bytes,
                least: declared.least,
            });
        }
        Ok(Self {
            limits,
            units,
            engine,
            module,
            memory_bytes: limits.memory_bytes.min(declared.most),
            budget: None,
            slice: SLICE,
            reserve,
        })
    }

    pub(super) fn set_budget(&mut self, budget: TimeBudget) {
        self.budget = Some(budget);
    }

    #[cfg(test)]
    pub(super) fn set_slice(&mut self, slice: u64) {
        self.slice = slice;
    }

    #[cfg(test)]
    pub(super) fn set_reserve(&mut self, reserve: Reserve) {
        self.reserve = reserve;
    }

    /// Most memory of a step in bytes.
    pub(super) const fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// A fresh instance with fuel for one call. What the step may use is asked of the system first:
    /// a machine that could not give it must not look as if the step were wrong.
    pub(super) fn start(&self) -> Result<Run<'_>, StepError> {
        let needed = self.memory_bytes + self.limits.output_bytes as u64 + ENGINE_BYTES;
        (self.reserve)("a step of this job", needed)?;
        let limiter = StepLimiter::new(&self.limits, self.reserve);
        let mut store = Store::new(&self.engine, limiter);
        store.limiter(|limiter| limiter);
        let started = Linker::new(&self.engine).instantiate_and_start(&mut store, &self.module);
        let instance = started.map_err(|error| self.error(&mut store, &error))?;
        Ok(Run {
            sandbox: self,
            store,
            instance,
            kept: self.limits.fuel,
            burnt: 0,
            deadline: self.budget.as_ref().map(TimeBudget::start),
        })
    }

    /// Whose limit a run met.
    fn error(&self, store: &mut Store<StepLimiter>, error: &Error) -> StepError {
        if let Some(stopped) = store.data_mut().stopped.take() {
            return stopped;
        }
        let memory = |what, needed| StepError::Machine(MachineLimit::Memory { what, needed });
        match error.as_trap_code() {
            Some(TrapCode::OutOfFuel) => StepError::OutOfFuel {
                limit: self.limits.fuel,
            },
            // Its largest size is a limit of the job, and another trap.
            Some(TrapCode::OutOfSystemMemory) => memory("a step's stack", MAX_STACK_BYTES as u64),
            // The limiter says why it denies growth.
            Some(TrapCode::GrowthOperationLimited) => StepError::engine(error),
            Some(_) => StepError::Trap(error.to_string()),
            None => match error.kind() {
                ErrorKind::Memory(MemoryError::OutOfSystemMemory)
                | ErrorKind::Table(TableError::OutOfSystemMemory) => {
                    memory("a step's instance", self.memory_bytes)
                }
                // Data or elements of the program that lie outside its memory or tables.
                ErrorKind::Memory(_) | ErrorKind::Table(_) | ErrorKind::Instantiation(_) => {
                    StepError::Trap(error.to_string())
                }
                _ => StepError::engine(error),
            },
        }
    }
}

impl Run<'_> {
    fn fail(&mut self, error: &Error) -> StepError {
        self.sandbox.error(&mut self.store, error)
    }

    /// Calls an export whose type [`interface::check`] saw, with a look at the clock now and then.
    pub(super) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> Result<R, StepError> {
        let function = self
            .instance
            .get_typed_func::<P, R>(&self.store, name)
            .map_err(StepError::engine)?;
        self.grant(0)?;
        let mut called = function.call_resumable(&mut self.store, params);
        loop {
            called = match called.map_err(|error| self.fail(&error))? {
                TypedResumableCall::Finished(results) => return Ok(results),
                TypedResumableCall::OutOfFuel(paused) => {
                    self.grant(paused.required_fuel())?;
                    paused.resume(&mut self.store)
                }
                TypedResumableCall::HostTrap(_) => {
                    return Err(StepError::engine("a host call without imports"));
                }
            };
        }
    }

    /// Gives the engine the next slice of fuel, `least` or more.
    fn grant(&mut self, least: u64) -> Result<(), StepError> {
        if let Some(deadline) = self.deadline {
            let limits = &self.sandbox.limits;
            let limit = limits.fuel.saturating_mul(self.sandbox.units);
            deadline.check(self.burnt.saturating_add(self.fuel_used()?), limit)?;
        }
        let left = self.fuel_left()?;
        if left < least {
            return Err(StepError::OutOfFuel {
                limit: self.sandbox.limits.fuel,
            });
        }
        let slice = match self.deadline {
            Some(_) => self.sandbox.slice,
            None => u64::MAX,
        };
        let granted = left.min(slice.max(least));
        self.store.set_fuel(granted).map_err(StepError::engine)?;
        self.kept = left - granted;
        Ok(())
    }

    /// Fuel for one more call, whatever is left of the last.
    pub(super) fn refuel(&mut self) -> Result<(), StepError> {
        self.burnt = self.burnt.saturating_add(self.fuel_used()?);
        self.store.set_fuel(0).map_err(StepError::engine)?;
        self.kept = self.sandbox.limits.fuel;
        Ok(())
    }

    fn fuel_left(&self) -> Result<u64, StepError> {
        let given = self.store.get_fuel().map_err(StepError::engine)?;
        Ok(given.saturating_add(self.kept))
    }

    pub(super) fn fuel_used(&self) -> Result<u64, StepError> {
        let left = self.fuel_left()?;
        Ok(self.sandbox.limits.fuel.saturating_sub(left))
    }

    /// Grows its memory as a step would.
    pub(super) fn grow(&mut self, memory: Memory, pages: u64) -> Result<(), StepError> {
        let grown = memory.grow(&mut self.store, pages);
        match (grown, self.store.data_mut().stopped.take()) {
            (Err(_), Some(stopped)) => Err(stopped),
            (Err(error), None) => Err(StepError::Trap(error.to_string())),
            (Ok(_), _) => Ok(()),
        }
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
        let (address, bytes) = output_span(packed, self.sandbox.limits.output_bytes)?;
        let outside = StepError::OutputOutOfBounds { address, bytes };
        let Some(memory) = self.memory() else {
            return Err(outside);
        };
        let mut output = zeros("an output", bytes as usize)?;
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
