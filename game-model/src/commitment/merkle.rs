//! A Merkle tree that is built from a stream of leaves in O(log N) memory.
//!
//! The shape is that of RFC 6962: the left subtree of N leaves holds the largest power of two
//! below N. The root hash binds the number of leaves and the tree's domain, so a tree of one kind
//! or size is never another's.

use std::collections::HashMap;

use super::multiproof::Multiproof;
use crate::tagged::TaggedHasher;

/// What a tree commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The input records of a job.
    Input,
    /// The salted leaves of a worker's steps.
    Work,
}

/// A subtree: first leaf, number of leaves.
pub(super) type Span = (u64, u64);

pub(super) fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    TaggedHasher::new("narthex/node")
        .fixed(left)
        .fixed(right)
        .finish()
}

pub(super) fn root_hash(domain: Domain, leaves: u64, top: &[u8; 32]) -> [u8; 32] {
    let domain = match domain {
        Domain::Input => b"input",
        Domain::Work => b"work\0",
    };
    TaggedHasher::new("narthex/root")
        .fixed(domain)
        .number(leaves)
        .fixed(top)
        .finish()
}

/// Size of the left subtree of `size > 1` leaves.
pub(super) const fn left_size(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Takes leaves in order; gives the root and, if asked for at the start, a proof for some of them.
#[derive(Debug)]
pub struct TreeBuilder {
    domain: Domain,
    leaves: u64,
    /// Roots of the perfect subtrees so far, sizes strictly falling.
    stack: Vec<(Span, [u8; 32])>,
    /// Siblings that the proof needs, in proof order, with their hash once known.
    wanted: Vec<Span>,
    found: HashMap<Span, [u8; 32]>,
    /// Number of leaves announced by [`Self::proving`].
    expected: Option<u64>,
}

impl TreeBuilder {
    /// A tree without a proof; memory is one hash per bit of the number of leaves.
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            leaves: 0,
            stack: Vec::new(),
            wanted: Vec::new(),
            found: HashMap::new(),
            expected: None,
        }
    }

    /// A tree of `leaves` leaves that also proves the leaves at `indices`, in O(k log N) memory.
    ///
    /// # Errors
    /// [`TreeError::Indices`] unless the indices ascend strictly and lie in the tree.
    pub fn proving(domain: Domain, leaves: u64, indices: &[u64]) -> Result<Self, TreeError> {
        if !ascending_below(indices.iter().copied(), leaves) {
            return Err(TreeError::Indices { leaves });
        }
        let mut wanted = Vec::new();
        collect_siblings((0, leaves), indices, &mut wanted);
        Ok(Self {
            found: wanted.iter().map(|span| (*span, [0; 32])).collect(),
            wanted,
            expected: Some(leaves),
            ..Self::new(domain)
        })
    }

    /// Number of leaves so far.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut node = ((self.leaves, 1), leaf);
        self.leaves += 1;
        self.note(&node);
        // Two neighbours of one size make a perfect subtree of twice that size.
        while let Some(left) = self.stack.pop_if(|(span, _)| span.1 == node.0.1) {
            node = self.join(left, node);
        }
        self.stack.push(node);
    }

    /// The root and the proof (empty if none was asked for).
    ///
    /// # Errors
    /// [`TreeError::Empty`], or [`TreeError::Count`] if another number of leaves was announced.
    pub fn finish(mut self) -> Result<([u8; 32], Multiproof), TreeError> {
        if let Some(expected) = self.expected.filter(|expected| *expected != self.leaves) {
            let found = self.leaves;
            return Err(TreeError::Count { expected, found });
        }
        // Joining from the right gives the same shape as splitting at the largest power of two.
        let mut top = self.stack.pop().ok_or(TreeError::Empty)?;
        while let Some(left) = self.stack.pop() {
            top = self.join(left, top);
        }
        let siblings = self
            .wanted
            .iter()
            .filter_map(|span| self.found.get(span))
            .copied()
            .collect();
        let root = root_hash(self.domain, self.leaves, &top.1);
        Ok((root, Multiproof { siblings }))
    }

    fn join(&mut self, left: (Span, [u8; 32]), right: (Span, [u8; 32])) -> (Span, [u8; 32]) {
        let span = (left.0.0, left.0.1 + right.0.1);
        let node = (span, node_hash(&left.1, &right.1));
        self.note(&node);
        node
    }

    fn note(&mut self, (span, hash): &(Span, [u8; 32])) {
        if let Some(slot) = self.found.get_mut(span) {
            *slot = *hash;
        }
    }
}

/// Whether `indices` ascend strictly, all below `leaves`.
pub(super) fn ascending_below(indices: impl Iterator<Item = u64> + Clone, leaves: u64) -> bool {
    let next = indices.clone().skip(1);
    indices.clone().zip(next).all(|(a, b)| a < b) && indices.last().is_none_or(|i| i < leaves)
}

/// The largest subtrees without any of `indices`, left to right.
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
