//! Encryption to a point whose secret a settlement reveals: an elliptic-curve Diffie–Hellman secret with a fresh point of
//! the sender's, hashed to the key of ChaCha20-Poly1305 (RFC 8439). Each key encrypts one message, so its nonce is zero.

use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey};
use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use super::{BountyError, delivery::MAX_RESULT_BYTES};
use crate::hash::tagged_hash;

/// Bytes by which a ciphertext is longer: the authentication tag.
pub(super) const OVERHEAD: usize = 16;

/// Encrypts to `point`. The caller never uses `ephemeral` for another plaintext.
pub(super) fn seal(
    point: &PublicKey,
    context: &[u8; 32],
    ephemeral: &SecretKey,
    plaintext: &[u8],
) -> Result<(PublicKey, Vec<u8>), BountyError> {
    let too_large = BountyError::Result {
        bytes: plaintext.len(),
    };
    if plaintext.len() > MAX_RESULT_BYTES {
        return Err(too_large);
    }
    let public = PublicKey::from_secret_key(&Secp256k1::signing_only(), ephemeral);
    let cipher = cipher(point, ephemeral, context, &public).ok_or(BountyError::Seed)?;
    let payload = Payload {
        msg: plaintext,
        aad: context,
    };
    let ciphertext = cipher.encrypt(&Nonce::default(), payload);
    Ok((public, ciphertext.map_err(|_| too_large)?))
}

/// Decrypts with the secret of the point; `None` if it was not encrypted to it, or changed.
pub(super) fn open(
    secret: &SecretKey,
    context: &[u8; 32],
    ephemeral: &PublicKey,
    ciphertext: &[u8],
) -> Option<Vec<u8>> {
    if ciphertext.len() > MAX_RESULT_BYTES + OVERHEAD {
        return None;
    }
    let payload = Payload {
        msg: ciphertext,
        aad: context,
    };
    let cipher = cipher(ephemeral, secret, context, ephemeral)?;
    cipher.decrypt(&Nonce::default(), payload).ok()
}

fn cipher(
    theirs: &PublicKey,
    ours: &SecretKey,
    context: &[u8; 32],
    ephemeral: &PublicKey,
) -> Option<ChaCha20Poly1305> {
    let secp = Secp256k1::verification_only();
    let common = theirs.mul_tweak(&secp, &Scalar::from(*ours)).ok()?;
    let common = Zeroizing::new(common.serialize());
    let parts: [&[u8]; 3] = [context, &ephemeral.serialize(), &*common];
    let key = Zeroizing::new(tagged_hash("narthex/bounty-key", &parts));
    Some(ChaCha20Poly1305::new(Key::from_slice(&*key)))
}
