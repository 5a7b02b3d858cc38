//! The directory that holds what a worker has done.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use bitcoin::hex::DisplayHex;
use narthex_game_model::computation::JobSpec;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{JobError, Plan};
use crate::disk::{self, Readers};

/// Largest of the small files.
const MAX_SMALL_BYTES: u64 = 1 << 20;

/// A worker's directory, held by this process alone.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Dropped with the directory: that frees it.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    narthex_state: u32,
    plan: String,
}

impl StateDir {
    /// Opens the directory of this plan, or makes one.
    pub fn create(path: &Path, plan: &Plan) -> Result<Self, JobError> {
        disk::make_folder(path, Readers::Owner).map_err(JobError::io("cannot make", path))?;
        let state = Self::lock(path)?;
        match state.path("state.json").exists() {
            true => state.check(plan)?,
            false => {
                let plan = plan.id().to_lower_hex_string();
                let header = Header {
                    narthex_state: 1,
                    plan,
                };
                state.write_json("state.json", &header)?;
            }
        }
        Ok(state)
    }

    /// Opens a directory that has a job.
    pub fn open(path: &Path) -> Result<Self, JobError> {
        if !path.join("state.json").exists() {
            return Err(JobError::NoState {
                path: path.to_owned(),
            });
        }
        let state = Self::lock(path)?;
        state.header()?;
        Ok(state)
    }

    /// Checks that the directory is of this plan.
    pub fn check(&self, plan: &Plan) -> Result<(), JobError> {
        let (found, expected) = (self.header()?.plan, plan.id().to_lower_hex_string());
        if found != expected {
            let path = self.path.clone();
            return Err(JobError::OtherJob {
                path,
                found,
                expected,
            });
        }
        Ok(())
    }

    /// What identifies the job of a stage; none if the stage was not begun.
    pub fn spec(&self, stage: u32) -> Result<Option<JobSpec>, JobError> {
        self.read_json(&format!("job-{stage}.json"))
    }

    /// Notes what a stage is about to do.
    pub(super) fn begin(&self, stage: u32, spec: &JobSpec) -> Result<(), JobError> {
        match self.spec(stage)? {
            Some(found) if found == *spec => Ok(()),
            Some(found) => Err(JobError::OtherJob {
                path: self.path(&format!("job-{stage}.json")),
                found: found.id().to_lower_hex_string(),
                expected: spec.id().to_lower_hex_string(),
            }),
            None => self.write_json(&format!("job-{stage}.json"), spec),
        }
    }

    /// The directory.
    pub(super) fn folder(&self) -> &Path {
        &self.path
    }

    /// A file in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file so that it is there as a whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), JobError> {
        let path = self.path(name);
        disk::replace(&path, bytes, Readers::Umask).map_err(JobError::io("cannot write", &path))
    }

    /// Removes what writers left that were killed; there must be no draft.
    pub(super) fn sweep(&self) -> Result<(), JobError> {
        disk::sweep(&self.path).map_err(JobError::io("cannot clean up", &self.path))
    }

    pub(super) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), JobError> {
        let mut json = self.to_json(name, value)?;
        json.push(b'\n');
        self.write(name, &json)
    }

    pub(super) fn to_json<T: Serialize>(&self, name: &str, value: &T) -> Result<Vec<u8>, JobError> {
        serde_json::to_vec_pretty(value).map_err(|source| JobError::Json {
            path: self.path(name),
            source,
            hint: "this is a defect of narthex: report it",
        })
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JobError> {
        let path = self.path(name);
        if !path.exists() {
            return Ok(None);
        }
        read_json(&path, "the state is damaged: use another directory").map(Some)
    }

    fn header(&self) -> Result<Header, JobError> {
        let path = self.path("state.json");
        let header: Header = read_json(&path, "the state is damaged: use another directory")?;
        match header.narthex_state {
            1 => Ok(header),
            found => Err(JobError::Version { path, found }),
        }
    }

    fn lock(path: &Path) -> Result<Self, JobError> {
        let name = path.join("lock");
        let io = || JobError::io("cannot lock", &name);
        let file = disk::lock(&name, Readers::Owner).map_err(io())?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: file,
            }),
            Err(TryLockError::WouldBlock) => Err(JobError::Locked {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(io()(error)),
        }
    }
}

/// Reads a file that is not larger than allowed.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, JobError> {
    let io = || JobError::io("cannot read", path);
    let bytes = disk::read_bounded(path, limit).map_err(io())?;
    bytes.ok_or_else(|| JobError::TooLarge {
        path: path.to_owned(),
        bytes: limit.saturating_add(1),
        limit,
    })
}

/// Reads a small JSON file.
pub(super) fn read_json<T: DeserializeOwned>(
    path: &Path,
    hint: &'static str,
) -> Result<T, JobError> {
    let bytes = read_limited(path, MAX_SMALL_BYTES)?;
    narthex_game_model::text::parsed(&bytes, serde_json::from_str).map_err(|source| {
        JobError::Json {
            path: path.to_owned(),
            source,
            hint,
        }
    })
}
