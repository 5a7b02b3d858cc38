//! Fields that the logs of several machines have.

use bitcoin::{Transaction, consensus};
use narthex_base::codec::{DecodeError, Reader, Writer};

/// A kind of change, or of anything in it, that there is not.
pub(crate) fn unknown(field: &'static str, kind: u8) -> DecodeError {
    DecodeError::invalid(field, kind)
}

/// Writes a transaction, with its witnesses.
pub(crate) fn write_transaction(w: &mut Writer, tx: &Transaction) {
    w.bytes(&consensus::serialize(tx));
}

/// Reads one.
///
/// # Errors
/// [`DecodeError`].
pub(crate) fn read_transaction(r: &mut Reader<'_>) -> Result<Transaction, DecodeError> {
    let read = consensus::deserialize(r.bytes("transaction")?);
    read.map_err(|e| DecodeError::invalid("transaction", e))
}
