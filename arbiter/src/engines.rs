//! Two engines, of which none rules alone.

use std::cell::Cell;

use narthex_game_model::computation::{
    PortableProgram, StepError, StepNeeds, StepProgram, UnitProgram,
};

/// What a second engine says of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// An output.
    Output {
        /// Its bytes.
        bytes: Vec<u8>,
        /// It took more than the step may, as this engine counts, which runs ahead: that it has none, for the limit, is no contradiction.
        may_exceed: bool,
    },
    /// None: the step fails.
    NoOutput(String),
    /// None within the limits that it was given, which may be narrower than the job's: no contradiction to a step that fails.
    MetLimit,
    /// It cannot say, for a limit of this machine.
    Undecided(String),
}

/// An engine beside the one that rules, of another make.
pub trait SecondEngine {
    /// Its name.
    fn name(&self) -> &str;

    /// What it says of a step.
    fn opinion(&self, record: &[u8]) -> Opinion;
}

/// What a step is run again by.
#[derive(Clone, Copy)]
pub struct Engines<'a> {
    /// Name of the engine that rules.
    pub name: &'a str,
    /// The program under it.
    pub ruling: &'a dyn StepProgram,
    /// The other, or why there is none.
    pub other: Result<&'a dyn SecondEngine, &'a str>,
}

/// A program that is run by both, and says whether it was run. Where they differ, no step is judged ([`StepError::is_defect`]).
pub(crate) struct Agreeing<'a> {
    engines: Engines<'a>,
    has_run: Cell<bool>,
}

impl<'a> Agreeing<'a> {
    pub(crate) const fn new(engines: Engines<'a>) -> Agreeing<'a> {
        let has_run = Cell::new(false);
        Agreeing { engines, has_run }
    }

    pub(crate) const fn has_run(&self) -> bool {
        self.has_run.get()
    }
}

impl StepProgram for Agreeing<'_> {
    fn id(&self) -> [u8; 32] {
        self.engines.ruling.id()
    }

    fn output_bytes(&self) -> usize {
        self.engines.ruling.output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        self.engines.ruling.needs()
    }

    fn entropy_bits(&self) -> u32 {
        self.engines.ruling.entropy_bits()
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        self.engines.ruling.units()
    }

    fn portable(&self) -> Option<PortableProgram> {
        self.engines.ruling.portable()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.has_run.set(true);
        let ruled = self.engines.ruling.run(record);
        let Ok(other) = self.engines.other else {
            return ruled;
        };
        if matches!(&ruled, Err(error) if error.is_defect()) {
            return ruled;
        }
        match (ruled, other.opinion(record)) {
            (_, Opinion::Undecided(why)) => {
                let name = other.name();
                Err(StepError::engine(format!("{name} cannot say: {why}")))
            }
            (Ok(output), Opinion::Output { bytes, .. }) if output == bytes => Ok(output),
            (Ok(_), Opinion::MetLimit) => {
                let name = other.name();
                Err(StepError::engine(format!("{name} has not enough room")))
            }
            (Err(error), Opinion::NoOutput(_) | Opinion::MetLimit) => Err(error),
            (
                Err(error @ StepError::OutOfFuel { .. }),
                Opinion::Output {
                    may_exceed: true, ..
                },
            ) => Err(error),
            (ruled, Opinion::Output { bytes, .. }) => {
                Err(StepError::engines_differ(&ruled, &Ok(bytes)))
            }
            (ruled, Opinion::NoOutput(why)) => Err(StepError::engines_differ(
                &ruled,
                &Err(StepError::Trap(why)),
            )),
        }
    }
}
