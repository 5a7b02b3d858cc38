//! A job: a program, its input, and the cut into deterministic steps.

mod machine;
mod needs;
mod portable;
mod step_error;
mod wrap;

pub use machine::{Clock, Deadline, MachineLimit, TimeBudget, reserve, zeros};
pub use needs::StepNeeds;
pub use portable::{PortableProgram, ProgramData};
pub use step_error::StepError;
pub use wrap::{AnyProgram, Repeated, RunTwice, Stated};

use crate::commitment::{Domain, Multiproof, TreeBuilder, TreeError, input_leaf};
use crate::records::Records;
use crate::tagged::TaggedHasher;

/// Something that turns one input record into one output, the same on every machine.
pub trait StepProgram {
    /// Hash of the program and of every limit under which it runs.
    fn id(&self) -> [u8; 32];

    /// Size of each output, in bytes; never 0.
    fn output_bytes(&self) -> usize;

    /// Most that a step may take. A program that does not say may take as much as any.
    fn needs(&self) -> StepNeeds {
        StepNeeds::MOST
    }

    /// Bits of min-entropy that the digest of a step's output has at least, for who knows program and input and has not
    /// run the step; 0 where nothing is known. It says whether a token can be sealed under such digests
    /// ([`crate::token::entropy`]) and is no part of [`Self::id`].
    fn entropy_bits(&self) -> u32 {
        0
    }

    /// Runs one step.
    ///
    /// # Errors
    /// [`StepError`]; a step that fails, fails for everybody, except by a defect of this machine
    /// ([`StepError::is_defect`]).
    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError>;

    /// The same program in units, if its steps can be cut.
    fn units(&self) -> Option<&dyn UnitProgram> {
        None
    }

    /// The program as data, from which another machine makes it again (`workload::load`); `None` if it is only code.
    fn portable(&self) -> Option<PortableProgram> {
        None
    }
}

/// A step program whose steps can be cut into *units*, each from one explicit state to the next, so
/// that a dispute inside a step can be narrowed down to one unit.
///
/// Laws, for every record on which [`StepProgram::run`] gives an output:
/// - that output is [`Self::output`] of the state after [`Self::max_units`] units from
///   [`Self::start`];
/// - a machine that has ended stays in its last state: `advance` gives that state back.
///
/// A record on which `run` fails makes one of these three calls fail too.
pub trait UnitProgram: StepProgram {
    /// Most units that a step takes; part of [`StepProgram::id`].
    fn max_units(&self) -> u64;

    /// The state before the first unit.
    ///
    /// # Errors
    /// [`StepError`]; a step that fails, fails for everybody.
    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError>;

    /// The state one unit later. `state` may come from a stranger.
    ///
    /// # Errors
    /// [`StepError`], also for bytes that are no state of this program.
    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError>;

    /// The output that the last state holds.
    ///
    /// # Errors
    /// [`StepError`], also for bytes that are no last state of this program.
    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError>;
}

/// A computation of N independent steps, each checkable on its own.
pub trait Computation {
    /// Identity of the job ([`JobSpec::id`]).
    fn job(&self) -> [u8; 32];

    /// N.
    fn steps(&self) -> u64;

    /// Size of each step's output, in bytes; never 0.
    fn output_bytes(&self) -> usize;

    /// Runs step `index`.
    ///
    /// # Errors
    /// [`StepError`]; a step that fails, fails for everybody.
    fn step(&self, index: u64) -> Result<Vec<u8>, StepError>;
}

/// What identifies a job to someone who does not hold its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Program with its limits ([`StepProgram::id`]).
    #[serde(with = "narthex_base::hex::array")]
    pub program: [u8; 32],
    /// Root of the tree over the input records.
    #[serde(with = "narthex_base::hex::array")]
    pub input_root: [u8; 32],
    /// N, one step per record.
    pub steps: u64,
    /// Size of each output, in bytes.
    pub output_bytes: u64,
}

impl JobSpec {
    /// The job's identity: client, worker, verifier and arbiters must all have the same.
    pub fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/job")
            .fixed(&self.program)
            .fixed(&self.input_root)
            .number(self.steps)
            .number(self.output_bytes)
            .finish()
    }
}

/// A program applied to each of many records: one record, one step.
#[derive(Debug)]
pub struct Job<P> {
    program: P,
    records: Records,
    spec: JobSpec,
}

impl<P: StepProgram> Job<P> {
    /// Puts program and input together; hashes the input once.
    ///
    /// # Errors
    /// [`TreeError::Empty`] if there is no record.
    pub fn new(program: P, records: Records) -> Result<Self, TreeError> {
        let (input_root, _) = input_tree(TreeBuilder::new(Domain::Input), &records)?;
        let spec = JobSpec {
            program: program.id(),
            input_root,
            steps: records.len(),
            output_bytes: program.output_bytes() as u64,
        };
        Ok(Self {
            program,
            records,
            spec,
        })
    }

    /// The job's public description.
    pub const fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// The program.
    pub const fn program(&self) -> &P {
        &self.program
    }

    /// The input.
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Input record `index` with a proof against [`JobSpec::input_root`].
    ///
    /// # Errors
    /// [`TreeError::Indices`] if there is no such record.
    pub fn prove_record(&self, index: u64) -> Result<(Vec<u8>, Multiproof), TreeError> {
        let leaves = self.records.len();
        let builder = TreeBuilder::proving(Domain::Input, leaves, &[index])?;
        let (_, proof) = input_tree(builder, &self.records)?;
        let record = self
            .records
            .get(index)
            .ok_or(TreeError::Indices { leaves })?;
        Ok((record.to_vec(), proof))
    }
}

fn input_tree(
    mut tree: TreeBuilder,
    records: &Records,
) -> Result<([u8; 32], Multiproof), TreeError> {
    for (index, record) in (0..).zip(records.iter()) {
        tree.push(input_leaf(index, record));
    }
    tree.finish()
}

impl<P: StepProgram> Computation for Job<P> {
    fn job(&self) -> [u8; 32] {
        self.spec.id()
    }

    fn steps(&self) -> u64 {
        self.spec.steps
    }

    fn output_bytes(&self) -> usize {
        self.program.output_bytes()
    }

    fn step(&self, index: u64) -> Result<Vec<u8>, StepError> {
        let record = self.records.get(index).ok_or(StepError::NoSuchStep {
            index,
            steps: self.spec.steps,
        })?;
        let output = self.program.run(record)?;
        let (expected, found) = (self.program.output_bytes(), output.len());
        match found {
            0 => Err(StepError::NoOutput),
            _ if found != expected => Err(StepError::WrongOutputSize { expected, found }),
            _ => Ok(output),
        }
    }
}
