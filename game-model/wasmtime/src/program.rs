//! A program of the game as native code.

use std::time::Duration;

use narthex_game_model::computation::{
    PortableProgram, StepError, StepNeeds, StepProgram, TimeBudget, zeros,
};
use narthex_game_model::workload::{Limits, ProgramError, WasmProgram, output_span};
use wasmtime::{
    Engine, Error, Instance, InstancePre, Linker, Memory, Module, Store, StoreLimits,
    StoreLimitsBuilder, Trap, Val,
};

use crate::engine::{engine, ticks};
use crate::meter::{Metered, meter};

/// Longest time that a step runs natively, unless told otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A program that runs natively where that gives what wasmi gives, else under wasmi.
#[derive(Clone)]
pub struct WasmtimeProgram {
    ruling: WasmProgram,
    /// Or why there is no native code: then all steps run under wasmi.
    native: Result<NativeCode, String>,
    time_limit: Duration,
}

#[derive(Clone)]
struct NativeCode {
    engine: Engine,
    instance: InstancePre<StoreLimits>,
    metered: Metered,
}

/// What native code found out about a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Native {
    /// An output, within all limits.
    Output {
        /// The output.
        output: Vec<u8>,
        /// An upper bound of the fuel that wasmi takes for the step.
        fuel: u64,
    },
    /// The program failed on its own. wasmi fails too, perhaps for a limit that it met before.
    Failed(StepError),
    /// A counter of its own passed the limit that it was given, or memory did not grow: it has no output, and runs ahead of wasmi.
    MetLimit,
    /// It met a limit of native code, some of which are narrower than wasmi's: what wasmi says is open.
    Undecided(String),
}

impl std::fmt::Debug for WasmtimeProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmtimeProgram")
            .field("ruling", &self.ruling)
            .field("without_native_code", &self.native.as_ref().err())
            .finish_non_exhaustive()
    }
}

impl WasmtimeProgram {
    /// Compiles a program, given in WebAssembly's text or binary form. Whether it is one is for wasmi to say, so both
    /// engines accept the same programs.
    ///
    /// # Errors
    /// As [`WasmProgram::new`].
    pub fn new(source: &[u8], limits: Limits) -> Result<Self, ProgramError> {
        Self::reserving(source, limits, None)
    }

    /// The same for a process with a bound on its addresses: a memory reserves what the step may have and no more, and steps take longer.
    ///
    /// # Errors
    /// As [`WasmProgram::new`].
    pub fn frugal(source: &[u8], limits: Limits) -> Result<Self, ProgramError> {
        Self::reserving(source, limits, Some(limits.memory_bytes))
    }

    fn reserving(
        source: &[u8],
        limits: Limits,
        reserved_bytes: Option<u64>,
    ) -> Result<Self, ProgramError> {
        let ruling = WasmProgram::new(source, limits)?;
        Ok(Self {
            ruling,
            native: NativeCode::compile(source, limits, reserved_bytes),
            time_limit: TIME_LIMIT,
        })
    }

    /// With so much time for each step, whichever engine runs it.
    #[must_use]
    pub fn with_budget(mut self, budget: TimeBudget) -> Self {
        self.time_limit = self.time_limit.min(budget.per_step());
        self.ruling = self.ruling.with_budget(budget);
        self
    }

    /// With another limit of time for native code.
    #[must_use]
    pub const fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// The same program under wasmi.
    pub const fn ruling(&self) -> &WasmProgram {
        &self.ruling
    }

    /// Why there is no native code, if there is none.
    pub fn without_native_code(&self) -> Option<&str> {
        self.native.as_ref().err().map(String::as_str)
    }

    /// Runs one step natively only.
    pub fn run_native(&self, record: &[u8]) -> Native {
        match &self.native {
            Ok(native) => native.run(record, self.ruling.limits(), self.time_limit),
            Err(why) => Native::Undecided(why.clone()),
        }
    }
}

impl StepProgram for WasmtimeProgram {
    fn id(&self) -> [u8; 32] {
        self.ruling.id()
    }

    fn output_bytes(&self) -> usize {
        self.ruling.output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        self.ruling.needs()
    }

    fn portable(&self) -> Option<PortableProgram> {
        self.ruling.portable()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        match self.run_native(record) {
            Native::Output { output, .. } => Ok(output),
            Native::Failed(_) | Native::MetLimit | Native::Undecided(_) => self.ruling.run(record),
        }
    }
}

impl NativeCode {
    fn compile(source: &[u8], limits: Limits, reserved: Option<u64>) -> Result<Self, String> {
        let binary = wat::parse_bytes(source).map_err(|error| error.to_string())?;
        let metered = meter(&binary, limits).map_err(|error| error.to_string())?;
        let compile = || {
            let engine = engine(reserved)?;
            let module = Module::new(&engine, &metered.binary)?;
            let instance = Linker::new(&engine).instantiate_pre(&module)?;
            Ok((engine, instance))
        };
        let (engine, instance) = compile().map_err(|error: Error| format!("{error:?}"))?;
        Ok(Self {
            engine,
            instance,
            metered,
        })
    }

    fn run(&self, record: &[u8], limits: Limits, time_limit: Duration) -> Native {
        let memory_bytes = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(memory_bytes)
            .table_elements(narthex_game_model::workload::MAX_TABLE_ELEMENTS)
            .instances(1)
            .memories(1)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, store_limits);
        store.limiter(|limits| limits);
        store.set_epoch_deadline(ticks(time_limit));
        let undecided = |error: &dyn std::fmt::Display| Native::Undecided(error.to_string());
        let instance = match self.instance.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return undecided(&error),
        };
        let Some(memory) = write_record(&mut store, &instance, record) else {
            return undecided(&"the record does not fit");
        };
        let Ok(length) = i32::try_from(record.len()) else {
            return undecided(&"the record does not fit");
        };
        let step = match instance.get_typed_func::<i32, i64>(&mut store, "step") {
            Ok(step) => step,
            Err(error) => return undecided(&error),
        };
        match step.call(&mut store, length) {
            Ok(packed) => match read_output(&store, memory, packed, limits) {
                Ok(output) => {
                    let left = self.fuel_left(&mut store, &instance);
                    let fuel = limits.fuel.saturating_sub(left);
                    Native::Output { output, fuel }
                }
                Err(error) if error.is_defect() => undecided(&error),
                Err(error) => Native::Failed(error),
            },
            Err(_) if self.met_limit(&mut store, &instance) => Native::MetLimit,
            Err(error) => match error.downcast_ref::<Trap>() {
                None | Some(Trap::Interrupt | Trap::StackOverflow | Trap::OutOfFuel) => {
                    undecided(&error)
                }
                Some(trap) => Native::Failed(StepError::Trap(trap.to_string())),
            },
        }
    }

    fn fuel_left(&self, store: &mut Store<StoreLimits>, instance: &Instance) -> u64 {
        let left = global(store, instance, &self.metered.fuel);
        left.and_then(|value| value.i64())
            .and_then(|left| u64::try_from(left).ok())
            .unwrap_or(0)
    }

    fn met_limit(&self, store: &mut Store<StoreLimits>, instance: &Instance) -> bool {
        let met = global(store, instance, &self.metered.met_limit);
        met.and_then(|value| value.i32()) != Some(0)
    }
}

fn global(store: &mut Store<StoreLimits>, instance: &Instance, name: &str) -> Option<Val> {
    let global = instance.get_global(&mut *store, name)?;
    Some(global.get(store))
}

/// Writes the record at `input`, as wasmi's side does.
fn write_record(
    store: &mut Store<StoreLimits>,
    instance: &Instance,
    record: &[u8],
) -> Option<Memory> {
    let memory = instance.get_memory(&mut *store, "memory")?;
    let address = global(store, instance, "input")?.i32()?.cast_unsigned();
    let address = usize::try_from(address).ok()?;
    memory.write(store, address, record).ok()?;
    Some(memory)
}

fn read_output(
    store: &Store<StoreLimits>,
    memory: Memory,
    packed: i64,
    limits: Limits,
) -> Result<Vec<u8>, StepError> {
    let (address, bytes) = output_span(packed, limits.output_bytes)?;
    let mut output = zeros("an output", bytes as usize)?;
    match memory.read(store, address as usize, &mut output) {
        Ok(()) => Ok(output),
        Err(_) => Err(StepError::OutputOutOfBounds { address, bytes }),
    }
}
