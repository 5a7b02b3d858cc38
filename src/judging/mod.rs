//! How an arbiter of this program judges: by the engines that it was built with, and in a process that has nothing to lose.

mod boxed;
mod cell;
mod engines;

pub use boxed::JudgeBox;
pub use cell::{CellLimits, Network, Probe, Probed, judge_in_cell, probe_cell};
pub use engines::judge_here;

#[cfg(test)]
mod tests;
