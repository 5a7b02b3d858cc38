//! Why canonical bytes of a commitment are not what they are said to be.

use narthex_base::codec;

/// Why bytes are not what they are said to be. Whoever wrote or handed over the bytes is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end early or late, or a field has a value that no such field has.
    #[error(transparent)]
    Codec(#[from] codec::DecodeError),
    /// Fields that are fine alone contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The checksum is of other bytes: they were altered or damaged.
    #[error("the checksum does not fit: the bytes were altered or damaged")]
    Checksum,
}
