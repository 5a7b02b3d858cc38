//! WebAssembly steps that are cut into units.

use std::sync::Arc;

use wasmi::{Extern, Val, ValType};

use super::hidden::{Global, mutable_globals};
use super::interface::{self, Function};
use super::sandbox::{Run, Sandbox};
use super::snapshot::{self, PAGE_BYTES, Snapshot};
use super::{Limits, ProgramError};
use crate::computation::{
    PortableProgram, StepError, StepNeeds, StepProgram, TimeBudget, UnitProgram, zeros,
};
use crate::tagged::TaggedHasher;

/// A compiled program with units. Its fuel is for each call of `begin`, `unit` and `result`, so
/// that a unit costs the same in a whole step and alone.
#[derive(Clone, Debug)]
pub struct WasmUnitProgram {
    id: [u8; 32],
    source: Arc<[u8]>,
    sandbox: Sandbox,
    max_units: u64,
    globals: Vec<Global>,
}

const UNITS: [Function; 3] = [
    Function {
        name: "begin",
        params: &[ValType::I32],
        results: &[],
        text: "a function from i32 to nothing",
    },
    Function {
        name: "unit",
        params: &[],
        results: &[ValType::I32],
        text: "a function from nothing to i32",
    },
    Function {
        name: "result",
        params: &[],
        results: &[ValType::I64],
        text: "a function from nothing to i64",
    },
];

impl WasmUnitProgram {
    /// Compiles a program whose steps take at most `max_units` units.
    ///
    /// # Errors
    /// [`ProgramError`] if it is no valid program of this interface.
    pub fn new(source: &[u8], limits: Limits, max_units: u64) -> Result<Self, ProgramError> {
        let sandbox = Sandbox::compile(source, limits, max_units, &UNITS)?;
        let globals = mutable_globals(source)?;
        interface::check_tables(source)?;
        let id = TaggedHasher::new("narthex/unit-program")
            .sized(source)
            .number(limits.fuel)
            .number(limits.memory_bytes)
            .number(limits.output_bytes as u64)
            .number(max_units)
            .finish();
        Ok(Self {
            id,
            source: source.into(),
            sandbox,
            max_units,
            globals,
        })
    }

    /// With so much time on this machine for each step, and for each unit that is run alone.
    #[must_use]
    pub fn with_budget(mut self, budget: TimeBudget) -> Self {
        self.sandbox.set_budget(budget);
        self
    }

    #[cfg(test)]
    pub(super) fn set_reserve(&mut self, reserve: super::limiter::Reserve) {
        self.sandbox.set_reserve(reserve);
    }

    /// The limits of each call.
    pub const fn limits(&self) -> Limits {
        self.sandbox.limits
    }

    fn global(&self, run: &Run<'_>, global: &Global) -> Option<wasmi::Global> {
        let export = run.instance.get_export(&run.store, &global.name);
        export.and_then(Extern::into_global)
    }

    fn snapshot(&self, run: &Run<'_>, ended: bool) -> Result<Vec<u8>, StepError> {
        let value = |global: &Global| match self.global(run, global)?.get(&run.store) {
            Val::I32(value) => Some(u64::from(value.cast_unsigned())),
            Val::I64(value) => Some(value.cast_unsigned()),
            _ => None,
        };
        let globals: Option<Vec<u64>> = self.globals.iter().map(value).collect();
        let memory = run.memory();
        let (Some(globals), Some(memory)) = (globals, memory) else {
            return Err(StepError::engine("the program's exports changed"));
        };
        Ok(snapshot::encode(ended, &globals, memory.data(&run.store))?)
    }

    fn parse<'a>(&self, state: &'a [u8]) -> Result<Snapshot<'a>, StepError> {
        let wide: Vec<bool> = self.globals.iter().map(|global| global.wide).collect();
        snapshot::decode(state, &wide)
    }

    /// An instance in this state, with fuel for one call.
    fn restore(&self, state: &[u8], snapshot: &Snapshot<'_>) -> Result<Run<'_>, StepError> {
        let not = |why| StepError::NotAState {
            bytes: state.len(),
            why,
        };
        let mut run = self.sandbox.start()?;
        let memory = run.memory().ok_or(not("the program has no memory"))?;
        let pages = memory.size(&run.store);
        let more = u64::from(snapshot.pages)
            .checked_sub(pages)
            .ok_or(not("it has less memory than the program begins with"))?;
        let bytes = u64::from(snapshot.pages) * PAGE_BYTES as u64;
        if bytes > self.sandbox.limits.memory_bytes {
            return Err(not("it has more memory than the program may have"));
        }
        if more > 0 {
            // What the machine cannot give is no fault of the state.
            run.grow(memory, more).map_err(|error| match error {
                StepError::Machine(_) => error,
                _ => not("it has more memory than the program allows itself"),
            })?;
        }
        // What the program's own data put there is not in the state unless the state says so.
        let data = memory.data_mut(&mut run.store);
        data.fill(0);
        for (address, chunk) in &snapshot.chunks {
            let end = address + chunk.len();
            let target = data.get_mut(*address..end);
            let target = target.ok_or(not("a chunk is outside its memory"))?;
            target.copy_from_slice(chunk);
        }
        for (global, value) in self.globals.iter().zip(&snapshot.globals) {
            let value = match global.wide {
                true => Val::I64(value.cast_signed()),
                // The upper half was checked to be 0.
                false => Val::I32((*value as u32).cast_signed()),
            };
            let set = self
                .global(&run, global)
                .map(|g| g.set(&mut run.store, value));
            if !matches!(set, Some(Ok(()))) {
                return Err(not("a global does not take its value"));
            }
        }
        run.refuel()?;
        Ok(run)
    }
}

/// One unit; whether it was the last.
fn unit(run: &mut Run<'_>) -> Result<bool, StepError> {
    match run.call("unit", ())? {
        0i32 => Ok(false),
        1 => Ok(true),
        other => {
            let message = format!("`unit` gave {other}, which is neither 0 nor 1");
            Err(StepError::Trap(message))
        }
    }
}

impl StepProgram for WasmUnitProgram {
    fn id(&self) -> [u8; 32] {
        self.id
    }

    fn output_bytes(&self) -> usize {
        self.sandbox.limits.output_bytes
    }

    fn needs(&self) -> StepNeeds {
        StepNeeds {
            fuel: self.sandbox.limits.fuel,
            // `begin` and `result` may burn as much as a unit.
            units: self.max_units.saturating_add(2),
            memory_bytes: self.sandbox.memory_bytes(),
            program_bytes: self.source.len() as u64,
        }
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let mut run = self.sandbox.start()?;
        let length = run.write_record(record)?;
        run.call::<_, ()>("begin", length)?;
        for _ in 0..self.max_units {
            run.refuel()?;
            if unit(&mut run)? {
                run.refuel()?;
                let packed = run.call("result", ())?;
                return run.read_output(packed);
            }
        }
        Err(StepError::TooManyUnits {
            limit: self.max_units,
        })
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        Some(self)
    }

    fn portable(&self) -> Option<PortableProgram> {
        let units = Some(self.max_units);
        Some(self.sandbox.limits.portable(&self.source, units))
    }
}

impl UnitProgram for WasmUnitProgram {
    fn max_units(&self) -> u64 {
        self.max_units
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let mut run = self.sandbox.start()?;
        let length = run.write_record(record)?;
        run.call::<_, ()>("begin", length)?;
        self.snapshot(&run, false)
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let snapshot = self.parse(state)?;
        let mut run = self.restore(state, &snapshot)?;
        if snapshot.ended {
            let mut same = zeros("a state of the step", state.len())?;
            same.copy_from_slice(state);
            return Ok(same);
        }
        let ended = unit(&mut run)?;
        self.snapshot(&run, ended)
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let snapshot = self.parse(state)?;
        if !snapshot.ended {
            return Err(StepError::NotAState {
                bytes: state.len(),
                why: "units are left to do",
            });
        }
        let mut run = self.restore(state, &snapshot)?;
        let packed = run.call("result", ())?;
        run.read_output(packed)
    }
}
