//! The worker: runs the steps, commits, opens what is sampled.

use std::collections::BTreeSet;

use super::strategy::{Cheat, Strategy, StrategyError};
use crate::commitment::{
    AllowedOpening, Boxed, Commitment, Domain, KeyError, KeyPolynomial, Opener, OpenerError,
    Opening, SaltSeed, SealError, SealedShape, Sealer, Sealing, TreeBuilder, TreeError,
    WorkerSecrets, state_digest, work_leaf,
};
use crate::computation::{Computation, StepError};

/// Work that is done and committed to.
///
/// It keeps the outputs and the sealed result; trees are made anew when some leaves are opened.
#[derive(Debug)]
pub struct Work {
    commitment: Commitment,
    sealed: Vec<u8>,
    outputs: Vec<u8>,
    shape: SealedShape,
    salts: SaltSeed,
    polynomial: KeyPolynomial,
    /// Steps whose boxes hold garbage.
    garbage: BTreeSet<u64>,
}

impl Work {
    /// Runs all steps as the strategy says and commits to what came out, with keys of which `openings` are ever shown: as
    /// many as the contract samples.
    ///
    /// # Errors
    /// [`WorkError`], with the step that failed; a strategy that does not fit the job, before any is run.
    pub fn perform<C: Computation + ?Sized>(
        computation: &C,
        strategy: &Strategy,
        secrets: &WorkerSecrets,
        openings: u32,
    ) -> Result<Self, WorkError> {
        let (steps, output_bytes) = (computation.steps(), computation.output_bytes());
        strategy.check(steps)?;
        let shape = SealedShape::new(steps, output_bytes, openings);
        let shape = shape.ok_or(SealError::Shape {
            steps,
            output_bytes,
            openings,
        })?;
        let (cheats, cheat) = strategy.cheats(steps);
        let mut outputs = Vec::new();
        for index in 0..steps {
            let cheats_here = cheats.contains(&index);
            if cheats_here && cheat == Cheat::Skip {
                outputs.resize(outputs.len() + output_bytes, 0);
                continue;
            }
            let mut output = computation
                .step(index)
                .map_err(|error| WorkError::Step { index, error })?;
            let falsified = cheats_here && cheat == Cheat::Falsify;
            if let Some(first) = output.first_mut().filter(|_| falsified) {
                *first = first.wrapping_add(1);
            }
            outputs.append(&mut output);
        }
        let garbage = match cheat {
            Cheat::Garbage => cheats,
            _ => BTreeSet::new(),
        };
        Self::commit(computation.job(), outputs, shape, garbage, secrets)
    }

    /// The same outputs under fresh secrets: another tree, another commitment, no step run again.
    ///
    /// # Errors
    /// None of [`WorkError`]'s, for outputs that were committed to before and secrets that are such.
    pub fn resealed(&self, secrets: &WorkerSecrets) -> Result<Self, WorkError> {
        let (outputs, garbage) = (self.outputs.clone(), self.garbage.clone());
        Self::commit(self.commitment.job, outputs, self.shape, garbage, secrets)
    }

    fn commit(
        job: [u8; 32],
        outputs: Vec<u8>,
        shape: SealedShape,
        garbage: BTreeSet<u64>,
        secrets: &WorkerSecrets,
    ) -> Result<Self, WorkError> {
        let width = shape.output_bytes();
        let mut leaves = TreeBuilder::new(Domain::Work);
        for (index, output) in (0..).zip(outputs.chunks_exact(width)) {
            let salt = secrets.salts.salt(index);
            leaves.push(work_leaf(index, &salt, &state_digest(output)));
        }
        let (root, _) = leaves.finish()?;
        let what = Sealing { job, root, shape };
        let mut sealer = Sealer::new(&what, secrets)?;
        let mut sealed = sealer.coefficients().to_vec();
        let rubbish = vec![0x55; width];
        for (index, output) in (0..).zip(outputs.chunks_exact(width)) {
            let boxed = match garbage.contains(&index) {
                true => &rubbish,
                false => output,
            };
            sealed.append(&mut sealer.push_other(output, boxed)?);
        }
        Ok(Self {
            commitment: sealer.finish()?,
            sealed,
            outputs,
            shape,
            salts: secrets.salts.clone(),
            polynomial: what.polynomial(secrets)?,
            garbage,
        })
    }

    /// What the worker is bound to.
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The outputs that the leaves commit to, one after the other.
    pub fn outputs(&self) -> &[u8] {
        &self.outputs
    }

    /// The sealed result, for the client: coefficient box and records.
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Digests of the outputs at these steps, in their order: what the worker seals its token under. Nothing is opened by
    /// it. `None` if a step is beyond the last.
    pub fn digests(&self, indices: &[u64]) -> Option<Vec<[u8; 32]>> {
        let width = self.shape.output_bytes();
        let digest = |index: &u64| {
            let at = usize::try_from(*index).ok()?.checked_mul(width)?;
            let output = self.outputs.get(at..at.checked_add(width)?)?;
            Some(state_digest(output))
        };
        indices.iter().map(digest).collect()
    }

    /// Opens leaves with their keys and boxes. Only the sampled ones, and only after the verifier has committed to its
    /// own digests: an opened leaf can be copied. They come out of the commitment's [`OpeningBook`], so that there are
    /// never more of them than keep the result secret.
    ///
    /// [`OpeningBook`]: crate::commitment::OpeningBook
    ///
    /// # Errors
    /// [`OpenerError`] for a book of another commitment, or no steps at all.
    pub fn open(&self, allowed: &AllowedOpening) -> Result<Opening, OpenerError> {
        let mut opener = Opener::new(&self.commitment, allowed, &self.polynomial)?;
        let records = &self.sealed[self.shape.coefficient_bytes()..];
        let records = records.chunks_exact(self.shape.record_bytes());
        let outputs = self.outputs.chunks_exact(self.shape.output_bytes());
        for (index, (output, record)) in (0..).zip(outputs.zip(records)) {
            let sealed = Boxed::Whole(record[SealedShape::LEAF_BYTES..].to_vec());
            opener.push(self.salts.salt(index), state_digest(output), sealed)?;
        }
        opener.finish()
    }
}

/// Why there is no work to commit to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The strategy does not fit the job.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A step gave no output.
    #[error("step {index}: {error}")]
    Step {
        /// Index of the step.
        index: u64,
        /// What went wrong.
        error: StepError,
    },
    /// The result can't be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no step.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
