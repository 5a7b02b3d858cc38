//! What is ordered about jobs that are kept.

use std::path::PathBuf;

use narthex::{
    bitcoin::hex::DisplayHex, channel::fetch::FetchInput, game_model::computation::JobSpec,
};
use serde::{Deserialize, Serialize};

use super::{MOST_JOBS, NewJob};
use crate::party::{
    Core, Fatal, Reply,
    command::{Answer, CommandError, id_of, refused},
    fetch::LookedAt,
};

/// What is asked of the jobs that a node keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum JobCommand {
    /// Copies a job's file with all that it speaks of, on the machine of the node: [`Reply::Job`].
    Copy {
        /// The file.
        file: PathBuf,
    },
    /// Keeps a job that was made of uploaded files ([`Uploads::make`](super::Uploads::make)): [`Reply::Job`].
    Keep(NewJob),
    /// One of them: [`Reply::Job`].
    Show {
        /// Its id in hex.
        id: String,
    },
    /// All of them: [`Reply::Jobs`].
    List,
    /// Keeps it no more: [`Reply::Done`].
    Forget {
        /// Its id in hex.
        id: String,
    },
}

impl JobCommand {
    /// Its name, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            JobCommand::Copy { .. } => "job copy",
            JobCommand::Keep(_) => "job keep",
            JobCommand::Show { .. } => "job show",
            JobCommand::List => "job list",
            JobCommand::Forget { .. } => "job forget",
        }
    }

    /// Whether it changes nothing.
    pub const fn only_asks(&self) -> bool {
        matches!(self, JobCommand::Show { .. } | JobCommand::List)
    }
}

/// A job that a node keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeptJobStatus {
    /// By which it is offered: of all its bytes, as they travel.
    pub id: String,
    /// `looked-at`: it is read from the disk; `here`: it can be offered; `useless`; `fetching`: the disk has lost some of it.
    pub state: String,
    /// Bytes of all of its files.
    pub bytes: u64,
    /// Number of its files.
    pub files: usize,
    /// What identifies the work itself, once it was looked at.
    pub job: Option<String>,
    /// Its steps.
    pub steps: Option<u64>,
    /// Bytes of each output.
    pub output_bytes: Option<u64>,
    /// Contracts that need it.
    pub contracts: Vec<String>,
    /// Why it is useless.
    pub trouble: Option<String>,
}

impl Core {
    pub(in crate::party) fn job_ordered(&mut self, order: JobCommand) -> Result<Answer, Fatal> {
        match order {
            JobCommand::Copy { file } => self.copy_job(&file),
            JobCommand::Keep(new) => self.keep_made(&new),
            JobCommand::Show { id } => Ok(id_of(&id).and_then(|id| self.kept_job(&id))),
            JobCommand::List => {
                let all = self.all_kept().into_iter();
                let all = all.map(|id| self.kept_status(&id));
                Ok(Ok(Reply::Jobs(all.collect())))
            }
            JobCommand::Forget { id } => self.forget_kept(&id),
        }
    }

    fn kept_job(&self, id: &[u8; 32]) -> Answer {
        match self.is_kept(id) {
            true => Ok(Reply::Job(Box::new(self.kept_status(id)))),
            false => Err(refused("unknown", "no such job is kept here")),
        }
    }

    /// Whether there is room for one more.
    fn has_shelf(&self, bytes: u64) -> Result<(), CommandError> {
        let all = self.all_kept();
        let of = |id: &[u8; 32]| self.travelling.get(id).map_or(0, |job| job.bytes());
        let used: u64 = all.iter().map(of).sum();
        let most = self.policy.max_jobs_bytes;
        match all.len() < MOST_JOBS && used.saturating_add(bytes) <= most {
            true => Ok(()),
            false => {
                let why = format_args!(
                    "{} jobs of {used} bytes are kept, and this one has {bytes}; {MOST_JOBS} of {most} bytes at most are",
                    all.len()
                );
                Err(refused("full", why))
            }
        }
    }

    fn copy_job(&mut self, file: &std::path::Path) -> Result<Answer, Fatal> {
        let (bundle, job) = match self.pack(file) {
            Ok(packed) => packed,
            Err(why) => return Ok(Err(refused("bad-job", why))),
        };
        let id = bundle.id();
        if self.is_kept(&id) {
            return Ok(self.kept_job(&id));
        }
        if let Err(why) = self.has_shelf(bundle.bytes()) {
            self.unpack(&id);
            return Ok(Err(why));
        }
        self.packed(&bundle, job)?;
        self.keep_job(id, true)?;
        Ok(self.kept_job(&id))
    }

    fn keep_made(&mut self, new: &NewJob) -> Result<Answer, Fatal> {
        let failed = |error: &dyn std::fmt::Display| Ok(Err(refused("disk", error)));
        let made = match self.jobs.uploads().map(|uploads| uploads.drafted(new)) {
            None => return Ok(Err(refused("cannot", "this node takes no uploads"))),
            Some(Err(error)) => return failed(&error),
            Some(Ok(made)) => made,
        };
        // Whoever asks makes it, aside, and asks again.
        let Some((bundle, draft)) = made else {
            return Ok(Err(refused(
                "not-made",
                "the job is not made of its files yet",
            )));
        };
        let id = bundle.id();
        if self.is_kept(&id) {
            return Ok(self.kept_job(&id));
        }
        if let Err(why) = self.has_shelf(bundle.bytes()) {
            return Ok(Err(why));
        }
        if let Err(error) = self.jobs.put(&bundle, &draft) {
            return failed(&error);
        }
        if let Err(refusal) = self.fetch_step(id, &FetchInput::Packed { bundle })? {
            return Ok(Err(refused("bad-job", refusal)));
        }
        if let Some(travelling) = self.travelling.get_mut(&id) {
            travelling.written = travelling.machine.machine().kept();
        }
        self.keep_job(id, true)?;
        Ok(self.kept_job(&id))
    }

    fn forget_kept(&mut self, id: &str) -> Result<Answer, Fatal> {
        let id = match id_of(id) {
            Ok(id) if self.is_kept(&id) => id,
            Ok(_) => return Ok(Err(refused("unknown", "no such job is kept here"))),
            Err(why) => return Ok(Err(why)),
        };
        let needed = self.needed_by(&id);
        if !needed.is_empty() {
            let contracts = needed.iter().map(|(id, _)| id.to_lower_hex_string());
            let contracts: Vec<_> = contracts.collect();
            let why = "a contract needs it";
            return Ok(Err(
                refused("in-use", why).with("contracts", contracts.join(" "))
            ));
        }
        // With the next tick it is gone, as whatever no contract needs.
        self.keep_job(id, false)?;
        Ok(Ok(Reply::Done))
    }

    /// A kept job, as it is offered.
    pub(in crate::party) fn kept_for_offer(
        &self,
        id: &str,
    ) -> Result<(narthex::game_model::bundle::Bundle, JobSpec), CommandError> {
        let id = id_of(id)?;
        let known = self.travelling.get(&id).filter(|_| self.is_kept(&id));
        let travelling = known.ok_or_else(|| refused("unknown", "no such job is kept here"))?;
        let bundle = travelling.machine.machine().bundle();
        match (bundle, &travelling.look) {
            (Some(bundle), LookedAt::Is(job)) if self.jobs.has(job) => Ok((bundle.clone(), *job)),
            _ => {
                let why = format_args!("the job is {}", travelling.standing());
                Err(refused("not-now", why))
            }
        }
    }

    fn kept_status(&self, id: &[u8; 32]) -> KeptJobStatus {
        let travelling = self.travelling.get(id);
        let machine = travelling.map(|travelling| travelling.machine.machine());
        let bundle = machine.and_then(|machine| machine.bundle());
        let spec = travelling.and_then(|travelling| match travelling.look {
            LookedAt::Is(job) => Some(job),
            _ => None,
        });
        let needed = self.needed_by(id).into_iter();
        KeptJobStatus {
            id: id.to_lower_hex_string(),
            state: travelling
                .map_or("useless", |job| job.standing())
                .to_owned(),
            bytes: bundle.map_or(0, |bundle| bundle.bytes()),
            files: bundle.map_or(0, |bundle| bundle.files().len()),
            job: spec.map(|spec| spec.id().to_lower_hex_string()),
            steps: spec.map(|spec| spec.steps),
            output_bytes: spec.map(|spec| spec.output_bytes),
            contracts: needed.map(|(id, _)| id.to_lower_hex_string()).collect(),
            trouble: machine.and_then(|machine| machine.useless().map(str::to_owned)),
        }
    }
}
