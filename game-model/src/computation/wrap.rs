//! Programs made of programs, and a computation made of another.

use std::fmt;

use super::{Computation, PortableProgram, StepError, StepNeeds, StepProgram, UnitProgram};

/// A program chosen at run time.
pub type AnyProgram = Box<dyn StepProgram + Send + Sync>;

impl fmt::Debug for dyn StepProgram + Send + Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepProgram(..)")
    }
}

impl<P: StepProgram + ?Sized> StepProgram for Box<P> {
    fn id(&self) -> [u8; 32] {
        (**self).id()
    }

    fn output_bytes(&self) -> usize {
        (**self).output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        (**self).needs()
    }

    fn entropy_bits(&self) -> u32 {
        (**self).entropy_bits()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        (**self).run(record)
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        (**self).units()
    }

    fn portable(&self) -> Option<PortableProgram> {
        (**self).portable()
    }
}

/// The steps of a computation over and over, up to another number of steps: for measurements at sizes
/// that take too long to compute. It keeps the identity of what it repeats, so nothing is committed
/// to it but there.
#[derive(Debug)]
pub struct Repeated<C> {
    computation: C,
    steps: u64,
}

impl<C: Computation> Repeated<C> {
    /// `steps` steps of `computation`, from its first on; `None` if it has no step.
    pub fn new(computation: C, steps: u64) -> Option<Self> {
        let repeats = Self { computation, steps };
        (repeats.period() > 0).then_some(repeats)
    }

    /// Number of steps after which outputs repeat; never 0.
    pub fn period(&self) -> u64 {
        self.computation.steps()
    }
}

impl<C: Computation> Computation for Repeated<C> {
    fn job(&self) -> [u8; 32] {
        self.computation.job()
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn output_bytes(&self) -> usize {
        self.computation.output_bytes()
    }

    fn step(&self, index: u64) -> Result<Vec<u8>, StepError> {
        self.computation.step(index % self.period())
    }
}

/// A program with what is known of its outputs' entropy, which nobody can read off the program itself. It is the same
/// program and has the same identity.
#[derive(Clone, Debug)]
pub struct Stated<P> {
    /// The program.
    pub program: P,
    /// [`StepProgram::entropy_bits`].
    pub entropy_bits: u32,
}

impl<P: StepProgram> StepProgram for Stated<P> {
    fn id(&self) -> [u8; 32] {
        self.program.id()
    }

    fn output_bytes(&self) -> usize {
        self.program.output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        self.program.needs()
    }

    fn entropy_bits(&self) -> u32 {
        self.entropy_bits
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.program.run(record)
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        self.program.units()
    }

    fn portable(&self) -> Option<PortableProgram> {
        let entropy_bits = self.entropy_bits;
        let inner = self.program.portable()?;
        Some(PortableProgram {
            entropy_bits,
            ..inner
        })
    }
}

/// Runs each step twice and refuses one that differs. It is the same program, so it has the same
/// identity; for those who try a program before they accept it.
#[derive(Clone, Debug)]
pub struct RunTwice<P>(pub P);

impl<P: StepProgram> StepProgram for RunTwice<P> {
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
        self.0.entropy_bits()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let first = self.0.run(record);
        // A machine without memory or time for one run says nothing about the step.
        let Err(StepError::Machine(_)) = &first else {
            return self.again(record, first);
        };
        first
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        self.0.units()
    }

    fn portable(&self) -> Option<PortableProgram> {
        self.0.portable()
    }
}

impl<P: StepProgram> RunTwice<P> {
    fn again(
        &self,
        record: &[u8],
        first: Result<Vec<u8>, StepError>,
    ) -> Result<Vec<u8>, StepError> {
        let second = self.0.run(record);
        if first == second || matches!(second, Err(StepError::Machine(_))) {
            return second;
        }
        Err(StepError::NotDeterministic {
            first: shown(&first),
            second: shown(&second),
        })
    }
}

impl StepError {
    /// Two engines that must agree and do not.
    pub fn engines_differ(
        ruling: &Result<Vec<u8>, StepError>,
        other: &Result<Vec<u8>, StepError>,
    ) -> Self {
        Self::EnginesDiffer {
            ruling: shown(ruling),
            other: shown(other),
        }
    }
}

/// A result for humans: outputs can be a megabyte, so only their beginning is shown.
fn shown(result: &Result<Vec<u8>, StepError>) -> String {
    const SHOWN_BYTES: usize = 16;
    match result {
        Ok(output) => {
            let start = output.iter().take(SHOWN_BYTES);
            let hex: String = start.map(|byte| format!("{byte:02x}")).collect();
            let more = if output.len() > SHOWN_BYTES {
                "…"
            } else {
                ""
            };
            format!("{} bytes {hex}{more}", output.len())
        }
        Err(error) => format!("`{error}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Counts its runs into its output: as wrong as a program can be.
    struct Counter(AtomicU8);

    impl StepProgram for Counter {
        fn id(&self) -> [u8; 32] {
            [1; 32]
        }

        fn output_bytes(&self) -> usize {
            1
        }

        fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
            let runs = self.0.fetch_add(1, Ordering::Relaxed);
            match record {
                [0] => Ok(vec![runs]),
                [1] => Ok(vec![7]),
                _ if runs.is_multiple_of(2) => Ok(vec![7]),
                _ => Err(StepError::NoOutput),
            }
        }
    }

    #[test]
    fn a_step_that_differs_between_runs_is_named() {
        let program = RunTwice(Counter(AtomicU8::new(0)));
        assert_eq!(program.run(&[1]), Ok(vec![7]));
        let error = program.run(&[0]).unwrap_err();
        assert!(error.is_defect());
        let message = error.to_string();
        assert!(message.contains("1 bytes 02, then 1 bytes 03"), "{message}");
        // One that fails only sometimes is no better.
        let error = program.run(&[2]).unwrap_err();
        assert!(matches!(error, StepError::NotDeterministic { .. }));
    }
}
