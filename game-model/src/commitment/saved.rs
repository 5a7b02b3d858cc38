//! A tree in the making as bytes, so that a job that is killed goes on where it was saved.
//!
//! The bytes are for whoever wrote them: the checksum finds damage, not malice. A worker that
//! alters its own state commits to another tree, which is its own loss.

use narthex_base::codec::{self, Reader};

use super::merkle::{Domain, Proving, TreeBuilder};
use super::peaks::{MAX_LEAVES, Peaks};
use super::wire::DecodeError;
use crate::tagged::tagged_hash;

/// First byte of every saved state.
pub(super) const VERSION: u8 = 1;
const CHECKSUM_TAG: &str = "narthex/tree-state";

impl TreeBuilder {
    /// All that the builder holds, as canonical bytes: at most 64 hashes and the unfinished proof.
    ///
    /// Template, numbers big-endian: version 1, domain, number of leaves (8), roots of the perfect
    /// subtrees from the largest (32 each; one per bit set in the number), 0 or 1 for a proof; with
    /// a proof: leaves announced (8), number of indices (8), indices (8 each), siblings found so far
    /// (32 each); tagged hash of all that.
    pub fn save(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.domain.code()];
        out.extend_from_slice(&self.leaves().to_be_bytes());
        out.extend(self.peaks.roots().as_flattened());
        out.push(self.proof.is_some().into());
        if let Some(proof) = &self.proof {
            out.extend_from_slice(&proof.leaves.to_be_bytes());
            out.extend_from_slice(&(proof.indices.len() as u64).to_be_bytes());
            out.extend(proof.indices.iter().flat_map(|index| index.to_be_bytes()));
            out.extend(proof.found.as_flattened());
        }
        seal(out, CHECKSUM_TAG)
    }

    /// Takes up a saved builder: the next [`push`](Self::push) adds leaf number
    /// [`leaves`](Self::leaves).
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not such a state, whole and unaltered.
    pub fn resume(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::plain(bytes);
        let domain = header(&mut reader)?;
        let leaves = leaves(&mut reader)?;
        let roots = reader.arrays("subtrees", leaves.count_ones().into())?;
        let peaks = Peaks::from_parts(leaves, roots)
            .ok_or(DecodeError::Contradiction("not one subtree for each bit"))?;
        let proof = match reader.u8("proof flag")? {
            0 => None,
            1 => Some(read_proof(&mut reader, leaves)?),
            found => return Err(field("proof flag", found.into())),
        };
        check_seal(bytes, reader, CHECKSUM_TAG)?;
        Ok(Self {
            domain,
            peaks,
            proof,
        })
    }
}

fn read_proof(reader: &mut Reader<'_>, leaves: u64) -> Result<Proving, DecodeError> {
    let expected = reader.u64("number of leaves announced")?;
    let count = reader.u64("number of indices")?;
    let indices: Vec<_> = reader.arrays("indices", count)?;
    let indices: Vec<_> = indices.into_iter().map(u64::from_be_bytes).collect();
    if expected > MAX_LEAVES {
        return Err(field("number of leaves announced", expected));
    }
    let mut proof = Proving::new(expected, &indices)
        .map_err(|_| DecodeError::Contradiction("proven indices do not ascend below the leaves"))?;
    proof.found = reader.arrays("siblings", proof.complete_after(leaves) as u64)?;
    Ok(proof)
}

pub(super) fn field(field: &'static str, found: u64) -> DecodeError {
    codec::DecodeError::invalid(field, found).into()
}

/// Version and domain.
pub(super) fn header(reader: &mut Reader<'_>) -> Result<Domain, DecodeError> {
    let version = reader.u8("version")?;
    if version != VERSION {
        return Err(field("version", version.into()));
    }
    let code = reader.u8("domain")?;
    Domain::from_code(code).ok_or_else(|| field("domain", code.into()))
}

pub(super) fn leaves(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let leaves = reader.u64("number of leaves")?;
    if leaves > MAX_LEAVES {
        return Err(field("number of leaves", leaves));
    }
    Ok(leaves)
}

/// Appends the checksum.
pub(super) fn seal(mut body: Vec<u8>, tag: &str) -> Vec<u8> {
    let checksum = tagged_hash(tag, &body);
    body.extend_from_slice(&checksum);
    body
}

/// Checks that `reader` stands before the right checksum and nothing else. It is looked at last, so
/// that bytes which are merely cut short are said to be that.
pub(super) fn check_seal(
    bytes: &[u8],
    mut reader: Reader<'_>,
    tag: &str,
) -> Result<(), DecodeError> {
    let body = &bytes[..bytes.len() - reader.left()];
    let checksum: [u8; 32] = reader.array("checksum")?;
    reader.finish()?;
    if checksum != tagged_hash(tag, body) {
        return Err(DecodeError::Checksum);
    }
    Ok(())
}
