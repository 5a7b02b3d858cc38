//! What a worker commits to, and what opens it.
//!
//! The leaf of step i hides the digest of its output under a salt, so that nobody can copy an
//! answer that was not opened. All leaves are in one Merkle tree; the result, with the seed of the
//! salts, is encrypted under a key derived from the result secret. [`Commitment`] binds job, tree,
//! ciphertext and plaintext, and its [`Commitment::id`] is the 32-byte root of record.
//!
//! Whoever learns the result secret can rebuild the whole tree from the plaintext, so a key that
//! opens garbage, or a result that is not the one committed to, is provable to anyone.

mod leaf;
mod merkle;
mod multiproof;
mod sealed;
mod secrets;

use serde::{Deserialize, Serialize};

pub use leaf::{input_leaf, state_digest, work_leaf};
pub use merkle::{Domain, TreeBuilder, TreeError};
pub use multiproof::{Multiproof, ProofError};
pub use sealed::{MAX_RESULT_BYTES, OpenError, Sealed, open, seal};
pub use secrets::{ResultSecret, SaltSeed};

use crate::tagged::TaggedHasher;

/// Everything that the worker is bound to once the commitment is on record. 136 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Identity of the job: program, input, limits ([`crate::computation::JobSpec::id`]).
    #[serde(with = "crate::encoding::hex32")]
    pub job: [u8; 32],
    /// N, the number of steps and leaves.
    pub steps: u64,
    /// Root of the tree over the salted leaves.
    #[serde(with = "crate::encoding::hex32")]
    pub root: [u8; 32],
    /// Tagged hash of the encrypted result.
    #[serde(with = "crate::encoding::hex32")]
    pub ciphertext_hash: [u8; 32],
    /// Tagged hash of the result, salted by the result secret so that a small result can't be
    /// guessed from it.
    #[serde(with = "crate::encoding::hex32")]
    pub plaintext_hash: [u8; 32],
}

impl Commitment {
    /// The root of record: what goes on chain and into the seed of the sample.
    pub fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/commitment")
            .fixed(&self.to_bytes())
            .finish()
    }

    /// Canonical bytes: the fields in order, `steps` big-endian.
    pub fn to_bytes(&self) -> [u8; 136] {
        let mut out = [0; 136];
        out[..32].copy_from_slice(&self.job);
        out[32..40].copy_from_slice(&self.steps.to_be_bytes());
        out[40..72].copy_from_slice(&self.root);
        out[72..104].copy_from_slice(&self.ciphertext_hash);
        out[104..].copy_from_slice(&self.plaintext_hash);
        out
    }
}

/// One opened leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafOpening {
    /// Index of the step.
    pub index: u64,
    /// Salt of the leaf.
    #[serde(with = "crate::encoding::hex32")]
    pub salt: [u8; 32],
    /// Digest of the step's output as the worker committed to it.
    #[serde(with = "crate::encoding::hex32")]
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
}
