//! Checking a sealed result against its commitment, and opening it, record by record.

use narthex_base::kinds;
use secp256k1::PublicKey;

use super::polynomial::{KeyError, KeyPolynomial, Shares};
use super::saved::seal;
use super::sealing::{coefficients_id, resume_trees, save_trees};
use super::shape::{BoxError, SealedShape, open_box, split};
use super::wire::DecodeError;
use super::{Commitment, Domain, KeyShare, ResultSecret, TreeBuilder, box_hash, box_leaf};

const CHECKSUM_TAG: &str = "narthex/unsealer-state";

impl KeyPolynomial {
    /// The polynomial of a commitment from its coefficient box, for whoever has the result secret.
    ///
    /// # Errors
    /// [`OpenError::OtherSecret`] and [`OpenError::OtherCoefficients`] for what is not the commitment's;
    /// [`OpenError::Coefficients`] if the worker's box holds no such polynomial: then d shares that were opened give it.
    pub fn from_box(
        commitment: &Commitment,
        result: &ResultSecret,
        sealed: &[u8],
    ) -> Result<Self, OpenError> {
        check_secret(commitment, result)?;
        if coefficients_id(sealed) != commitment.coefficients {
            return Err(OpenError::OtherCoefficients);
        }
        Self::unseal(result, &commitment.job, &commitment.points, sealed)
            .filter(|f| is_of(f, commitment))
            .ok_or(OpenError::Coefficients)
    }

    /// The polynomial of a commitment from t and d shares that the worker has opened, whatever its coefficient box holds.
    ///
    /// # Errors
    /// [`OpenError::OtherSecret`]; [`OpenError::Shares`] for fewer or more than d shares, or such as were never checked
    /// ([`Opening::verify`](super::Opening::verify)) and are not the commitment's.
    pub fn from_shares(
        commitment: &Commitment,
        result: &ResultSecret,
        shares: &[(u64, &KeyShare)],
    ) -> Result<Self, OpenError> {
        check_secret(commitment, result)?;
        if shares.len() as u64 != u64::from(commitment.openings) {
            let (found, needed) = (shares.len(), commitment.openings);
            return Err(OpenError::Shares { found, needed });
        }
        let polynomial = Self::interpolate(result, shares)?;
        match is_of(&polynomial, commitment) {
            true => Ok(polynomial),
            false => Err(OpenError::OtherShares),
        }
    }
}

fn check_secret(commitment: &Commitment, result: &ResultSecret) -> Result<(), OpenError> {
    let point: Option<PublicKey> = result.point();
    match point == Some(commitment.result) {
        true => Ok(()),
        false => Err(OpenError::OtherSecret),
    }
}

fn is_of(polynomial: &KeyPolynomial, commitment: &Commitment) -> bool {
    polynomial.degree() == commitment.openings
        && polynomial
            .points()
            .is_some_and(|points| points.id() == commitment.points)
}

/// A sealed result that was checked against its commitment to the last record: only [`SealedCheck::finish`] makes one. What
/// acknowledges the data is made of it ([`Received::data`](crate::ruling::Received::data)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedData {
    root: [u8; 32],
}

impl SealedData {
    /// The root of record whose boxes these are: [`Commitment::id`].
    pub const fn root(&self) -> &[u8; 32] {
        &self.root
    }
}

/// Checks a sealed result without any key: that it is what was committed to, and that its boxes and the tree of leaves
/// speak of the same steps. Who signs a receipt for the data has done this, and can sign none otherwise ([`SealedData`]).
///
/// It takes the records in order and holds one hash for each bit of their number.
#[derive(Debug)]
pub struct SealedCheck {
    commitment: Commitment,
    shape: SealedShape,
    leaves: TreeBuilder,
    boxes: TreeBuilder,
}

impl SealedCheck {
    /// Of the result of this commitment, from its coefficient box on.
    ///
    /// # Errors
    /// [`OpenError::OtherCoefficients`]; [`OpenError::Shape`] for a commitment that no such outputs have.
    pub fn new(
        commitment: &Commitment,
        output_bytes: usize,
        coefficients: &[u8],
    ) -> Result<Self, OpenError> {
        if coefficients_id(coefficients) != commitment.coefficients {
            return Err(OpenError::OtherCoefficients);
        }
        let trees = [Domain::Work, Domain::Sealed].map(TreeBuilder::new);
        Self::at(commitment, output_bytes, trees)
    }

    fn at(
        commitment: &Commitment,
        output_bytes: usize,
        [leaves, boxes]: [TreeBuilder; 2],
    ) -> Result<Self, OpenError> {
        Ok(Self {
            commitment: *commitment,
            shape: SealedShape::of(commitment, output_bytes).ok_or(OpenError::Shape)?,
            leaves,
            boxes,
        })
    }

    /// Number of records so far.
    pub fn records(&self) -> u64 {
        self.boxes.leaves()
    }

    /// The next record.
    ///
    /// # Errors
    /// [`OpenError::Record`] for another length, or one more than there are steps.
    pub fn push(&mut self, record: &[u8]) -> Result<(), OpenError> {
        let index = self.records();
        let wrong = OpenError::Record { index };
        if record.len() != self.shape.record_bytes() || index >= self.shape.steps() {
            return Err(wrong);
        }
        let (leaf, sealed) = split(record).ok_or(wrong)?;
        self.leaves.push(*leaf);
        self.boxes.push(box_leaf(index, leaf, &box_hash(sealed)));
        Ok(())
    }

    /// After the last record.
    ///
    /// # Errors
    /// [`OpenError::Record`] before it; [`OpenError::NotTheBoxes`] if these are not the boxes committed to;
    /// [`OpenError::NotTheWork`] if they are, and stand beside other leaves than those of the worker's tree.
    pub fn finish(self) -> Result<SealedData, OpenError> {
        let index = self.records();
        let (Ok((leaves, _)), Ok((boxes, _))) = (self.leaves.finish(), self.boxes.finish()) else {
            return Err(OpenError::Record { index });
        };
        if index != self.commitment.steps {
            return Err(OpenError::Record { index });
        }
        if boxes != self.commitment.boxes {
            return Err(OpenError::NotTheBoxes);
        }
        match leaves == self.commitment.root {
            true => Ok(SealedData {
                root: self.commitment.id(),
            }),
            false => Err(OpenError::NotTheWork),
        }
    }
}

/// Opens the boxes one by one. An output counts when [`Self::finish`] has found that the boxes are those committed to;
/// whoever wants to know before checks them first ([`SealedCheck`]).
///
/// What it holds does not grow with their number; it can be saved between any two, without a secret in what is saved.
#[derive(Debug)]
pub struct Unsealer {
    check: SealedCheck,
    shares: Shares,
}

impl Unsealer {
    /// From the first record on. The polynomial says which coefficient box it is out of.
    ///
    /// # Errors
    /// [`OpenError::Shape`]; [`OpenError::OtherShares`] for the polynomial of another commitment.
    pub fn new(
        commitment: &Commitment,
        output_bytes: usize,
        polynomial: &KeyPolynomial,
    ) -> Result<Self, OpenError> {
        let trees = [Domain::Work, Domain::Sealed].map(TreeBuilder::new);
        Self::at(commitment, output_bytes, polynomial, trees)
    }

    fn at(
        commitment: &Commitment,
        output_bytes: usize,
        polynomial: &KeyPolynomial,
        trees: [TreeBuilder; 2],
    ) -> Result<Self, OpenError> {
        if !is_of(polynomial, commitment) {
            return Err(OpenError::OtherShares);
        }
        let check = SealedCheck::at(commitment, output_bytes, trees)?;
        Ok(Self {
            shares: polynomial.shares(check.records()),
            check,
        })
    }

    /// Number of records so far.
    pub fn records(&self) -> u64 {
        self.check.records()
    }

    /// The output in the next record.
    ///
    /// # Errors
    /// [`OpenError::Record`], after which the same record can be given again; [`OpenError::Box`] for a box of garbage,
    /// which is passed over: the next record can follow.
    pub fn push(&mut self, record: &[u8]) -> Result<Vec<u8>, OpenError> {
        let index = self.records();
        self.check.push(record)?;
        let wrong = OpenError::Record { index };
        let (Some((leaf, sealed)), Some(share)) = (split(record), self.shares.next()) else {
            return Err(wrong);
        };
        let job = &self.check.commitment.job;
        open_box(&share, job, index, leaf, sealed).map_err(|why| OpenError::Box { index, why })
    }

    /// After the last record.
    ///
    /// # Errors
    /// As for [`SealedCheck::finish`].
    pub fn finish(self) -> Result<(), OpenError> {
        self.check.finish().map(drop)
    }

    /// All that is needed to go on, beside the polynomial; as [`Sealer::save`](super::Sealer::save), with a kind of its
    /// own.
    pub fn save(&self) -> Vec<u8> {
        let check = &self.check;
        let body = save_trees(kinds::UNSEALER, &check.leaves, &check.boxes);
        seal(body, CHECKSUM_TAG)
    }

    /// Goes on with what was saved; the next record is number [`Self::records`].
    ///
    /// # Errors
    /// [`OpenError::Saved`] for bytes that are not such a state, else as for [`Self::new`].
    pub fn resume(
        commitment: &Commitment,
        output_bytes: usize,
        polynomial: &KeyPolynomial,
        bytes: &[u8],
    ) -> Result<Self, OpenError> {
        let trees = resume_trees(kinds::UNSEALER, CHECKSUM_TAG, commitment.steps, bytes)?;
        Self::at(commitment, output_bytes, polynomial, trees)
    }
}

/// Opens a whole sealed result with the result secret and checks it against everything the worker committed to. Gives the
/// outputs of all steps, one after the other.
///
/// # Errors
/// See [`OpenError`]; [`OpenError::convicts_worker`] says which are proofs against the worker.
pub fn open(
    commitment: &Commitment,
    output_bytes: usize,
    sealed: &[u8],
    result: &ResultSecret,
) -> Result<Vec<u8>, OpenError> {
    let (coefficients, records, _) = check_whole(commitment, output_bytes, sealed)?;
    let polynomial = KeyPolynomial::from_box(commitment, result, coefficients)?;
    open_records(commitment, output_bytes, records, &polynomial)
}

/// As [`open`], with a polynomial that came otherwise ([`KeyPolynomial::from_shares`]).
///
/// # Errors
/// As for [`open`].
pub fn open_with(
    commitment: &Commitment,
    output_bytes: usize,
    sealed: &[u8],
    polynomial: &KeyPolynomial,
) -> Result<Vec<u8>, OpenError> {
    let (_, records, _) = check_whole(commitment, output_bytes, sealed)?;
    open_records(commitment, output_bytes, records, polynomial)
}

/// Checks a whole sealed result against its commitment, without any key ([`SealedCheck`]).
///
/// # Errors
/// [`OpenError`]: it is not what was committed to, or the worker committed to what is none.
pub fn check_sealed(
    commitment: &Commitment,
    output_bytes: usize,
    sealed: &[u8],
) -> Result<SealedData, OpenError> {
    let (_, _, data) = check_whole(commitment, output_bytes, sealed)?;
    Ok(data)
}

/// Coefficient box and records of what was committed to, so that whatever fails later is the worker's.
fn check_whole<'a>(
    commitment: &Commitment,
    output_bytes: usize,
    sealed: &'a [u8],
) -> Result<(&'a [u8], &'a [u8], SealedData), OpenError> {
    let shape = SealedShape::of(commitment, output_bytes).ok_or(OpenError::Shape)?;
    if sealed.len() as u64 != shape.total_bytes() {
        return Err(OpenError::Length {
            found: sealed.len() as u64,
            expected: shape.total_bytes(),
        });
    }
    let (coefficients, records) = sealed.split_at(shape.coefficient_bytes());
    let mut check = SealedCheck::new(commitment, output_bytes, coefficients)?;
    for record in records.chunks(shape.record_bytes()) {
        check.push(record)?;
    }
    let data = check.finish()?;
    Ok((coefficients, records, data))
}

fn open_records(
    commitment: &Commitment,
    output_bytes: usize,
    records: &[u8],
    polynomial: &KeyPolynomial,
) -> Result<Vec<u8>, OpenError> {
    let mut unsealer = Unsealer::new(commitment, output_bytes, polynomial)?;
    let width = unsealer.check.shape.record_bytes();
    let mut outputs = Vec::new();
    for record in records.chunks(width) {
        outputs.append(&mut unsealer.push(record)?);
    }
    Ok(outputs)
}

/// Why a sealed result and a secret give no outputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not as long as the commitment says. Nobody's fault but of whoever handed it over.
    #[error("a sealed result of {found} bytes, where this commitment's has {expected}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes of the one committed to.
        expected: u64,
    },
    /// The coefficient box is not the one committed to. Of whoever handed it over.
    #[error("this is not the coefficient box of the commitment")]
    OtherCoefficients,
    /// A record is missing, one too many, or of another length. Of whoever handed it over.
    #[error(
        "record {index} is not one of this commitment's: it is missing, too many or of another length"
    )]
    Record {
        /// Its number.
        index: u64,
    },
    /// The boxes are not those committed to. Of whoever handed them over.
    #[error("these are not the boxes of the commitment")]
    NotTheBoxes,
    /// The secret has another point. Of whoever brought it.
    #[error("the secret is not the one whose point is in the commitment")]
    OtherSecret,
    /// Not d shares. Of whoever brought them.
    #[error("{found} shares, where {needed} and the result secret give the keys")]
    Shares {
        /// Shares found.
        found: usize,
        /// d.
        needed: u32,
    },
    /// The shares, or the polynomial, are not the commitment's. Of whoever brought them without checking.
    #[error("the keys are not those of the commitment")]
    OtherShares,
    /// Shares that no polynomial has.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was saved is no state of opening this result.
    #[error(transparent)]
    Saved(#[from] DecodeError),
    /// The worker committed to sizes that no result of the job has.
    #[error("the worker's commitment is to sizes that no result of this job has")]
    Shape,
    /// The boxes are those committed to and stand beside other leaves than those of the worker's tree.
    #[error("the worker's boxes are not for the steps that its tree commits to")]
    NotTheWork,
    /// The worker's coefficient box does not hold the keys.
    #[error("the worker's coefficient box does not open to its keys")]
    Coefficients,
    /// The worker's box of a step is garbage.
    #[error("the worker's box of step {index} {why}")]
    Box {
        /// The step.
        index: u64,
        /// What is wrong with it.
        why: BoxError,
    },
}

impl OpenError {
    /// Whether commitment, sealed result and secret together convict the worker.
    pub const fn convicts_worker(&self) -> bool {
        matches!(
            self,
            Self::Shape | Self::NotTheWork | Self::Coefficients | Self::Box { .. }
        )
    }
}
