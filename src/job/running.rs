//! How steps are run on this machine: engine, repetition, time. None of it is part of the job.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use narthex_game_model::computation::{Clock, TimeBudget};

use super::Engine;

/// How steps are run.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Which engine runs WebAssembly.
    pub engine: Engine,
    /// Each step runs twice and must give the same.
    pub twice: bool,
    /// Longest time for a WebAssembly step. One that takes longer is not decided here. Other programs need no clock:
    /// what their steps compute is bounded by the sizes of model and partition.
    pub step_time: Duration,
}

impl Running {
    /// Longest time for a step, unless told otherwise.
    pub const STEP_TIME: Duration = Duration::from_secs(600);

    /// The time, as the engines take it.
    pub(crate) fn budget(&self) -> TimeBudget {
        TimeBudget::new(Arc::new(SystemClock(Instant::now())), self.step_time)
    }
}

impl Default for Running {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            twice: false,
            step_time: Self::STEP_TIME,
        }
    }
}

/// The system's clock that never goes back.
#[derive(Debug)]
struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
