//! The map: words of one partition of text.

use super::partition::{MAX_PARTITION_BYTES, MIN_PARTITION_BYTES, PartitionError, text};
use super::table::{self, ENTRY_BYTES, HEAD_BYTES, Table};
use crate::computation::{StepError, StepProgram};
use crate::tagged::TaggedHasher;

/// Bytes of a word that count.
pub const MAX_WORD_BYTES: usize = 64;

/// Counts the words of a partition; one partition is one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordCount {
    partition_bytes: usize,
}

impl WordCount {
    /// For partitions of this many bytes.
    ///
    /// # Errors
    /// [`PartitionError::Size`].
    pub fn new(partition_bytes: usize) -> Result<Self, PartitionError> {
        match partition_bytes {
            MIN_PARTITION_BYTES..=MAX_PARTITION_BYTES => Ok(Self { partition_bytes }),
            bytes => Err(PartitionError::Size { bytes }),
        }
    }

    /// Words of a text.
    pub fn words(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte > 127 || *byte == b'\'';
        text.split(move |byte| !inside(byte))
            .map(trimmed)
            .filter(|word| !word.is_empty())
            .map(|word| {
                let counting = &word[..word.len().min(MAX_WORD_BYTES)];
                counting.to_ascii_lowercase()
            })
    }
}

/// Without the apostrophes at the ends, which are quotation marks.
fn trimmed(word: &[u8]) -> &[u8] {
    let letter = |byte: &u8| *byte != b'\'';
    let start = word.iter().position(letter).unwrap_or(word.len());
    let end = word.iter().rposition(letter).map_or(start, |last| last + 1);
    &word[start..end]
}

impl StepProgram for WordCount {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/word-count")
            .number(self.partition_bytes as u64)
            .number(self.output_bytes() as u64)
            .finish()
    }

    /// Enough for every text: a word of L bytes takes L+1 of the partition, its separator
    /// included, and at most L+9 of the table, which is at most 5 times as much.
    fn output_bytes(&self) -> usize {
        HEAD_BYTES + (self.partition_bytes + 1) * (1 + ENTRY_BYTES) / 2
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let text = text(record, self.partition_bytes)?;
        let mut found = Table::new();
        for word in Self::words(text) {
            // A partition has fewer words than bytes.
            *found.entry(word).or_default() += 1;
        }
        table::encode(&found, self.output_bytes())
    }
}
