//! Writing messages.

use bitcoin_units::Amount;
use secp256k1::{PublicKey, SecretKey, XOnlyPublicKey, schnorr};
use zeroize::Zeroizing;

use super::Message;
use crate::kinds::Kind;

/// Writes fields behind each other.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins a message with its kind. Bytes without a kind (what a hash under a tag covers) begin with the default.
    pub fn new(kind: Kind) -> Writer {
        Writer(kind.as_bytes().to_vec())
    }

    /// Bytes of a length that the kind fixes.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, v: u8) -> &mut Self {
        self.fixed(&[v])
    }

    /// Four bytes.
    pub fn u32(&mut self, v: u32) -> &mut Self {
        self.fixed(&v.to_be_bytes())
    }

    /// Eight bytes.
    pub fn u64(&mut self, v: u64) -> &mut Self {
        self.fixed(&v.to_be_bytes())
    }

    /// A length and so many bytes. Longer than 4 GiB cannot happen: inputs are in memory and bounded earlier.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
            .fixed(bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self, v: u16) -> &mut Self {
        self.fixed(&v.to_be_bytes())
    }

    /// Satoshi in eight bytes.
    pub fn amount(&mut self, v: Amount) -> &mut Self {
        self.u64(v.to_sat())
    }

    /// A list: how many, then each.
    pub fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.u32(u32::try_from(list.len()).unwrap_or(u32::MAX));
        for item in list {
            each(self, item);
        }
        self
    }

    /// Something that may not be there: a flag that says whether it is, then it.
    pub fn optional<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Self, &T),
    ) -> &mut Self {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    /// A message inside another, kind included, with its length in front.
    pub fn message(&mut self, message: &impl Message) -> &mut Self {
        self.bytes(&message.to_bytes())
    }

    /// A byte that says whether something is so: 1 if it is, else 0.
    pub fn flag(&mut self, v: bool) -> &mut Self {
        self.u8(v.into())
    }

    /// A secret scalar in 32 bytes.
    pub fn scalar(&mut self, secret: &SecretKey) -> &mut Self {
        self.fixed(&*Zeroizing::new(secret.secret_bytes()))
    }

    /// A point in 33 bytes.
    pub fn point(&mut self, point: &PublicKey) -> &mut Self {
        self.fixed(&point.serialize())
    }

    /// A BIP340 key in 32 bytes.
    pub fn key(&mut self, key: &XOnlyPublicKey) -> &mut Self {
        self.fixed(&key.serialize())
    }

    /// A BIP340 signature in 64 bytes.
    pub fn signature(&mut self, signature: &schnorr::Signature) -> &mut Self {
        self.fixed(signature.as_ref())
    }

    /// Takes the message out.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
