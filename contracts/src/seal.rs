//! Bytes encrypted to a point: only who knows its logarithm reads them.
//!
//! ECIES: an ephemeral key, its Diffie-Hellman secret with the point, and ChaCha20-Poly1305 (RFC 8439) under a hash of
//! it all. Each key encrypts once, so the nonce is zero.

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    ecdh::SharedSecret,
    rand::{CryptoRng, RngCore},
};
use chacha20poly1305::{
    ChaCha20Poly1305, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

/// What the cipher adds to a plaintext, in bytes.
pub const TAG_BYTES: usize = 16;

/// Bytes encrypted to a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The sender's point of this encryption.
    pub ephemeral: PublicKey,
    /// What is encrypted, and the tag.
    pub ciphertext: Vec<u8>,
}

/// The plaintext is longer than the cipher takes. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are more than one message of the cipher")]
pub struct SealError {
    /// Its length.
    pub bytes: usize,
}

impl Sealed {
    /// Encrypts to `to`. `bound` says what it is and between whom: it opens under nothing else.
    pub fn new<R: RngCore + CryptoRng>(
        to: &PublicKey,
        bound: &[u8; 32],
        plain: &[u8],
        rng: &mut R,
    ) -> Result<Sealed, SealError> {
        let mut secret = SecretKey::new(rng);
        let sealed = Sealed::with(&secret, to, bound, plain);
        secret.non_secure_erase();
        sealed
    }

    /// The same with an ephemeral secret of the caller's, which encrypts nothing else ever.
    pub fn with(
        ephemeral: &SecretKey,
        to: &PublicKey,
        bound: &[u8; 32],
        plain: &[u8],
    ) -> Result<Sealed, SealError> {
        let secret = ephemeral;
        let ephemeral = PublicKey::from_secret_key(&Secp256k1::signing_only(), secret);
        let key = key(bound, [&ephemeral, to], (to, secret));
        let payload = Payload {
            msg: plain,
            aad: bound,
        };
        let ciphertext = ChaCha20Poly1305::new(Key::from_slice(&*key))
            .encrypt(&Nonce::default(), payload)
            .map_err(|_| SealError { bytes: plain.len() })?;
        Ok(Sealed {
            ephemeral,
            ciphertext,
        })
    }

    /// Decrypts with the point's logarithm; `None` if it was made for another, or for something else.
    pub fn open(&self, secret: &SecretKey, bound: &[u8; 32]) -> Option<Zeroizing<Vec<u8>>> {
        let to = PublicKey::from_secret_key(&Secp256k1::signing_only(), secret);
        let key = key(bound, [&self.ephemeral, &to], (&self.ephemeral, secret));
        let payload = Payload {
            msg: &self.ciphertext,
            aad: bound,
        };
        ChaCha20Poly1305::new(Key::from_slice(&*key))
            .decrypt(&Nonce::default(), payload)
            .ok()
            .map(Zeroizing::new)
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.point(&self.ephemeral).bytes(&self.ciphertext);
    }

    /// Reads one whose plaintext has at most `max` bytes.
    pub(crate) fn read(
        r: &mut Reader<'_>,
        field: &'static str,
        max: usize,
    ) -> Result<Sealed, DecodeError> {
        let ephemeral = r.point(field)?;
        let ciphertext = r.bytes_up_to(field, max.saturating_add(TAG_BYTES))?;
        Ok(Sealed {
            ephemeral,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

fn key(
    bound: &[u8; 32],
    [ephemeral, to]: [&PublicKey; 2],
    (point, secret): (&PublicKey, &SecretKey),
) -> Zeroizing<[u8; 32]> {
    let mut shared = SharedSecret::new(point, secret);
    let parts: [&[u8]; 4] = [
        bound,
        &ephemeral.serialize(),
        &to.serialize(),
        &shared.secret_bytes(),
    ];
    let key = Zeroizing::new(tagged_hash_parts("narthex/seal", &parts));
    shared.non_secure_erase();
    key
}
