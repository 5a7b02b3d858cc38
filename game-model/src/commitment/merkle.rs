//! A Merkle tree that is built from a stream of leaves in O(log N) memory.
//!
//! The shape is that of RFC 6962: the left subtree of N leaves holds the largest power of two
//! below N. The root hash binds the number of leaves and the tree's domain, so a tree of one kind
//! or size is never another's.

use super::multiproof::Multiproof;
use super::peaks::{Peaks, Span};
use crate::tagged::TaggedHasher;

/// What a tree commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The input records of a job.
    Input,
    /// The salted leaves of a worker's steps.
    Work,
    /// The chunks of a stored file ([`crate::retrieval`]), or of what a job travels as ([`crate::bundle`]).
    Chunks,
    /// The sealed copies of a message that several keep.
    Copies,
    /// The boxes that a result is sealed in, one for each step.
    Sealed,
}

impl Domain {
    /// Five bytes that go into the root.
    const fn bytes(self) -> &'static [u8; 5] {
        match self {
            Self::Input => b"input",
            Self::Work => b"work\0",
            Self::Chunks => b"chunk",
            Self::Copies => b"copy\0",
            Self::Sealed => b"seal\0",
        }
    }

    /// Number of the domain in saved states.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Input => 0,
            Self::Work => 1,
            Self::Chunks => 2,
            Self::Copies => 3,
            Self::Sealed => 4,
        }
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Input),
            1 => Some(Self::Work),
            2 => Some(Self::Chunks),
            3 => Some(Self::Copies),
            4 => Some(Self::Sealed),
            _ => None,
        }
    }
}

pub(super) fn root_hash(domain: Domain, leaves: u64, top: &[u8; 32]) -> [u8; 32] {
    TaggedHasher::new("narthex/root")
        .fixed(domain.bytes())
        .number(leaves)
        .fixed(top)
        .finish()
}

/// Size of the left subtree of `size > 1` leaves.
pub(super) const fn left_size(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Takes leaves in order; gives the root and, if asked for at the start, a proof for some of them.
///
/// What it holds can be saved at any leaf and taken up again ([`Self::save`], [`Self::resume`]).
/// To open leaves of a large tree without a second pass over all of them, keep
/// [`Checkpoints`](super::Checkpoints) instead.
#[derive(Clone, Debug)]
pub struct TreeBuilder {
    pub(super) domain: Domain,
    pub(super) peaks: Peaks,
    pub(super) proof: Option<Proving>,
}

/// A proof in the making.
#[derive(Clone, Debug)]
pub(super) struct Proving {
    /// Number of leaves announced.
    pub(super) leaves: u64,
    pub(super) indices: Vec<u64>,
    /// Siblings that the proof needs, left to right. They are disjoint, so this is also the order in
    /// which they are complete.
    wanted: Vec<Span>,
    /// Hashes of the first of them.
    pub(super) found: Vec<[u8; 32]>,
}

impl Proving {
    pub(super) fn new(leaves: u64, indices: &[u64]) -> Result<Self, TreeError> {
        Ok(Self {
            leaves,
            indices: indices.to_vec(),
            wanted: siblings(leaves, indices)?,
            found: Vec::new(),
        })
    }

    fn note(&mut self, span: Span, hash: &[u8; 32]) {
        if self.wanted.get(self.found.len()) == Some(&span) {
            self.found.push(*hash);
        }
    }

    /// How many siblings are complete after `leaves` leaves; one that is no perfect subtree is not
    /// joined before the end.
    pub(super) fn complete_after(&self, leaves: u64) -> usize {
        let complete = |(start, size): &Span| start + size <= leaves && size.is_power_of_two();
        self.wanted.partition_point(complete)
    }
}

impl TreeBuilder {
    /// A tree without a proof; memory is one hash per bit of the number of leaves.
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            peaks: Peaks::default(),
            proof: None,
        }
    }

    /// A tree of `leaves` leaves that also proves the leaves at `indices`, in O(k log N) memory.
    ///
    /// # Errors
    /// [`TreeError::Indices`] unless the indices ascend strictly and lie in the tree.
    pub fn proving(domain: Domain, leaves: u64, indices: &[u64]) -> Result<Self, TreeError> {
        Ok(Self {
            proof: Some(Proving::new(leaves, indices)?),
            ..Self::new(domain)
        })
    }

    /// Number of leaves so far.
    pub fn leaves(&self) -> u64 {
        self.peaks.leaves()
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        match &mut self.proof {
            None => self.peaks.push(leaf, |_, _| ()),
            Some(proof) => self.peaks.push(leaf, |span, hash| proof.note(span, hash)),
        }
    }

    /// The root and the proof (empty if none was asked for).
    ///
    /// # Errors
    /// [`TreeError::Empty`], or [`TreeError::Count`] if another number of leaves was announced.
    pub fn finish(self) -> Result<([u8; 32], Multiproof), TreeError> {
        let leaves = self.leaves();
        let mut proof = self.proof;
        if let Some(expected) = proof.as_ref().map(|p| p.leaves).filter(|e| *e != leaves) {
            let found = leaves;
            return Err(TreeError::Count { expected, found });
        }
        let top = self.peaks.finish(|span, hash| {
            if let Some(proof) = &mut proof {
                proof.note(span, hash);
            }
        });
        let root = root_hash(self.domain, leaves, &top.ok_or(TreeError::Empty)?);
        let siblings = proof.map_or_else(Vec::new, |proof| proof.found);
        Ok((root, Multiproof { siblings }))
    }
}

/// Whether `indices` ascend strictly, all below `leaves`.
pub(super) fn ascending_below(indices: impl Iterator<Item = u64> + Clone, leaves: u64) -> bool {
    let next = indices.clone().skip(1);
    indices.clone().zip(next).all(|(a, b)| a < b) && indices.last().is_none_or(|i| i < leaves)
}

/// The largest subtrees without any of `indices`, left to right.
pub(super) fn siblings(leaves: u64, indices: &[u64]) -> Result<Vec<Span>, TreeError> {
    if !ascending_below(indices.iter().copied(), leaves) {
        return Err(TreeError::Indices { leaves });
    }
    let mut wanted = Vec::new();
    collect_siblings((0, leaves), indices, &mut wanted);
    Ok(wanted)
}

fn collect_siblings((start, size): Span, indices: &[u64], wanted: &mut Vec<Span>) {
    if size == 0 {
        return;
    }
    if indices.is_empty() {
        wanted.push((start, size));
        return;
    }
    if size == 1 {
        return;
    }
    let left = left_size(size);
    let (in_left, in_right) = indices.split_at(indices.partition_point(|i| *i < start + left));
    collect_siblings((start, left), in_left, wanted);
    collect_siblings((start + left, size - left), in_right, wanted);
}

/// Why leaves make no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// No leaf was added.
    #[error("a tree needs at least one leaf")]
    Empty,
    /// The indices to prove are not strictly ascending or not in the tree.
    #[error("indices to prove must ascend strictly and stay below {leaves}")]
    Indices {
        /// Number of leaves.
        leaves: u64,
    },
    /// Not as many leaves as announced.
    #[error("{expected} leaves announced, {found} added")]
    Count {
        /// Announced.
        expected: u64,
        /// Added.
        found: u64,
    },
}
