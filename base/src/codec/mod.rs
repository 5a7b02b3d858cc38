//! Reading and writing of length-bounded binary messages.
//!
//! Integers are big-endian; a list or byte string is preceded by its length in 32 bits. Every length is checked against
//! what is left before anything is allocated, so a short message cannot ask for much memory.

mod error;
mod reader;
mod writer;

pub use error::DecodeError;
pub use reader::Reader;
pub use writer::Writer;

use zeroize::Zeroizing;

use crate::kinds::Kind;

/// What a party sends or keeps: one kind, one encoding, and nothing else is read.
pub trait Message: Sized {
    /// What its bytes begin with.
    const KIND: Kind;

    /// Writes the fields behind the kind.
    fn write(&self, w: &mut Writer);

    /// Reads the fields behind the kind.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Message::write`] does not write.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The one encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(Self::KIND);
        self.write(&mut w);
        w.finish()
    }

    /// The one encoding of what holds a secret; it is wiped when it is dropped.
    fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.to_bytes())
    }

    /// Reads the one encoding, whole.
    ///
    /// # Errors
    /// [`DecodeError`]: another kind, an end too early or too late, a field that cannot be.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(Self::KIND, bytes)?;
        let message = Self::read(&mut r)?;
        r.finish()?;
        Ok(message)
    }
}
