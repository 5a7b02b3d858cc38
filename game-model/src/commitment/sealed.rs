//! The result under lock: encryption, and an opening that proves any fraud.
//!
//! Plaintext: the 32-byte salt seed, then the outputs of all steps. Cipher: ChaCha20-Poly1305
//! (RFC 8439) under a key derived from result secret and job, with the first 12 bytes of the
//! committed plaintext hash as nonce: one key encrypts two results only under two nonces.
//! The cipher alone does not bind its key; the committed plaintext hash, which contains the
//! secret, does.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use zeroize::{Zeroize, Zeroizing};

use super::{Commitment, Domain, ResultSecret, SaltSeed, TreeBuilder, state_digest, work_leaf};
use crate::tagged::tagged_hash;

/// Longest result in bytes, salt seed included; well below the cipher's own 256 GiB.
pub const MAX_RESULT_BYTES: usize = 1 << 30;
const SEED_BYTES: usize = 32;

/// An encrypted result with the hashes that go into the [`Commitment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The encrypted result, for the client.
    pub ciphertext: Vec<u8>,
    /// For [`Commitment::ciphertext_hash`].
    pub ciphertext_hash: [u8; 32],
    /// For [`Commitment::plaintext_hash`].
    pub plaintext_hash: [u8; 32],
}

/// Encrypts the outputs of all steps, with the salt seed in front.
///
/// # Errors
/// [`OpenError::TooLarge`] above [`MAX_RESULT_BYTES`].
pub fn seal(
    secret: &ResultSecret,
    salts: &SaltSeed,
    job: &[u8; 32],
    outputs: &[u8],
) -> Result<Sealed, OpenError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(SEED_BYTES + outputs.len()));
    plaintext.extend_from_slice(salts.expose());
    plaintext.extend_from_slice(outputs);
    check_size(plaintext.len(), MAX_RESULT_BYTES)?;
    let plaintext_hash = secret.plaintext_hash(&plaintext);
    let payload = Payload {
        msg: &plaintext,
        aad: job,
    };
    let ciphertext = cipher(secret, job)
        .encrypt(&nonce(&plaintext_hash), payload)
        .map_err(|_| OpenError::TooLarge {
            bytes: plaintext.len(),
        })?;
    Ok(Sealed {
        ciphertext_hash: ciphertext_hash(&ciphertext),
        ciphertext,
        plaintext_hash,
    })
}

/// Decrypts a result and checks it against everything the worker committed to, the tree included.
/// Gives the outputs of all steps, one after the other.
///
/// Every error except [`OpenError::NotTheCiphertext`] is a proof against the worker: anybody with
/// commitment, ciphertext and secret comes to the same one.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    commitment: &Commitment,
    output_bytes: usize,
    ciphertext: &[u8],
    secret: &ResultSecret,
) -> Result<Vec<u8>, OpenError> {
    if ciphertext_hash(ciphertext) != commitment.ciphertext_hash {
        return Err(OpenError::NotTheCiphertext);
    }
    // The cipher's authentication tag has 16 bytes.
    check_size(ciphertext.len(), MAX_RESULT_BYTES + 16)?;
    let payload = Payload {
        msg: ciphertext,
        aad: &commitment.job,
    };
    let plaintext = cipher(secret, &commitment.job)
        .decrypt(&nonce(&commitment.plaintext_hash), payload)
        .map(Zeroizing::new)
        .map_err(|_| OpenError::DoesNotDecrypt)?;
    if secret.plaintext_hash(&plaintext) != commitment.plaintext_hash {
        return Err(OpenError::NotThePlaintext);
    }

    let (seed, outputs) = plaintext
        .split_first_chunk::<SEED_BYTES>()
        .ok_or(OpenError::NotTheWork)?;
    let size = commitment.steps.checked_mul(output_bytes as u64);
    if output_bytes == 0 || size != Some(outputs.len() as u64) {
        return Err(OpenError::NotTheWork);
    }
    let salts = SaltSeed::from_bytes(*seed);
    let mut tree = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(outputs.chunks_exact(output_bytes)) {
        tree.push(work_leaf(index, &salts.salt(index), &state_digest(output)));
    }
    match tree.finish() {
        Ok((root, _)) if root == commitment.root => Ok(outputs.to_vec()),
        _ => Err(OpenError::NotTheWork),
    }
}

fn check_size(bytes: usize, limit: usize) -> Result<(), OpenError> {
    if bytes > limit {
        return Err(OpenError::TooLarge { bytes });
    }
    Ok(())
}

fn cipher(secret: &ResultSecret, job: &[u8; 32]) -> ChaCha20Poly1305 {
    let mut key = secret.encryption_key(job);
    let cipher = ChaCha20Poly1305::new(Key::from_slice(&key));
    key.zeroize();
    cipher
}

fn nonce(plaintext_hash: &[u8; 32]) -> Nonce {
    *Nonce::from_slice(&plaintext_hash[..12])
}

fn ciphertext_hash(ciphertext: &[u8]) -> [u8; 32] {
    tagged_hash("narthex/result-ciphertext", ciphertext)
}

/// Why a ciphertext and a secret give no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// These bytes are not what the worker committed to: no proof against anybody.
    #[error("these bytes are not the ciphertext of the commitment")]
    NotTheCiphertext,
    /// The committed ciphertext does not decrypt under the secret.
    #[error("the worker's ciphertext does not decrypt under its result secret")]
    DoesNotDecrypt,
    /// It decrypts to something other than the committed plaintext.
    #[error("the worker's ciphertext decrypts to another plaintext than it committed to")]
    NotThePlaintext,
    /// The plaintext is not the work that the tree commits to.
    #[error("the decrypted result is not the work that the worker's tree commits to")]
    NotTheWork,
    /// Above [`MAX_RESULT_BYTES`].
    #[error("result of {bytes} bytes, at most {MAX_RESULT_BYTES} allowed")]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
}

impl OpenError {
    /// Whether commitment, ciphertext and secret together convict the worker.
    pub const fn convicts_worker(&self) -> bool {
        !matches!(self, Self::NotTheCiphertext)
    }
}
