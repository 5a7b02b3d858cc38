//! The polynomial that all step keys lie on, with the result secret at 0.
//!
//! f has degree d, the number of steps that the worker may open in all, and f(0) = t. The key of step i follows from
//! f(i + 1). d values of f say nothing about t, and with t they give f, hence every key.

use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, Key, KeyInit, Nonce, Tag as AuthTag};
use secp256k1::{Secp256k1, SecretKey};
use zeroize::{Zeroize, Zeroizing};

use super::points::KeyPoints;
use super::scalar::Scalar;
use super::{KeyShare, PolynomialSeed, ResultSecret};
use crate::caps::MAX_OPENINGS;
use crate::tagged::TaggedHasher;

/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;

/// f, from f_0 = t to f_d. Whoever has it opens every box.
#[derive(Clone)]
pub struct KeyPolynomial(Zeroizing<Vec<Scalar>>);

impl std::fmt::Debug for KeyPolynomial {
    /// Without the coefficients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPolynomial(..)")
    }
}

impl KeyPolynomial {
    /// The polynomial of one tree: `root` is that of its leaves, so that another result of the same secrets has other
    /// keys, and no key ever seals two outputs. `degree` is how many steps may be opened, of `steps` that there are.
    ///
    /// # Errors
    /// [`KeyError::Degree`], [`KeyError::Secret`].
    pub fn draw(
        result: &ResultSecret,
        seed: &PolynomialSeed,
        (job, root): (&[u8; 32], &[u8; 32]),
        degree: u32,
        steps: u64,
    ) -> Result<Self, KeyError> {
        check_degree(degree, steps)?;
        let t = result.scalar().ok_or(KeyError::Secret)?;
        let start = TaggedHasher::new("narthex/polynomial")
            .fixed(seed.expose())
            .fixed(result.expose())
            .fixed(job)
            .fixed(root)
            .number(degree.into());
        let mut all = Zeroizing::new(Vec::with_capacity(degree as usize + 1));
        all.push(t);
        for number in 1..=u64::from(degree) {
            all.push(coefficient(&start, number));
        }
        Ok(Self(all))
    }

    /// d.
    pub fn degree(&self) -> u32 {
        // At most `MAX_OPENINGS`.
        (self.0.len() - 1) as u32
    }

    /// F: the points of all coefficients but t.
    pub fn points(&self) -> Option<KeyPoints> {
        let secp = Secp256k1::signing_only();
        let point = |scalar: &Scalar| {
            let bytes = Zeroizing::new(scalar.to_bytes());
            let mut secret = SecretKey::from_slice(&*bytes).ok()?;
            let point = secret.public_key(&secp);
            secret.non_secure_erase();
            Some(point)
        };
        let points = self.0[1..].iter().map(point).collect::<Option<_>>()?;
        Some(KeyPoints::from_points(points))
    }

    /// f(i + 1). `None` for the last number of all, whose share would be t itself.
    pub fn share(&self, index: u64) -> Option<KeyShare> {
        Some(shown(self.at(index.checked_add(1)?)))
    }

    fn at(&self, x: u64) -> Scalar {
        let step = |value: Scalar, next: &Scalar| value.times_u64(x).plus(*next);
        self.0.iter().rev().fold(Scalar::default(), step)
    }

    /// The shares of all steps from this one on, in order, each for d additions (forward differences; d multiplications
    /// by Horner's rule).
    pub fn shares(&self, from: u64) -> Shares {
        let x = |number: u64| from.saturating_add(1).saturating_add(number);
        let count = self.0.len() as u64;
        let mut row: Zeroizing<Vec<_>> =
            Zeroizing::new((0..count).map(|n| self.at(x(n))).collect());
        for order in 1..row.len() {
            for place in (order..row.len()).rev() {
                row[place] = row[place].minus(row[place - 1]);
            }
        }
        // Beyond u64 there are no steps; what is computed of them is not handed out.
        let left = u64::MAX - from;
        Shares { row, left }
    }

    /// The polynomial through t and d shares. It is that of the commitment only if its points are.
    ///
    /// # Errors
    /// [`KeyError`]: not as many as the degree says, two of one step, no scalars.
    pub fn interpolate(
        result: &ResultSecret,
        shares: &[(u64, &KeyShare)],
    ) -> Result<Self, KeyError> {
        let degree = u32::try_from(shares.len()).unwrap_or(u32::MAX);
        check_degree(degree, u64::MAX)?;
        let t = result.scalar().ok_or(KeyError::Secret)?;
        let mut values = Zeroizing::new(vec![(Scalar::default(), t)]);
        for (index, share) in shares {
            let x = index
                .checked_add(1)
                .ok_or(KeyError::Index { index: *index })?;
            let value = share.scalar().ok_or(KeyError::Share { index: *index })?;
            values.push((Scalar::from_u64(x), value));
        }
        // Π (x − x_i), from the lowest coefficient.
        let mut product = vec![Scalar::ONE];
        for (x, _) in values.iter() {
            product.push(Scalar::default());
            for place in (0..product.len()).rev() {
                let below = place
                    .checked_sub(1)
                    .map_or(Scalar::default(), |p| product[p]);
                product[place] = below.minus(product[place].times(*x));
            }
        }
        let mut sum = Zeroizing::new(vec![Scalar::default(); values.len()]);
        for (number, (x, value)) in values.iter().enumerate() {
            // The product without x − x_i, by synthetic division, and its value at x_i.
            let mut quotient = vec![Scalar::default(); values.len()];
            let (mut high, mut weight) = (Scalar::default(), Scalar::default());
            for place in (0..values.len()).rev() {
                high = product[place + 1].plus(high.times(*x));
                quotient[place] = high;
                weight = weight.times(*x).plus(high);
            }
            if weight.is_zero() {
                let index = shares
                    .get(number.saturating_sub(1))
                    .map_or(0, |(index, _)| *index);
                return Err(KeyError::Index { index });
            }
            let factor = value.times(weight.inverse());
            for (place, quotient) in sum.iter_mut().zip(quotient) {
                *place = place.plus(quotient.times(factor));
            }
        }
        Ok(Self(sum))
    }

    /// All coefficients but t, sealed under t: the coefficient box.
    pub(super) fn seal(&self, result: &ResultSecret, job: &[u8; 32], points: &[u8; 32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::with_capacity(coefficient_box_bytes(self.degree()));
        for scalar in &self.0[1..] {
            bytes.extend(scalar.to_bytes());
        }
        encrypt(result.coefficient_key(job, points), bytes)
    }

    /// What a coefficient box holds; `None` if it does not open under t, or not to coefficients.
    pub(super) fn unseal(
        result: &ResultSecret,
        job: &[u8; 32],
        points: &[u8; 32],
        sealed: &[u8],
    ) -> Option<Self> {
        let plain = decrypt(result.coefficient_key(job, points), sealed)?;
        let mut all = Zeroizing::new(vec![result.scalar()?]);
        let (scalars, rest) = plain.as_chunks();
        for bytes in scalars {
            all.push(Scalar::from_bytes(bytes)?);
        }
        (rest.is_empty() && all.len() > 1).then_some(Self(all))
    }
}

/// Length of a coefficient box in bytes.
pub(super) const fn coefficient_box_bytes(degree: u32) -> usize {
    degree as usize * 32 + TAG_BYTES
}

fn check_degree(degree: u32, steps: u64) -> Result<(), KeyError> {
    let bound = MAX_OPENINGS.min(u32::try_from(steps).unwrap_or(u32::MAX));
    match degree == 0 || degree > bound {
        true => Err(KeyError::Degree { degree, bound }),
        false => Ok(()),
    }
}

/// Uniform and not 0: a number that is no secret key is passed over.
fn coefficient(start: &TaggedHasher, number: u64) -> Scalar {
    let mut tries = 0;
    loop {
        let hash = start.clone().number(number).number(tries);
        let bytes = Zeroizing::new(hash.finish());
        match Scalar::from_bytes(&bytes).filter(|scalar| !scalar.is_zero()) {
            Some(scalar) => return scalar,
            None => tries += 1,
        }
    }
}

fn shown(mut value: Scalar) -> KeyShare {
    let share = KeyShare::drawn(|bytes| *bytes = value.to_bytes());
    value.zeroize();
    share
}

/// The shares of consecutive steps.
pub struct Shares {
    /// Forward differences of f at the next step, from that of order 0.
    row: Zeroizing<Vec<Scalar>>,
    /// Steps that u64 has left.
    left: u64,
}

impl std::fmt::Debug for Shares {
    /// Without the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shares(..)")
    }
}

impl Iterator for Shares {
    type Item = KeyShare;

    fn next(&mut self) -> Option<KeyShare> {
        self.left = self.left.checked_sub(1)?;
        let share = shown(*self.row.first()?);
        for place in 1..self.row.len() {
            self.row[place - 1] = self.row[place - 1].plus(self.row[place]);
        }
        Some(share)
    }
}

/// Encrypts under a key that serves once, so that the nonce may be zero.
pub(super) fn encrypt(mut key: [u8; 32], mut plain: Vec<u8>) -> Vec<u8> {
    let cipher = ChaCha20Poly1305::new(Key::from_slice(&key));
    key.zeroize();
    // It fails above the cipher's 256 GiB alone, which no caller comes near; an empty box opens under no key.
    match cipher.encrypt_in_place_detached(&Nonce::default(), b"", &mut plain) {
        Ok(tag) => plain.extend_from_slice(&tag),
        Err(_) => {
            plain.zeroize();
            plain.clear();
        }
    }
    plain
}

pub(super) fn decrypt(mut key: [u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = ChaCha20Poly1305::new(Key::from_slice(&key));
    key.zeroize();
    let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let mut plain = Zeroizing::new(body.to_vec());
    let tag = AuthTag::from_slice(tag);
    cipher
        .decrypt_in_place_detached(&Nonce::default(), b"", &mut plain, tag)
        .ok()?;
    Some(plain)
}

/// Why there is no polynomial. Whoever asked for it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A number of openings that no polynomial is made for.
    #[error("{degree} openings: there must be at least one, and at most {bound}")]
    Degree {
        /// Openings asked for.
        degree: u32,
        /// Most that there may be.
        bound: u32,
    },
    /// t is no scalar of the group.
    #[error("the result secret is no secret key of secp256k1")]
    Secret,
    /// A share that is no scalar.
    #[error("the share of step {index} is no number of the group")]
    Share {
        /// The step.
        index: u64,
    },
    /// A step twice, or one that there cannot be.
    #[error("step {index} comes twice, or is none")]
    Index {
        /// The step.
        index: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(degree: u32) -> (ResultSecret, KeyPolynomial) {
        let result = ResultSecret::from_bytes([9; 32]);
        let seed = PolynomialSeed::from_bytes([4; 32]);
        let of = (&[1; 32], &[2; 32]);
        let polynomial = KeyPolynomial::draw(&result, &seed, of, degree, u64::MAX).unwrap();
        (result, polynomial)
    }

    #[test]
    fn differences_give_what_horner_gives() {
        for degree in [1, 2, 7, 40] {
            let (_, f) = drawn(degree);
            for from in [0, 1, 12_345, u64::MAX - 90] {
                let shares: Vec<_> = f.shares(from).take(80).collect();
                assert_eq!(shares.len(), 80);
                for (index, share) in (from..).zip(&shares) {
                    assert_eq!(f.share(index).as_ref(), Some(share), "{degree} {index}");
                }
            }
        }
    }

    /// f(0) is t, and no index leads there.
    #[test]
    fn no_step_has_the_result_secret_as_its_share() {
        let (result, f) = drawn(3);
        assert_eq!(shown(f.at(0)).expose(), result.expose());
        assert_eq!(f.share(u64::MAX), None);
        assert_eq!(f.shares(u64::MAX - 2).count(), 2);
        assert_eq!(f.shares(u64::MAX).count(), 0);
    }

    #[test]
    fn t_and_d_shares_give_the_polynomial() {
        for degree in [1, 2, 9, 30] {
            let (result, f) = drawn(degree);
            let shares: Vec<_> = (0..u64::from(degree))
                .map(|i| (i * i * 31, f.share(i * i * 31).unwrap()))
                .collect();
            let lent: Vec<_> = shares.iter().map(|(i, share)| (*i, share)).collect();
            let again = KeyPolynomial::interpolate(&result, &lent).unwrap();
            assert!(again.0[..] == f.0[..]);
            assert_eq!(again.points(), f.points());
        }
    }

    /// d shares fit every t: for each there is one polynomial, so they say nothing about it. One more gives it.
    #[test]
    fn d_shares_fit_every_secret_and_one_more_gives_it() {
        let (result, f) = drawn(4);
        let shares: Vec<_> = [3, 8, 9, 70, 71].map(|i| (i, f.share(i).unwrap())).into();
        let lent: Vec<_> = shares.iter().map(|(i, share)| (*i, share)).collect();
        for other in 1..20 {
            let guess = ResultSecret::from_bytes([other; 32]);
            let fits = KeyPolynomial::interpolate(&guess, &lent[..4]).unwrap();
            assert!(
                lent[..4]
                    .iter()
                    .all(|(i, share)| fits.share(*i).as_ref() == Some(*share))
            );
            // The fifth singles out the one.
            let single = fits.share(71).as_ref() == Some(lent[4].1);
            assert_eq!(single, guess == result);
        }
        // Lagrange at 0 over d + 1 shares.
        let mut t = Scalar::default();
        for (i, share) in &lent {
            let mut term = share.scalar().unwrap();
            for (j, _) in lent.iter().filter(|(j, _)| j != i) {
                let [x, y] = [i + 1, j + 1].map(Scalar::from_u64);
                term = term.times(y).times(y.minus(x).inverse());
            }
            t = t.plus(term);
        }
        assert_eq!(shown(t).expose(), result.expose());
    }

    #[test]
    fn what_makes_no_polynomial_is_named() {
        let (result, f) = drawn(2);
        let (a, b) = (f.share(1).unwrap(), f.share(2).unwrap());
        let twice = KeyPolynomial::interpolate(&result, &[(1, &a), (1, &b)]);
        assert!(
            matches!(twice, Err(KeyError::Index { index: 1 })),
            "{twice:?}"
        );
        let last = KeyPolynomial::interpolate(&result, &[(u64::MAX, &a)]);
        assert!(matches!(last, Err(KeyError::Index { index: u64::MAX })));
        let wide = KeyShare::from_bytes([0xff; 32]);
        let wide = KeyPolynomial::interpolate(&result, &[(5, &wide)]);
        assert!(matches!(wide, Err(KeyError::Share { index: 5 })));
        for secret in [[0; 32], [0xff; 32]] {
            let secret = ResultSecret::from_bytes(secret);
            assert_eq!(secret.point(), None);
            let none = KeyPolynomial::interpolate(&secret, &[(1, &a)]);
            assert!(matches!(none, Err(KeyError::Secret)));
        }
        let seed = PolynomialSeed::from_bytes([4; 32]);
        for (degree, steps) in [(0, 5), (6, 5), (MAX_OPENINGS + 1, u64::MAX)] {
            let none = KeyPolynomial::draw(&result, &seed, (&[1; 32], &[2; 32]), degree, steps);
            assert!(matches!(none, Err(KeyError::Degree { .. })));
        }
    }

    /// What is sealed under one secret twice is sealed under two keys: nothing of one result helps with the other.
    #[test]
    fn another_tree_has_another_polynomial() {
        let result = ResultSecret::from_bytes([9; 32]);
        let seed = PolynomialSeed::from_bytes([4; 32]);
        let of = |root: u8| {
            let root = [root; 32];
            KeyPolynomial::draw(&result, &seed, (&[1; 32], &root), 3, 9).unwrap()
        };
        assert_ne!(of(1).share(0), of(2).share(0));
        assert_ne!(of(1).points(), of(2).points());
        assert_eq!(
            format!("{:?} {:?}", of(1), of(1).shares(0)),
            "KeyPolynomial(..) Shares(..)"
        );
    }
}
