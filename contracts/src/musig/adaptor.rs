//! Adaptor signatures: 64 bytes that become a valid BIP340 signature by adding or subtracting one secret.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey, Verification, schnorr},
};
use secp256k1_musig as musig;

use super::{
    AdaptorPoint,
    scalar::{add_secrets, challenge, sub_secrets},
};

/// Why an adaptor signature cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdaptorError {
    /// The 64 bytes are no signature on this message under this key and point.
    #[error("the (adaptor) signature does not verify")]
    Invalid,
    /// The secret is not the one of the point that it was made for.
    #[error("the secret does not complete this adaptor signature")]
    WrongSecret,
    /// The signature was not made by completing this adaptor signature.
    #[error("the signature is not a completion of this adaptor signature")]
    Unrelated,
}

/// x coordinate of the final nonce and the sum of the shares.
///
/// With final nonce R (which counts the adaptor point T) the shares add up to s with s·G = R − T + e·P when R
/// has an even y, and s·G = −(R − T) + e·P when odd, since all signers then negate their nonces. So s + t is
/// the signature in the first case and s − t in the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptorSignature(pub [u8; 64]);

impl AdaptorSignature {
    /// Checks that the discrete logarithm of `point`, and nothing else, turns this into a signature of
    /// `message` under `key`; without a point, that it is one already.
    pub fn verify(
        &self,
        key: &XOnlyPublicKey,
        message: &[u8; 32],
        point: Option<&AdaptorPoint>,
    ) -> Result<(), AdaptorError> {
        match point {
            None => {
                let key = musig::XOnlyPublicKey::from_byte_array(key.serialize())
                    .map_err(|_| AdaptorError::Invalid)?;
                musig::schnorr::verify(
                    &musig::schnorr::Signature::from_byte_array(self.0),
                    message,
                    &key,
                )
                .map_err(|_| AdaptorError::Invalid)
            }
            Some(point) => self
                .verify_adaptor(key, message, point)
                .ok_or(AdaptorError::Invalid),
        }
    }

    fn verify_adaptor(
        &self,
        key: &XOnlyPublicKey,
        message: &[u8; 32],
        point: &AdaptorPoint,
    ) -> Option<()> {
        let (r, s) = self.halves();
        let e = challenge(&r, key, message)?;
        let y = s_g_minus_e_p(&s, &e, key)?;
        // s·G − e·P is R − T or T − R, and R counts with an even y: one of the two sums must be that point.
        let wanted = |sum: musig::PublicKey| {
            let (x, parity) = sum.x_only_public_key();
            parity == musig::Parity::Even && x.to_byte_array() == r
        };
        let even = y.combine(point.inner()).is_ok_and(wanted);
        let odd = || y.combine(&point.inner().negate()).is_ok_and(wanted);
        (even || odd()).then_some(())
    }

    /// Completes with the secret of the point. The result is checked: a wrong secret gives an error.
    pub fn complete<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        key: &XOnlyPublicKey,
        message: &[u8; 32],
        secret: &SecretKey,
    ) -> Result<schnorr::Signature, AdaptorError> {
        let (r, s) = self.halves();
        let s = SecretKey::from_slice(&s).map_err(|_| AdaptorError::Invalid)?;
        [add_secrets(s, secret), sub_secrets(s, secret)]
            .into_iter()
            .flatten()
            .filter_map(|s| {
                let mut bytes = [0u8; 64];
                bytes[..32].copy_from_slice(&r);
                bytes[32..].copy_from_slice(&s.secret_bytes());
                schnorr::Signature::from_slice(&bytes).ok()
            })
            .find(|sig| {
                secp.verify_schnorr(sig, &Message::from_digest(*message), key)
                    .is_ok()
            })
            .ok_or(AdaptorError::WrongSecret)
    }

    /// The secret that completed this into `signature`. `point` decides between the two signs.
    pub fn extract<C: bitcoin::secp256k1::Signing>(
        &self,
        secp: &Secp256k1<C>,
        signature: &schnorr::Signature,
        point: &PublicKey,
    ) -> Result<SecretKey, AdaptorError> {
        let (r, s) = self.halves();
        let bytes = signature.serialize();
        if bytes[..32] != r {
            return Err(AdaptorError::Unrelated);
        }
        let pre = SecretKey::from_slice(&s).map_err(|_| AdaptorError::Unrelated)?;
        let complete = SecretKey::from_slice(&bytes[32..]).map_err(|_| AdaptorError::Unrelated)?;
        let t = sub_secrets(complete, &pre).ok_or(AdaptorError::Unrelated)?;
        [t, t.negate()]
            .into_iter()
            .find(|t| PublicKey::from_secret_key(secp, t) == *point)
            .ok_or(AdaptorError::Unrelated)
    }

    /// As a Schnorr signature, for sessions without a point.
    pub fn into_signature(self) -> Result<schnorr::Signature, AdaptorError> {
        schnorr::Signature::from_slice(&self.0).map_err(|_| AdaptorError::Invalid)
    }

    fn halves(&self) -> ([u8; 32], [u8; 32]) {
        let (mut r, mut s) = ([0u8; 32], [0u8; 32]);
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..]);
        (r, s)
    }
}

/// s·G − e·P by one double multiplication, at the cost of a signature verification.
///
/// libsecp256k1 exposes a·G + b·P only inside its verification functions. ECDSA key recovery is one of them
/// (SEC 1, section 4.1.6): it returns r⁻¹·(s′·R − m·G) for the point R of even y with x coordinate r. With R = P,
/// s′ = −e·r and m = −s·r this is s·G − e·P. Two separate multiplications cost twice as much. All inputs are
/// public.
///
/// `None` where the result is the point at infinity, and for s = 0. Neither comes about while one signer is
/// honest: the first says that the nonces cancel (and s/e is then the group's secret key), the second that the
/// shares do.
pub(super) fn s_g_minus_e_p(
    s: &[u8; 32],
    e: &SecretKey,
    p: &XOnlyPublicKey,
) -> Option<musig::PublicKey> {
    use musig::ecdsa::{RecoverableSignature, RecoveryId};
    // One key in 2¹²⁸ has an x coordinate of at least the group order, which is no r of ECDSA.
    let Ok(r) = musig::Scalar::from_be_bytes(p.serialize()) else {
        return two_multiplications(s, e, p);
    };
    let s_prime = musig::SecretKey::from_secret_bytes(e.secret_bytes())
        .ok()?
        .negate()
        .mul_tweak(&r)
        .ok()?;
    let m = musig::SecretKey::from_secret_bytes(*s)
        .ok()?
        .negate()
        .mul_tweak(&r)
        .ok()?;
    let mut compact = [0u8; 64];
    compact[..32].copy_from_slice(&p.serialize());
    compact[32..].copy_from_slice(&s_prime.to_secret_bytes());
    let signature = RecoverableSignature::from_compact(&compact, RecoveryId::Zero).ok()?;
    signature
        .recover_ecdsa(musig::Message::from_digest(m.to_secret_bytes()))
        .ok()
}

/// The same by its definition.
pub(super) fn two_multiplications(
    s: &[u8; 32],
    e: &SecretKey,
    p: &XOnlyPublicKey,
) -> Option<musig::PublicKey> {
    let s = musig::SecretKey::from_secret_bytes(*s).ok()?;
    let minus_e = musig::SecretKey::from_secret_bytes(e.secret_bytes())
        .ok()?
        .negate();
    let p = musig::XOnlyPublicKey::from_byte_array(p.serialize()).ok()?;
    musig::PublicKey::from_x_only_public_key(p, musig::Parity::Even)
        .mul_tweak(&musig::Scalar::from(minus_e))
        .ok()?
        .combine(&musig::PublicKey::from_secret_key(&s))
        .ok()
}
