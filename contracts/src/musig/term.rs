//! Adaptor points among the nonces of a sum.

use std::sync::OnceLock;

use secp256k1_musig::musig::PublicNonce;

use super::{AdaptorPoint, SessionError};

/// An adaptor point T as a term of a sum of nonces, to which it adds (T, 0).
///
/// No public nonce of the library has a half at infinity. So T comes as (T, G), and two constant ones go with it that take
/// G out again: (G, G) and (−G, −2G). Whatever the others are, the sum is exact: it may be infinity, as BIP327 allows.
///
/// Finding T in its bytes takes two square roots, once for all messages under one point. The ways through the aggregate,
/// or through a signer's nonce, take three for each message.
#[derive(Debug, Clone, Copy)]
pub struct PointTerm {
    point: PublicNonce,
    constants: &'static [PublicNonce; 2],
}

/// x of G and of 2G (SEC 2, section 2.4.1); both have an even y.
const G: [u8; 32] = bitcoin::secp256k1::constants::GENERATOR_X;
const TWICE_G: [u8; 32] = [
    0xc6, 0x04, 0x7f, 0x94, 0x41, 0xed, 0x7d, 0x6d, 0x30, 0x45, 0x40, 0x6e, 0x95, 0xc0, 0x7c, 0xd8,
    0x5c, 0x77, 0x8e, 0x4b, 0x8c, 0xef, 0x3c, 0xa7, 0xab, 0xac, 0x09, 0xb9, 0x5c, 0x70, 0x9e, 0xe5,
];

/// First byte of a compressed point with an even y, and with an odd one.
const EVEN: u8 = 2;
const ODD: u8 = 3;

impl PointTerm {
    /// The point, ready to be added to nonces.
    ///
    /// # Errors
    /// [`SessionError::Point`], unreachable for points that the library made itself.
    pub fn new(point: &AdaptorPoint) -> Result<PointTerm, SessionError> {
        static CONSTANTS: OnceLock<Option<[PublicNonce; 2]>> = OnceLock::new();
        let constants = CONSTANTS.get_or_init(|| {
            let plus = pair(&compressed(EVEN, &G), &compressed(EVEN, &G))?;
            let minus = pair(&compressed(ODD, &G), &compressed(ODD, &TWICE_G))?;
            Some([plus, minus])
        });
        let point = pair(&point.inner().serialize(), &compressed(EVEN, &G));
        match (point, constants) {
            (Some(point), Some(constants)) => Ok(PointTerm { point, constants }),
            _ => Err(SessionError::Point),
        }
    }

    /// What is summed up with the signers' nonces.
    pub(super) fn nonces(&self) -> [&PublicNonce; 3] {
        let [plus, minus] = self.constants;
        [&self.point, plus, minus]
    }
}

fn compressed(parity: u8, x: &[u8; 32]) -> [u8; 33] {
    let mut bytes = [parity; 33];
    bytes[1..].copy_from_slice(x);
    bytes
}

fn pair(first: &[u8; 33], second: &[u8; 33]) -> Option<PublicNonce> {
    let mut bytes = [0; 66];
    let (a, b) = bytes.split_at_mut(33);
    a.copy_from_slice(first);
    b.copy_from_slice(second);
    PublicNonce::from_byte_array(&bytes).ok()
}
