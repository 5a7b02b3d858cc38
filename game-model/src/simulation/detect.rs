//! Detection alone, for large numbers: real seeds, real samples, nothing else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use crate::sample::{self, SampleError};

/// How often samples had a bad step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Samples drawn.
    pub samples: u64,
    /// Those with a bad step.
    pub caught: u64,
}

impl Detection {
    /// Draws the sample of one seed and notes whether it has a bad step.
    ///
    /// # Errors
    /// [`SampleError`] if there are not that many steps.
    pub fn note(
        &mut self,
        seed: &[u8; 32],
        steps: u64,
        count: u32,
        bad: &BTreeSet<u64>,
    ) -> Result<bool, SampleError> {
        let drawn = sample::draw(seed, steps, count)?;
        let caught = drawn.iter().any(|index| bad.contains(index));
        self.samples += 1;
        self.caught += u64::from(caught);
        Ok(caught)
    }

    /// Share of the samples that had one, for display.
    pub fn rate(&self) -> f64 {
        self.caught as f64 / self.samples.max(1) as f64
    }
}

/// Draws `games` samples of `count` of `steps` steps, each from a commitment, nonce and block of its
/// own, and counts those with a bad step.
///
/// # Errors
/// [`SampleError`] if there are not that many steps.
pub fn detection_by_seeds(
    run: [u8; 32],
    games: u64,
    steps: u64,
    count: u32,
    bad: &BTreeSet<u64>,
) -> Result<Detection, SampleError> {
    let mut detection = Detection::default();
    for game in 0..games {
        let dice = Dice::new(run, game);
        let [root, nonce, block] = ["root", "nonce", "block"].map(|part| dice.bytes(part, 0));
        detection.note(&sample::seed(&root, &nonce, &block), steps, count, bad)?;
    }
    Ok(detection)
}
