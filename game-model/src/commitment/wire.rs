//! Reading canonical bytes that anybody may have written.

/// Takes fields off the front of some bytes; a length in them is checked against what is left
/// before anything is allocated.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let left = self.0.len();
        let (field, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated {
            wanted: N as u64,
            left: left as u64,
        })?;
        self.0 = rest;
        Ok(*field)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        self.fixed().map(u64::from_be_bytes)
    }

    /// `count` fields of N bytes each.
    pub(crate) fn list<const N: usize>(&mut self, count: u64) -> Result<Vec<[u8; N]>, DecodeError> {
        let left = self.0.len() as u64;
        let wanted = count.saturating_mul(N as u64);
        if wanted > left {
            return Err(DecodeError::Truncated { wanted, left });
        }
        (0..count).map(|_| self.fixed()).collect()
    }

    /// The number of bytes not read yet.
    pub(crate) const fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let extra = self.0.len() as u64;
        Err(DecodeError::TooLong { extra })
    }
}

/// Why bytes are not what they are said to be. Whoever wrote or handed over the bytes is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end early.
    #[error("{wanted} more bytes wanted, {left} left")]
    Truncated {
        /// Bytes that should follow.
        wanted: u64,
        /// Bytes that do.
        left: u64,
    },
    /// Bytes are left over.
    #[error("{extra} bytes too many")]
    TooLong {
        /// Number of them.
        extra: u64,
    },
    /// A field has a value that no such field has.
    #[error("{field} cannot be {found}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u64,
    },
    /// Fields that are fine alone contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The checksum is of other bytes: they were altered or damaged.
    #[error("the checksum does not fit: the bytes were altered or damaged")]
    Checksum,
}
