//! The token that the verifier is paid with: only who has computed the sample learns it.
//!
//! In the settlements of an approval the verifier's output is locked to its own key plus a point X = x·G of the worker's.
//! The worker hands x over sealed under the digests of all sampled steps, in order. A verifier that has recomputed the
//! sample opens the seal, and that *is* the comparison: it opens if and only if all digests are equal. One that has not
//! can approve, but never spend what it is paid with, nor its own stake in the same output. No arbiter is asked, and no
//! byte more is on chain.
//!
//! A seal answers guesses, which a blind commitment to digests does not: whoever has the ciphertext can try digests until
//! it opens. So the key is derived by Argon2id, at [`SealCost::CONTRACT`] a try, and the digests of a job must be hard to
//! guess ([`entropy`]). See `docs/commitments.md` and `docs/adr/0061-argon2.md`.
//!
//! The seal commits to what is in it: a ciphertext that opens under two keys, as ChaCha20-Poly1305 allows, would have to
//! open to the discrete logarithm of X under both, since [`open`] takes nothing else.

pub mod entropy;
mod handed;

use argon2::{Algorithm, Argon2, Block, Params as Cost, Version};
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use secp256k1::{PublicKey, Secp256k1, SecretKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use handed::{ReplySecret, TokenBox};

use crate::tagged::{TaggedHasher, tagged_hash_parts};

/// x: the secret that the verifier's pay waits for. It can neither be copied nor printed, and is wiped when dropped:
///
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_game_model::token::Token>();
/// ```
/// ```compile_fail
/// fn printed<T: std::fmt::Debug>() {}
/// printed::<narthex_game_model::token::Token>();
/// ```
pub struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// Takes the bytes of a scalar; `None` for those that are no secret key (0, or not below the order of the group). The
    /// caller wipes its own copy.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let token = Self(Zeroizing::new(bytes));
        token.secret().is_some().then_some(token)
    }

    /// Filled in place, so that no copy is left to wipe; `None` as for [`Self::from_bytes`].
    pub fn drawn(fill: impl FnOnce(&mut [u8; 32])) -> Option<Self> {
        let mut token = Self(Zeroizing::new([0; 32]));
        fill(&mut token.0);
        token.secret().is_some().then_some(token)
    }

    /// The scalar, for handing over on purpose and for spending with.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn secret(&self) -> Option<SecretKey> {
        SecretKey::from_slice(self.0.as_slice()).ok()
    }

    /// X = x·G.
    pub fn point(&self) -> Option<PublicKey> {
        let mut secret = self.secret()?;
        let point = secret.public_key(&Secp256k1::signing_only());
        secret.non_secure_erase();
        Some(point)
    }

    /// What the verifier answers with when the seal has opened: it names the token and gives nothing away to who has not
    /// got it, nor counts in another contract.
    pub fn shown(&self, contract: &[u8; 32]) -> [u8; 32] {
        tagged_hash_parts("narthex/token-shown", &[contract, self.expose()])
    }
}

/// What one derivation of a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealCost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes over it, at least 1.
    pub passes: u32,
}

impl SealCost {
    /// Of every contract: 0.2 s and more on one core of a machine of 2025, and 64 MiB, which every party has and which
    /// keep guesses off hardware that is fast because it is small.
    pub const CONTRACT: Self = Self {
        memory_kib: 64 << 10,
        passes: 10,
    };

    /// Next to nothing, for tests of what stands around the seal. It protects nothing.
    pub const TRIFLING: Self = Self {
        memory_kib: 8,
        passes: 1,
    };
}

/// x, sealed under the digests of a sample: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedToken {
    /// x, encrypted.
    #[serde(with = "narthex_base::hex::array")]
    pub ciphertext: [u8; 32],
    /// Tag of Poly1305.
    #[serde(with = "narthex_base::hex::array")]
    pub tag: [u8; 16],
}

impl Message for SealedToken {
    const KIND: Kind = kinds::SEALED_TOKEN;

    /// Ciphertext (32), tag (16).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.ciphertext).fixed(&self.tag);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            ciphertext: r.array("ciphertext")?,
            tag: r.array("tag")?,
        })
    }
}

/// Seals a token under the digests of all sampled steps, in the order of the sample. `seed` is that of the sample
/// ([`crate::sample::seed`]).
///
/// # Errors
/// [`SealError::Machine`] where this machine lacks the memory, [`SealError::Cost`] for a cost that is none.
pub fn seal(
    token: &Token,
    seed: &[u8; 32],
    digests: &[[u8; 32]],
    cost: SealCost,
) -> Result<SealedToken, SealError> {
    let point = token.point().ok_or(SealError::NoToken)?;
    let cipher = cipher(&point, seed, digests, cost)?;
    let mut ciphertext = *token.expose();
    // The key seals this one token: it is derived from X and the seed of its one sample.
    let tag = cipher.encrypt_in_place_detached(&Nonce::default(), b"", &mut ciphertext);
    // 32 bytes are no message that the cipher refuses.
    let tag = tag.map_err(|_| SealError::NoToken)?;
    Ok(SealedToken {
        ciphertext,
        tag: tag.into(),
    })
}

/// Opens a seal with digests of one's own.
///
/// # Errors
/// [`SealError::Shut`] if the digests are not those that it was sealed under, or what is in it is not the logarithm of
/// `point`: the verifier then answers with its digests and never approves. [`SealError::Machine`] says nothing about
/// anybody but this machine.
pub fn open(
    sealed: &SealedToken,
    seed: &[u8; 32],
    digests: &[[u8; 32]],
    point: &PublicKey,
    cost: SealCost,
) -> Result<Token, SealError> {
    let cipher = cipher(point, seed, digests, cost)?;
    let mut plain = Zeroizing::new(sealed.ciphertext);
    let tag = Tag::from(sealed.tag);
    let opened = cipher.decrypt_in_place_detached(&Nonce::default(), b"", plain.as_mut(), &tag);
    opened.map_err(|_| SealError::Shut)?;
    let token = Token::from_bytes(*plain).ok_or(SealError::Shut)?;
    match token.point().as_ref() == Some(point) {
        true => Ok(token),
        false => Err(SealError::Shut),
    }
}

/// K = Argon2id(digests in order; salt = H(X ‖ seed ‖ number of digests)): the salt ties every guess to one contract's one
/// sample, so that nothing is worth computing beforehand.
fn cipher(
    point: &PublicKey,
    seed: &[u8; 32],
    digests: &[[u8; 32]],
    cost: SealCost,
) -> Result<ChaCha20Poly1305, SealError> {
    let SealCost { memory_kib, passes } = cost;
    let params = Cost::new(memory_kib, passes, 1, Some(32)).map_err(|_| SealError::Cost(cost))?;
    let salt = TaggedHasher::new("narthex/token-seal")
        .fixed(&point.serialize())
        .fixed(seed)
        .number(digests.len() as u64)
        .finish();
    let mut memory = Vec::new();
    let blocks = params.block_count();
    let reserved = memory.try_reserve_exact(blocks);
    reserved.map_err(|_| SealError::Machine { memory_kib })?;
    memory.resize(blocks, Block::default());
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let words = digests.as_flattened();
    let derived = argon.hash_password_into_with_memory(words, &salt, key.as_mut(), &mut memory);
    for block in &mut memory {
        block.zeroize();
    }
    derived.map_err(|_| SealError::Cost(cost))?;
    Ok(ChaCha20Poly1305::new(Key::from_slice(key.as_slice())))
}

/// Why a seal was not made, or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It does not open to the contract's token under these digests: not those of the worker, or the worker sealed
    /// something else.
    #[error("the seal does not open to the contract's token under these digests")]
    Shut,
    /// The token is no scalar.
    #[error("the token is no scalar of secp256k1")]
    NoToken,
    /// No parameters of Argon2id. Who states them is at fault.
    #[error("Argon2id takes no {} KiB in {} passes", .0.memory_kib, .0.passes)]
    Cost(SealCost),
    /// A limit of this machine, which says nothing about any party.
    #[error("this machine has no {memory_kib} KiB for a derivation of the key")]
    Machine {
        /// What is needed.
        memory_kib: u32,
    },
}
