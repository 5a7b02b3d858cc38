//! The worker: runs the steps, commits, opens what is sampled.

use super::strategy::{Cheat, Strategy, StrategyError};
use crate::commitment::{
    Commitment, Domain, LeafOpening, OpenError, Opening, ResultSecret, SaltSeed, TreeBuilder,
    TreeError, seal, state_digest, work_leaf,
};
use crate::computation::{Computation, StepError};

/// The two secrets of a worker in one contract. Fresh random bytes for each contract.
#[derive(Clone, Debug)]
pub struct WorkerSecrets {
    /// t, whose point is in the contract.
    pub result: ResultSecret,
    /// Seed of the leaves' salts.
    pub salts: SaltSeed,
}

/// Work that is done and committed to.
///
/// It keeps the outputs (which are the result) and derives digests, salts and leaves anew when it
/// opens some of them; the tree itself is never held.
#[derive(Debug)]
pub struct Work {
    commitment: Commitment,
    ciphertext: Vec<u8>,
    outputs: Vec<u8>,
    output_bytes: usize,
    salts: SaltSeed,
}

impl Work {
    /// Runs all steps as the strategy says and commits to what came out.
    ///
    /// # Errors
    /// [`WorkError`], with the step that failed; a strategy that does not fit the job, before any is run.
    pub fn perform<C: Computation + ?Sized>(
        computation: &C,
        strategy: &Strategy,
        secrets: &WorkerSecrets,
    ) -> Result<Self, WorkError> {
        let (steps, output_bytes) = (computation.steps(), computation.output_bytes());
        strategy.check(steps)?;
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
            if let Some(first) = output.first_mut().filter(|_| cheats_here) {
                *first = first.wrapping_add(1);
            }
            outputs.append(&mut output);
        }
        Self::commit(computation.job(), outputs, output_bytes, secrets)
    }

    /// The same outputs under fresh secrets: another tree, another commitment, no step run again.
    ///
    /// # Errors
    /// None of [`WorkError`]'s, for outputs that were committed to before.
    pub fn resealed(self, secrets: &WorkerSecrets) -> Result<Self, WorkError> {
        Self::commit(
            self.commitment.job,
            self.outputs,
            self.output_bytes,
            secrets,
        )
    }

    fn commit(
        job: [u8; 32],
        outputs: Vec<u8>,
        output_bytes: usize,
        secrets: &WorkerSecrets,
    ) -> Result<Self, WorkError> {
        let sealed = seal(&secrets.result, &secrets.salts, &job, &outputs)?;
        let tree = TreeBuilder::new(Domain::Work);
        let (root, _) = fill(tree, &outputs, output_bytes, &secrets.salts)?;
        // Each output has `output_bytes`, which is never 0.
        let steps = outputs.len() as u64 / (output_bytes.max(1) as u64);
        Ok(Self {
            commitment: Commitment {
                job,
                steps,
                root,
                ciphertext_hash: sealed.ciphertext_hash,
                plaintext_hash: sealed.plaintext_hash,
            },
            ciphertext: sealed.ciphertext,
            outputs,
            output_bytes,
            salts: secrets.salts.clone(),
        })
    }

    /// What the worker is bound to.
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The encrypted result, for the client.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// Opens these leaves (strictly ascending indices). Only the sampled ones, and only after the
    /// verifier has committed to its own digests: an opened leaf can be copied.
    ///
    /// # Errors
    /// [`TreeError::Indices`] for indices that do not ascend or are not steps.
    pub fn open(&self, indices: &[u64]) -> Result<Opening, TreeError> {
        let steps = self.commitment.steps;
        let tree = TreeBuilder::proving(Domain::Work, steps, indices)?;
        let (_, proof) = fill(tree, &self.outputs, self.output_bytes, &self.salts)?;
        let leaf = |index: &u64| {
            let position = usize::try_from(*index).ok()?;
            let output = self.outputs.chunks_exact(self.output_bytes).nth(position)?;
            Some(LeafOpening {
                index: *index,
                salt: self.salts.salt(*index),
                digest: state_digest(output),
            })
        };
        let leaves = indices.iter().map(leaf).collect::<Option<Vec<_>>>();
        let leaves = leaves.ok_or(TreeError::Indices { leaves: steps })?;
        Ok(Opening { leaves, proof })
    }
}

fn fill(
    mut tree: TreeBuilder,
    outputs: &[u8],
    output_bytes: usize,
    salts: &SaltSeed,
) -> Result<([u8; 32], crate::commitment::Multiproof), TreeError> {
    for (index, output) in (0..).zip(outputs.chunks_exact(output_bytes)) {
        tree.push(work_leaf(index, &salts.salt(index), &state_digest(output)));
    }
    tree.finish()
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
    /// The result is too large to seal.
    #[error(transparent)]
    Seal(#[from] OpenError),
    /// There is no step.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
