//! The reduce: several tables into one.

use super::table::{self, Table};
use crate::computation::{PortableProgram, ProgramData, StepError, StepNeeds, StepProgram};
use crate::tagged::TaggedHasher;

/// Merges the tables of a record, one after the other of one size each, into one; a record of all
/// zeros at the end stands for an empty table. Made by [`super::Chain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeTables {
    /// Size of each table in a record.
    pub(super) input_bytes: usize,
    /// Number of tables in a record.
    pub(super) fan_in: usize,
    /// Size of the merged table.
    pub(super) output_bytes: usize,
}

impl StepProgram for MergeTables {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/merge-tables")
            .number(self.input_bytes as u64)
            .number(self.fan_in as u64)
            .number(self.output_bytes as u64)
            .finish()
    }

    fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    /// Some hundred operations and some hundred bytes for each byte that it reads; the program is everybody's own.
    fn needs(&self) -> StepNeeds {
        let read = self.input_bytes.saturating_mul(self.fan_in) as u64;
        StepNeeds {
            fuel: read.saturating_mul(128),
            units: 1,
            memory_bytes: read.saturating_mul(128),
            program_bytes: 0,
        }
    }

    fn portable(&self) -> Option<PortableProgram> {
        Some(PortableProgram::of(ProgramData::MergeTables {
            table_bytes: self.input_bytes as u64,
            fan_in: self.fan_in as u64,
        }))
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        if Some(record.len()) != self.input_bytes.checked_mul(self.fan_in) {
            return Err(StepError::BadRecord {
                why: "it has another size than the tables to merge",
            });
        }
        let mut merged = Table::new();
        for bytes in record.chunks_exact(self.input_bytes) {
            for entry in table::entries(bytes)? {
                let (word, count) = entry?;
                let total = merged.entry(word.to_vec()).or_default();
                *total = total.checked_add(count).ok_or(StepError::BadRecord {
                    why: "the counts of a word exceed 64 bits",
                })?;
            }
        }
        table::encode(&merged, self.output_bytes)
    }
}
