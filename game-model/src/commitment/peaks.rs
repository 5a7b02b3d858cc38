//! The right edge of a growing tree: the perfect subtrees that no later leaf changes.

use crate::tagged::Tag;

static NODE: Tag = Tag::new("narthex/node");

/// A subtree: first leaf, number of leaves.
pub(super) type Span = (u64, u64);

/// Most leaves that a saved state may claim; no tree is ever pushed that far.
pub(super) const MAX_LEAVES: u64 = 1 << 62;

pub(super) fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    NODE.start().fixed(left).fixed(right).finish()
}

/// Roots of the perfect subtrees so far, largest first. Their sizes are the bits of the number of
/// leaves, so the two together are the whole state.
#[derive(Clone, Debug, Default)]
pub(super) struct Peaks {
    leaves: u64,
    roots: Vec<[u8; 32]>,
}

impl Peaks {
    /// A state taken up again; `None` if it is not one.
    pub(super) fn from_parts(leaves: u64, roots: Vec<[u8; 32]>) -> Option<Self> {
        let fits = leaves <= MAX_LEAVES && roots.len() == leaves.count_ones() as usize;
        fits.then_some(Self { leaves, roots })
    }

    pub(super) const fn leaves(&self) -> u64 {
        self.leaves
    }

    pub(super) fn roots(&self) -> &[[u8; 32]] {
        &self.roots
    }

    /// Adds a leaf and tells `formed` every subtree that it completes, itself first.
    pub(super) fn push(&mut self, leaf: [u8; 32], mut formed: impl FnMut(Span, &[u8; 32])) {
        let (mut span, mut hash) = ((self.leaves, 1), leaf);
        formed(span, &hash);
        // Each trailing one bit is a neighbour of the same size.
        for _ in 0..self.leaves.trailing_ones() {
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
            span = (span.0 - span.1, span.1 * 2);
            formed(span, &hash);
        }
        self.roots.push(hash);
        self.leaves += 1;
    }

    /// The top of the tree, with every subtree at the right end told to `formed`; `None` without
    /// leaves. Joining from the right gives the same shape as splitting at the largest power of two.
    pub(super) fn finish(mut self, mut formed: impl FnMut(Span, &[u8; 32])) -> Option<[u8; 32]> {
        let mut hash = self.roots.pop()?;
        let mut size = 1 << self.leaves.trailing_zeros();
        let mut sizes = self.leaves ^ size;
        formed((self.leaves - size, size), &hash);
        while let Some(left) = self.roots.pop() {
            let left_size = 1 << sizes.trailing_zeros();
            sizes ^= left_size;
            size += left_size;
            hash = node_hash(&left, &hash);
            formed((self.leaves - size, size), &hash);
        }
        Some(hash)
    }
}
