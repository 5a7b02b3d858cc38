//! Jobs that this node has the program and the records of.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use narthex::{
    game_model::{Params, computation::JobSpec, params::AcceptedJob},
    job::{JobError, Plan, Running, StageJob},
};

/// Jobs by their identity. A job does not travel between nodes yet: whoever is to take part has its file.
#[derive(Default)]
pub struct Jobs(BTreeMap<[u8; 32], Known>);

/// A job of a file.
struct Known {
    path: PathBuf,
    job: Arc<StageJob>,
    stage: u32,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths = self.0.values().map(|known| &known.path);
        f.debug_list().entries(paths).finish()
    }
}

impl Jobs {
    /// Reads a job file, of which the last stage is what contracts are about, and says what identifies it.
    ///
    /// # Errors
    /// [`JobError`]: the file's fault.
    pub fn load(&mut self, path: &Path) -> Result<JobSpec, JobError> {
        let plan = Plan::load(path, &Running::default())?;
        let stage = plan.stages().saturating_sub(1);
        let job = Arc::new(plan.into_stage(stage)?);
        let (spec, path) = (*job.spec(), path.to_owned());
        self.0.insert(spec.id(), Known { path, job, stage });
        Ok(spec)
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.values().map(|known| known.path.as_path())
    }

    /// The job, compared with the parameters of a contract.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn accept(&self, spec: &JobSpec, params: &Params) -> Result<AcceptedJob, String> {
        let known = self
            .0
            .get(&spec.id())
            .ok_or("this node does not have the job")?;
        let accepted = params.accepts_job(&*known.job);
        accepted.map_err(|error| error.to_string())
    }

    /// The job, and which stage of its file.
    pub fn stage(&self, spec: &JobSpec) -> Option<(Arc<StageJob>, u32)> {
        let known = self.0.get(&spec.id())?;
        Some((known.job.clone(), known.stage))
    }
}
