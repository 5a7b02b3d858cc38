//! Messages as the library of the transport takes and gives them.

use std::fmt;

use lightning::{
    ln::wire,
    util::ser::{Writeable, Writer},
};

use super::limits::{MAX_MESSAGE_BYTES, MESSAGE_OVERHEAD};

/// A message with its type.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) kind: u16,
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    /// What the largest message counts.
    pub(super) const MOST: u64 = Frame::cost_of(MAX_MESSAGE_BYTES);

    /// What a message of this length counts.
    pub(super) const fn cost_of(bytes: usize) -> u64 {
        (bytes as u64).saturating_add(MESSAGE_OVERHEAD)
    }

    pub(super) const fn cost(&self) -> u64 {
        Frame::cost_of(self.bytes.len())
    }
}

impl fmt::Debug for Frame {
    /// Without the bytes: the library prints messages where it logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl wire::Type for Frame {
    fn type_id(&self) -> u16 {
        self.kind
    }
}

impl Writeable for Frame {
    fn write<W: Writer>(&self, writer: &mut W) -> Result<(), lightning::io::Error> {
        writer.write_all(&self.bytes)
    }
}
