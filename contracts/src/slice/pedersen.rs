//! Commitments to roots: C = x·G + h(r)·H, which hide the root perfectly and bind to it as long as nobody knows the
//! logarithm of H (Pedersen, 1991).

use bitcoin::{
    XOnlyPublicKey,
    secp256k1::{Parity, PublicKey, Scalar, Secp256k1, SecretKey},
};
use narthex_base::tagged::tagged_hash_parts;

use super::{SliceError, SliceTerms};

/// H: the first hash of a counter that is the x coordinate of a point, with even y. Nobody chose it.
pub(super) fn second_base() -> Result<PublicKey, SliceError> {
    (0..=u8::MAX)
        .map(|count| tagged_hash_parts("narthex/slice-second-base", &[&[count]]))
        .find_map(|x| XOnlyPublicKey::from_slice(&x).ok())
        .map(|x| PublicKey::from_x_only_public_key(x, Parity::Even))
        .ok_or(SliceError::Degenerate)
}

/// h(r)·H. The same for all providers of a slice, so that equal roots give equal points; another in every other slice.
pub(super) fn root_part(terms: &SliceTerms, root: &[u8; 32]) -> Result<PublicKey, SliceError> {
    let parts: [&[u8]; 2] = [&terms.id(), root];
    let scalar = tagged_hash_parts("narthex/slice-root-scalar", &parts);
    let scalar = Scalar::from_be_bytes(scalar).map_err(|_| SliceError::Degenerate)?;
    second_base()?
        .mul_tweak(narthex_base::context::verifying(), &scalar)
        .map_err(|_| SliceError::Degenerate)
}

/// C for a root and an opening x.
pub(super) fn commit(
    terms: &SliceTerms,
    root: &[u8; 32],
    x: &SecretKey,
) -> Result<PublicKey, SliceError> {
    PublicKey::from_secret_key(&Secp256k1::signing_only(), x)
        .combine(&root_part(terms, root)?)
        .map_err(|_| SliceError::Degenerate)
}

/// C − h(r)·H: a point whose logarithm its committer knows if it committed to `root`, and nobody does if not.
pub(super) fn lock(
    terms: &SliceTerms,
    commitment: &PublicKey,
    root: &[u8; 32],
) -> Result<PublicKey, SliceError> {
    let part = root_part(terms, root)?.negate(narthex_base::context::verifying());
    commitment
        .combine(&part)
        .map_err(|_| SliceError::Degenerate)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::second_base;

    /// Anybody can compute it: the fifth hash (counter 4) is an x coordinate. Checked against a few lines of Python.
    #[test]
    fn the_second_base_is_where_it_was() {
        assert_eq!(
            second_base().unwrap().to_string(),
            "0289ed3cddf77ca6e217f6b7a5d13561671df220117c31bcea26e00fb2de62affe"
        );
    }
}
