//! Counting the words of real texts: map over partitions, then rounds of merges.
//!
//! A word is a longest run of ASCII letters, digits, apostrophes inside it, and bytes above 127, with
//! capitals A to Z made small; [`MAX_WORD_BYTES`] bytes of it count. The rule looks at bytes only:
//! tables of Unicode differ between releases of a library, and a step must not.
//!
//! # The chain
//! 1. *Map*: the texts are cut into [`partitions`] at ends of lines; step i of [`WordCount`] counts
//!    the words of partition i into a table ([`table`]).
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
pub mod table;

pub use chain::{Chain, ChainError};
pub use count::{MAX_WORD_BYTES, WordCount};
pub use merge::MergeTables;
pub use partition::{MAX_PARTITION_BYTES, MIN_PARTITION_BYTES, PartitionError, partitions};
