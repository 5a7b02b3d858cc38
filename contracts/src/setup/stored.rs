//! What a party keeps of a ceremony, as bytes: of which agreement, and a hash of all at the end.

use narthex_base::{
    codec::{DecodeError, Reader, Writer},
    kinds::Kind,
    tagged::tagged_hash_parts,
};

use super::{Agreement, SetupError};

/// Why what was stored of a ceremony cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes are damaged.
    #[error(transparent)]
    Wire(#[from] DecodeError),
    /// The graph cannot be derived from the terms: what their template says.
    #[error("{0}")]
    Terms(String),
    /// The graph that was derived is inconsistent.
    #[error(transparent)]
    Graph(#[from] SetupError),
    /// They belong to another contract.
    #[error("what was stored is of another contract than the terms")]
    OtherContract,
    /// The hash does not fit or a signature does not verify: the bytes were changed.
    #[error("what was stored was changed; restore from another copy")]
    Damaged,
}

/// Begins what is stored about an agreement.
pub(super) fn begin(kind: Kind, terms: &impl Agreement) -> Writer {
    let mut w = Writer::new(kind);
    w.fixed(terms.id());
    w
}

/// Ends it, with the hash of all before.
pub(super) fn end(mut w: Writer, checksum: &str) -> Vec<u8> {
    let mut bytes = w.finish();
    bytes.extend(tagged_hash_parts(checksum, &[&bytes]));
    bytes
}

/// Reads behind kind and agreement, if they and the hash fit. The kind and a foreign contract are told first: they say
/// more than that the hash does not fit.
pub(super) fn open<'a>(
    kind: Kind,
    checksum: &str,
    terms: &impl Agreement,
    bytes: &'a [u8],
) -> Result<Reader<'a>, RestoreError> {
    let (body, hash) = bytes.split_last_chunk::<32>().unwrap_or((bytes, &[0; 32]));
    let mut r = Reader::new(kind, body)?;
    if r.array::<32>("agreement id")? != *terms.id() {
        return Err(RestoreError::OtherContract);
    }
    if tagged_hash_parts(checksum, &[body]) != *hash {
        return Err(RestoreError::Damaged);
    }
    Ok(r)
}
