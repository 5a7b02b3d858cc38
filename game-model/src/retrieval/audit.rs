//! The question which chunks are there, the answer, and what is wrong with it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use super::archive::{Archive, ChunkHashes};
use super::chunks::{Broken, read_leaf};
use super::error::{StoreError, doing};
use crate::commitment::{Domain, Multiproof, ProofError, TreeBuilder};
use crate::sample::{self, SampleError};
use crate::tagged::TaggedHasher;

/// Names k chunks of an archive so that neither side can choose them: the nonce is the client's,
/// committed to before ([`sample::nonce_commitment`]); the block came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// [`Archive::id`].
    #[serde(with = "narthex_base::hex::array")]
    pub archive: [u8; 32],
    /// The client's nonce.
    #[serde(with = "narthex_base::hex::array")]
    pub nonce: [u8; 32],
    /// Hash of a block after the nonce was committed to, in the byte order in which it is hashed. It
    /// should be buried: after a reorganisation this is another challenge, and a proof of the old one
    /// shows what the store had then.
    #[serde(with = "narthex_base::hex::array")]
    pub block_hash: [u8; 32],
    /// k.
    pub chunks: u32,
}

impl Challenge {
    /// The seed of the challenged chunks.
    pub fn seed(&self) -> [u8; 32] {
        sample::seed(&self.archive, &self.nonce, &self.block_hash)
    }

    /// Names the challenge in its proof: a tagged hash of all its fields.
    pub fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/challenge")
            .fixed(&self.archive)
            .fixed(&self.nonce)
            .fixed(&self.block_hash)
            .number(self.chunks.into())
            .finish()
    }

    /// The challenged chunks of an archive, ascending.
    ///
    /// # Errors
    /// [`SampleError`] if it has not that many chunks, or none is asked for.
    pub fn indices(&self, archive: &Archive) -> Result<Vec<u64>, SampleError> {
        sample::draw(&self.seed(), archive.shape.chunks(), self.chunks)
    }
}

/// Writes the proof for a challenge: archive id (32), challenge id (32), the challenged chunks by ascending
/// index, the siblings of their multiproof. Number and place of all follow from the challenge.
///
/// Each chunk is checked as it is written, so an honest provider learns of its damage first.
///
/// # Errors
/// [`StoreError::Damaged`] (what is written by then proves nothing); [`StoreError::OtherArchive`],
/// [`StoreError::OtherHashes`], [`StoreError::Sample`], [`StoreError::Io`].
pub fn prove(
    archive: &Archive,
    hashes: &ChunkHashes,
    challenge: &Challenge,
    store: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> Result<(), StoreError> {
    if challenge.archive != archive.id() {
        return Err(StoreError::OtherArchive);
    }
    hashes.check(archive)?;
    let indices = challenge.indices(archive)?;
    let writing = doing("cannot write the proof");
    out.write_all(&challenge.archive).map_err(&writing)?;
    out.write_all(&challenge.id()).map_err(&writing)?;
    let chunk_bytes = archive.shape.chunk_bytes();
    for index in &indices {
        let index = *index;
        let leaf = match store.seek(SeekFrom::Start(index * chunk_bytes)) {
            Ok(_) => read_leaf(store, index, chunk_bytes, |piece| out.write_all(piece)),
            Err(error) => Err(Broken::Reading(error)),
        };
        let leaf = match leaf {
            Err(Broken::Writing(error)) => return Err(writing(error)),
            Err(broken) if broken.is_passing() => {
                return Err(doing("cannot read the store")(broken.into_inner()));
            }
            Err(Broken::Reading(_)) | Ok(None) => return Err(StoreError::Damaged { index }),
            Ok(Some(leaf)) => leaf,
        };
        if Some(&leaf) != hashes.get(index) {
            return Err(StoreError::Damaged { index });
        }
    }
    let mut tree = TreeBuilder::proving(Domain::Chunks, archive.shape.chunks(), &indices)?;
    hashes.leaves().iter().for_each(|leaf| tree.push(*leaf));
    let (_, proof) = tree.finish()?;
    out.write_all(proof.siblings.as_flattened())
        .and_then(|()| out.flush())
        .map_err(writing)
}

/// Checks a proof as it streams past; memory is 32 bytes for each challenged chunk and sibling.
///
/// # Errors
/// [`AuditError`] says what is wrong with the proof; the provider is at fault, except for
/// [`AuditError::Io`], [`AuditError::Challenge`] and [`AuditError::Sample`].
pub fn verify(
    archive: &Archive,
    challenge: &Challenge,
    mut proof: impl Read,
) -> Result<(), AuditError> {
    if challenge.archive != archive.id() {
        return Err(AuditError::Challenge);
    }
    let indices = challenge.indices(archive)?;
    let reader = &mut proof;
    if read_hash(reader)? != Some(challenge.archive) {
        return Err(AuditError::OtherArchive);
    }
    if read_hash(reader)? != Some(challenge.id()) {
        return Err(AuditError::OtherChallenge);
    }
    let mut leaves = Vec::with_capacity(indices.len());
    for index in indices {
        let leaf = read_leaf(reader, index, archive.shape.chunk_bytes(), |_| Ok(()));
        let leaf = leaf.map_err(Broken::into_inner)?;
        leaves.push((index, leaf.ok_or(AuditError::ChunkMissing { index })?));
    }
    let mut siblings = Vec::new();
    // One hash more than can be needed shows that there are too many.
    let most = leaves.len() * 64 + 1;
    let mut left = [0; 32];
    loop {
        let read = read_up_to(reader, &mut left)?;
        match read {
            0 => break,
            32 if siblings.len() < most => siblings.push(left),
            _ => return Err(AuditError::Ragged { bytes: read }),
        }
    }
    let (count, root) = (archive.shape.chunks(), &archive.root);
    let proof = Multiproof { siblings };
    Ok(proof.verify(Domain::Chunks, count, &leaves, root)?)
}

/// The next hash; `None` at the end.
fn read_hash(reader: &mut impl Read) -> Result<Option<[u8; 32]>, AuditError> {
    let mut hash = [0; 32];
    Ok((read_up_to(reader, &mut hash)? == 32).then_some(hash))
}

/// Fills `hash` as far as the reader goes.
fn read_up_to(reader: &mut impl Read, hash: &mut [u8; 32]) -> io::Result<usize> {
    let mut taken = 0;
    let mut limited = reader.take(32);
    loop {
        match limited.read(&mut hash[taken..]) {
            Ok(0) => return Ok(taken),
            Ok(read) => taken += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Why an audit is not passed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The proof could not be read: nobody's fault yet.
    #[error("cannot read the proof: {0}")]
    Io(#[from] io::Error),
    /// The client's challenge is for another archive.
    #[error("the challenge is for another archive")]
    Challenge,
    /// The client's challenge asks for no chunk, or for more than there are.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The proof is about another archive, or no proof at all.
    #[error("the proof is not about this archive")]
    OtherArchive,
    /// The proof answers another challenge.
    #[error("the proof answers another challenge")]
    OtherChallenge,
    /// The proof ends before this chunk does.
    #[error("the proof ends before chunk {index} is complete")]
    ChunkMissing {
        /// Index of the chunk.
        index: u64,
    },
    /// After the chunks come bytes that are not whole hashes, or far too many.
    #[error("{bytes} bytes after the chunks do not belong to a proof")]
    Ragged {
        /// Bytes of the last, broken hash.
        bytes: usize,
    },
    /// Chunks and hashes do not lead to the archive's root: a chunk is not what was stored.
    #[error("the chunks are not those that were stored: {0}")]
    Proof(#[from] ProofError),
}
