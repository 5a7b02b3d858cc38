//! How a simulated worker plays, as data.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ratio::Ratio;
use crate::sample;

/// What a worker does with the steps. Anything but [`Strategy::Honest`] is for simulations, tests
/// and demonstrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    /// Computes every step.
    Honest,
    /// Leaves out ⌈fraction · N⌉ steps and claims zeros for them.
    Skip {
        /// Share of the steps.
        fraction: Ratio,
        /// Which ones.
        seed: u64,
    },
    /// Computes everything and changes ⌈fraction · N⌉ outputs.
    Falsify {
        /// Share of the steps.
        fraction: Ratio,
        /// Which ones.
        seed: u64,
    },
    /// Computes everything and changes the outputs of these steps.
    Target {
        /// Indices of the steps; [`Strategy::check`] says whether the job has them all.
        steps: BTreeSet<u64>,
    },
    /// Computes everything, commits to it, and seals garbage for ⌈fraction · N⌉ steps: the tree is right and the key opens
    /// nothing.
    Garbage {
        /// Share of the steps.
        fraction: Ratio,
        /// Which ones.
        seed: u64,
    },
}

/// What happens to the chosen steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cheat {
    Skip,
    Falsify,
    Garbage,
}

/// Why a strategy cannot be played on a job. Whoever chose it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// More than all steps.
    #[error("a share of {fraction} of the steps: at most all of them, 1, can be wrong")]
    Share {
        /// The share.
        fraction: Ratio,
    },
    /// A cheat that is none: every output would be right.
    #[error("this cheats on no step: every output would be right")]
    NoEffect,
    /// A step that the job does not have.
    #[error("there is no step {step}: the job has {steps}, from 0 on")]
    NoSuchStep {
        /// The first such.
        step: u64,
        /// Steps of the job.
        steps: u64,
    },
}

impl Strategy {
    /// Whether it does on a job of `steps` steps what it says.
    ///
    /// # Errors
    /// [`StrategyError`]: a share above 1 or of nothing, a step beyond the job.
    pub fn check(&self, steps: u64) -> Result<(), StrategyError> {
        match self {
            Self::Honest => Ok(()),
            Self::Skip { fraction, .. }
            | Self::Falsify { fraction, .. }
            | Self::Garbage { fraction, .. } => {
                if *fraction > Ratio::ONE {
                    return Err(StrategyError::Share {
                        fraction: *fraction,
                    });
                }
                match fraction.ceil_of_u64(steps) {
                    0 => Err(StrategyError::NoEffect),
                    _ => Ok(()),
                }
            }
            Self::Target { steps: chosen } => {
                match (chosen.is_empty(), chosen.range(steps..).next()) {
                    (true, _) => Err(StrategyError::NoEffect),
                    (_, Some(step)) => Err(StrategyError::NoSuchStep { step: *step, steps }),
                    _ => Ok(()),
                }
            }
        }
    }

    /// The steps whose outputs will be wrong or sealed as garbage, in a job of `steps` steps.
    pub fn bad_steps(&self, steps: u64) -> BTreeSet<u64> {
        let (mut bad, _) = self.cheats(steps);
        bad.split_off(&steps);
        bad
    }

    /// The same cheat on other steps, where they are chosen by a seed.
    #[must_use]
    pub fn reseeded(&self, new_seed: u64) -> Self {
        let mut other = self.clone();
        if let Self::Skip { seed, .. } | Self::Falsify { seed, .. } | Self::Garbage { seed, .. } =
            &mut other
        {
            *seed = new_seed;
        }
        other
    }

    /// How many of `steps` steps the worker computes.
    pub fn computed(&self, steps: u64) -> u64 {
        match self.cheats(steps) {
            (skipped, Cheat::Skip) => steps.saturating_sub(skipped.len() as u64),
            (_, Cheat::Falsify | Cheat::Garbage) => steps,
        }
    }

    /// The steps that the worker cheats on and how, for a job of `steps` steps.
    pub(super) fn cheats(&self, steps: u64) -> (BTreeSet<u64>, Cheat) {
        match self {
            Self::Honest => (BTreeSet::new(), Cheat::Skip),
            Self::Skip { fraction, seed } => (choose(*fraction, *seed, steps), Cheat::Skip),
            Self::Falsify { fraction, seed } => (choose(*fraction, *seed, steps), Cheat::Falsify),
            Self::Target { steps } => (steps.clone(), Cheat::Falsify),
            Self::Garbage { fraction, seed } => (choose(*fraction, *seed, steps), Cheat::Garbage),
        }
    }
}

fn choose(fraction: Ratio, seed: u64, steps: u64) -> BTreeSet<u64> {
    let count = fraction.min(Ratio::ONE).ceil_of_u64(steps);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let seed = sample::seed(
        &[0; 32],
        &[0; 32],
        &crate::tagged::tagged_hash("narthex/strategy", &seed.to_be_bytes()),
    );
    // Only a count of 0 fails: then there is nothing to choose.
    sample::draw(&seed, steps, count).map_or_else(|_| BTreeSet::new(), BTreeSet::from_iter)
}
