//! Fields that the logs of several machines have.

use std::{fmt::Display, sync::Arc};

use bitcoin::{ScriptBuf, Transaction, consensus};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_contracts::{
    depth::Depth,
    setup::{Agreement, ContractSignatures},
};
use narthex_game_model::bundle::{Bundle, MAX_BUNDLE_FILES};

/// Writes what a job travels as: the root of its chunks (32), and the bytes of each file (8).
pub(crate) fn write_bundle(w: &mut Writer, bundle: &Bundle) {
    w.fixed(bundle.root()).list(bundle.files(), |w, bytes| {
        w.u64(*bytes);
    });
}

/// Reads the same.
///
/// # Errors
/// [`DecodeError`]; also for what is no bundle.
pub(crate) fn read_bundle(r: &mut Reader<'_>) -> Result<Bundle, DecodeError> {
    let root = r.array("root of the chunks")?;
    let files = r.list_up_to("files", 8, MAX_BUNDLE_FILES, |r| r.u64("bytes of a file"))?;
    Bundle::new(root, files).map_err(|fault| DecodeError::invalid("files", fault))
}

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

/// Longest script of a payout: P2TR.
const MAX_SCRIPT: usize = 34;

/// Reads where a party is paid.
///
/// # Errors
/// [`DecodeError`].
pub(crate) fn read_script(r: &mut Reader<'_>) -> Result<ScriptBuf, DecodeError> {
    Ok(r.bytes_up_to("script", MAX_SCRIPT)?.to_vec().into())
}

/// Writes messages of several that somebody passes on.
pub(crate) fn write_passed<'w>(w: &'w mut Writer, all: &[Vec<u8>]) -> &'w mut Writer {
    w.list(all, |w, one| {
        w.bytes(one);
    })
}

/// Reads them: so many at most, of so many bytes each.
pub(crate) fn read_passed(
    r: &mut Reader<'_>,
    field: &'static str,
    (most, bytes): (usize, usize),
) -> Result<Vec<Vec<u8>>, DecodeError> {
    r.list_up_to(field, 4, most, |r| {
        Ok(r.bytes_up_to(field, bytes)?.to_vec())
    })
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
