//! Why bytes are no message.

/// Why bytes are no message. The sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
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

impl DecodeError {
    /// A field whose value cannot be; what stands there is cut to 80 characters.
    pub fn invalid(field: &'static str, found: impl std::fmt::Display) -> DecodeError {
        DecodeError::Invalid {
            field,
            found: found.to_string().chars().take(80).collect(),
        }
    }
}
