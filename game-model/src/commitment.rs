//! What a worker commits to, and what opens it.
//!
//! The leaf of step i hides the digest of its output under a salt, so that nobody can copy an
//! answer that was not opened. All leaves are in one Merkle tree; the result, with the seed of the
//! salts, is encrypted under a key derived from the result secret. [`Commitment`] binds job, tree,
//! ciphertext and plaintext, and its [`Commitment::id`] is the 32-byte root of record.
//!
//! Whoever learns the result secret can rebuild the whole tree from the plaintext, so a key that
//! opens garbage, or a result that is not the one committed to, is provable to anyone.
//!
//! Trees are built from a stream, saved and taken up again ([`TreeBuilder`]); [`Checkpoints`] open
//! leaves of large ones without hashing all of it twice; an [`Exchange`] of receipts shows who had
//! what before whom. Every byte is described in `docs/commitments.md`.

mod checkpoints;
mod leaf;
mod merkle;
mod multiproof;
mod opening;
mod peaks;
mod receipt;
mod receipt_bytes;
mod receipt_error;
mod saved;
mod sealed;
mod secrets;
pub(crate) mod wire;

use serde::{Deserialize, Serialize};

pub use checkpoints::{CheckpointBuilder, CheckpointError, Checkpoints, checkpoint_level};
pub use leaf::{input_leaf, state_digest, work_leaf};
pub use merkle::{Domain, TreeBuilder, TreeError};
pub use multiproof::{Multiproof, ProofError};
pub use opening::{LeafOpening, Opening};
pub use receipt::{Exchange, Handover, Receipt, ReceiptKind, ReceiptSigner, SignedReceipt};
pub use receipt_error::{ReceiptError, SignerError};
pub use sealed::{MAX_RESULT_BYTES, OpenError, Sealed, open, seal};
pub use secrets::{ResultSecret, SaltSeed};
pub use wire::DecodeError;

use crate::tagged::TaggedHasher;

/// Everything that the worker is bound to once the commitment is on record. 136 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Identity of the job: program, input, limits ([`crate::computation::JobSpec::id`]).
    #[serde(with = "narthex_base::hex::array")]
    pub job: [u8; 32],
    /// N, the number of steps and leaves.
    pub steps: u64,
    /// Root of the tree over the salted leaves.
    #[serde(with = "narthex_base::hex::array")]
    pub root: [u8; 32],
    /// Tagged hash of the encrypted result.
    #[serde(with = "narthex_base::hex::array")]
    pub ciphertext_hash: [u8; 32],
    /// Tagged hash of the result, salted by the result secret so that a small result can't be
    /// guessed from it.
    #[serde(with = "narthex_base::hex::array")]
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
