//! Map and rounds of merges as jobs that follow from each other.

use super::MergeTables;
use crate::workload::{MAX_OUTPUT_BYTES, Records, RecordsError};

/// How the rounds after the map are made. Everybody has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    fan_in: usize,
}

/// Most tables that one step merges.
const MAX_FAN_IN: usize = 64;

impl Chain {
    /// Rounds that merge `fan_in` tables a step.
    ///
    /// # Errors
    /// [`ChainError::FanIn`] unless 2 to 64.
    pub fn new(fan_in: usize) -> Result<Self, ChainError> {
        if !(2..=MAX_FAN_IN).contains(&fan_in) {
            return Err(ChainError::FanIn { found: fan_in });
        }
        Ok(Self { fan_in })
    }

    /// Tables per step.
    pub const fn fan_in(&self) -> usize {
        self.fan_in
    }

    /// Size of the tables that a round makes from tables of this size.
    pub fn merged_bytes(&self, table_bytes: usize) -> usize {
        table_bytes
            .saturating_mul(self.fan_in)
            .min(MAX_OUTPUT_BYTES)
    }

    /// Number of rounds that follow a job of so many steps.
    pub fn rounds(&self, mut steps: u64) -> u32 {
        let mut rounds = 0;
        while steps > 1 {
            steps = steps.div_ceil(self.fan_in as u64);
            rounds += 1;
        }
        rounds
    }

    /// The round after a job whose steps gave tables of `table_bytes` each: its program and its
    /// records, or nothing if there is but one table. The last record is filled up with empty
    /// tables. A merged table may have the size of all it is merged from, up to
    /// [`MAX_OUTPUT_BYTES`].
    ///
    /// # Errors
    /// [`ChainError::Result`] if `result` is not the outputs of such a job.
    pub fn next(
        &self,
        result: &[u8],
        table_bytes: usize,
    ) -> Result<Option<(MergeTables, Records)>, ChainError> {
        if table_bytes == 0 || result.is_empty() || !result.len().is_multiple_of(table_bytes) {
            return Err(ChainError::Result {
                bytes: result.len(),
                table_bytes,
            });
        }
        if result.len() == table_bytes {
            return Ok(None);
        }
        let width = table_bytes.saturating_mul(self.fan_in);
        let mut bytes = result.to_vec();
        // An empty table is all zeros; at most one record of them is added.
        bytes.resize(result.len().next_multiple_of(width), 0);
        let program = self.merging(table_bytes);
        Ok(Some((program, Records::from_bytes(width, bytes)?)))
    }

    /// The program of a round over tables of this size.
    pub(in crate::workload) fn merging(&self, table_bytes: usize) -> MergeTables {
        MergeTables {
            input_bytes: table_bytes,
            fan_in: self.fan_in,
            output_bytes: self.merged_bytes(table_bytes),
        }
    }
}

/// Why there is no next round.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A fan-in out of bounds.
    #[error("merging {found} tables a step; allowed are 2 to {MAX_FAN_IN}")]
    FanIn {
        /// Number asked for.
        found: usize,
    },
    /// The bytes are not the outputs of the job before.
    #[error("{bytes} bytes are no whole number of tables of {table_bytes} bytes")]
    Result {
        /// Number of bytes.
        bytes: usize,
        /// Size of a table.
        table_bytes: usize,
    },
    /// They make no records.
    #[error(transparent)]
    Records(#[from] RecordsError),
}
