//! Leaves that a worker opened, with one proof for all of them.

use narthex_base::codec::{Reader, Writer};
use serde::{Deserialize, Serialize};

use super::wire::DecodeError;
use super::{Commitment, Domain, Multiproof, ProofError, work_leaf};
use crate::tagged::tagged_hash;

/// One opened leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafOpening {
    /// Index of the step.
    pub index: u64,
    /// Salt of the leaf.
    #[serde(with = "narthex_base::hex::array")]
    pub salt: [u8; 32],
    /// Digest of the step's output as the worker committed to it.
    #[serde(with = "narthex_base::hex::array")]
    pub digest: [u8; 32],
}

/// Some leaves of a commitment with one proof for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Opened leaves by ascending index.
    pub leaves: Vec<LeafOpening>,
    /// Proof that they are in the tree.
    pub proof: Multiproof,
}

impl Opening {
    /// Checks the opening against the commitment; it may open any set of steps.
    ///
    /// # Errors
    /// [`ProofError`]: the opening proves nothing.
    pub fn verify(&self, commitment: &Commitment) -> Result<(), ProofError> {
        let leaves: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| (leaf.index, work_leaf(leaf.index, &leaf.salt, &leaf.digest)))
            .collect();
        self.proof
            .verify(Domain::Work, commitment.steps, &leaves, &commitment.root)
    }

    /// The opened digest of a step.
    pub fn digest(&self, index: u64) -> Option<[u8; 32]> {
        let position = self
            .leaves
            .binary_search_by_key(&index, |leaf| leaf.index)
            .ok()?;
        self.leaves.get(position).map(|leaf| leaf.digest)
    }

    /// Canonical bytes, numbers big-endian: number of leaves (8); of each index (8), salt (32),
    /// digest (32); number of siblings (8), siblings (32 each).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.u64(self.leaves.len() as u64);
        for leaf in &self.leaves {
            w.u64(leaf.index).fixed(&leaf.salt).fixed(&leaf.digest);
        }
        w.u64(self.proof.siblings.len() as u64)
            .fixed(self.proof.siblings.as_flattened())
            .finish()
    }

    /// Reads canonical bytes; it proves nothing before [`Self::verify`].
    ///
    /// # Errors
    /// [`DecodeError`] if they are not those of an opening.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::plain(bytes);
        let count = r.u64("number of leaves")?;
        let leaves: Vec<[u8; 72]> = r.arrays("leaves", count)?;
        let leaves = leaves.iter().map(|leaf| {
            let mut r = Reader::plain(leaf);
            Ok(LeafOpening {
                index: r.u64("index")?,
                salt: r.array("salt")?,
                digest: r.array("digest")?,
            })
        });
        let leaves = leaves.collect::<Result<_, DecodeError>>()?;
        let count = r.u64("number of siblings")?;
        let siblings = r.arrays("siblings", count)?;
        r.finish()?;
        let proof = Multiproof { siblings };
        Ok(Self { leaves, proof })
    }

    /// What a receipt for the opening names.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/opening", &self.to_bytes())
    }
}
