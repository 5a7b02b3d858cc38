//! Tables of counted words as outputs of one size.
//!
//! Number of entries (32 bits), then the entries by ascending word, then zeros up to the size. An
//! entry is the word's length (one byte, 1 to 64), the word, its count (64 bits, at least 1).
//! Numbers are little-endian. There is one encoding of each table, and reading takes no other.

use std::collections::BTreeMap;

use super::rule::MAX_WORD_BYTES;
use crate::computation::StepError;

/// Bytes of an entry besides its word.
pub(super) const ENTRY_BYTES: usize = 1 + 8;
/// Bytes before the first entry.
pub(super) const HEAD_BYTES: usize = 4;

/// Words and how often they occur.
pub type Table = BTreeMap<Vec<u8>, u64>;

/// Writes a table as `size` bytes.
///
/// # Errors
/// [`StepError::OutputDoesNotFit`].
pub fn encode(table: &Table, size: usize) -> Result<Vec<u8>, StepError> {
    let entries = table.keys().map(|word| word.len() + ENTRY_BYTES);
    let needed = HEAD_BYTES + entries.sum::<usize>();
    // A table of 2^32 entries takes far more than the largest output.
    let count = u32::try_from(table.len()).ok().filter(|_| needed <= size);
    let does_not_fit = StepError::OutputDoesNotFit {
        needed,
        limit: size,
    };
    let mut bytes = count.ok_or(does_not_fit)?.to_le_bytes().to_vec();
    for (word, count) in table {
        // Words have at most 64 bytes.
        bytes.push(word.len() as u8);
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    bytes.resize(size, 0);
    Ok(bytes)
}

/// Reads the table that `bytes` hold.
///
/// # Errors
/// [`StepError::BadRecord`] if they are not what [`encode`] writes.
pub fn decode(bytes: &[u8]) -> Result<Table, StepError> {
    let mut table = Table::new();
    for entry in entries(bytes)? {
        let (word, count) = entry?;
        table.insert(word.to_vec(), count);
    }
    Ok(table)
}

fn bad(why: &'static str) -> StepError {
    StepError::BadRecord { why }
}

/// Reads entry by entry, so that merging holds one table only.
pub(super) fn entries(bytes: &[u8]) -> Result<Entries<'_>, StepError> {
    let (count, rest) = bytes
        .split_first_chunk()
        .ok_or(bad("a table's number of entries is missing"))?;
    Ok(Entries {
        left: u32::from_le_bytes(*count),
        rest,
        last: &[],
        ended: false,
    })
}

pub(super) struct Entries<'a> {
    left: u32,
    rest: &'a [u8],
    last: &'a [u8],
    ended: bool,
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Result<(&'a [u8], u64), StepError> {
        let truncated = bad("a table ends inside an entry");
        let (length, rest) = self.rest.split_first().ok_or(truncated.clone())?;
        let length = usize::from(*length);
        if !(1..=MAX_WORD_BYTES).contains(&length) {
            return Err(bad("a word of a table is empty or too long"));
        }
        let (word, rest) = rest.split_at_checked(length).ok_or(truncated.clone())?;
        let (count, rest) = rest.split_first_chunk().ok_or(truncated)?;
        let count = u64::from_le_bytes(*count);
        if count == 0 {
            return Err(bad("a word of a table occurs not once"));
        }
        if word <= self.last {
            return Err(bad("the words of a table do not ascend"));
        }
        (self.rest, self.last) = (rest, word);
        self.left -= 1;
        Ok((word, count))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a [u8], u64), StepError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.left > 0 {
            let entry = self.read();
            self.ended = entry.is_err();
            return Some(entry);
        }
        self.ended = true;
        let padding = self.rest.iter().any(|byte| *byte != 0);
        padding.then(|| Err(bad("a table is followed by something")))
    }
}
