//! Jobs that a node keeps for its operator: given once, as files of this machine or as an upload, and offered by their id as often as
//! is wanted. What else is on the disk of jobs is there for a contract, and goes with it.

mod order;
mod uploads;

use std::collections::BTreeSet;

use narthex::channel::{Logged, Machine, Step, Summary, log::Identity};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use super::{AnyLog, Core, Fatal};

pub use order::{JobCommand, KeptJobStatus};
pub use uploads::{FileStatus, NewJob, UploadError, Uploads};

/// Most jobs that are kept.
const MOST_JOBS: usize = 256;

/// A change in the list of jobs that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptChange {
    bundle: [u8; 32],
    is_kept: bool,
}

impl Message for KeptChange {
    const KIND: Kind = kinds::KEPT_JOB_CHANGE;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bundle).u8(self.is_kept.into());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(KeptChange {
            bundle: r.array("bundle")?,
            is_kept: match r.u8("whether it is kept")? {
                0 => false,
                1 => true,
                other => return Err(DecodeError::invalid("whether it is kept", other)),
            },
        })
    }
}

/// Nothing is refused.
#[derive(Debug, thiserror::Error)]
#[error("it takes everything")]
pub(super) struct Never;

/// Ids of what jobs travel as, that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptJobs(BTreeSet<[u8; 32]>);

impl Machine for KeptJobs {
    type Input = KeptChange;
    type Change = KeptChange;
    type Effect = ();
    type Error = Never;

    fn step(&self, input: &KeptChange) -> Result<Step<KeptChange, ()>, Never> {
        Ok(match self.0.contains(&input.bundle) == input.is_kept {
            true => Step::seen(Vec::new()),
            false => Step::new(vec![input.clone()], Vec::new()),
        })
    }

    fn apply(&mut self, change: &KeptChange) {
        match change.is_kept {
            true => self.0.insert(change.bundle),
            false => self.0.remove(&change.bundle),
        };
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for KeptJobs {
    fn summary(&self) -> Vec<KeptChange> {
        let all = self.0.iter();
        let all = all.map(|bundle| KeptChange {
            bundle: *bundle,
            is_kept: true,
        });
        all.collect()
    }
}

fn kept_log() -> Identity {
    Identity::new("kept-jobs", [0; 32])
}

impl Core {
    /// Which jobs are kept, as the log has it.
    pub(super) fn recover_kept(&mut self) -> Result<(), Fatal> {
        // A node that has never kept one has no log of it.
        match self.store.known()?.contains(&kept_log()) {
            true => self.kept_jobs().map(drop),
            false => Ok(()),
        }
    }

    fn kept_jobs(&mut self) -> Result<&mut Logged<KeptJobs, AnyLog>, Fatal> {
        if self.kept.is_none() {
            let log = self.store.open(&kept_log())?;
            self.kept = Some(Logged::open(KeptJobs::default(), log)?);
        }
        self.kept.as_mut().ok_or(Fatal::Key)
    }

    /// Whether the operator wants a job to stay.
    pub(super) fn is_kept(&self, bundle: &[u8; 32]) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.machine().0.contains(bundle))
    }

    fn all_kept(&self) -> Vec<[u8; 32]> {
        let kept = self.kept.iter();
        kept.flat_map(|kept| kept.machine().0.iter().copied())
            .collect()
    }

    fn keep_job(&mut self, bundle: [u8; 32], is_kept: bool) -> Result<(), Fatal> {
        let kept = self.kept_jobs()?;
        kept.step(&KeptChange { bundle, is_kept })
            .map_err(Fatal::step)?;
        kept.compact(MOST_JOBS as u64)?;
        Ok(())
    }
}
