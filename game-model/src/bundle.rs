//! What a job travels as: its files, cut into chunks under one root.
//!
//! Who offers a job names its [`Bundle`]: how long each file is, and the root of a tree over all chunks. So whoever fetches
//! it knows before the first byte how much there is to come, and of each chunk, as it comes, whether it is the one that was
//! offered. A chunk is of one file, and the files follow each other; the first says what the others are.
//!
//! The tree is one as all others here, and its proofs come from [`Checkpoints`]: who serves a bundle holds some hundreds of
//! hashes, and reads the leaves of one group for each chunk.
//!
//! ```
//! use narthex_game_model::bundle::{BundleTree, CHUNK_BYTES};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let files = [vec![1; 10], vec![2; CHUNK_BYTES + 1]];
//! let mut tree = BundleTree::new(&[10, CHUNK_BYTES as u64 + 1])?;
//! let mut leaves = Vec::new();
//! for chunk in files.iter().flat_map(|file| file.chunks(CHUNK_BYTES)) {
//!     leaves.push(tree.push(chunk));
//! }
//! let (bundle, checkpoints) = tree.finish()?;
//! assert_eq!((bundle.chunks(), bundle.bytes()), (3, CHUNK_BYTES as u64 + 11));
//! let leaf = |at: u64| leaves.get(at as usize).copied().ok_or("no such leaf");
//! let proof = checkpoints.prove(&[1], leaf)?;
//! assert_eq!(bundle.check(1, &[2; CHUNK_BYTES], &proof), Ok(()));
//! assert!(bundle.check(1, &[3; CHUNK_BYTES], &proof).is_err());
//! assert!(bundle.check(2, &[2; CHUNK_BYTES], &proof).is_err());
//! # Ok(()) }
//! ```

use crate::{
    commitment::{
        CheckpointBuilder, Checkpoints, Domain, Multiproof, ProofError, TreeError, checkpoint_level,
    },
    tagged::{Tag, TaggedHasher},
};

static CHUNK: Tag = Tag::new("narthex/bundle-chunk");

/// Bytes of every chunk but the last one of a file. With its proof it fits in one message of a transport.
pub const CHUNK_BYTES: usize = 32 << 10;
/// Most files of a bundle: the list of their lengths travels in an offer.
pub const MAX_BUNDLE_FILES: usize = 64;
/// Most bytes of all files together: an input may have 1 GiB, and beside it there are a program and texts.
pub const MAX_BUNDLE_BYTES: u64 = 2 << 30;
/// Most hashes of a chunk's proof: as deep as the tree over the most chunks is.
pub const MAX_BUNDLE_SIBLINGS: usize = 17;

/// What names the files of a job: their lengths, and the root over their chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    id: [u8; 32],
    root: [u8; 32],
    files: Vec<u64>,
}

/// Where a chunk belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Which file.
    pub file: usize,
    /// Where in it the chunk begins, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: usize,
}

/// Why something is no bundle. Whoever names it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// No file, or too many.
    #[error("a job of {given} files; there are 1 to {MAX_BUNDLE_FILES}")]
    Files {
        /// Number of files.
        given: usize,
    },
    /// The first file has nothing in it.
    #[error("the file that says what the others are is empty")]
    Empty,
    /// Too many bytes.
    #[error("a job of {given} bytes; at most {MAX_BUNDLE_BYTES} travel")]
    Bytes {
        /// Of all files together, as far as 64 bits count them.
        given: u64,
    },
    /// What was hashed is not as long as it was said to be.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What is wrong with a chunk that came. Whoever sent it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkFault {
    /// There is no such chunk.
    #[error("chunk {index} of a job of {chunks}")]
    Index {
        /// Which.
        index: u32,
        /// How many there are.
        chunks: u32,
    },
    /// It is longer or shorter than it is.
    #[error("chunk {index} of {given} bytes; it has {wanted}")]
    Length {
        /// Which.
        index: u32,
        /// Bytes that came.
        given: usize,
        /// Bytes that it has.
        wanted: usize,
    },
    /// It is not the one that was offered.
    #[error("chunk {index} is not of the job that was offered: {error}")]
    Proof {
        /// Which.
        index: u32,
        /// What the proof does not show.
        error: ProofError,
    },
}

/// The leaf that commits to a chunk.
fn leaf(index: u64, chunk: &[u8]) -> [u8; 32] {
    CHUNK.start().number(index).sized(chunk).finish()
}

fn chunks_of(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK_BYTES as u64)
}

fn check_files(files: &[u64]) -> Result<(), BundleFault> {
    let given = files.len();
    if given == 0 || given > MAX_BUNDLE_FILES {
        return Err(BundleFault::Files { given });
    }
    if files.first() == Some(&0) {
        return Err(BundleFault::Empty);
    }
    let sum = files
        .iter()
        .try_fold(0_u64, |sum, file| sum.checked_add(*file));
    let given = sum.unwrap_or(u64::MAX);
    match given <= MAX_BUNDLE_BYTES {
        true => Ok(()),
        false => Err(BundleFault::Bytes { given }),
    }
}

impl Bundle {
    /// Files of these lengths, whose chunks have this root.
    ///
    /// # Errors
    /// [`BundleFault`].
    pub fn new(root: [u8; 32], files: Vec<u64>) -> Result<Bundle, BundleFault> {
        check_files(&files)?;
        let mut hash = TaggedHasher::new("narthex/bundle").number(files.len() as u64);
        for bytes in &files {
            hash = hash.number(*bytes);
        }
        let id = hash.fixed(&root).finish();
        Ok(Bundle { id, root, files })
    }

    /// Names the content: every byte of every file.
    pub const fn id(&self) -> [u8; 32] {
        self.id
    }

    /// Root of the tree over the chunks.
    pub const fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Bytes of each file.
    pub fn files(&self) -> &[u64] {
        &self.files
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().sum()
    }

    /// Number of chunks; at most 2^16 and one more for each file.
    pub fn chunks(&self) -> u32 {
        let all: u64 = self.files.iter().map(|bytes| chunks_of(*bytes)).sum();
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Bytes of the first so many chunks.
    pub fn bytes_of(&self, chunks: u32) -> u64 {
        let (mut left, mut sum) = (u64::from(chunks), 0);
        for bytes in &self.files {
            let own = chunks_of(*bytes).min(left);
            sum += (own * CHUNK_BYTES as u64).min(*bytes);
            left -= own;
        }
        sum
    }

    /// Where a chunk belongs, if there is one of this number.
    pub fn place(&self, index: u32) -> Option<ChunkPlace> {
        let mut left = u64::from(index);
        for (file, bytes) in self.files.iter().enumerate() {
            let own = chunks_of(*bytes);
            if left < own {
                let offset = left * CHUNK_BYTES as u64;
                let bytes = (bytes - offset).min(CHUNK_BYTES as u64) as usize;
                return Some(ChunkPlace {
                    file,
                    offset,
                    bytes,
                });
            }
            left -= own;
        }
        None
    }

    /// Whether a chunk that came is the one that was offered.
    ///
    /// # Errors
    /// [`ChunkFault`].
    pub fn check(&self, index: u32, bytes: &[u8], proof: &Multiproof) -> Result<(), ChunkFault> {
        let chunks = self.chunks();
        let place = self.place(index);
        let place = place.ok_or(ChunkFault::Index { index, chunks })?;
        let (given, wanted) = (bytes.len(), place.bytes);
        if given != wanted {
            return Err(ChunkFault::Length {
                index,
                given,
                wanted,
            });
        }
        let leaves = [(index.into(), leaf(index.into(), bytes))];
        let shown = proof.verify(Domain::Chunks, chunks.into(), &leaves, &self.root);
        shown.map_err(|error| ChunkFault::Proof { index, error })
    }
}

/// The tree over a bundle's chunks, in the making: chunks in order, as they stream past.
#[derive(Debug)]
pub struct BundleTree {
    files: Vec<u64>,
    chunks: u64,
    tree: CheckpointBuilder,
}

impl BundleTree {
    /// Of files of these lengths.
    ///
    /// # Errors
    /// [`BundleFault`].
    pub fn new(files: &[u64]) -> Result<BundleTree, BundleFault> {
        check_files(files)?;
        let chunks = files.iter().map(|bytes| chunks_of(*bytes)).sum();
        let tree = CheckpointBuilder::new(Domain::Chunks, checkpoint_level(chunks, 1));
        Ok(BundleTree {
            files: files.to_vec(),
            chunks,
            tree,
        })
    }

    /// The next chunk; its leaf, to be kept by whoever serves the bundle.
    pub fn push(&mut self, chunk: &[u8]) -> [u8; 32] {
        let leaf = leaf(self.tree.leaves(), chunk);
        self.tree.push(leaf);
        leaf
    }

    /// The bundle, and what its proofs are made from.
    ///
    /// # Errors
    /// [`BundleFault::Tree`] if there were more or fewer chunks than the lengths make.
    pub fn finish(self) -> Result<(Bundle, Checkpoints), BundleFault> {
        let (expected, found) = (self.chunks, self.tree.leaves());
        if expected != found {
            return Err(TreeError::Count { expected, found }.into());
        }
        let checkpoints = self.tree.finish()?;
        let bundle = Bundle::new(*checkpoints.root(), self.files)?;
        Ok((bundle, checkpoints))
    }
}
