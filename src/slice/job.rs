//! The work of the scenarios: the words of a text, counted slice by slice.

use crate::harness::ScenarioError;
use bitcoin::hashes::{Hash, sha256};
use narthex_contracts::slice::Work;
use narthex_game_model::{
    commitment::{Domain, TreeBuilder, input_leaf},
    computation::{Computation, Job},
    tagged::TaggedHasher,
    workload::{
        Records,
        words::{
            WordCount, partitions,
            table::{Table, decode},
        },
    },
};

const TEXT: &str = include_str!("../../data/texts/rust-book-ch15.txt");

/// Size of a step's input.
const PARTITION_BYTES: usize = 1024;

/// Steps of one slice.
const STEPS: u64 = 4;

/// The text has fewer slices than asked for. The fault of who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("slice {number} of a text that has {slices}")]
pub struct NoSlice {
    /// Number asked for, from 0.
    number: u32,
    /// How many there are.
    slices: u64,
}

/// One slice of the text.
pub struct SliceJob {
    number: u32,
    job: Job<WordCount>,
}

impl SliceJob {
    /// How many slices the text has.
    pub(super) fn available() -> Result<u64, ScenarioError> {
        Ok(partitions(&[TEXT], PARTITION_BYTES)?.len() / STEPS)
    }

    /// Slice `number`, from 0.
    pub fn new(number: u32) -> Result<SliceJob, ScenarioError> {
        let all = partitions(&[TEXT], PARTITION_BYTES)?;
        let first = u64::from(number).saturating_mul(STEPS);
        let mut bytes = Vec::new();
        for index in first..first.saturating_add(STEPS) {
            let slices = all.len() / STEPS;
            let record = all.get(index);
            bytes.extend_from_slice(record.ok_or(NoSlice { number, slices })?);
        }
        let width = bytes.len() / STEPS as usize;
        let records = Records::from_bytes(width, bytes)?;
        let job = Job::new(WordCount::new(PARTITION_BYTES)?, records)?;
        Ok(SliceJob { number, job })
    }

    /// What client and providers call it: program, input and number.
    pub fn id(&self) -> sha256::Hash {
        let id = TaggedHasher::new("narthex/slice-job")
            .fixed(&self.job.job())
            .number(self.number.into());
        sha256::Hash::from_byte_array(id.finish())
    }

    /// Does the work: commits to the output of every step, without salt, and counts the words of all.
    pub fn run(&self) -> Result<Work, ScenarioError> {
        let mut tree = TreeBuilder::new(Domain::Input);
        let mut total = Table::new();
        for index in 0..self.job.steps() {
            let output = self.job.step(index)?;
            tree.push(input_leaf(index, &output));
            for (word, count) in decode(&output)? {
                let sum = total.entry(word).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let (commitment, _) = tree.finish()?;
        let lines = total.iter().map(|(word, count)| {
            let word = String::from_utf8_lossy(word);
            format!("{word} {count}\n")
        });
        let result = lines.collect::<String>().into_bytes();
        Ok(Work { commitment, result })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use narthex_contracts::slice::MAX_RESULT_BYTES;

    use super::SliceJob;

    #[test]
    fn slices_differ_and_are_the_same_again() {
        let works = [0, 1].map(|number| SliceJob::new(number).unwrap().run().unwrap());
        assert_ne!(works[0], works[1]);
        assert_eq!(SliceJob::new(0).unwrap().run().unwrap(), works[0]);
        assert_ne!(
            SliceJob::new(0).unwrap().id(),
            SliceJob::new(1).unwrap().id()
        );
        let words = String::from_utf8(works[0].result.clone()).unwrap();
        assert!(words.lines().any(|line| line.starts_with("the ")));
        assert!(words.len() < MAX_RESULT_BYTES);
        assert!(SliceJob::new(19).is_ok());
        assert!(SliceJob::new(1_000).is_err() && SliceJob::new(u32::MAX).is_err());
    }
}
