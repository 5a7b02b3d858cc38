//! The engines of this build.

use narthex_arbiter::{Engines, Question, Report, SecondEngine, Silence, Silent, judge};
use narthex_game_model::{
    computation::{PortableProgram, ProgramData, StepProgram},
    workload::load,
};

use crate::job::Running;

/// Name of the engine that rules on WebAssembly.
const WASMI: &str = "wasmi";
/// Of what runs every other program.
const OWN: &str = "this program's own code";

/// Answers a question in this process. A program that is data is made anew, for each engine; `own` is what runs one that is not.
///
/// # Errors
/// [`Silent`]: nothing is ruled, and nothing is said of any party.
pub fn judge_here(question: &Question, own: Option<&dyn StepProgram>) -> Result<Report, Silent> {
    let Some(data) = question.dossier.program() else {
        let engines = own.map(|ruling| Engines {
            name: OWN,
            ruling,
            other: Err("the job's program is no data"),
        });
        return judge(question, engines);
    };
    let budget = Running::default().budget();
    let program = load(data, budget).map_err(|error| Silent::new(Silence::Case, error))?;
    let name = match data.data {
        ProgramData::Wasm { .. } => WASMI,
        _ => OWN,
    };
    let second = second(data);
    let other = match &second {
        Ok(second) => Ok(&**second),
        Err(why) => Err(why.as_str()),
    };
    let engines = Engines {
        name,
        ruling: &program,
        other,
    };
    judge(question, Some(engines))
}

/// The other engine, or why there is none.
pub(super) fn second(program: &PortableProgram) -> Result<Box<dyn SecondEngine>, String> {
    match &program.data {
        ProgramData::Wasm {
            max_units: None, ..
        } => native::of(program),
        ProgramData::Wasm { .. } => Err("programs that are cut into units run by wasmi".into()),
        _ => Err("there is one implementation of it".into()),
    }
}

#[cfg(not(feature = "wasmtime"))]
mod native {
    use super::{PortableProgram, SecondEngine};

    pub(super) fn of(_: &PortableProgram) -> Result<Box<dyn SecondEngine>, String> {
        Err("this program was built without wasmtime".into())
    }
}

#[cfg(feature = "wasmtime")]
mod native {
    use narthex_arbiter::Opinion;
    use narthex_game_model::{caps::MAX_STEP_FUEL, workload::Limits};
    use narthex_wasmtime::{Native, WasmtimeProgram};

    use super::{PortableProgram, ProgramData, Running, SecondEngine};

    /// By how much more fuel than the job's native code may count: it charges for frames inside of others again and again, and would stop
    /// before the limit that counts.
    const ROOM: u64 = 16;

    struct Wasmtime {
        program: WasmtimeProgram,
        /// The job's.
        fuel: u64,
    }

    pub(super) fn of(program: &PortableProgram) -> Result<Box<dyn SecondEngine>, String> {
        let ProgramData::Wasm {
            source,
            fuel,
            memory_bytes,
            output_bytes,
            ..
        } = &program.data
        else {
            return Err("it is no WebAssembly".into());
        };
        let limits = Limits {
            fuel: fuel.saturating_mul(ROOM).min(MAX_STEP_FUEL).max(*fuel),
            memory_bytes: *memory_bytes,
            output_bytes: usize::try_from(*output_bytes).map_err(|e| e.to_string())?,
        };
        let native = WasmtimeProgram::frugal(source, limits).map_err(|e| e.to_string())?;
        if let Some(why) = native.without_native_code() {
            return Err(format!("wasmtime does not compile it: {why}"));
        }
        Ok(Box::new(Wasmtime {
            program: native
                .with_time_limit(Running::STEP_TIME)
                .with_budget(Running::default().budget()),
            fuel: *fuel,
        }))
    }

    impl SecondEngine for Wasmtime {
        fn name(&self) -> &str {
            "wasmtime"
        }

        fn opinion(&self, record: &[u8]) -> Opinion {
            match self.program.run_native(record) {
                Native::Output { output, fuel } => Opinion::Output {
                    bytes: output,
                    may_exceed: fuel > self.fuel,
                },
                Native::Failed(error) => Opinion::NoOutput(error.to_string()),
                Native::MetLimit => Opinion::MetLimit,
                Native::Undecided(why) => Opinion::Undecided(why),
            }
        }
    }
}
