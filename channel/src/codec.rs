//! What is written of a change, and read back.

use narthex_contracts::wire::WireError;
pub use narthex_contracts::wire::{Reader, Writer};

/// Something that a log keeps.
pub trait Record: Sized {
    /// Kind and version, four letters: another version of the same bytes has another.
    const KIND: &'static str;

    /// The one way to write it.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads what [`Record::to_bytes`] wrote, and derives all that [`Machine::apply`](crate::Machine::apply) needs, so
    /// that applying cannot fail.
    ///
    /// # Errors
    /// [`RecordError`] for any other bytes: whoever wrote the log is at fault, or whatever damaged it.
    fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError>;
}

/// Why bytes of a log are no change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// They are cut off, too many, or of another kind.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// They say something that no machine wrote.
    #[error("{0}")]
    Invalid(String),
}

impl RecordError {
    /// What the bytes say that they cannot.
    pub fn invalid(what: impl std::fmt::Display) -> Self {
        Self::Invalid(what.to_string())
    }
}
