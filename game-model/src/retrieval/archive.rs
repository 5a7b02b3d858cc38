//! What names a stored file, and the hashes that tell its chunks apart.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::shape::Shape;
use crate::commitment::{Domain, TreeBuilder, TreeError};
use crate::tagged::TaggedHasher;

/// A stored file: how it is cut and the root over all its chunks. The client keeps this, or just its
/// id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The cut.
    pub shape: Shape,
    /// Root of the tree over the leaves of all chunks, data first ([`Domain::Chunks`]).
    #[serde(with = "narthex_base::hex::array")]
    pub root: [u8; 32],
}

impl Archive {
    /// The content's address: it binds every byte of the file and of its parity.
    pub fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/archive")
            .number(self.shape.file_bytes())
            .number(self.shape.data_chunks())
            .number(self.shape.parity_chunks())
            .number(self.shape.chunk_bytes())
            .fixed(&self.root)
            .finish()
    }
}

/// The leaves of all chunks of an archive, data first; 2 MiB at most. They tell which chunks are
/// damaged, which the root alone cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkHashes(Vec<[u8; 32]>);

impl ChunkHashes {
    pub(super) const fn new(leaves: Vec<[u8; 32]>) -> Self {
        Self(leaves)
    }

    /// Reads the hashes of an archive, 32 bytes each.
    ///
    /// # Errors
    /// [`StoreError::OtherHashes`] unless they are exactly those that its root commits to.
    pub fn from_bytes(archive: &Archive, bytes: &[u8]) -> Result<Self, StoreError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() as u64 != archive.shape.chunks() {
            return Err(StoreError::OtherHashes);
        }
        let hashes = Self(hashes.to_vec());
        hashes.check(archive)?;
        Ok(hashes)
    }

    /// All hashes, one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.as_flattened().to_vec()
    }

    pub(super) fn leaves(&self) -> &[[u8; 32]] {
        &self.0
    }

    pub(super) fn get(&self, index: u64) -> Option<&[u8; 32]> {
        self.0.get(usize::try_from(index).ok()?)
    }

    pub(super) fn root(&self) -> Result<[u8; 32], TreeError> {
        let mut tree = TreeBuilder::new(Domain::Chunks);
        self.0.iter().for_each(|leaf| tree.push(*leaf));
        Ok(tree.finish()?.0)
    }

    /// That these are the archive's.
    pub(super) fn check(&self, archive: &Archive) -> Result<(), StoreError> {
        if self.0.len() as u64 != archive.shape.chunks() || self.root()? != archive.root {
            return Err(StoreError::OtherHashes);
        }
        Ok(())
    }
}
