//! F, the points of the key polynomial's coefficients, and the check of shares against them.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use secp256k1::{PublicKey, Scalar as Factor, Secp256k1, SecretKey};
use serde::{Deserialize, Serialize};

use super::KeyShare;
use super::scalar::Scalar;
use crate::caps::MAX_OPENINGS;
use crate::tagged::{Tag, TaggedHasher, tagged_hash};

static WEIGHT: Tag = Tag::new("narthex/share-weight");

/// F_1 to F_d: points of all coefficients but t, whose point is the contract's. They say what every share must be, and
/// no share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyPoints(Vec<PublicKey>);

impl Message for KeyPoints {
    const KIND: Kind = kinds::KEY_POINTS;

    /// Number of points (4), points (33 each).
    fn write(&self, w: &mut Writer) {
        w.list(&self.0, |w, point| {
            w.point(point);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let most = MAX_OPENINGS as usize;
        Ok(Self(
            r.list_up_to("points", 33, most, |r| r.point("point"))?,
        ))
    }
}

impl KeyPoints {
    pub(super) const fn from_points(points: Vec<PublicKey>) -> Self {
        Self(points)
    }

    /// d.
    pub fn degree(&self) -> usize {
        self.0.len()
    }

    /// What the commitment names.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/key-points", &self.to_bytes())
    }

    /// Whether all these shares are values of the polynomial whose value at 0 has the point `result`.
    ///
    /// One random combination of them is compared, for d + 1 multiplications of points however many there are. Its
    /// weights, of 128 bits, follow from a hash of all that is checked, so whoever picks the shares cannot know them
    /// before: a false share passes with 2⁻¹²⁸ a try.
    ///
    /// # Errors
    /// The first step whose share is none, by bisection.
    pub fn check(&self, result: &PublicKey, shares: &[(u64, &KeyShare)]) -> Result<(), u64> {
        if self.combine(result, shares) {
            return Ok(());
        }
        let mut suspects = shares;
        while suspects.len() > 1 {
            let (first, second) = suspects.split_at(suspects.len() / 2);
            suspects = match self.combine(result, first) {
                true => second,
                false => first,
            };
        }
        Err(suspects.first().map_or(0, |(index, _)| *index))
    }

    fn combine(&self, result: &PublicKey, shares: &[(u64, &KeyShare)]) -> bool {
        let start = TaggedHasher::new("narthex/share-check")
            .fixed(&self.id())
            .fixed(&result.serialize())
            .number(shares.len() as u64);
        let all = shares.iter().fold(start, |hash, (index, share)| {
            hash.number(*index).fixed(share.expose())
        });
        let seed = all.finish();
        // Σ rᵢ sᵢ on the left; on the right Σ rᵢ of T, and of each F_j Σ rᵢ xᵢʲ.
        let mut left = Scalar::default();
        let mut right = vec![Scalar::default(); self.0.len() + 1];
        for (number, (index, share)) in (0u64..).zip(shares) {
            let (Some(value), Some(x)) = (share.scalar(), index.checked_add(1)) else {
                return false;
            };
            let weight = WEIGHT.start().fixed(&seed).number(number).finish();
            let weight = u128::from_be_bytes(std::array::from_fn(|i| weight[i]));
            let mut power = Scalar::from_u128(weight);
            left = left.plus(power.times(value));
            for sum in &mut right {
                *sum = sum.plus(power);
                power = power.times_u64(x);
            }
        }
        let points = std::iter::once(result).chain(&self.0);
        sum_of(points.zip(right)) == base(left)
    }
}

/// Σ factor·point; `None` is the point at infinity, which no key is.
fn sum_of<'a>(terms: impl Iterator<Item = (&'a PublicKey, Scalar)>) -> Option<PublicKey> {
    let secp = narthex_base::context::verifying();
    let multiplied = terms
        .filter(|(_, factor)| !factor.is_zero())
        .filter_map(|(point, factor)| {
            // Below the order and not 0, so neither of these fails.
            let factor = Factor::from_be_bytes(factor.to_bytes()).ok()?;
            point.mul_tweak(secp, &factor).ok()
        });
    let multiplied: Vec<_> = multiplied.collect();
    PublicKey::combine_keys(&multiplied.iter().collect::<Vec<_>>()).ok()
}

fn base(factor: Scalar) -> Option<PublicKey> {
    let factor = SecretKey::from_slice(&factor.to_bytes()).ok()?;
    Some(factor.public_key(&Secp256k1::signing_only()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commitment::{KeyPolynomial, PolynomialSeed, ResultSecret};

    fn drawn(degree: u32) -> (PublicKey, KeyPolynomial, KeyPoints) {
        let result = ResultSecret::from_bytes([9; 32]);
        let seed = PolynomialSeed::from_bytes([4; 32]);
        let of = (&[1; 32], &[2; 32]);
        let f = KeyPolynomial::draw(&result, &seed, of, degree, u64::MAX).unwrap();
        let points = f.points().unwrap();
        (result.point().unwrap(), f, points)
    }

    #[test]
    fn right_shares_pass_and_the_first_false_one_is_named() {
        let (result, f, points) = drawn(12);
        let indices = [0, 1, 5, 8, 13, 21, 34, 55, 89, 144, 1 << 40, u64::MAX - 1];
        let right: Vec<_> = indices.map(|i| (i, f.share(i).unwrap())).into();
        let check = |shares: &[(u64, KeyShare)]| {
            let lent: Vec<_> = shares.iter().map(|(i, share)| (*i, share)).collect();
            points.check(&result, &lent)
        };
        for count in 0..=indices.len() {
            assert_eq!(check(&right[..count]), Ok(()));
        }
        for at in 0..indices.len() {
            // Of another step, beyond the group, one bit off; and two that cancel out where weights are equal.
            let other = right[(at + 1) % indices.len()].1.clone();
            let mut bits = *right[at].1.expose();
            bits[31] ^= 1;
            for wrong in [
                other,
                KeyShare::from_bytes([0xff; 32]),
                KeyShare::from_bytes(bits),
            ] {
                let mut shares = right.clone();
                shares[at].1 = wrong;
                assert_eq!(check(&shares), Err(indices[at]));
            }
            if let Some((_, next)) = right.get(at + 1) {
                let mut shares = right.clone();
                let one = Scalar::ONE;
                let moved = |share: &KeyShare, by: Scalar| {
                    KeyShare::from_bytes(share.scalar().unwrap().plus(by).to_bytes())
                };
                shares[at].1 = moved(&right[at].1, one);
                shares[at + 1].1 = moved(next, Scalar::default().minus(one));
                assert_eq!(check(&shares), Err(indices[at]));
            }
        }
        // Equal values at two steps are what one of them is not.
        let mut shares = right.clone();
        shares[3].1 = right[2].1.clone();
        assert_eq!(check(&shares), Err(8));
        // T of another secret.
        let other = ResultSecret::from_bytes([8; 32]).point().unwrap();
        assert_eq!(points.check(&other, &[(0, &right[0].1)]), Err(0));
        // The index whose share would be t has none.
        assert_eq!(
            points.check(&result, &[(u64::MAX, &right[0].1)]),
            Err(u64::MAX)
        );
    }

    /// A polynomial of lower degree has points at infinity, which have no bytes: it cannot be committed to. One of higher
    /// degree has more points than the commitment says.
    #[test]
    fn the_point_at_infinity_has_no_bytes() {
        let (_, _, points) = drawn(3);
        let mut bytes = points.to_bytes();
        assert_eq!(KeyPoints::from_bytes(&bytes), Ok(points));
        let last = bytes.len() - 33;
        bytes[last..].fill(0);
        assert!(KeyPoints::from_bytes(&bytes).is_err());
        let mut w = Writer::new(KeyPoints::KIND);
        let many = w
            .u32(MAX_OPENINGS + 1)
            .fixed(&vec![2; 33 * (MAX_OPENINGS as usize + 1)])
            .finish();
        let refused = KeyPoints::from_bytes(&many).unwrap_err().to_string();
        assert!(refused.contains("points"), "{refused}");
    }
}
