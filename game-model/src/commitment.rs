//! What a worker commits to, and what opens it.
//!
//! The leaf of step i hides the digest of its output under a salt, so that nobody can copy an
//! answer that was not opened. All leaves are in one Merkle tree. The output of each step is sealed in
//! a box of its own; the boxes are in a second tree, each bound to its leaf. The keys of the boxes lie
//! on a polynomial whose value at 0 is the result secret ([`KeyPolynomial`]), and [`Commitment`] binds
//! job, both trees and the points of the polynomial. Its [`Commitment::id`] is the 32-byte root of
//! record.
//!
//! A worker that opens sampled leaves shows their keys too ([`Opening`]). So the verifier sees, before
//! anybody is paid, that these keys are the committed ones and open the boxes to what the leaves say: a box of garbage is
//! found like a wrong step. It never shows more of them than the degree of the polynomial ([`OpeningBook`]), and so many
//! say nothing about the secret; with it they give every key. Whoever learns the secret opens all boxes ([`Unsealer`]), and
//! what does not open is provable to anyone ([`SealFault`]).
//!
//! Trees are built from a stream, saved and taken up again ([`TreeBuilder`]); [`Checkpoints`] open
//! leaves of large ones without hashing all of it twice; an [`Exchange`] of receipts shows who had
//! what before whom. Every byte is described in `docs/commitments.md`.

mod book;
mod checkpoints;
mod fault;
mod leaf;
mod merkle;
mod multiproof;
mod opener;
mod opening;
mod peaks;
mod points;
mod polynomial;
mod receipt;
mod receipt_bytes;
mod receipt_error;
mod saved;
mod scalar;
mod sealing;
mod secrets;
mod shape;
mod unsealing;
pub(crate) mod wire;

use narthex_base::codec::{self, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

pub use book::{AllowedOpening, BookError, OpeningBook};
pub use checkpoints::{CheckpointBuilder, CheckpointError, Checkpoints, checkpoint_level};
pub use fault::{BoxProver, NoFault, SealFault, prove_box};
pub use leaf::{box_hash, box_leaf, input_leaf, state_digest, work_leaf};
pub use merkle::{Domain, TreeBuilder, TreeError};
pub use multiproof::{Multiproof, ProofError};
pub use opener::{Opener, OpenerError};
pub use opening::{Boxed, LeafOpening, Opening, OpeningFault};
pub use points::KeyPoints;
pub use polynomial::{KeyError, KeyPolynomial, Shares};
pub use receipt::{Exchange, Handover, Receipt, ReceiptKind, ReceiptSigner, SignedReceipt};
pub use receipt_error::{ReceiptError, SignerError};
pub use sealing::{SealError, Sealer, Sealing};
pub use secrets::{KeyShare, PolynomialSeed, ResultSecret, SaltSeed, WorkerSecrets};
pub use shape::{BoxError, MAX_RESULT_BYTES, SealedShape, open_box, seal_box};
pub use unsealing::{OpenError, SealedCheck, SealedData, Unsealer, check_sealed, open, open_with};
pub use wire::DecodeError;

use crate::tagged::tagged_hash;

/// Everything that the worker is bound to once the commitment is on record. 210 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Identity of the job: program, input, limits ([`crate::computation::JobSpec::id`]).
    #[serde(with = "narthex_base::hex::array")]
    pub job: [u8; 32],
    /// N, the number of steps, leaves and boxes.
    pub steps: u64,
    /// Root of the tree over the salted leaves.
    #[serde(with = "narthex_base::hex::array")]
    pub root: [u8; 32],
    /// T: the point of the result secret, which the contract names too ([`Self::check_terms`]).
    pub result: PublicKey,
    /// d: the degree of the key polynomial, and the most steps that are ever opened.
    pub openings: u32,
    /// [`KeyPoints::id`] of the polynomial.
    #[serde(with = "narthex_base::hex::array")]
    pub points: [u8; 32],
    /// Root of the tree over the boxes.
    #[serde(with = "narthex_base::hex::array")]
    pub boxes: [u8; 32],
    /// Tagged hash of the coefficient box.
    #[serde(with = "narthex_base::hex::array")]
    pub coefficients: [u8; 32],
}

impl Commitment {
    /// The root of record: what goes on chain and into the seed of the sample.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/commitment", &self.to_bytes())
    }

    /// Whether it is one that a contract asks for: to the contract's own result secret, and with as many openings as the
    /// contract has steps in its sample. With another secret the payment opens nothing; with fewer openings the sample
    /// cannot be opened; with more, the opened shares do not give the keys.
    ///
    /// # Errors
    /// [`CommitmentFault`]: the worker's, and nothing is checked against such a commitment.
    pub fn check_terms(&self, result: &PublicKey, openings: u32) -> Result<(), CommitmentFault> {
        if self.result != *result {
            return Err(CommitmentFault::OtherSecret);
        }
        let found = self.openings;
        match found == openings {
            true => Ok(()),
            false => Err(CommitmentFault::Openings {
                found,
                expected: openings,
            }),
        }
    }
}

impl Message for Commitment {
    const KIND: Kind = kinds::COMMITMENT;

    /// The fields in order: job, steps (8), root, T (33), openings (4), points, boxes, coefficients.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.job).u64(self.steps).fixed(&self.root);
        w.point(&self.result).u32(self.openings);
        w.fixed(&self.points)
            .fixed(&self.boxes)
            .fixed(&self.coefficients);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, codec::DecodeError> {
        Ok(Self {
            job: r.array("job")?,
            steps: r.u64("steps")?,
            root: r.array("root")?,
            result: r.point("result point")?,
            openings: r.u32("openings")?,
            points: r.array("points")?,
            boxes: r.array("boxes")?,
            coefficients: r.array("coefficients")?,
        })
    }
}

/// Why a commitment is not what a contract asks for. The worker is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitmentFault {
    /// The point is not the contract's.
    #[error("the worker's commitment is to another result secret than the contract's")]
    OtherSecret,
    /// Another number of openings.
    #[error("the worker's commitment allows {found} openings, where the contract opens {expected}")]
    Openings {
        /// d.
        found: u32,
        /// Steps that the contract opens.
        expected: u32,
    },
}
