//! The token on its way to a verifier that may lose its disk: the reply carries it, encrypted to the verifier itself.
//!
//! A verifier that opened the seal, said so and then lost everything would have approved for an output that it cannot
//! spend. Its peers keep what it sent, and return it. So its reply holds x under a key that follows from its seed and the
//! contract alone, and that nobody else has: no salt of the attempt is in it, which would be gone with the disk.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::secret;
use secp256k1::PublicKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Token;
use crate::tagged::TaggedHasher;

secret! {
    /// A verifier's own key for its replies, which it can derive from its seed after a loss. Nobody else needs it.
    ReplySecret
}

/// x, encrypted by the verifier to itself: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBox {
    /// x, encrypted.
    #[serde(with = "narthex_base::hex::array")]
    pub ciphertext: [u8; 32],
    /// Tag of Poly1305.
    #[serde(with = "narthex_base::hex::array")]
    pub tag: [u8; 16],
}

impl TokenBox {
    /// Encrypts a token of this contract. Nobody but the verifier can check that it did; it is its own loss if not.
    pub fn seal(token: &Token, contract: &[u8; 32], own: &ReplySecret) -> Option<Self> {
        let cipher = cipher(&token.point()?, contract, own);
        let mut ciphertext = *token.expose();
        let tag = cipher.encrypt_in_place_detached(&Nonce::default(), b"", &mut ciphertext);
        let tag = tag.ok()?.into();
        Some(Self { ciphertext, tag })
    }

    /// The token, from what a peer returned; `None` if it is not the one of this contract.
    pub fn open(&self, contract: &[u8; 32], point: &PublicKey, own: &ReplySecret) -> Option<Token> {
        let mut plain = Zeroizing::new(self.ciphertext);
        let tag = Tag::from(self.tag);
        cipher(point, contract, own)
            .decrypt_in_place_detached(&Nonce::default(), b"", plain.as_mut(), &tag)
            .ok()?;
        let token = Token::from_bytes(*plain)?;
        (token.point().as_ref() == Some(point)).then_some(token)
    }
}

impl Message for TokenBox {
    const KIND: Kind = kinds::TOKEN_BOX;

    /// Ciphertext (32), tag (16).
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.ciphertext).fixed(&self.tag);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            ciphertext: r.array("token for the verifier itself")?,
            tag: r.array("tag")?,
        })
    }
}

/// One key a contract and point, so the nonce can be fixed.
fn cipher(point: &PublicKey, contract: &[u8; 32], own: &ReplySecret) -> ChaCha20Poly1305 {
    let key = TaggedHasher::new("narthex/reply-key")
        .fixed(own.expose())
        .fixed(contract)
        .fixed(&point.serialize())
        .finish();
    let key = Zeroizing::new(key);
    ChaCha20Poly1305::new(Key::from_slice(key.as_slice()))
}
