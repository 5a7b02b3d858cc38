//! The work of a stream, as this computer does it.

use std::sync::Arc;

use narthex_base::secret::Secret;
use narthex_channel::stream::{SealedSlice, StreamOrder};
use narthex_contracts::derive::{OwnSalt, Salted};
use narthex_game_model::{
    commitment::{
        Domain, ResultSecret, Sealer, Sealing, TreeBuilder, WorkerSecrets, state_digest, work_leaf,
    },
    computation::{AnyProgram, StepError, StepProgram as _},
    workload::load,
};

use crate::{job::Running, small::SmallError};

/// Most fuel of a slice, all its steps together: it is run between two messages, in well under a second.
const MOST_SLICE_FUEL: u128 = 1 << 24;

/// Most memory of a step, in bytes.
const MOST_MEMORY: u64 = 16 << 20;

/// What came of running a slice.
pub(super) enum Made {
    /// It is sealed.
    Sealed(Box<SealedSlice>),
    /// A step has no output, for anybody.
    None(StepError),
}

/// An order with its program, ready to run.
pub(super) struct Work {
    order: Arc<StreamOrder>,
    id: [u8; 32],
    program: AnyProgram,
}

impl Work {
    /// Loads the program of an order, if this computer runs such slices.
    pub(super) fn load(order: &Arc<StreamOrder>) -> Result<Work, SmallError> {
        order.check().map_err(SmallError::refused)?;
        let program = load(&order.program, Running::default().budget());
        let program = program.map_err(SmallError::refused)?;
        let found = program.output_bytes();
        if u32::try_from(found) != Ok(order.output_bytes) {
            return Err(SmallError::refused(format_args!(
                "outputs of {found} bytes, where the order says {}",
                order.output_bytes
            )));
        }
        let needs = program.needs();
        let fuel = needs.step_fuel().saturating_mul(order.steps.into());
        if fuel > MOST_SLICE_FUEL {
            return Err(SmallError::refused(format_args!(
                "a slice may take {fuel} of fuel; at most {MOST_SLICE_FUEL} are run: cut it into more slices"
            )));
        }
        if needs.memory_bytes > MOST_MEMORY {
            return Err(SmallError::refused(format_args!(
                "a step may take {} bytes of memory; at most {MOST_MEMORY} are given",
                needs.memory_bytes
            )));
        }
        let (order, id) = (order.clone(), order.id());
        Ok(Work { order, id, program })
    }

    /// Whether it is the work of this stream.
    pub(super) fn is_of(&self, stream: &[u8; 32]) -> bool {
        self.id == *stream
    }

    /// The output of a step of a slice, both from their first on: slices from 1, steps from 0.
    pub(super) fn run(&self, slice: u32, step: u32) -> Result<Vec<u8>, SmallError> {
        let record = self.record(slice, step)?;
        self.program.run(record).map_err(SmallError::Step)
    }

    fn record(&self, slice: u32, step: u32) -> Result<&[u8], SmallError> {
        let width = self.order.width as usize;
        let records = self.order.slice_records(slice);
        let record = records.and_then(|all| all.chunks_exact(width).nth(step as usize));
        record.ok_or(SmallError::Order("a record of a slice"))
    }

    /// Runs a slice, and seals it. The same slice is sealed in the same bytes each time: its secrets follow from the seed.
    pub(super) fn make(&self, slice: u32, seed: &Secret) -> Result<Made, SmallError> {
        let job = StreamOrder::slice_id(&self.id, slice);
        let secrets = secrets(seed, &job)?;
        let mut outputs = Vec::new();
        for step in 0..self.order.steps {
            match self.run(slice, step) {
                Ok(output) => outputs.push(output),
                Err(SmallError::Step(error)) if error.is_of_the_step() => {
                    return Ok(Made::None(error));
                }
                Err(error) => return Err(error),
            }
        }
        let mut leaves = TreeBuilder::new(Domain::Work);
        for (index, output) in (0..).zip(&outputs) {
            let salt = secrets.salts.salt(index);
            leaves.push(work_leaf(index, &salt, &state_digest(output)));
        }
        let sealing = |error: &dyn std::fmt::Display| SmallError::refused(error);
        let (root, _) = leaves.finish().map_err(|error| sealing(&error))?;
        let shape = self.order.shape();
        let shape = shape.ok_or(SmallError::Order("sizes of a slice"))?;
        let what = Sealing { job, root, shape };
        let mut sealer = Sealer::new(&what, &secrets).map_err(|error| sealing(&error))?;
        let mut sealed = sealer.coefficients().to_vec();
        for output in &outputs {
            sealed.extend(sealer.push(output).map_err(|error| sealing(&error))?);
        }
        let commitment = sealer.finish().map_err(|error| sealing(&error))?;
        Ok(Made::Sealed(Box::new(SealedSlice {
            slice,
            commitment,
            sealed,
        })))
    }
}

/// All secrets of a slice, from the node's seed.
fn secrets(seed: &Secret, slice: &[u8; 32]) -> Result<WorkerSecrets, SmallError> {
    let salted = Salted::new(seed, OwnSalt::from_bytes(*slice));
    let result = salted.result();
    Ok(WorkerSecrets {
        result: result.ok_or(SmallError::Order("a key of a slice"))?,
        salts: salted.leaf_salts(),
        polynomial: salted.polynomial(),
    })
}

/// The key of a slice.
pub(super) fn key(
    seed: &Secret,
    stream: &[u8; 32],
    slice: u32,
) -> Result<ResultSecret, SmallError> {
    let slice = StreamOrder::slice_id(stream, slice);
    Ok(secrets(seed, &slice)?.result)
}
