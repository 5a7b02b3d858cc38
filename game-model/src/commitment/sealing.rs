//! Sealing a result, output by output.

use narthex_base::codec::Reader;
use narthex_base::kinds;

use super::polynomial::{KeyError, KeyPolynomial, Shares};
use super::saved::{check_seal, seal};
use super::shape::{SealedShape, seal_box};
use super::wire::DecodeError;
use super::{
    Commitment, Domain, KeyPoints, SaltSeed, TreeBuilder, TreeError, WorkerSecrets, box_hash,
    box_leaf, state_digest, work_leaf,
};
use crate::tagged::tagged_hash;

const CHECKSUM_TAG: &str = "narthex/sealer-state";

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// Identity of the job ([`crate::computation::JobSpec::id`]).
    pub job: [u8; 32],
    /// Root of the tree over the salted leaves: the outputs are passed twice, for the keys depend on all of them.
    pub root: [u8; 32],
    /// Sizes.
    pub shape: SealedShape,
}

impl Sealing {
    /// The polynomial that its keys lie on.
    ///
    /// # Errors
    /// [`KeyError`]: a result secret that is none, more openings than steps.
    pub fn polynomial(&self, secrets: &WorkerSecrets) -> Result<KeyPolynomial, KeyError> {
        let (of, shape) = ((&self.job, &self.root), &self.shape);
        let (seed, degree) = (&secrets.polynomial, shape.openings());
        KeyPolynomial::draw(&secrets.result, seed, of, degree, shape.steps())
    }
}

/// Seals outputs one by one. What it holds does not grow with their number; it can be saved between any two
/// ([`Self::save`], [`Self::resume`]), without a secret in what is saved.
#[derive(Debug)]
pub struct Sealer {
    what: Sealing,
    salts: SaltSeed,
    shares: Shares,
    coefficients: Vec<u8>,
    points: KeyPoints,
    result: secp256k1::PublicKey,
    leaves: TreeBuilder,
    boxes: TreeBuilder,
}

impl Sealer {
    /// Ready for the first output.
    ///
    /// # Errors
    /// [`SealError::Key`]: a result secret that is none, more openings than steps.
    pub fn new(what: &Sealing, secrets: &WorkerSecrets) -> Result<Self, SealError> {
        let trees = [Domain::Work, Domain::Sealed].map(TreeBuilder::new);
        Self::at(what, secrets, trees)
    }

    fn at(
        what: &Sealing,
        secrets: &WorkerSecrets,
        [leaves, boxes]: [TreeBuilder; 2],
    ) -> Result<Self, SealError> {
        let polynomial = what.polynomial(secrets)?;
        let points = polynomial.points().ok_or(KeyError::Secret)?;
        Ok(Self {
            what: *what,
            salts: secrets.salts.clone(),
            shares: polynomial.shares(leaves.leaves()),
            coefficients: polynomial.seal(&secrets.result, &what.job, &points.id()),
            points,
            result: secrets.result.point().ok_or(KeyError::Secret)?,
            leaves,
            boxes,
        })
    }

    /// The coefficient box, which comes before all records.
    pub fn coefficients(&self) -> &[u8] {
        &self.coefficients
    }

    /// Number of outputs so far.
    pub fn sealed(&self) -> u64 {
        self.boxes.leaves()
    }

    /// The record of the next output.
    ///
    /// # Errors
    /// [`SealError::Output`] for another length, or one more than there are steps.
    pub fn push(&mut self, output: &[u8]) -> Result<Vec<u8>, SealError> {
        self.push_other(output, output)
    }

    /// The record of the next output, with another one in its box. What a cheat does, for simulations, tests and
    /// demonstrations.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn push_other(&mut self, output: &[u8], boxed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (index, shape) = (self.sealed(), &self.what.shape);
        let expected = shape.output_bytes();
        if index >= shape.steps() || output.len() != expected || boxed.len() != expected {
            let found = output.len();
            return Err(SealError::Output { index, found });
        }
        let share = self.shares.next().ok_or(KeyError::Index { index })?;
        let salt = self.salts.salt(index);
        let leaf = work_leaf(index, &salt, &state_digest(output));
        let sealed = seal_box(&share, &self.what.job, index, &salt, boxed);
        self.leaves.push(leaf);
        self.boxes.push(box_leaf(index, &leaf, &box_hash(&sealed)));
        Ok([&leaf[..], &sealed].concat())
    }

    /// What the worker is bound to, after the last output.
    ///
    /// # Errors
    /// [`SealError::Tree`] before it, [`SealError::OtherRoot`] if these are not the outputs whose root was given: the
    /// keys are those of others.
    pub fn finish(self) -> Result<Commitment, SealError> {
        let (expected, found) = (self.what.shape.steps(), self.sealed());
        if expected != found {
            return Err(TreeError::Count { expected, found }.into());
        }
        let (root, _) = self.leaves.finish()?;
        if root != self.what.root {
            return Err(SealError::OtherRoot);
        }
        let (boxes, _) = self.boxes.finish()?;
        Ok(Commitment {
            job: self.what.job,
            steps: expected,
            root,
            result: self.result,
            openings: self.what.shape.openings(),
            points: self.points.id(),
            boxes,
            coefficients: coefficients_id(&self.coefficients),
        })
    }

    /// All that is needed to go on, beside the secrets: kind; saved trees of leaves and of boxes, each with its length
    /// (4); tagged hash of all that.
    pub fn save(&self) -> Vec<u8> {
        let body = save_trees(kinds::SEALER, &self.leaves, &self.boxes);
        seal(body, CHECKSUM_TAG)
    }

    /// Goes on with what was saved, under the same secrets; the next output is number [`Self::sealed`].
    ///
    /// # Errors
    /// [`SealError::Saved`] for bytes that are not such a state, else as for [`Self::new`]. A state of other outputs is
    /// found by [`Self::finish`].
    pub fn resume(
        what: &Sealing,
        secrets: &WorkerSecrets,
        bytes: &[u8],
    ) -> Result<Self, SealError> {
        let trees = resume_trees(kinds::SEALER, CHECKSUM_TAG, what.shape.steps(), bytes)?;
        Self::at(what, secrets, trees)
    }
}

/// What the commitment names of a coefficient box.
pub(super) fn coefficients_id(sealed: &[u8]) -> [u8; 32] {
    tagged_hash("narthex/coefficients", sealed)
}

pub(super) fn save_trees(kind: kinds::Kind, leaves: &TreeBuilder, boxes: &TreeBuilder) -> Vec<u8> {
    let mut w = narthex_base::codec::Writer::new(kind);
    w.bytes(&leaves.save()).bytes(&boxes.save()).finish()
}

/// Trees of leaves and boxes that stand at the same step of at most `steps`.
pub(super) fn resume_trees(
    kind: kinds::Kind,
    checksum: &str,
    steps: u64,
    bytes: &[u8],
) -> Result<[TreeBuilder; 2], DecodeError> {
    let mut r = Reader::new(kind, bytes)?;
    let leaves = TreeBuilder::resume(r.bytes("tree of leaves")?)?;
    let boxes = TreeBuilder::resume(r.bytes("tree of boxes")?)?;
    check_seal(bytes, r, checksum)?;
    let plain = |tree: &TreeBuilder, domain| tree.domain == domain && tree.proof.is_none();
    let alike = leaves.leaves() == boxes.leaves() && leaves.leaves() <= steps;
    if !alike || !plain(&leaves, Domain::Work) || !plain(&boxes, Domain::Sealed) {
        return Err(DecodeError::Contradiction(
            "the trees are not those of leaves and boxes at one step of this result",
        ));
    }
    Ok([leaves, boxes])
}

/// Why a result can't be sealed. Whoever seals is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No steps or outputs that a job has.
    #[error("{steps} outputs of {output_bytes} bytes with {openings} openings cannot be sealed")]
    Shape {
        /// Number of outputs.
        steps: u64,
        /// Bytes of each.
        output_bytes: usize,
        /// Most openings.
        openings: u32,
    },
    /// The result is larger than the stage after it could take.
    #[error("result of {bytes} bytes, at most {most} allowed", most = super::MAX_RESULT_BYTES)]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
    /// No keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An output of another length, or behind the last step.
    #[error("output {index} of {found} bytes: it has another length, or there is no such step")]
    Output {
        /// Number of the output.
        index: u64,
        /// Its bytes.
        found: usize,
    },
    /// Not as many outputs as steps.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The outputs are not those that the root was of.
    #[error("the outputs have changed since their root was computed: their keys are of others")]
    OtherRoot,
    /// What was saved is not a state of sealing this result.
    #[error(transparent)]
    Saved(#[from] DecodeError),
}
