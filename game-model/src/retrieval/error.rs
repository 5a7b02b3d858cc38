//! What can go wrong with a store, and how far work has come.

use std::io;

use crate::commitment::TreeError;
use crate::sample::SampleError;

/// What is being done, for showing progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The file is copied into the store and hashed; [`Shape::file_bytes`](super::Shape::file_bytes)
    /// in all.
    Copy,
    /// Parity is computed; all parity chunks.
    Parity,
    /// Parity is hashed; all parity chunks.
    Hash,
    /// Every chunk is checked against its hash; all chunks.
    Survey,
    /// Intact data is copied out of the store; at most the file.
    Extract,
    /// Lost chunks are computed; each of them.
    Restore,
    /// Restored chunks are checked against their hashes; each of them.
    Check,
}

/// Why a file was not stored, proven or recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The reader or writer that was passed in failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The file is not as long as the shape says: it changed, or the shape is another file's.
    #[error("the file does not have the {expected} bytes that were announced")]
    FileLength {
        /// Length announced, in bytes.
        expected: u64,
    },
    /// The chunk hashes are not the archive's.
    #[error("these chunk hashes are not those of the archive")]
    OtherHashes,
    /// The challenge is for another archive.
    #[error("the challenge is for another archive")]
    OtherArchive,
    /// The challenge asks for no chunk, or for more than there are.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A challenged chunk is not what it was: there is no proof to give.
    #[error("chunk {index} is lost or damaged: recover the file and store it anew")]
    Damaged {
        /// Index of the chunk.
        index: u64,
    },
    /// More chunks are lost than the parity can replace.
    #[error(
        "{lost} of {chunks} chunks are lost, at most {parity} can be replaced: find {missing} more"
    )]
    TooManyLost {
        /// Chunks lost or damaged.
        lost: u64,
        /// K + M.
        chunks: u64,
        /// M.
        parity: u64,
        /// Chunks that must still turn up.
        missing: u64,
    },
    /// The parity was never this file's: whoever made the archive is at fault.
    #[error(
        "chunk {index} as computed from the others has another hash: the archive is no codeword"
    )]
    NotACodeword {
        /// First such chunk.
        index: u64,
    },
    /// The survey is of another archive.
    #[error("the survey is of {found} chunks, the archive has {expected}")]
    OtherSurvey {
        /// Chunks of the archive.
        expected: u64,
        /// Chunks of the survey.
        found: u64,
    },
    /// The coder refused a shape that was checked: a defect of this program.
    #[error("the Reed-Solomon coder failed: {0}")]
    Coder(#[from] reed_solomon_simd::Error),
    /// The tree refused hashes that were checked: a defect of this program.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Names what was being done when a reader or writer failed.
pub(super) fn doing(what: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { what, source }
}
