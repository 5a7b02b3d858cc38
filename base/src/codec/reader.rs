//! Reading messages that anybody may have written.

use bitcoin_units::Amount;
use secp256k1::{PublicKey, SecretKey, XOnlyPublicKey, schnorr};
use zeroize::Zeroizing;

use super::{DecodeError, Message};
use crate::kinds::Kind;

/// Reads fields behind each other.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of bytes without a kind.
    pub const fn plain(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// Behind the kind, which must be this one.
    ///
    /// # Errors
    /// [`DecodeError::Kind`].
    pub fn new(kind: Kind, bytes: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
        match bytes.strip_prefix(kind.as_bytes()) {
            Some(rest) => Ok(Reader(rest)),
            None => Err(DecodeError::Kind {
                expected: kind.as_str(),
                found: bytes.iter().take(kind.as_bytes().len()).copied().collect(),
            }),
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn slice(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], DecodeError> {
        if len > self.0.len() {
            return Err(DecodeError::Truncated {
                field,
                missing: len - self.0.len(),
            });
        }
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(head)
    }

    /// N bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.slice(field, N)?);
        Ok(out)
    }

    /// So many values of N bytes; how many was said before.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], before room is made for any.
    pub fn arrays<const N: usize>(
        &mut self,
        field: &'static str,
        count: u64,
    ) -> Result<Vec<[u8; N]>, DecodeError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (arrays, _) = self.slice(field, count.saturating_mul(N))?.as_chunks();
        Ok(arrays.to_vec())
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(field)?[0])
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// The number of elements of a list, each of at least `element_len` bytes, so that room is made for what is there.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn count(&mut self, field: &'static str, element_len: usize) -> Result<usize, DecodeError> {
        let count = self.u32(field)? as usize;
        let needed = count.saturating_mul(element_len.max(1));
        if needed > self.0.len() {
            return Err(DecodeError::Truncated {
                field,
                missing: needed - self.0.len(),
            });
        }
        Ok(count)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Satoshi. Any number of them: what bound an amount has is for its reader.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn amount(&mut self, field: &'static str) -> Result<Amount, DecodeError> {
        Ok(Amount::from_sat(self.u64(field)?))
    }

    /// Bytes with their length in front, borrowed.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.count(field, 1)?;
        self.slice(field, len)
    }

    /// Bytes with their length in front, of which there may be so many at most.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for more bytes.
    pub fn bytes_up_to(
        &mut self,
        field: &'static str,
        most: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let len = self.count(field, 1)?;
        if len > most {
            return Err(DecodeError::invalid(field, format_args!("{len} bytes")));
        }
        self.slice(field, len)
    }

    /// A message inside another, kind included, with its length in front.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or what the message says.
    pub fn message<T: Message>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        T::from_bytes(self.bytes(field)?)
    }

    /// A byte that says whether something is so, 0 or 1.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for any other byte.
    pub fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::invalid(field, other)),
        }
    }

    /// Something that may not be there, behind the flag that says whether it is.
    ///
    /// # Errors
    /// Those of [`Reader::flag`], or what `read` says.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.flag(field)? {
            true => read(self).map(Some),
            false => Ok(None),
        }
    }

    /// A list as [`Reader::list`], of which there may be so many elements at most.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for more elements; or what `each` says.
    pub fn list_up_to<T>(
        &mut self,
        field: &'static str,
        element_len: usize,
        most: usize,
        mut each: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(field, element_len)?;
        if count > most {
            return Err(DecodeError::invalid(field, count));
        }
        (0..count).map(|_| each(self)).collect()
    }

    /// A list whose elements have at least `element_len` bytes each.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or what `each` says.
    pub fn list<T>(
        &mut self,
        field: &'static str,
        element_len: usize,
        each: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.list_up_to(field, element_len, usize::MAX, each)
    }

    /// A point of the curve, compressed, in 33 bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for bytes that are no point.
    pub fn point(&mut self, field: &'static str) -> Result<PublicKey, DecodeError> {
        PublicKey::from_slice(&self.array::<33>(field)?).map_err(|e| DecodeError::invalid(field, e))
    }

    /// A BIP340 key in 32 bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`] for bytes that are no key.
    pub fn key(&mut self, field: &'static str) -> Result<XOnlyPublicKey, DecodeError> {
        XOnlyPublicKey::from_slice(&self.array::<32>(field)?)
            .map_err(|e| DecodeError::invalid(field, e))
    }

    /// A secret scalar in 32 bytes: not zero, below the order of the group.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Invalid`], which does not say the bytes.
    pub fn scalar(&mut self, field: &'static str) -> Result<SecretKey, DecodeError> {
        SecretKey::from_slice(&*Zeroizing::new(self.array::<32>(field)?))
            .map_err(|e| DecodeError::invalid(field, e))
    }

    /// A BIP340 signature in 64 bytes. Whether it signs anything is for its reader.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn signature(&mut self, field: &'static str) -> Result<schnorr::Signature, DecodeError> {
        schnorr::Signature::from_slice(self.slice(field, 64)?)
            .map_err(|e| DecodeError::invalid(field, e))
    }

    /// The bytes that are left.
    pub const fn left(&self) -> usize {
        self.0.len()
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`].
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing {
                extra: self.0.len(),
            })
        }
    }
}
