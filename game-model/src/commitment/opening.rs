//! Leaves that a worker opened, with the keys of their boxes and one proof for all of each.

use narthex_base::codec::{self, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use serde::{Deserialize, Serialize};

use super::shape::{BoxError, open_box};
use super::{
    Commitment, Domain, KeyPoints, KeyShare, Multiproof, ProofError, box_hash, box_leaf, work_leaf,
};
use crate::caps::{MAX_OPENINGS, MAX_OUTPUT_BYTES};
use crate::tagged::tagged_hash;

/// One opened leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafOpening {
    /// Index of the step.
    pub index: u64,
    /// Salt of the leaf.
    #[serde(with = "narthex_base::hex::array")]
    pub salt: [u8; 32],
    /// Digest of the step's output as the worker committed to it.
    #[serde(with = "narthex_base::hex::array")]
    pub digest: [u8; 32],
    /// f(i + 1), which opens the box.
    pub share: KeyShare,
    /// The step's box.
    pub sealed: Boxed,
}

/// A step's box, or its hash where evidence is about another step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boxed {
    /// The box.
    Whole(#[serde(with = "narthex_base::hex")] Vec<u8>),
    /// [`box_hash`] of it.
    Hash(#[serde(with = "narthex_base::hex::array")] [u8; 32]),
}

impl Boxed {
    /// [`box_hash`] of the box.
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::Whole(sealed) => box_hash(sealed),
            Self::Hash(hash) => *hash,
        }
    }
}

impl LeafOpening {
    /// The leaf of the worker's tree.
    pub fn leaf(&self) -> [u8; 32] {
        work_leaf(self.index, &self.salt, &self.digest)
    }

    /// Whether the box opens under the share to what the leaf commits to; `None` if the opening has no box, but its hash.
    /// It says something about the worker only after [`Opening::verify`].
    pub fn check_box(&self, commitment: &Commitment) -> Option<Result<(), BoxError>> {
        let Boxed::Whole(sealed) = &self.sealed else {
            return None;
        };
        let (job, leaf) = (&commitment.job, self.leaf());
        Some(open_box(&self.share, job, self.index, &leaf, sealed).map(drop))
    }
}

/// Some leaves of a commitment, with all that shows that they, their keys and their boxes are the worker's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Opened leaves by ascending index.
    pub leaves: Vec<LeafOpening>,
    /// Proof that they are in the tree of leaves.
    pub proof: Multiproof,
    /// Proof that their boxes are in the tree of boxes.
    pub boxes: Multiproof,
    /// What the shares are checked against.
    pub points: KeyPoints,
}

impl Opening {
    /// Checks the opening against the commitment; it may open any set of steps. What the boxes hold is another question
    /// ([`Self::bad_box`]): a worker that opens garbage has opened.
    ///
    /// # Errors
    /// [`OpeningFault`]: the worker has not opened these steps.
    pub fn verify(&self, commitment: &Commitment) -> Result<(), OpeningFault> {
        let (leaves, boxes): (Vec<_>, Vec<_>) = self
            .leaves
            .iter()
            .map(|opened| {
                let (index, leaf) = (opened.index, opened.leaf());
                let boxed = box_leaf(index, &leaf, &opened.sealed.hash());
                ((index, leaf), (index, boxed))
            })
            .unzip();
        let steps = commitment.steps;
        self.proof
            .verify(Domain::Work, steps, &leaves, &commitment.root)?;
        self.boxes
            .verify(Domain::Sealed, steps, &boxes, &commitment.boxes)
            .map_err(OpeningFault::Boxes)?;
        let (found, most) = (self.points.degree(), commitment.openings);
        if self.points.id() != commitment.points || found as u64 != u64::from(most) {
            return Err(OpeningFault::Points);
        }
        if self.leaves.len() as u64 > u64::from(most) {
            let found = self.leaves.len();
            return Err(OpeningFault::TooMany { found, most });
        }
        self.points
            .check(&commitment.result, &self.shares())
            .map_err(|index| OpeningFault::Share { index })
    }

    /// The opened shares: with t, and if they are d, they give every key
    /// ([`KeyPolynomial::from_shares`](super::KeyPolynomial::from_shares)).
    pub fn shares(&self) -> Vec<(u64, &KeyShare)> {
        let leaves = self.leaves.iter();
        leaves.map(|leaf| (leaf.index, &leaf.share)).collect()
    }

    /// The first step whose box is garbage, with what is wrong with it. Boxes that the opening does not have are not
    /// looked at ([`Self::missing_box`]).
    pub fn bad_box(&self, commitment: &Commitment) -> Option<(u64, BoxError)> {
        let error = |leaf: &LeafOpening| Some((leaf.index, leaf.check_box(commitment)?.err()?));
        self.leaves.iter().find_map(error)
    }

    /// The first step whose box the opening does not have.
    pub fn missing_box(&self) -> Option<u64> {
        let missing = |leaf: &&LeafOpening| matches!(leaf.sealed, Boxed::Hash(_));
        self.leaves.iter().find(missing).map(|leaf| leaf.index)
    }

    /// The same opening with the box of this step alone, as evidence about it. It has the same [`Self::id`] and proves the
    /// same of leaves and keys.
    #[must_use]
    pub fn about(self, index: u64) -> Self {
        self.with_box(Some(index))
    }

    fn with_box(mut self, index: Option<u64>) -> Self {
        for leaf in &mut self.leaves {
            if Some(leaf.index) != index {
                leaf.sealed = Boxed::Hash(leaf.sealed.hash());
            }
        }
        self
    }

    /// The opened leaf of a step.
    pub fn leaf(&self, index: u64) -> Option<&LeafOpening> {
        let position = self
            .leaves
            .binary_search_by_key(&index, |leaf| leaf.index)
            .ok()?;
        self.leaves.get(position)
    }

    /// The opened digest of a step.
    pub fn digest(&self, index: u64) -> Option<[u8; 32]> {
        self.leaf(index).map(|leaf| leaf.digest)
    }

    /// What a receipt for the opening names: hash of its bytes with the hashes of all boxes.
    pub fn id(&self) -> [u8; 32] {
        let hashes = self.clone().with_box(None);
        tagged_hash("narthex/opening", &hashes.to_bytes())
    }
}

impl Message for Opening {
    const KIND: Kind = kinds::OPENING;

    /// Number of leaves (4); of each index (8), salt (32), digest (32), share (32), 0 and hash of the box or 1,
    /// length (4) and box; number of siblings (4) and siblings (32 each) in the tree of leaves, then in that of boxes; length (4) and message of the
    /// points.
    fn write(&self, w: &mut Writer) {
        w.list(&self.leaves, |w, leaf| {
            w.u64(leaf.index).fixed(&leaf.salt).fixed(&leaf.digest);
            w.fixed(leaf.share.expose());
            match &leaf.sealed {
                Boxed::Hash(hash) => w.flag(false).fixed(hash),
                Boxed::Whole(sealed) => w.flag(true).bytes(sealed),
            };
        });
        for proof in [&self.proof, &self.boxes] {
            w.list(&proof.siblings, |w, hash| {
                w.fixed(hash);
            });
        }
        w.message(&self.points);
    }

    /// It proves nothing before [`Opening::verify`].
    fn read(r: &mut Reader<'_>) -> Result<Self, codec::DecodeError> {
        let leaf = |r: &mut Reader<'_>| {
            Ok(LeafOpening {
                index: r.u64("index")?,
                salt: r.array("salt")?,
                digest: r.array("digest")?,
                share: KeyShare::from_bytes(r.array("share")?),
                sealed: match r.flag("whether there is the box")? {
                    false => Boxed::Hash(r.array("hash of the box")?),
                    true => Boxed::Whole(r.bytes_up_to("box", MAX_OUTPUT_BYTES + 48)?.to_vec()),
                },
            })
        };
        let leaves = r.list_up_to("leaves", 109, MAX_OPENINGS as usize, leaf)?;
        let mut proof = || {
            let siblings = r.list("siblings", 32, |r| r.array("sibling"))?;
            Ok::<_, codec::DecodeError>(Multiproof { siblings })
        };
        let (proof, boxes) = (proof()?, proof()?);
        Ok(Self {
            leaves,
            proof,
            boxes,
            points: r.message("points")?,
        })
    }
}

/// Why an opening opens nothing. The worker is at fault: it has not opened what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningFault {
    /// The leaves are not in the tree.
    #[error("the opened leaves are not in the worker's tree: {0}")]
    Leaves(#[from] ProofError),
    /// The boxes are not those committed to, or are for other leaves.
    #[error("the boxes of the opened leaves are not in the worker's tree of boxes: {0}")]
    Boxes(#[source] ProofError),
    /// The points are not those committed to.
    #[error("the points of the worker's keys are not those of its commitment")]
    Points,
    /// More steps than the worker may ever open.
    #[error("{found} opened steps, where at most {most} are ever opened")]
    TooMany {
        /// Steps opened.
        found: usize,
        /// d.
        most: u32,
    },
    /// The share of a step is not the one committed to.
    #[error("the share of step {index} is not the one that the worker committed to")]
    Share {
        /// The first such step.
        index: u64,
    },
}
