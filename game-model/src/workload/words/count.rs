//! The map: words of one partition of text.

use super::partition::{MAX_PARTITION_BYTES, MIN_PARTITION_BYTES, PartitionError, text};
use super::rule::words;
use super::table::{self, ENTRY_BYTES, HEAD_BYTES, Table};
use crate::computation::{PortableProgram, ProgramData, StepError, StepNeeds, StepProgram};
use crate::tagged::TaggedHasher;

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
        words(text)
    }
}

impl StepProgram for WordCount {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/word-count/2")
            .number(self.partition_bytes as u64)
            .number(self.output_bytes() as u64)
            .finish()
    }

    /// Enough for every text: a word of L bytes takes L+1 of the partition, its separator
    /// included, and at most L+9 of the table, which is at most 5 times as much.
    fn output_bytes(&self) -> usize {
        HEAD_BYTES + (self.partition_bytes + 1) * (1 + ENTRY_BYTES) / 2
    }

    /// Some hundred operations and some hundred bytes for each byte that it reads; the program is everybody's own.
    fn needs(&self) -> StepNeeds {
        let read = self.partition_bytes as u64;
        StepNeeds {
            fuel: read.saturating_mul(128),
            units: 1,
            memory_bytes: read.saturating_mul(128),
            program_bytes: 0,
        }
    }

    fn portable(&self) -> Option<PortableProgram> {
        let partition_bytes = self.partition_bytes as u64;
        Some(PortableProgram::of(ProgramData::WordCount {
            partition_bytes,
        }))
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let text = text(record, self.partition_bytes)?;
        let mut found = Table::new();
        for word in words(text) {
            // A partition has fewer words than bytes.
            *found.entry(word).or_default() += 1;
        }
        table::encode(&found, self.output_bytes())
    }
}
