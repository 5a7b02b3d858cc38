//! Fields that the logs of several machines have.

use std::{fmt::Display, sync::Arc};

use bitcoin::{Transaction, consensus};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_contracts::{
    depth::Depth,
    setup::{Agreement, ContractSignatures},
};

/// Writes what a party holds when a ceremony is over: the terms as `json`, the signatures, and its depth.
pub(crate) fn write_held<T: Agreement>(
    w: &mut Writer,
    json: &[u8],
    (holdings, depth): (&ContractSignatures<T>, Depth),
) {
    w.bytes(json)
        .bytes(&holdings.to_bytes())
        .u32(depth.blocks());
}

/// Reads the same. Terms are spelt in one way.
///
/// # Errors
/// [`DecodeError`].
pub(crate) fn read_held<T, H, E: Display, F: Display>(
    r: &mut Reader<'_>,
    from_json: impl Fn(&[u8]) -> Result<T, E>,
    to_json: impl Fn(&T) -> Vec<u8>,
    restore: impl Fn(Arc<T>, &[u8]) -> Result<H, F>,
) -> Result<(H, Depth), DecodeError> {
    let (json, bytes) = (r.bytes("terms")?, r.bytes("signatures")?);
    let depth = Depth::new(r.u32("depth")?).map_err(|e| DecodeError::invalid("depth", e))?;
    let terms = from_json(json).map_err(|e| DecodeError::invalid("terms", e))?;
    if to_json(&terms) != json {
        return Err(DecodeError::invalid("terms", "spelt otherwise"));
    }
    let holdings = restore(Arc::new(terms), bytes);
    let holdings = holdings.map_err(|e| DecodeError::invalid("signatures", e))?;
    Ok((holdings, depth))
}

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
