//! What a sealed result is made of, and one box of it.
//!
//! A sealed result is the coefficient box, then a record for each step: the leaf of the step, and its box. Nothing in it
//! is longer than a step, so it is written, checked and opened piece by piece.

use super::polynomial::{TAG_BYTES, coefficient_box_bytes, decrypt, encrypt};
use super::{Commitment, KeyShare, state_digest, work_leaf};
use crate::caps::{MAX_OPENINGS, MAX_OUTPUT_BYTES};

/// Longest result in bytes: of a stage, whose outputs the next one takes as a whole.
pub const MAX_RESULT_BYTES: usize = 1 << 30;
const SALT_BYTES: usize = 32;

/// Sizes of a sealed result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedShape {
    steps: u64,
    output_bytes: usize,
    openings: u32,
}

impl SealedShape {
    /// Bytes of a record before the box.
    pub const LEAF_BYTES: usize = 32;

    /// Of so many outputs of this length, with keys of which so many are shown at most. `None` where a job has no such
    /// steps: an output of nothing or above [`MAX_OUTPUT_BYTES`], no step, no opening or above [`MAX_OPENINGS`], more
    /// bytes in all than 64 bits count.
    pub fn new(steps: u64, output_bytes: usize, openings: u32) -> Option<Self> {
        let shape = Self {
            steps,
            output_bytes,
            openings,
        };
        let counted = steps.checked_mul(shape.record_bytes() as u64);
        let whole = counted?.checked_add(shape.coefficient_bytes() as u64);
        let fits = (1..=MAX_OUTPUT_BYTES).contains(&output_bytes)
            && (1..=MAX_OPENINGS).contains(&openings)
            && steps > 0;
        whole.filter(|_| fits).map(|_| shape)
    }

    /// Of what was committed to, for outputs of this length; `None` as for [`Self::new`].
    pub fn of(commitment: &Commitment, output_bytes: usize) -> Option<Self> {
        Self::new(commitment.steps, output_bytes, commitment.openings)
    }

    /// Bytes of the coefficient box, which comes first.
    pub const fn coefficient_bytes(&self) -> usize {
        coefficient_box_bytes(self.openings)
    }

    /// Bytes of a step's box.
    pub const fn box_bytes(&self) -> usize {
        SALT_BYTES + self.output_bytes + TAG_BYTES
    }

    /// Bytes of a step's record.
    pub const fn record_bytes(&self) -> usize {
        Self::LEAF_BYTES + self.box_bytes()
    }

    /// Bytes of all.
    pub const fn total_bytes(&self) -> u64 {
        // Below 2^64: `new` has counted them.
        self.coefficient_bytes() as u64 + self.steps * self.record_bytes() as u64
    }

    /// Number of steps.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes of an output.
    pub const fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    /// d: most steps that are opened.
    pub const fn openings(&self) -> u32 {
        self.openings
    }
}

/// The leaf and the box of a record.
pub(super) fn split(record: &[u8]) -> Option<(&[u8; 32], &[u8])> {
    record.split_first_chunk()
}

/// The box of a step: its output with the salt of its leaf.
pub fn seal_box(
    share: &KeyShare,
    job: &[u8; 32],
    index: u64,
    salt: &[u8; 32],
    output: &[u8],
) -> Vec<u8> {
    let mut plain = Vec::with_capacity(SALT_BYTES + output.len() + TAG_BYTES);
    plain.extend_from_slice(salt);
    plain.extend_from_slice(output);
    encrypt(share.key(job, index), plain)
}

/// Opens the box of a step and checks that it holds what the leaf commits to.
///
/// # Errors
/// [`BoxError`].
pub fn open_box(
    share: &KeyShare,
    job: &[u8; 32],
    index: u64,
    leaf: &[u8; 32],
    sealed: &[u8],
) -> Result<Vec<u8>, BoxError> {
    let plain = decrypt(share.key(job, index), sealed).ok_or(BoxError::DoesNotOpen)?;
    let (salt, output) = plain.split_first_chunk().ok_or(BoxError::NotTheLeaf)?;
    match work_leaf(index, salt, &state_digest(output)) == *leaf {
        true => Ok(output.to_vec()),
        false => Err(BoxError::NotTheLeaf),
    }
}

/// What is wrong with a box. The worker is at fault: it has committed to the box, to its key and to the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoxError {
    /// The cipher does not open it under the key.
    #[error("does not open under its key")]
    DoesNotOpen,
    /// It opens to something else than the leaf commits to.
    #[error("holds another output than the worker's tree commits to")]
    NotTheLeaf,
}
