//! Envelopes and sealed copies.
//!
//! The envelope is the message under ChaCha20-Poly1305 (RFC 8439) with a key that sender and recipient derive (ECIES);
//! copy i is the envelope under the same cipher with a key derived from u_i. Every key encrypts one thing, so that the
//! nonce is zero. The cipher does not bind its key; the terms bind hashes of all keys and of the envelope.

use bitcoin::hashes::{Hash, sha256};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, aead::Aead};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::commitment::{Domain, Multiproof, TreeBuilder};

use super::{DeliverError, EnvelopeKey, UnsealingKey};

/// Longest message in bytes: 15 copies of it are a gigabyte.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// The cipher's authentication tag.
const TAG_BYTES: usize = 16;

/// By how many bytes a copy is longer than its message: a tag for the envelope, a tag for the copy.
pub const COPY_OVERHEAD_BYTES: usize = 2 * TAG_BYTES;

/// The largest envelope.
pub(super) const MAX_ENVELOPE_BYTES: u64 = (MAX_MESSAGE_BYTES + TAG_BYTES) as u64;
/// The smallest, of an empty message.
pub(super) const MIN_ENVELOPE_BYTES: u64 = TAG_BYTES as u64;

/// Length of the copies of an envelope.
pub(super) fn copy_bytes(envelope_bytes: u64) -> u64 {
    envelope_bytes.saturating_add(TAG_BYTES as u64)
}

fn cipher(key: &[u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(Key::from_slice(key))
}

/// Encrypts a message to the recipient.
///
/// # Errors
/// [`DeliverError::TooLarge`].
pub(super) fn envelop(key: &EnvelopeKey, message: &[u8]) -> Result<Vec<u8>, DeliverError> {
    let too_large = DeliverError::TooLarge {
        bytes: message.len() as u64,
        limit: MAX_MESSAGE_BYTES as u64,
    };
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(too_large);
    }
    let cipher = cipher(key.expose());
    let sealed = cipher.encrypt(&Nonce::default(), message);
    sealed.map_err(|_| too_large)
}

/// Decrypts the envelope; `None` if it is not one of this key.
pub(super) fn open_envelope(key: &EnvelopeKey, envelope: &[u8]) -> Option<Vec<u8>> {
    let cipher = cipher(key.expose());
    cipher.decrypt(&Nonce::default(), envelope).ok()
}

/// Hash of an envelope, as the terms name it.
pub fn envelope_hash(envelope: &[u8]) -> sha256::Hash {
    let length = (envelope.len() as u64).to_be_bytes();
    let hash = tagged_hash_parts("narthex/deliver-envelope", &[&length, envelope]);
    sha256::Hash::from_byte_array(hash)
}

/// The copy of the agent with this index.
///
/// # Errors
/// [`DeliverError::TooLarge`].
pub fn seal(key: &UnsealingKey, agent: u8, envelope: &[u8]) -> Result<Vec<u8>, DeliverError> {
    let bytes = envelope.len() as u64;
    let too_large = DeliverError::TooLarge {
        bytes,
        limit: MAX_ENVELOPE_BYTES,
    };
    if bytes > MAX_ENVELOPE_BYTES {
        return Err(too_large);
    }
    let sealed = cipher(&key.cipher_key(agent)).encrypt(&Nonce::default(), envelope);
    sealed.map_err(|_| too_large)
}

/// The envelope out of a copy; `None` if it is not one of this key and agent.
pub fn unseal(key: &UnsealingKey, agent: u8, copy: &[u8]) -> Option<Vec<u8>> {
    let cipher = cipher(&key.cipher_key(agent));
    cipher.decrypt(&Nonce::default(), copy).ok()
}

/// The leaf that commits to the copy of the agent with this index.
pub fn copy_leaf(agent: u8, copy: &[u8]) -> [u8; 32] {
    let length = (copy.len() as u64).to_be_bytes();
    tagged_hash_parts("narthex/deliver-copy", &[&[agent], &length, copy])
}

/// The leaves of all copies, in the order of the agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies(pub Vec<[u8; 32]>);

impl Copies {
    /// The Merkle root of all copies' hashes.
    pub fn root(&self) -> Result<[u8; 32], DeliverError> {
        Ok(self.proven(&[])?.0)
    }

    /// The branch of one copy.
    pub fn branch(&self, agent: u8) -> Result<Multiproof, DeliverError> {
        Ok(self.proven(&[agent.into()])?.1)
    }

    fn proven(&self, indices: &[u64]) -> Result<([u8; 32], Multiproof), DeliverError> {
        let mut tree = TreeBuilder::proving(Domain::Copies, self.0.len() as u64, indices)?;
        self.0.iter().for_each(|leaf| tree.push(*leaf));
        Ok(tree.finish()?)
    }
}

/// Checks that this is a copy under the root.
pub(super) fn check_copy(
    agent: u8,
    copy: &[u8],
    branch: &Multiproof,
    (agents, root): (usize, &[u8; 32]),
) -> Result<(), DeliverError> {
    let leaf = (agent.into(), copy_leaf(agent, copy));
    branch
        .verify(Domain::Copies, agents as u64, &[leaf], root)
        .map_err(|error| DeliverError::Leaf { agent, error })
}
