//! Running a job: batch by batch, on all cores, each batch durable before the next.

use std::time::{Duration, Instant};

use narthex_game_model::computation::{Computation, JobSpec};
use rayon::prelude::*;

use super::{JobError, OutputLog, Plan, Recovery, StageJob, StateDir};

/// How long a batch should take: what a kill can cost.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// Most bytes of outputs in a batch.
const MAX_BATCH_BYTES: u64 = 64 << 20;

/// How to run.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RunOptions {
    /// Go back to before damage instead of refusing.
    pub repair: bool,
}

impl RunOptions {
    /// The same, which goes back to before damage if `repair`.
    #[must_use]
    pub const fn repairing(self, repair: bool) -> Self {
        Self { repair }
    }
}

/// What a run tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A stage begins or goes on.
    Stage {
        /// Its number.
        stage: u32,
        /// Number of stages.
        stages: u32,
        /// Its job.
        spec: &'a JobSpec,
        /// What was there.
        recovery: Recovery,
    },
    /// So many steps of the stage are done and durable.
    Done(u64),
}

/// A finished stage.
#[derive(Clone, Copy, Debug)]
pub struct StageRun {
    /// Its number.
    pub stage: u32,
    /// Its job.
    pub spec: JobSpec,
    /// What was there when it was taken up.
    pub recovery: Recovery,
}

/// Runs all stages of a plan, from where the directory is.
pub fn run(
    plan: &Plan,
    state: &StateDir,
    options: RunOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<StageRun>, JobError> {
    state.check(plan)?;
    state.sweep()?;
    let mut stages = Vec::new();
    let mut later: Option<StageJob> = None;
    for stage in 0.. {
        let job = later.as_ref().unwrap_or(plan.first());
        let spec = *job.spec();
        state.begin(stage, &spec)?;
        let (mut log, recovery) = OutputLog::open(state, stage, &spec, options.repair)?;
        progress(Progress::Stage {
            stage,
            stages: plan.stages(),
            spec: &spec,
            recovery,
        });
        finish(job, stage, &mut log, progress)?;
        stages.push(StageRun {
            stage,
            spec,
            recovery,
        });
        if stage + 1 == plan.stages() {
            break;
        }
        later = plan.next(&log.read_all()?, job.output_bytes())?;
    }
    Ok(stages)
}

fn finish(
    job: &StageJob,
    stage: u32,
    log: &mut OutputLog,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), JobError> {
    let width = job.output_bytes() as u64;
    let most = (MAX_BATCH_BYTES / width.max(1)).max(1);
    crate::threads::prepare();
    let mut batch = 2 * rayon::current_num_threads() as u64;
    while log.done() < job.steps() {
        let start = log.done();
        let end = job.steps().min(start + batch.min(most));
        let begun = Instant::now();
        let results: Vec<_> = (start..end)
            .into_par_iter()
            .map(|index| job.step(index))
            .collect();
        let mut outputs = Vec::new();
        for (index, result) in (start..).zip(results) {
            // The first that fails is named, whichever thread came first.
            outputs.extend(result.map_err(|error| JobError::step(stage, index, error))?);
        }
        log.append(end - start, &outputs)?;
        progress(Progress::Done(log.done()));
        // How the work is cut into batches does not show in the outputs.
        batch = match begun.elapsed() {
            took if took < BATCH_TIME / 2 => batch.saturating_mul(2),
            took if took > BATCH_TIME * 2 => (batch / 2).max(1),
            _ => batch,
        };
    }
    Ok(())
}
