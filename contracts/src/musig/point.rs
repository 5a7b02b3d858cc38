//! Adaptor points: public counterparts of the secrets that complete signatures, and sums of them.

use bitcoin::secp256k1::PublicKey;
use secp256k1_musig as musig;

use super::keyset::{from_musig, to_musig};

/// Why a sum of points is no adaptor point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// The points cancel each other: whoever brought the last one chose it after seeing the others.
    #[error("the adaptor points add up to the point at infinity")]
    Infinity,
}

/// A point whose discrete logarithm completes a signature. Never the point at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptorPoint(musig::PublicKey);

impl AdaptorPoint {
    /// The point as `bitcoin`'s key type.
    pub fn to_public_key(self) -> Result<PublicKey, PointError> {
        from_musig(&self.0).ok_or(PointError::Infinity)
    }

    /// Sum of two points.
    pub fn plus(&self, other: &AdaptorPoint) -> Result<AdaptorPoint, PointError> {
        self.0
            .combine(&other.0)
            .map(AdaptorPoint)
            .map_err(|_| PointError::Infinity)
    }

    pub(super) fn inner(&self) -> &musig::PublicKey {
        &self.0
    }
}

impl TryFrom<PublicKey> for AdaptorPoint {
    type Error = PointError;

    fn try_from(key: PublicKey) -> Result<Self, Self::Error> {
        to_musig(&key).map(AdaptorPoint).ok_or(PointError::Infinity)
    }
}

/// Sums over subsets of up to 15 points, one addition each: the sums over each half are kept in a table.
pub struct PointSums {
    low: Vec<Option<AdaptorPoint>>,
    high: Vec<Option<AdaptorPoint>>,
}

const LOW_BITS: usize = 8;

impl PointSums {
    /// Tables for `points`; bit i of a mask stands for `points[i]`.
    pub fn new(points: &[AdaptorPoint]) -> Result<PointSums, PointError> {
        let (low, high) = points.split_at(points.len().min(LOW_BITS));
        Ok(PointSums {
            low: table(low)?,
            high: table(high)?,
        })
    }

    /// Sum of the points whose bits are set; `None` for the empty set.
    pub fn sum(&self, mask: u16) -> Result<Option<AdaptorPoint>, PointError> {
        let mask = usize::from(mask);
        let low = self
            .low
            .get(mask & ((1 << LOW_BITS) - 1))
            .copied()
            .flatten();
        let high = self.high.get(mask >> LOW_BITS).copied().flatten();
        add(low, high)
    }
}

fn table(points: &[AdaptorPoint]) -> Result<Vec<Option<AdaptorPoint>>, PointError> {
    let mut sums = vec![None];
    for point in points {
        for i in 0..sums.len() {
            sums.push(add(sums[i], Some(*point))?);
        }
    }
    Ok(sums)
}

/// Sum of two optional points, `None` standing for nothing.
fn add(
    a: Option<AdaptorPoint>,
    b: Option<AdaptorPoint>,
) -> Result<Option<AdaptorPoint>, PointError> {
    match (a, b) {
        (Some(a), Some(b)) => a.plus(&b).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}
