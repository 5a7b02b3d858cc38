//! Nonces: secret ones that are used once by construction, public ones as bytes.

use secp256k1_musig as musig;

use super::{KeySet, session::MusigKeypair};

/// A secret nonce. Neither `Clone` nor `Serialize`: [`super::Session::sign`] takes it by value, and what is
/// dropped unused is erased.
pub struct SecretNonce(pub(super) Option<musig::musig::SecretNonce>);

impl SecretNonce {
    pub(super) fn into_inner(mut self) -> Option<musig::musig::SecretNonce> {
        self.0.take()
    }
}

impl Drop for SecretNonce {
    fn drop(&mut self) {
        if let Some(nonce) = &mut self.0 {
            nonce.non_secure_erase();
        }
    }
}

impl std::fmt::Debug for SecretNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretNonce(..)")
    }
}

/// A signer's public nonce as it travels: two compressed points, 66 bytes (BIP327).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicNonce(pub [u8; 66]);

/// A public nonce whose halves are points: what a session sums up. It takes two square roots to find that out of another's
/// nonce, which is done once, when the message comes that holds it; one's own was made as points.
#[derive(Clone, Copy)]
pub struct CheckedNonce {
    public: PublicNonce,
    pub(super) points: musig::musig::PublicNonce,
}

impl CheckedNonce {
    /// As it travels.
    pub fn to_public(&self) -> PublicNonce {
        self.public
    }
}

impl std::fmt::Debug for CheckedNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.public, f)
    }
}

impl PublicNonce {
    /// Whether both halves are points of the curve, without a session or a message: `None` if one is not. Whose fault
    /// that is, the caller knows, who has the message.
    pub fn check(&self) -> Option<CheckedNonce> {
        let points = musig::musig::PublicNonce::from_byte_array(&self.0).ok()?;
        let public = *self;
        Some(CheckedNonce { public, points })
    }

    /// Makes a nonce pair for one message under one key set (NonceGen of BIP327).
    ///
    /// `seed` must be fresh, uniform and secret. The secret key, aggregate key and message are mixed in, so
    /// that a weak source alone does not repeat a nonce for two messages. `None` for a seed of zeros only.
    ///
    /// The public nonce comes with the points that it was made as, which nobody needs to find again.
    pub(crate) fn generate(
        seed: &[u8; 32],
        keypair: &MusigKeypair,
        keys: &KeySet,
        message: &[u8; 32],
    ) -> Option<(SecretNonce, CheckedNonce)> {
        PublicNonce::drawn(seed, keypair, keys, Some(message))
    }

    /// The same for a message that is not known yet. `seed` must serve one message: the caller sees to it, since nothing of the message is
    /// mixed in.
    pub(crate) fn generate_ahead(
        seed: &[u8; 32],
        keypair: &MusigKeypair,
        keys: &KeySet,
    ) -> Option<(SecretNonce, CheckedNonce)> {
        PublicNonce::drawn(seed, keypair, keys, None)
    }

    fn drawn(
        seed: &[u8; 32],
        keypair: &MusigKeypair,
        keys: &KeySet,
        message: Option<&[u8; 32]>,
    ) -> Option<(SecretNonce, CheckedNonce)> {
        // The library panics on a seed of zeros, which a broken source yields.
        if *seed == [0u8; 32] {
            return None;
        }
        let (secret, points) = musig::musig::new_nonce_pair(
            musig::musig::SessionSecretRand::assume_uniformly_random(*seed),
            Some(keys.cache()),
            Some(keypair.secret()),
            keypair.public(),
            message,
            None,
        );
        let public = PublicNonce(points.serialize());
        Some((SecretNonce(Some(secret)), CheckedNonce { public, points }))
    }
}
