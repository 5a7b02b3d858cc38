//! The work that recomputers do: counting the words of a text, map and merges, each recomputer for itself.

use crate::harness::ScenarioError;
use bitcoin::hashes::{Hash, sha256};
use narthex_game_model::{
    computation::{Computation, Job},
    workload::words::{Chain, WordCount, partitions, table},
};

/// Chapters of a book that is free to use (`data/texts/README.md`).
const TEXTS: [&str; 4] = [
    include_str!("../../data/texts/rust-book-ch02.txt"),
    include_str!("../../data/texts/rust-book-ch04.txt"),
    include_str!("../../data/texts/rust-book-ch15.txt"),
    include_str!("../../data/texts/rust-book-ch16.txt"),
];

const PARTITION_BYTES: usize = 4096;
const FAN_IN: usize = 8;

/// One job: a text whose words are to be counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    text: &'static str,
}

impl Task {
    /// The job of a number; there are four.
    pub(super) fn new(number: usize) -> Task {
        Task {
            text: TEXTS[number % TEXTS.len()],
        }
    }

    /// The job's id: program and input.
    pub(super) fn job(&self) -> Result<sha256::Hash, ScenarioError> {
        let map = WordCount::new(PARTITION_BYTES)?;
        let job = Job::new(map, partitions(&[self.text], PARTITION_BYTES)?)?;
        Ok(sha256::Hash::from_byte_array(job.spec().id()))
    }

    /// The result: a line for each word, in their order.
    pub(super) fn run(&self) -> Result<Vec<u8>, ScenarioError> {
        let map = WordCount::new(PARTITION_BYTES)?;
        let job = Job::new(map, partitions(&[self.text], PARTITION_BYTES)?)?;
        let (mut bytes, mut width) = (outputs(&job)?, job.output_bytes());
        let chain = Chain::new(FAN_IN)?;
        while let Some((merge, records)) = chain.next(&bytes, width)? {
            let job = Job::new(merge, records)?;
            (bytes, width) = (outputs(&job)?, job.output_bytes());
        }
        let mut text = Vec::new();
        for (word, count) in table::decode(&bytes)? {
            text.extend_from_slice(&word);
            text.extend_from_slice(format!(" {count}\n").as_bytes());
        }
        Ok(text)
    }

    /// What a recomputer makes of it that reads the first `skipped` bytes as if they were not there.
    pub(super) fn run_lazily(&self, skipped: usize) -> Result<Vec<u8>, ScenarioError> {
        let text = self.text.get(skipped..).unwrap_or_default();
        Task { text }.run()
    }
}

fn outputs<C: Computation>(job: &C) -> Result<Vec<u8>, ScenarioError> {
    let outputs = (0..job.steps()).map(|index| job.step(index));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    Ok(outputs.concat())
}
