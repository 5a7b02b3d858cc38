//! Counting the words of real texts: map over partitions, then rounds of merges.
//!
//! Letters are the ASCII letters and digits and all bytes above 127. A word is a longest run of
//! letters and apostrophes, from its first letter on; [`MAX_WORD_BYTES`] bytes of it count, without
//! the apostrophes at their end and with capitals A to Z made small. Every other byte separates
//! words. The rule looks at bytes only: tables of Unicode differ between releases of a library, and
//! a step must not.
//!
//! # The chain
//! 1. *Map*: the texts are cut into [`partitions`]; step i of [`WordCount`] counts the words of
//!    partition i into a table ([`table`]). The cuts follow the same rule, so that the counts are
//!    those of the whole texts, whatever the size of a partition.
//! 2. *Reduce*: [`MergeTables`] merges [`Chain::fan_in`] tables a step. Its records are the outputs of
//!    the job before, so its input root ([`crate::computation::JobSpec::input_root`]) follows from that job's result:
//!    whoever has the result makes the same job, and nobody can make another. Rounds follow until
//!    one table is left.
//!
//! Each round is a job of its own, with a commitment and a sample of its own. A round can be
//! checked once the result before it is known, as it is after that result is paid for.

mod chain;
mod count;
mod merge;
mod partition;
mod rule;
pub mod table;

pub use chain::{Chain, ChainError};
pub use count::WordCount;
pub use merge::MergeTables;
pub use partition::{MAX_PARTITION_BYTES, MIN_PARTITION_BYTES, PartitionError, partitions};
pub use rule::MAX_WORD_BYTES;
