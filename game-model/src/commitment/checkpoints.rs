//! One level of the tree, kept, so that leaves can be opened without hashing all of them again.
//!
//! The leaves are taken in groups of 2^level; of each group its top is kept: N/2^level hashes. In
//! the shape of RFC 6962 the tops are the leaves of the same tree over groups, whatever N is. A proof
//! then needs, beside them, only the leaves of the groups that hold an opened one; the caller reads
//! or recomputes those.

use std::ops::Range;

use narthex_base::codec::Reader;

use super::merkle::{Domain, TreeError, root_hash, siblings};
use super::multiproof::Multiproof;
use super::peaks::{Peaks, Span};
use super::saved::{VERSION, check_seal, field, header, leaves, seal};
use super::wire::DecodeError;

/// Largest level: more leaves a group than 2²⁰ would make each opening a long computation.
const MAX_LEVEL: u32 = 20;
const BUILDER_TAG: &str = "narthex/checkpoints-state";
const CHECKPOINTS_TAG: &str = "narthex/checkpoints";

/// The level at which a proof for `openings` of `leaves` leaves costs least: about as many hashes to
/// keep as leaves to look at, √(N·k) each.
pub fn checkpoint_level(leaves: u64, openings: u32) -> u32 {
    let ratio = leaves / u64::from(openings).max(1);
    (ratio.max(1).ilog2() / 2).min(MAX_LEVEL)
}

/// A [`TreeBuilder`](super::TreeBuilder) that also keeps [`Checkpoints`].
#[derive(Clone, Debug)]
pub struct CheckpointBuilder {
    domain: Domain,
    level: u32,
    peaks: Peaks,
    tops: Vec<[u8; 32]>,
}

impl CheckpointBuilder {
    /// Keeps the top of every group of 2^`level` leaves ([`checkpoint_level`] finds a good one;
    /// levels above 20 count as 20).
    pub fn new(domain: Domain, level: u32) -> Self {
        Self {
            domain,
            level: level.min(MAX_LEVEL),
            peaks: Peaks::default(),
            tops: Vec::new(),
        }
    }

    /// Number of leaves so far.
    pub const fn leaves(&self) -> u64 {
        self.peaks.leaves()
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let group = 1 << self.level;
        self.peaks.push(leaf, |(_, size), hash| {
            if size == group {
                self.tops.push(*hash);
            }
        });
    }

    /// The tree's checkpoints, its root among them.
    ///
    /// # Errors
    /// [`TreeError::Empty`] without leaves.
    pub fn finish(self) -> Result<Checkpoints, TreeError> {
        let leaves = self.leaves();
        let whole = leaves >> self.level << self.level;
        let rest = (whole, leaves - whole);
        let mut tops = self.tops;
        let top = self.peaks.finish(|span, hash| {
            if span == rest {
                tops.push(*hash);
            }
        });
        let top = top.ok_or(TreeError::Empty)?;
        Ok(Checkpoints {
            domain: self.domain,
            level: self.level,
            leaves,
            tops,
            root: root_hash(self.domain, leaves, &top),
        })
    }

    /// All that the builder holds, as canonical bytes.
    ///
    /// Template, numbers big-endian: version 1, domain, level, number of leaves (8), tops of whole
    /// groups (32 each), roots of the perfect subtrees of the group begun, largest first (32 each);
    /// tagged hash of all that.
    pub fn save(&self) -> Vec<u8> {
        let mut out = self.preamble();
        out.extend(self.tops.as_flattened());
        let small = self.small_peaks(self.leaves());
        let begun = self.peaks.roots().len() - small;
        out.extend(self.peaks.roots()[begun..].as_flattened());
        seal(out, BUILDER_TAG)
    }

    /// Takes up a saved builder.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not such a state, whole and unaltered.
    pub fn resume(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::plain(bytes);
        let (domain, level, leaves) = read_preamble(&mut reader)?;
        let mut builder = Self::new(domain, level);
        builder.tops = reader.arrays("tops", leaves >> level)?;
        let small = builder.small_peaks(leaves) as u64;
        let begun: Vec<[u8; 32]> = reader.arrays("subtrees", small)?;
        check_seal(bytes, reader, BUILDER_TAG)?;
        let mut roots = Peaks::default();
        builder
            .tops
            .iter()
            .for_each(|top| roots.push(*top, |_, _| ()));
        let roots = [roots.roots(), &begun].concat();
        builder.peaks = Peaks::from_parts(leaves, roots)
            .ok_or(DecodeError::Contradiction("not one subtree for each bit"))?;
        Ok(builder)
    }

    /// Number of perfect subtrees in the group begun.
    fn small_peaks(&self, leaves: u64) -> usize {
        (leaves & ((1 << self.level) - 1)).count_ones() as usize
    }

    fn preamble(&self) -> Vec<u8> {
        preamble(self.domain, self.level, self.leaves())
    }
}

/// What proofs for any leaves are made from, beside the leaves of their groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    domain: Domain,
    level: u32,
    leaves: u64,
    /// Top of each group; the last may be of fewer leaves.
    tops: Vec<[u8; 32]>,
    root: [u8; 32],
}

impl Checkpoints {
    /// Root of the tree.
    pub const fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Number of leaves.
    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Canonical bytes: version 1, domain, level, number of leaves (8, big-endian), tops (32 each),
    /// tagged hash of all that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = preamble(self.domain, self.level, self.leaves);
        out.extend(self.tops.as_flattened());
        seal(out, CHECKPOINTS_TAG)
    }

    /// Reads them back; the root is computed anew. Compare it with that of the commitment.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not checkpoints, whole and unaltered.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::plain(bytes);
        let (domain, level, leaves) = read_preamble(&mut reader)?;
        let tops: Vec<_> = reader.arrays("tops", leaves.div_ceil(1 << level))?;
        check_seal(bytes, reader, CHECKPOINTS_TAG)?;
        let top = fold(&tops).ok_or_else(|| field("number of leaves", leaves))?;
        Ok(Self {
            root: root_hash(domain, leaves, &top),
            domain,
            level,
            leaves,
            tops,
        })
    }

    /// A proof for the leaves at `indices`, the same that
    /// [`TreeBuilder::proving`](super::TreeBuilder::proving) gives.
    ///
    /// `leaf` is asked, in ascending order, for the leaves of the groups that hold one of them: at
    /// most k·2^level. Memory is O(k log N).
    ///
    /// # Errors
    /// [`CheckpointError`]; an error of `leaf` comes back as it is.
    pub fn prove<E>(
        &self,
        indices: &[u64],
        mut leaf: impl FnMut(u64) -> Result<[u8; 32], E>,
    ) -> Result<Multiproof, CheckpointError<E>> {
        let wanted = siblings(self.leaves, indices)?;
        let mut found = Vec::with_capacity(wanted.len());
        while let Some(span) = wanted.get(found.len()) {
            if let Some(groups) = self.whole_groups(*span) {
                let tops = self.tops.get(groups).and_then(fold);
                found.push(tops.ok_or(TreeError::Empty)?);
            } else {
                self.open_group(span.0 >> self.level, &wanted, &mut found, &mut leaf)?;
            }
        }
        Ok(Multiproof { siblings: found })
    }

    /// The groups that a subtree consists of, unless it is a part of one.
    fn whole_groups(&self, (start, size): Span) -> Option<Range<usize>> {
        let group = 1 << self.level;
        let end = start + size;
        let whole = start % group == 0 && (end % group == 0 || end == self.leaves);
        let index = |leaf: u64| usize::try_from(leaf.div_ceil(group)).ok();
        whole.then(|| Some(index(start)?..index(end)?)).flatten()
    }

    /// Hashes one group anew and takes its subtrees among `wanted`, which are the next ones.
    fn open_group<E>(
        &self,
        group: u64,
        wanted: &[Span],
        found: &mut Vec<[u8; 32]>,
        leaf: &mut impl FnMut(u64) -> Result<[u8; 32], E>,
    ) -> Result<(), CheckpointError<E>> {
        let first = group << self.level;
        let end = self.leaves.min(first + (1 << self.level));
        let before = found.len();
        let mut note = |(start, size): Span, hash: &[u8; 32]| {
            if wanted.get(found.len()) == Some(&(first + start, size)) {
                found.push(*hash);
            }
        };
        let mut peaks = Peaks::default();
        for index in first..end {
            peaks.push(leaf(index).map_err(CheckpointError::Leaf)?, &mut note);
        }
        let top = peaks.finish(&mut note);
        let kept = usize::try_from(group).ok().and_then(|g| self.tops.get(g));
        // A subtree that never comes up would make the caller ask for ever.
        if top.is_none() || top.as_ref() != kept || found.len() == before {
            let last = end - 1;
            return Err(CheckpointError::Changed { first, last });
        }
        Ok(())
    }
}

/// The top of a tree over these.
fn fold(tops: &[[u8; 32]]) -> Option<[u8; 32]> {
    let mut peaks = Peaks::default();
    tops.iter().for_each(|top| peaks.push(*top, |_, _| ()));
    peaks.finish(|_, _| ())
}

fn preamble(domain: Domain, level: u32, leaves: u64) -> Vec<u8> {
    // A level is at most 20.
    let mut out = vec![VERSION, domain.code(), level as u8];
    out.extend_from_slice(&leaves.to_be_bytes());
    out
}

fn read_preamble(reader: &mut Reader<'_>) -> Result<(Domain, u32, u64), DecodeError> {
    let domain = header(reader)?;
    let level = u32::from(reader.u8("level")?);
    if level > MAX_LEVEL {
        return Err(field("level", level.into()));
    }
    Ok((domain, level, leaves(reader)?))
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError<E> {
    /// The indices make no sense.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A leaf could not be had.
    #[error("a leaf is missing: {0}")]
    Leaf(E),
    /// The leaves of a group are not those that were committed to: what they are made from has
    /// changed since.
    #[error("leaves {first} to {last} are not those committed to")]
    Changed {
        /// First leaf of the group.
        first: u64,
        /// Last leaf of the group.
        last: u64,
    },
}
