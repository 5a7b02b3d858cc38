//! Texts, cut into records of one size.

use crate::computation::StepError;
use crate::workload::{Records, RecordsError};

/// Smallest partition in bytes.
pub const MIN_PARTITION_BYTES: usize = 128;
/// Largest partition in bytes: its table must fit an output.
pub const MAX_PARTITION_BYTES: usize = 1 << 17;

/// Bytes in front of a record's text: its length, little-endian.
const LENGTH_BYTES: usize = 4;
/// Largest input in bytes, as for other records.
const MAX_TEXT_BYTES: usize = 1 << 30;

/// Cuts texts into partitions of at most `partition_bytes`, each text on its own, at the last end
/// of a line that fits, else at the last separator of words, else (a word longer than a partition)
/// anywhere. A record is the length of the partition (32 bits, little-endian), the partition, and
/// zeros.
///
/// # Errors
/// [`PartitionError`]; texts without a byte make no record.
pub fn partitions<T: AsRef<[u8]>>(
    texts: &[T],
    partition_bytes: usize,
) -> Result<Records, PartitionError> {
    if !(MIN_PARTITION_BYTES..=MAX_PARTITION_BYTES).contains(&partition_bytes) {
        let bytes = partition_bytes;
        return Err(PartitionError::Size { bytes });
    }
    let size: usize = texts.iter().map(|text| text.as_ref().len()).sum();
    if size > MAX_TEXT_BYTES {
        return Err(PartitionError::TooLarge { bytes: size });
    }
    let mut bytes = Vec::new();
    for text in texts {
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(cut(rest, partition_bytes));
            let end = bytes.len() + LENGTH_BYTES + partition_bytes;
            // At most 2^17 bytes.
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
            bytes.resize(end, 0);
            rest = after;
        }
    }
    Ok(Records::from_bytes(LENGTH_BYTES + partition_bytes, bytes)?)
}

/// Length of the first partition of a text that is not empty.
fn cut(text: &[u8], most: usize) -> usize {
    let Some(first) = text.get(..most).filter(|_| text.len() > most) else {
        return text.len();
    };
    let line = first.iter().rposition(|byte| *byte == b'\n');
    let space = || first.iter().rposition(u8::is_ascii_whitespace);
    line.or_else(space).map_or(most, |last| last + 1)
}

/// The text of a record.
pub(super) fn text(record: &[u8], partition_bytes: usize) -> Result<&[u8], StepError> {
    let bad = |why| StepError::BadRecord { why };
    let (length, rest) = record
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(bad("the length of the partition is missing"))?;
    if rest.len() != partition_bytes {
        return Err(bad("the partition has another size than the program's"));
    }
    let length = u32::from_le_bytes(*length) as usize;
    let (text, padding) = rest
        .split_at_checked(length)
        .ok_or(bad("the partition is said to be longer than it can be"))?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(bad("the partition is followed by something"));
    }
    Ok(text)
}

/// Why texts make no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// A partition size out of bounds.
    #[error(
        "partitions of {bytes} bytes; allowed are {MIN_PARTITION_BYTES} to {MAX_PARTITION_BYTES}"
    )]
    Size {
        /// Size asked for.
        bytes: usize,
    },
    /// More text than allowed.
    #[error("texts of {bytes} bytes, at most {MAX_TEXT_BYTES} allowed")]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
    /// There is no text.
    #[error(transparent)]
    Records(#[from] RecordsError),
}
