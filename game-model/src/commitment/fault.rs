//! Short proofs that what a worker sealed is not what it committed to, which anybody can check.

use narthex_base::codec::{self, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::polynomial::KeyPolynomial;
use super::shape::{SealedShape, open_box, split};
use super::{
    Commitment, Domain, KeyPoints, KeyShare, Multiproof, OpenError, ProofError, ResultSecret,
    TreeBuilder, TreeError, box_hash, box_leaf,
};

/// A proof against the worker of a commitment. It stands by itself: beside the commitment nothing is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealFault {
    /// The coefficient box does not hold the coefficients. The proof shows t, which the payment has shown before.
    Coefficients {
        /// t.
        result: ResultSecret,
        /// The coefficient box.
        sealed: Vec<u8>,
    },
    /// The box of a step does not open, under its own key, to what the leaf commits to.
    Box {
        /// The step.
        index: u64,
        /// f(i + 1).
        share: KeyShare,
        /// What the share is checked against.
        points: KeyPoints,
        /// The leaf that the box is bound to.
        leaf: [u8; 32],
        /// The box.
        sealed: Vec<u8>,
        /// Proof that leaf and box are the worker's.
        proof: Multiproof,
    },
}

impl SealFault {
    /// Checks the proof.
    ///
    /// # Errors
    /// [`NoFault`]: it proves nothing against this worker.
    pub fn verify(&self, commitment: &Commitment) -> Result<(), NoFault> {
        match self {
            Self::Coefficients { result, sealed } => {
                match KeyPolynomial::from_box(commitment, result, sealed) {
                    Err(OpenError::Coefficients) => Ok(()),
                    Err(_) => Err(NoFault::Other),
                    Ok(_) => Err(NoFault::Right),
                }
            }
            Self::Box {
                index,
                share,
                points,
                leaf,
                sealed,
                proof,
            } => {
                let degree = u64::from(commitment.openings);
                if points.id() != commitment.points || points.degree() as u64 != degree {
                    return Err(NoFault::Other);
                }
                let boxed = [(*index, box_leaf(*index, leaf, &box_hash(sealed)))];
                proof.verify(Domain::Sealed, commitment.steps, &boxed, &commitment.boxes)?;
                let shares = [(*index, share)];
                let checked = points.check(&commitment.result, &shares);
                checked.map_err(|index| NoFault::Share { index })?;
                match open_box(share, &commitment.job, *index, leaf, sealed) {
                    Err(_) => Ok(()),
                    Ok(_) => Err(NoFault::Right),
                }
            }
        }
    }
}

/// Makes the proof about one box out of a second pass over the records.
#[derive(Debug)]
pub struct BoxProver {
    commitment: Commitment,
    index: u64,
    share: KeyShare,
    points: KeyPoints,
    boxes: TreeBuilder,
    found: Option<([u8; 32], Vec<u8>)>,
}

impl BoxProver {
    /// For the box of this step.
    ///
    /// # Errors
    /// [`TreeError::Indices`] if there is no such step.
    pub fn new(
        commitment: &Commitment,
        polynomial: &KeyPolynomial,
        index: u64,
    ) -> Result<Self, TreeError> {
        let leaves = commitment.steps;
        let none = TreeError::Indices { leaves };
        let share = polynomial.share(index).ok_or_else(|| none.clone())?;
        Ok(Self {
            commitment: *commitment,
            index,
            share,
            points: polynomial.points().ok_or(none)?,
            boxes: TreeBuilder::proving(Domain::Sealed, leaves, &[index])?,
            found: None,
        })
    }

    /// The next record.
    ///
    /// # Errors
    /// [`TreeError::Count`] for a record of nothing, or behind the last step.
    pub fn push(&mut self, record: &[u8]) -> Result<(), TreeError> {
        let (index, expected) = (self.boxes.leaves(), self.commitment.steps);
        let found = index.saturating_add(1);
        let (Some((leaf, sealed)), true) = (split(record), index < expected) else {
            return Err(TreeError::Count { expected, found });
        };
        if index == self.index {
            self.found = Some((*leaf, sealed.to_vec()));
        }
        self.boxes.push(box_leaf(index, leaf, &box_hash(sealed)));
        Ok(())
    }

    /// The proof, which [`SealFault::verify`] accepts if the box is garbage and the records are those committed to.
    ///
    /// # Errors
    /// [`TreeError::Count`] before the last record.
    pub fn finish(self) -> Result<SealFault, TreeError> {
        let (expected, found) = (self.commitment.steps, self.boxes.leaves());
        let (_, proof) = self.boxes.finish()?;
        let (leaf, sealed) = self.found.ok_or(TreeError::Count { expected, found })?;
        Ok(SealFault::Box {
            index: self.index,
            share: self.share,
            points: self.points,
            leaf,
            sealed,
            proof,
        })
    }
}

/// The proof about one box of a whole sealed result.
///
/// # Errors
/// [`TreeError`]: these are not as many records as there are steps, or there is no such step.
pub fn prove_box(
    commitment: &Commitment,
    output_bytes: usize,
    sealed: &[u8],
    polynomial: &KeyPolynomial,
    index: u64,
) -> Result<SealFault, TreeError> {
    let shape = SealedShape::of(commitment, output_bytes).ok_or(TreeError::Empty)?;
    let mut prover = BoxProver::new(commitment, polynomial, index)?;
    let records = sealed.get(shape.coefficient_bytes()..).unwrap_or_default();
    for record in records.chunks(shape.record_bytes()) {
        prover.push(record)?;
    }
    prover.finish()
}

const COEFFICIENTS: u8 = 1;
const BOX: u8 = 2;

impl Message for SealFault {
    const KIND: Kind = kinds::SEAL_FAULT;

    /// 1, t, length (4) and coefficient box; or 2, index (8), share, length (4) and message of the points, leaf, length
    /// (4) and box, number of siblings (4), siblings (32 each).
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Coefficients { result, sealed } => {
                w.u8(COEFFICIENTS).fixed(result.expose()).bytes(sealed);
            }
            Self::Box {
                index,
                share,
                points,
                leaf,
                sealed,
                proof,
            } => {
                w.u8(BOX).u64(*index).fixed(share.expose()).message(points);
                w.fixed(leaf).bytes(sealed);
                w.list(&proof.siblings, |w, hash| {
                    w.fixed(hash);
                });
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, codec::DecodeError> {
        match r.u8("what is wrong")? {
            COEFFICIENTS => Ok(Self::Coefficients {
                result: ResultSecret::from_bytes(r.array("result secret")?),
                sealed: r.bytes("coefficient box")?.to_vec(),
            }),
            BOX => Ok(Self::Box {
                index: r.u64("index")?,
                share: KeyShare::from_bytes(r.array("share")?),
                points: r.message("points")?,
                leaf: r.array("leaf")?,
                sealed: r.bytes("box")?.to_vec(),
                proof: Multiproof {
                    siblings: r.list("siblings", 32, |r| r.array("sibling"))?,
                },
            }),
            other => Err(codec::DecodeError::invalid("what is wrong", other)),
        }
    }
}

/// Why a proof proves nothing. Whoever brought it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoFault {
    /// It is about something else than this commitment.
    #[error("this is about another commitment, secret or step")]
    Other,
    /// The box is not the worker's.
    #[error("the box is not one of the worker's: {0}")]
    Proof(#[from] ProofError),
    /// The share is not the one of the step.
    #[error("the share is not that of step {index}")]
    Share {
        /// The step.
        index: u64,
    },
    /// What is called garbage is right.
    #[error("what was sealed is what was committed to")]
    Right,
}
