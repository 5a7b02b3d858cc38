//! Making an opening out of a pass over what a worker committed to.

use super::{
    AllowedOpening, Boxed, Commitment, Domain, KeyError, KeyPoints, KeyPolynomial, LeafOpening,
    Opening, TreeBuilder, TreeError, box_leaf, work_leaf,
};

/// Takes the steps in order and keeps what is opened, with the proofs. Only steps out of the commitment's
/// [`OpeningBook`](super::OpeningBook) are opened, so that there are never more of them than keep the result secret.
#[derive(Debug)]
pub struct Opener<'a> {
    commitment: Commitment,
    polynomial: &'a KeyPolynomial,
    points: KeyPoints,
    wanted: &'a [u64],
    opened: Vec<LeafOpening>,
    leaves: TreeBuilder,
    boxes: TreeBuilder,
}

impl<'a> Opener<'a> {
    /// For these steps.
    ///
    /// # Errors
    /// [`OpenerError`] for steps or keys of another commitment.
    pub fn new(
        commitment: &Commitment,
        allowed: &'a AllowedOpening,
        polynomial: &'a KeyPolynomial,
    ) -> Result<Self, OpenerError> {
        let points = polynomial.points().ok_or(OpenerError::OtherKeys)?;
        if !allowed.is_of(commitment) {
            return Err(OpenerError::OtherBook);
        }
        if points.id() != commitment.points {
            return Err(OpenerError::OtherKeys);
        }
        let (steps, wanted) = (commitment.steps, allowed.indices());
        Ok(Self {
            commitment: *commitment,
            polynomial,
            points,
            wanted,
            opened: Vec::with_capacity(wanted.len()),
            leaves: TreeBuilder::proving(Domain::Work, steps, wanted)?,
            boxes: TreeBuilder::proving(Domain::Sealed, steps, wanted)?,
        })
    }

    /// The next step: salt and digest of its leaf, and its box.
    ///
    /// # Errors
    /// [`KeyError`] for a step that has no key.
    pub fn push(
        &mut self,
        salt: [u8; 32],
        digest: [u8; 32],
        sealed: Boxed,
    ) -> Result<(), KeyError> {
        let index = self.leaves.leaves();
        let leaf = work_leaf(index, &salt, &digest);
        self.leaves.push(leaf);
        self.boxes.push(box_leaf(index, &leaf, &sealed.hash()));
        if self.wanted.get(self.opened.len()) == Some(&index) {
            let share = self.polynomial.share(index);
            self.opened.push(LeafOpening {
                index,
                salt,
                digest,
                share: share.ok_or(KeyError::Index { index })?,
                sealed,
            });
        }
        Ok(())
    }

    /// The opening, after the last step.
    ///
    /// # Errors
    /// [`OpenerError::OtherRoot`] if the steps are not those committed to: an opening of others would be held against the
    /// worker.
    pub fn finish(self) -> Result<Opening, OpenerError> {
        let (root, proof) = self.leaves.finish()?;
        let (sealed, boxes) = self.boxes.finish()?;
        if (root, sealed) != (self.commitment.root, self.commitment.boxes) {
            return Err(OpenerError::OtherRoot);
        }
        Ok(Opening {
            leaves: self.opened,
            proof,
            boxes,
            points: self.points,
        })
    }
}

/// Why nothing is opened. Whoever asked for it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenerError {
    /// The steps are out of the book of another commitment.
    #[error("these steps were allowed for another commitment")]
    OtherBook,
    /// The keys are of another commitment.
    #[error("these keys are of another commitment")]
    OtherKeys,
    /// Outputs, salts or boxes are not those committed to.
    #[error("outputs, salts or boxes are not those that were committed to")]
    OtherRoot,
    /// No such leaves.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// No such keys.
    #[error(transparent)]
    Key(#[from] KeyError),
}
