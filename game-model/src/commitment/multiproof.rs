//! One proof for several leaves of a tree.

use serde::{Deserialize, Serialize};

use super::merkle::{Domain, ascending_below, left_size, root_hash};
use super::peaks::{Span, node_hash};

/// Hashes of the largest subtrees that hold no proven leaf, from left to right. Which subtrees
/// these are follows from the number of leaves and the proven indices, so the proof says nothing
/// about its own shape and there is one proof for each question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Multiproof {
    /// The hashes; at most k·log₂N of them.
    #[serde(with = "narthex_base::hex::list")]
    pub siblings: Vec<[u8; 32]>,
}

impl Multiproof {
    /// Checks that a tree of `count` leaves with this `root` holds `leaves` (index and leaf hash,
    /// by ascending index).
    ///
    /// # Errors
    /// [`ProofError`] if it does not, or if the question is malformed.
    pub fn verify(
        &self,
        domain: Domain,
        count: u64,
        leaves: &[(u64, [u8; 32])],
        root: &[u8; 32],
    ) -> Result<(), ProofError> {
        if leaves.is_empty() {
            return Err(ProofError::NothingProven);
        }
        if !ascending_below(leaves.iter().map(|(index, _)| *index), count) {
            return Err(ProofError::Indices { count });
        }
        let mut siblings = self.siblings.iter();
        let top = subtree((0, count), leaves, &mut siblings).ok_or(ProofError::TooShort)?;
        if siblings.len() != 0 {
            return Err(ProofError::TooLong {
                unused: siblings.len(),
            });
        }
        if root_hash(domain, count, &top) == *root {
            Ok(())
        } else {
            Err(ProofError::OtherRoot)
        }
    }
}

/// Recursion is at most 64 deep: each level halves the 64-bit span.
fn subtree(
    (start, size): Span,
    leaves: &[(u64, [u8; 32])],
    siblings: &mut std::slice::Iter<'_, [u8; 32]>,
) -> Option<[u8; 32]> {
    match leaves {
        [] => siblings.next().copied(),
        [(_, leaf)] if size == 1 => Some(*leaf),
        _ => {
            let left = left_size(size);
            let cut = leaves.partition_point(|(index, _)| *index < start + left);
            let (in_left, in_right) = leaves.split_at(cut);
            let a = subtree((start, left), in_left, siblings)?;
            let b = subtree((start + left, size - left), in_right, siblings)?;
            Some(node_hash(&a, &b))
        }
    }
}

/// Why a proof shows nothing. Whoever handed it over is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No leaf was given.
    #[error("the proof is for no leaf at all")]
    NothingProven,
    /// The indices are not strictly ascending or not in the tree.
    #[error("proven indices must ascend strictly and stay below {count}")]
    Indices {
        /// Number of leaves.
        count: u64,
    },
    /// A hash is missing.
    #[error("the proof is too short")]
    TooShort,
    /// Hashes are left over.
    #[error("the proof has {unused} hashes too many")]
    TooLong {
        /// Number of hashes not used.
        unused: usize,
    },
    /// It proves these leaves of another tree.
    #[error("the proof leads to another root")]
    OtherRoot,
}
