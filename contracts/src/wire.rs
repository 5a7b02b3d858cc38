//! Reading and writing of length-bounded binary messages.
//!
//! Integers are big-endian; a list or byte string is preceded by its length. Every length is checked against
//! what is left before anything is allocated, so a short message cannot ask for much memory.

/// Why bytes are no message. The sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message ends in the middle of a field.
    #[error("the message ends {missing} bytes before its field {field:?}")]
    Truncated {
        /// Field that is cut off.
        field: &'static str,
        /// Bytes that are missing at least.
        missing: usize,
    },
    /// Bytes follow the last field.
    #[error("{extra} bytes follow the end of the message")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A value is out of its range.
    #[error("field {field:?} is not valid: {found}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// The message is of another kind or version.
    #[error("expected a message of kind {expected:?}, found {found:02x?}")]
    Kind {
        /// Magic bytes of the kind that was asked for.
        expected: &'static str,
        /// First bytes of the message.
        found: Vec<u8>,
    },
}

impl WireError {
    /// A value that is out of its range, shortened for a message.
    pub fn invalid(field: &'static str, found: impl std::fmt::Display) -> WireError {
        WireError::Invalid {
            field,
            found: found.to_string().chars().take(80).collect(),
        }
    }
}

/// Writes fields behind each other.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Begins a message with its kind: 4 letters and a version are usual.
    pub fn new(kind: &'static str) -> Writer {
        Writer(kind.as_bytes().to_vec())
    }

    /// Bytes of a length that the reader knows.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    pub fn u8(&mut self, v: u8) -> &mut Self {
        self.fixed(&[v])
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, v: u32) -> &mut Self {
        self.fixed(&v.to_be_bytes())
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, v: u64) -> &mut Self {
        self.fixed(&v.to_be_bytes())
    }

    /// A length and so many bytes. Longer than 4 GiB cannot happen: inputs are in memory and bounded earlier.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
            .fixed(bytes)
    }

    /// The message; the writer is empty then.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Reads fields behind each other.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins to read a message of this kind.
    ///
    /// # Errors
    /// [`WireError::Kind`] for bytes that begin otherwise.
    pub fn new(kind: &'static str, bytes: &'a [u8]) -> Result<Reader<'a>, WireError> {
        match bytes.strip_prefix(kind.as_bytes()) {
            Some(rest) => Ok(Reader(rest)),
            None => Err(WireError::Kind {
                expected: kind,
                found: bytes.iter().take(kind.len()).copied().collect(),
            }),
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer, as for all fields below.
    pub fn slice(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], WireError> {
        if len > self.0.len() {
            return Err(WireError::Truncated {
                field,
                missing: len - self.0.len(),
            });
        }
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(head)
    }

    /// So many bytes as an array.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.slice(field, N)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        Ok(self.array::<1>(field)?[0])
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// The number of elements of a list, each of at least `element_len` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if so many cannot follow.
    pub fn count(&mut self, field: &'static str, element_len: usize) -> Result<usize, WireError> {
        let count = self.u32(field)? as usize;
        let needed = count.saturating_mul(element_len.max(1));
        if needed > self.0.len() {
            return Err(WireError::Truncated {
                field,
                missing: needed - self.0.len(),
            });
        }
        Ok(count)
    }

    /// Fails if anything follows.
    ///
    /// # Errors
    /// [`WireError::Trailing`].
    pub fn finish(self) -> Result<(), WireError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(WireError::Trailing {
                extra: self.0.len(),
            })
        }
    }
}
