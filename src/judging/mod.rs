//! How an arbiter of this program judges: by the engines that it was built with.

mod engines;

pub use engines::judge_here;

#[cfg(test)]
mod tests;
