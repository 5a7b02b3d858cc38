//! Both engines on each step.

use narthex_game_model::computation::{PortableProgram, StepError, StepNeeds, StepProgram};

use crate::program::{Native, WasmtimeProgram};

/// Runs each step under both engines and refuses one on which they differ. It is the same program, so it has the same
/// identity.
#[derive(Clone, Debug)]
pub struct CrossChecked(WasmtimeProgram);

impl CrossChecked {
    /// Both engines of this program.
    pub const fn new(program: WasmtimeProgram) -> Self {
        Self(program)
    }

    /// What the ruling engine says, compared with what native code found.
    ///
    /// # Errors
    /// As the ruling engine, or [`StepError::EnginesDiffer`].
    pub fn compare(
        native: &Native,
        ruling: Result<(Vec<u8>, u64), StepError>,
    ) -> Result<Vec<u8>, StepError> {
        match (native, ruling) {
            // What the machine could not give the ruling engine says nothing about the other.
            (_, Err(error)) if error.is_defect() => Err(error),
            // Its counter must be ahead of wasmi's, or a step near the limit would be decided wrongly.
            (Native::Output { fuel, .. }, Ok((_, used))) if *fuel < used => {
                Err(StepError::EnginesDiffer {
                    ruling: format!("{used} units of fuel"),
                    other: format!("at most {fuel}"),
                })
            }
            (Native::Output { output, .. }, Ok((ruled, _))) if *output == ruled => Ok(ruled),
            (Native::Output { output, .. }, ruling) => Err(StepError::engines_differ(
                &ruling.map(|(output, _)| output),
                &Ok(output.clone()),
            )),
            (Native::Failed(error), Ok((ruled, _))) => {
                Err(StepError::engines_differ(&Ok(ruled), &Err(error.clone())))
            }
            (Native::Failed(_) | Native::MetLimit | Native::Undecided(_), ruling) => {
                ruling.map(|(output, _)| output)
            }
        }
    }
}

impl StepProgram for CrossChecked {
    fn id(&self) -> [u8; 32] {
        self.0.id()
    }

    fn output_bytes(&self) -> usize {
        self.0.output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        self.0.needs()
    }

    fn entropy_bits(&self) -> u32 {
        self.0.ruling().entropy_bits()
    }

    fn portable(&self) -> Option<PortableProgram> {
        self.0.portable()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        Self::compare(
            &self.0.run_native(record),
            self.0.ruling().run_metered(record),
        )
    }
}
