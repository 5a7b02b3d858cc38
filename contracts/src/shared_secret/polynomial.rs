//! Polynomials over the scalars, in the clear and in the exponent.
//!
//! The library's scalars exclude zero, which turns up here with a probability of 2⁻²⁵⁶: functions return `None`.

use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey, Verification};

use crate::musig::{add_secrets, invert, sub_secrets};

/// The argument that stands for a member: its index and 1, since 0 is where the secret is.
pub(super) fn argument(member: u8) -> Scalar {
    let mut bytes = [0u8; 32];
    bytes[30..].copy_from_slice(&(u16::from(member) + 1).to_be_bytes());
    // Below the group order by far.
    Scalar::from_be_bytes(bytes).unwrap_or(Scalar::ONE)
}

/// The value at a member's argument, by Horner's rule; coefficients from the constant one up.
pub(super) fn evaluate(coefficients: &[SecretKey], member: u8) -> Option<SecretKey> {
    let x = argument(member);
    let (last, rest) = coefficients.split_last()?;
    rest.iter().rev().try_fold(*last, |value, coefficient| {
        add_secrets(value.mul_tweak(&x).ok()?, coefficient)
    })
}

/// The same with every coefficient known as a point only.
pub(super) fn evaluate_points<C: Verification>(
    secp: &Secp256k1<C>,
    commitments: &[PublicKey],
    member: u8,
) -> Option<PublicKey> {
    let x = argument(member);
    let (last, rest) = commitments.split_last()?;
    rest.iter().rev().try_fold(*last, |value, commitment| {
        value.mul_tweak(secp, &x).ok()?.combine(commitment).ok()
    })
}

/// Lagrange's weight of `member` for the value at 0: the product of xⱼ/(xⱼ − xᵢ) over the other members.
pub(super) fn weight_at_zero(member: u8, members: &[u8]) -> Option<Scalar> {
    let secret = |m: u8| SecretKey::from_slice(&argument(m).to_be_bytes()).ok();
    let own = secret(member)?;
    let mut product: Option<SecretKey> = None;
    for other in members.iter().filter(|m| **m != member) {
        let x = secret(*other)?;
        let factor = x
            .mul_tweak(&Scalar::from(invert(&sub_secrets(x, &own)?)?))
            .ok()?;
        product = Some(match product {
            None => factor,
            Some(p) => p.mul_tweak(&Scalar::from(factor)).ok()?,
        });
    }
    Some(product.map_or(Scalar::ONE, Scalar::from))
}
