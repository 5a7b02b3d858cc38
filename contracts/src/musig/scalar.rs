//! Arithmetic modulo the group order, by libsecp256k1's constant-time tweak functions.

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    key::XOnlyPublicKey,
    secp256k1::{Parity, PublicKey, Scalar, Secp256k1, SecretKey, Signing, schnorr},
};

/// The BIP340 challenge of nonce `r`, key `p` and `message`, reduced modulo the group order.
///
/// `None` when the hash is 0 or at least the order: no input that reaches it is known.
pub(crate) fn challenge(r: &[u8; 32], p: &XOnlyPublicKey, message: &[u8; 32]) -> Option<SecretKey> {
    let tag = sha256::Hash::hash(b"BIP0340/challenge").to_byte_array();
    let mut engine = sha256::Hash::engine();
    for part in [&tag[..], &tag, r, &p.serialize(), message] {
        engine.input(part);
    }
    SecretKey::from_slice(sha256::Hash::from_engine(engine).as_byte_array()).ok()
}

/// a + b; `None` if they cancel.
pub(crate) fn add_secrets(a: SecretKey, b: &SecretKey) -> Option<SecretKey> {
    a.add_tweak(&Scalar::from(*b)).ok()
}

/// a − b; `None` if they are equal.
pub(crate) fn sub_secrets(a: SecretKey, b: &SecretKey) -> Option<SecretKey> {
    add_secrets(a, &b.negate())
}

/// A BIP340 signature whose nonce was announced before: s = k + e·a, both brought to even y.
///
/// Two calls with one nonce and different messages reveal the key; the caller sees to it that this happens
/// only by its own fault.
pub(crate) fn sign_with_nonce<C: Signing>(
    secp: &Secp256k1<C>,
    key: &SecretKey,
    nonce: &SecretKey,
    message: &[u8; 32],
) -> Option<schnorr::Signature> {
    let (p, a) = even(secp, key);
    let (r, k) = even(secp, nonce);
    let e = challenge(&r.serialize(), &p, message)?;
    let s = add_secrets(a.mul_tweak(&Scalar::from(e)).ok()?, &k)?;
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(&r.serialize());
    bytes[32..].copy_from_slice(&s.secret_bytes());
    schnorr::Signature::from_slice(&bytes).ok()
}

fn even<C: Signing>(secp: &Secp256k1<C>, key: &SecretKey) -> (XOnlyPublicKey, SecretKey) {
    let (x_only, parity) = PublicKey::from_secret_key(secp, key).x_only_public_key();
    (
        x_only,
        if parity == Parity::Odd {
            key.negate()
        } else {
            *key
        },
    )
}

/// 1/a, by Fermat: a to the power of the group order less 2. About 400 multiplications; used off the hot paths.
pub(crate) fn invert(a: &SecretKey) -> Option<SecretKey> {
    let mut exponent = bitcoin::secp256k1::constants::CURVE_ORDER;
    // The order ends in …41, so nothing is borrowed.
    exponent[31] -= 2;
    let mut result: Option<SecretKey> = None;
    for bit in exponent
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1))
    {
        result = match result {
            Some(r) => Some(r.mul_tweak(&Scalar::from(r)).ok()?),
            None => None,
        };
        if bit == 1 {
            result = Some(match result {
                Some(r) => r.mul_tweak(&Scalar::from(*a)).ok()?,
                None => *a,
            });
        }
    }
    result
}
