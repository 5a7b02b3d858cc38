//! The verifier: recomputes the sample, commits to its digests, then compares.
//!
//! The order matters. Whoever has committed to digests before any leaf was opened has computed
//! them; a verifier that signs without work has nothing to commit to (in the Prometheus paper,
//! signing without checking is its best move).

use serde::{Deserialize, Serialize};

use crate::commitment::{Commitment, Opening, OpeningFault, state_digest};
use crate::computation::{Computation, StepError};
use crate::tagged::TaggedHasher;

/// A verifier's own digests of the sampled steps, blind to the worker's.
///
/// A step that fails has no output, hence no digest. What stands in its place is derived from the verifier's salt: no worker
/// can commit to it, or seal its token under it, beforehand. Were it known, a worker could have a step approved that
/// nobody can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlindDigests {
    #[serde(with = "narthex_base::hex::array")]
    salt: [u8; 32],
    indices: Vec<u64>,
    #[serde(with = "narthex_base::hex::list")]
    digests: Vec<[u8; 32]>,
}

impl BlindDigests {
    /// Recomputes the sampled steps (ascending indices). `salt` is 32 fresh random bytes; it keeps
    /// the commitment from being guessed where outputs are few, and stands for the output of steps that have none.
    ///
    /// # Errors
    /// [`StepError`] of a sampled step that this machine cannot decide, or that the job has not.
    pub fn recompute<C: Computation + ?Sized>(
        computation: &C,
        sample: &[u64],
        salt: [u8; 32],
    ) -> Result<Self, StepError> {
        let digest = |index: &u64| Self::digest(computation, *index, &salt);
        Ok(Self {
            salt,
            indices: sample.to_vec(),
            digests: sample.iter().map(digest).collect::<Result<_, _>>()?,
        })
    }

    /// Digest of a step, or what stands for it where the step fails.
    ///
    /// # Errors
    /// As for [`Self::recompute`].
    pub fn digest<C: Computation + ?Sized>(
        computation: &C,
        index: u64,
        salt: &[u8; 32],
    ) -> Result<[u8; 32], StepError> {
        match computation.step(index) {
            Ok(output) => Ok(state_digest(&output)),
            Err(error) if error.is_of_the_step() => Ok(TaggedHasher::new("narthex/no-output")
                .fixed(salt)
                .number(index)
                .finish()),
            Err(error) => Err(error),
        }
    }

    /// Digests from elsewhere: what somebody else computed, or nobody.
    pub const fn claim(salt: [u8; 32], indices: Vec<u64>, digests: Vec<[u8; 32]>) -> Self {
        Self {
            salt,
            indices,
            digests,
        }
    }

    /// The digests, in the order of the sample: what opens the worker's seal.
    pub fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// What the verifier publishes before the worker opens anything.
    pub fn commitment(&self) -> [u8; 32] {
        let start = TaggedHasher::new("narthex/blind-digests")
            .fixed(&self.salt)
            .number(self.indices.len() as u64)
            .number(self.digests.len() as u64);
        let indexed = self.indices.iter().fold(start, |hash, i| hash.number(*i));
        let all = self.digests.iter().fold(indexed, |hash, d| hash.fixed(d));
        all.finish()
    }

    /// The mechanical verdict over the worker's opening of exactly the sampled leaves: whether they are right, and whether
    /// their keys open their boxes to them. A wrong leaf comes before a bad box.
    ///
    /// # Errors
    /// [`OpeningError`] if the opening is not one of these leaves: the worker has not answered.
    pub fn verdict(
        &self,
        commitment: &Commitment,
        opening: &Opening,
    ) -> Result<Verdict, OpeningError> {
        let opened = opening.leaves.iter().map(|leaf| leaf.index);
        if self.indices.len() != self.digests.len() || !opened.eq(self.indices.iter().copied()) {
            return Err(OpeningError::OtherSteps);
        }
        if let Some(index) = opening.missing_box() {
            return Err(OpeningError::NoBox { index });
        }
        opening.verify(commitment)?;
        let mut pairs = opening.leaves.iter().zip(&self.digests);
        if let Some((leaf, own)) = pairs.find(|(leaf, own)| leaf.digest != **own) {
            return Ok(Verdict::Differs {
                index: leaf.index,
                claimed: leaf.digest,
                recomputed: *own,
            });
        }
        Ok(match opening.bad_box(commitment) {
            None => Verdict::Equal,
            Some((index, _)) => Verdict::BadBox { index },
        })
    }
}

/// What comparing says; nothing in it is a matter of opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// All digests agree, and all keys open their boxes to them: approve.
    Equal,
    /// The first step on which they differ: reject, and this is the dispute.
    Differs {
        /// Index of the step.
        index: u64,
        /// The worker's digest.
        #[serde(with = "narthex_base::hex::array")]
        claimed: [u8; 32],
        /// The verifier's.
        #[serde(with = "narthex_base::hex::array")]
        recomputed: [u8; 32],
    },
    /// All digests agree, and this is the first step whose box does not open under its key to what the leaf commits to:
    /// reject. The payment would buy a key to garbage. The opening proves it to anybody.
    BadBox {
        /// Index of the step.
        index: u64,
    },
}

impl Verdict {
    /// r = 1.
    pub const fn approves(&self) -> bool {
        matches!(self, Self::Equal)
    }

    /// The step that a rejection is about.
    pub const fn disputed(&self) -> Option<u64> {
        match self {
            Self::Equal => None,
            Self::Differs { index, .. } | Self::BadBox { index } => Some(*index),
        }
    }
}

/// A verdict with the digests that back it, which anybody can check: the verifier hands it over
/// after the worker's opening.
///
/// Who signs a verdict without work cannot back it. An approval needs digests that were committed to
/// before the opening and equal the worker's; they can only be guessed, or copied from somebody who
/// did the work. A rejection needs none that are right: what tells a false one is the panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictReport {
    /// The digests, revealed.
    pub digests: BlindDigests,
    /// What the verifier says.
    pub verdict: Verdict,
}

impl VerdictReport {
    /// Checks that the verdict is the one that follows from digests committed to beforehand.
    ///
    /// # Errors
    /// [`VerdictError`]; all but [`VerdictError::Opening`] are the verifier's fault, and such a
    /// verdict counts for none.
    pub fn check(
        &self,
        published: &[u8; 32],
        sample: &[u64],
        commitment: &Commitment,
        opening: &Opening,
    ) -> Result<(), VerdictError> {
        if self.digests.commitment() != *published {
            return Err(VerdictError::NotCommitted);
        }
        if self.digests.indices != sample {
            return Err(VerdictError::OtherSample);
        }
        if self.digests.verdict(commitment, opening)? != self.verdict {
            return Err(VerdictError::DoesNotFollow);
        }
        Ok(())
    }
}

/// Why a verdict counts for none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerdictError {
    /// The verifier committed to other digests before the opening.
    #[error("the verifier's digests are not those it committed to before the opening")]
    NotCommitted,
    /// They are of other steps than were sampled.
    #[error("the verifier's digests are of other steps than were sampled")]
    OtherSample,
    /// Comparing them with the worker's gives another verdict.
    #[error("the verdict does not follow from the verifier's own digests")]
    DoesNotFollow,
    /// The worker's opening does not answer the sample.
    #[error(transparent)]
    Opening(#[from] OpeningError),
}

/// Why an opening does not answer the sample. The worker is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// It opens other steps than those sampled.
    #[error("the worker opened other steps than those sampled")]
    OtherSteps,
    /// It shows the hash of a box in place of the box.
    #[error("the worker opened step {index} without its box")]
    NoBox {
        /// Index of the step.
        index: u64,
    },
    /// Leaves, boxes or keys are not those committed to.
    #[error(transparent)]
    Opening(#[from] OpeningFault),
}
