//! Fields of messages that the floor has no types for, because it knows no transaction.

use bitcoin::{OutPoint, Txid, hashes::Hash};
use narthex_base::codec::{DecodeError, Reader, Writer};

/// Writes what points into the chain.
pub trait WriteOutPoint {
    /// Transaction (32, as its hash and not as people read it), output (4).
    fn outpoint(&mut self, outpoint: &OutPoint) -> &mut Self;
}

/// Reads what points into the chain.
pub trait ReadOutPoint {
    /// What [`WriteOutPoint::outpoint`] writes; the two names are those of its two fields.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    fn outpoint(&mut self, fields: [&'static str; 2]) -> Result<OutPoint, DecodeError>;
}

impl WriteOutPoint for Writer {
    fn outpoint(&mut self, outpoint: &OutPoint) -> &mut Writer {
        self.fixed(outpoint.txid.as_byte_array()).u32(outpoint.vout)
    }
}

impl ReadOutPoint for Reader<'_> {
    fn outpoint(&mut self, [txid, vout]: [&'static str; 2]) -> Result<OutPoint, DecodeError> {
        Ok(OutPoint {
            txid: Txid::from_byte_array(self.array(txid)?),
            vout: self.u32(vout)?,
        })
    }
}
