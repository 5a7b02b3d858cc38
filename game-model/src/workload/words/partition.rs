//! Texts, cut into records of one size.

use super::rule::{MAX_WORD_BYTES, after_run, before_letters, separates};
use crate::computation::StepError;
use crate::text::{NotText, without_mark};
use crate::workload::{Records, RecordsError};

/// Smallest partition in bytes.
pub const MIN_PARTITION_BYTES: usize = 128;
/// Largest partition in bytes: its table must fit an output.
pub const MAX_PARTITION_BYTES: usize = 1 << 17;

/// Bytes in front of a record's text: its length, little-endian, and whether it begins in a word.
const LENGTH_BYTES: usize = 4;
/// Set in the length of a partition that begins inside a word that was counted before.
const CONTINUES: u32 = 1 << 31;
// A partition that begins with a word holds all of it that counts.
const _: () =
    assert!(MIN_PARTITION_BYTES >= MAX_WORD_BYTES && MAX_PARTITION_BYTES < CONTINUES as usize);
/// Largest input in bytes, as for other records.
const MAX_TEXT_BYTES: usize = 1 << 30;

/// Cuts texts into partitions of at most `partition_bytes`, each text on its own, behind the last end
/// of a line that fits, else behind the last separator of words. A word longer than a partition is
/// cut anywhere, since what counts of it is in the first piece; the others say that they go on with
/// it.
///
/// A record is the length of the partition (31 bits, little-endian; the highest bit for one that goes
/// on with a word), the partition, and zeros.
///
/// A mark of UTF-8 in front of a text is no letter of its first word, and left out.
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
    let texts = (1..).zip(texts).map(|(number, text)| {
        let unmarked = without_mark(text.as_ref());
        unmarked.map_err(|source| PartitionError::Text { number, source })
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let size: usize = texts.iter().map(|text| text.len()).sum();
    if size > MAX_TEXT_BYTES {
        return Err(PartitionError::TooLarge { bytes: size });
    }
    let mut bytes = Vec::new();
    for text in texts {
        let mut rest = text;
        let mut continues = false;
        while !rest.is_empty() {
            let (length, inside) = cut(rest, partition_bytes, continues);
            let (part, after) = rest.split_at(length);
            let end = bytes.len() + LENGTH_BYTES + partition_bytes;
            // At most 2^17 bytes.
            let flag = if continues { CONTINUES } else { 0 };
            bytes.extend_from_slice(&(part.len() as u32 | flag).to_le_bytes());
            bytes.extend_from_slice(part);
            bytes.resize(end, 0);
            (rest, continues) = (after, inside);
        }
    }
    Ok(Records::from_bytes(LENGTH_BYTES + partition_bytes, bytes)?)
}

/// Length of the first partition of a text that is not empty, and whether it ends inside a word that
/// it counts. `continues`: whether the text begins in such a word.
fn cut(text: &[u8], most: usize, continues: bool) -> (usize, bool) {
    let Some(first) = text.get(..most).filter(|_| text.len() > most) else {
        return (text.len(), false);
    };
    let line = first.iter().rposition(|byte| *byte == b'\n');
    let separator = || first.iter().rposition(|byte| separates(*byte));
    if let Some(last) = line.or_else(separator) {
        return (last + 1, false);
    }
    // One run without an end. Apostrophes before its first letter are no part of the word: without
    // them the next partition holds all that counts.
    match before_letters(first) {
        _ if continues => (most, true),
        0 => (most, true),
        before => (before, false),
    }
}

/// The text of a record that is its to count.
pub(super) fn text(record: &[u8], partition_bytes: usize) -> Result<&[u8], StepError> {
    let bad = |why| StepError::BadRecord { why };
    let (length, rest) = record
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(bad("the length of the partition is missing"))?;
    if rest.len() != partition_bytes {
        return Err(bad("the partition has another size than the program's"));
    }
    let length = u32::from_le_bytes(*length);
    let (length, continues) = (length & !CONTINUES, length & CONTINUES != 0);
    let (text, padding) = rest
        .split_at_checked(length as usize)
        .ok_or(bad("the partition is said to be longer than it can be"))?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(bad("the partition is followed by something"));
    }
    Ok(if continues { after_run(text) } else { text })
}

/// Why texts make no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// A partition size out of bounds.
    #[error(
        "partitions of {bytes} bytes; allowed are {MIN_PARTITION_BYTES} to {MAX_PARTITION_BYTES}"
    )]
    Size {
        /// Size asked for.
        bytes: usize,
    },
    /// Letters of two bytes, which would be cut anywhere.
    #[error("text {number}: {source}")]
    Text {
        /// Which, from 1 on.
        number: usize,
        /// What it is.
        source: NotText,
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
