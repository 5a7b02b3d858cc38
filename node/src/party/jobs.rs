//! Jobs that this node has the program and the records of, and the files that they travel as.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Uploads;
use narthex::{
    bitcoin::hex::DisplayHex,
    game_model::{
        Params, bundle::Bundle, commitment::Multiproof, computation::JobSpec, params::AcceptedJob,
    },
    job::{
        BundleServer, BundleWriter, HeldBundle, JobError, Looked, Plan, Running, StageJob, pack,
    },
};
use narthex_disk::{Readers, make_folder, move_new, sync_folder, temporary_folder};

use super::Event;

/// Jobs by their identity, and a folder with the bundles of those that travel.
pub struct Jobs {
    folder: PathBuf,
    known: BTreeMap<[u8; 32], Known>,
    /// By the id of their bundle.
    writers: BTreeMap<[u8; 32], BundleWriter>,
    servers: BTreeMap<[u8; 32], BundleServer>,
    uploads: Option<Uploads>,
}

struct Known {
    job: Arc<StageJob>,
    stage: u32,
    /// Where the operator has it; else it came as a bundle.
    from: Origin,
}

#[derive(PartialEq, Eq)]
enum Origin {
    File(PathBuf),
    Bundle([u8; 32]),
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}

/// A look at a bundle that is here: long work, for a thread of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Which bundle.
    pub id: [u8; 32],
    bundle: Bundle,
    folder: PathBuf,
    is_believed: bool,
}

impl Look {
    /// Does it, and tells what was found.
    pub fn done(self) -> Event {
        let bundle = self.id;
        let looked = self.look();
        Event::Looked { bundle, looked }
    }

    fn look(self) -> Looked {
        let held = HeldBundle::new(self.bundle, self.folder);
        held.look(&Running::default(), self.is_believed)
    }
}

/// What identifies the job of a file: its last stage, which is what contracts are about.
///
/// # Errors
/// [`JobError`]: the file's fault.
pub fn job_of(path: &Path) -> Result<JobSpec, JobError> {
    let (job, _) = read(path)?;
    Ok(*job.spec())
}

fn read(path: &Path) -> Result<(StageJob, u32), JobError> {
    let plan = Plan::load(path, &Running::default())?;
    let stage = plan.stages().saturating_sub(1);
    Ok((plan.into_stage(stage)?, stage))
}

impl Jobs {
    /// None yet; bundles are in this folder, which is made when there is one.
    pub const fn new(folder: PathBuf) -> Jobs {
        Jobs {
            folder,
            known: BTreeMap::new(),
            writers: BTreeMap::new(),
            servers: BTreeMap::new(),
            uploads: None,
        }
    }

    /// Reads a job file that the operator has, and says what identifies it.
    ///
    /// # Errors
    /// [`JobError`]: the file's fault.
    pub fn load(&mut self, path: &Path) -> Result<JobSpec, JobError> {
        let (job, stage) = read(path)?;
        Ok(self.insert(job, stage, Origin::File(path.to_owned())))
    }

    fn insert(&mut self, job: StageJob, stage: u32, from: Origin) -> JobSpec {
        let spec = *job.spec();
        let job = Arc::new(job);
        // What the operator has is what it believes.
        if matches!(from, Origin::File(_)) || !self.has(&spec) {
            self.known.insert(spec.id(), Known { job, stage, from });
        }
        spec
    }

    /// The files that the operator has.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.known.values().filter_map(|known| match &known.from {
            Origin::File(path) => Some(path.as_path()),
            Origin::Bundle(_) => None,
        })
    }

    /// Whether a job is here.
    pub fn has(&self, spec: &JobSpec) -> bool {
        self.known.contains_key(&spec.id())
    }

    /// The job, compared with the parameters of a contract.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn accept(&self, spec: &JobSpec, params: &Params) -> Result<AcceptedJob, String> {
        let known = self
            .known
            .get(&spec.id())
            .ok_or("this node does not have the job")?;
        let accepted = params.accepts_job(&*known.job);
        accepted.map_err(|error| error.to_string())
    }

    /// The job, and which stage of its file.
    pub fn stage(&self, spec: &JobSpec) -> Option<(Arc<StageJob>, u32)> {
        let known = self.known.get(&spec.id())?;
        Some((known.job.clone(), known.stage))
    }

    fn place(&self, id: &[u8; 32]) -> PathBuf {
        self.folder.join(id.to_lower_hex_string())
    }

    fn held(&self, bundle: &Bundle) -> HeldBundle {
        HeldBundle::new(bundle.clone(), self.place(&bundle.id()))
    }

    /// Copies a job of the operator's, to offer it: what is served is as it was offered, whatever becomes of the file. It takes as long as
    /// the job is.
    ///
    /// # Errors
    /// [`JobError`]: the file's fault, or this computer's. Nothing is left of it then.
    pub(super) fn pack(&mut self, path: &Path) -> Result<(Bundle, JobSpec), JobError> {
        let folder = self.folder.clone();
        let io = |source| JobError::Io {
            doing: "cannot write in",
            path: folder.clone(),
            source,
        };
        make_folder(&folder, Readers::Owner).map_err(io)?;
        let draft = temporary_folder("packing-", Some(&folder)).map_err(io)?;
        let bundle = pack(path, draft.path())?;
        let (id, held) = (
            bundle.id(),
            HeldBundle::new(bundle.clone(), draft.path().to_owned()),
        );
        let (job, stage) = match held.look(&Running::default(), true) {
            Looked::Job(job, stage) => (*job, stage),
            Looked::Useless(error) | Looked::Failed(error) => return Err(error),
            Looked::Damaged => return Err(io(io::ErrorKind::InvalidData.into())),
        };
        if self.put(&bundle, draft.path()).map_err(io)? {
            // Its name is gone: there is nothing to remove.
            drop(draft.keep());
        }
        Ok((bundle, self.insert(job, stage, Origin::Bundle(id))))
    }

    /// Moves a folder that was packed to where bundles are; whether it did: the same may be there already.
    pub(super) fn put(&mut self, bundle: &Bundle, draft: &Path) -> io::Result<bool> {
        make_folder(&self.folder, Readers::Owner)?;
        let id = bundle.id();
        let place = self.place(&id);
        match move_new(draft, &place) {
            // If it was fetched, what proofs are made from is missing.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if BundleServer::open(self.held(bundle)).is_ok() {
                    return Ok(false);
                }
                self.forget(&id)?;
                move_new(draft, &place)?;
                Ok(true)
            }
            moved => moved.map(|()| true),
        }
    }

    /// Where uploads are, if this node takes any.
    pub(super) const fn uploads(&self) -> Option<&Uploads> {
        self.uploads.as_ref()
    }

    /// The same, with a folder of uploads that jobs may be made of.
    #[must_use]
    pub fn with_uploads(mut self, uploads: Uploads) -> Jobs {
        self.uploads = Some(uploads);
        self
    }

    /// Writes a chunk that was compared with its bundle. It stays once it is synced.
    pub(super) fn write(&mut self, bundle: &Bundle, index: u32, bytes: &[u8]) -> io::Result<()> {
        let id = bundle.id();
        if !self.writers.contains_key(&id) {
            make_folder(&self.folder, Readers::Owner)?;
            let writer = BundleWriter::open(self.held(bundle))?;
            self.writers.insert(id, writer);
        }
        let writer = self.writers.get_mut(&id);
        writer.map_or(Ok(()), |writer| writer.write(index, bytes))
    }

    pub(super) fn sync(&mut self, id: &[u8; 32]) -> io::Result<()> {
        self.writers.get_mut(id).map_or(Ok(()), BundleWriter::sync)
    }

    /// Nothing more is written of a bundle for now.
    pub(super) fn close(&mut self, id: &[u8; 32]) {
        self.writers.remove(id);
    }

    /// A chunk of a job that was packed here.
    pub(super) fn chunk(
        &mut self,
        bundle: &Bundle,
        index: u32,
    ) -> io::Result<(Vec<u8>, Multiproof)> {
        let id = bundle.id();
        if !self.servers.contains_key(&id) {
            let server = BundleServer::open(self.held(bundle))?;
            self.servers.insert(id, server);
        }
        let server = self.servers.get_mut(&id);
        let server = server.ok_or(io::ErrorKind::NotFound)?;
        server.chunk(index)
    }

    /// Whether a job of this bundle was packed here.
    pub(super) fn is_packed(&self, bundle: &Bundle) -> bool {
        BundleServer::open(self.held(bundle)).is_ok()
    }

    pub(super) fn look(&self, bundle: &Bundle, is_believed: bool) -> Look {
        let id = bundle.id();
        Look {
            id,
            bundle: bundle.clone(),
            folder: self.place(&id),
            is_believed,
        }
    }

    /// A bundle was looked at, and is this job.
    pub(super) fn looked(&mut self, id: [u8; 32], job: StageJob, stage: u32) -> JobSpec {
        self.insert(job, stage, Origin::Bundle(id))
    }

    /// Removes a bundle, with the job that was made of it.
    pub(super) fn forget(&mut self, id: &[u8; 32]) -> io::Result<()> {
        self.writers.remove(id);
        self.servers.remove(id);
        self.known
            .retain(|_, known| known.from != Origin::Bundle(*id));
        remove(&self.place(id), &self.folder)
    }

    /// Removes what is of no bundle that is known: of a process that was killed over it.
    pub(super) fn sweep(&mut self, is_known: impl Fn(&str) -> bool) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if !is_known(&entry.file_name().to_string_lossy()) {
                remove(&entry.path(), &self.folder)?;
            }
        }
        Ok(())
    }
}

/// Removes a folder of ours, if it is there.
fn remove(path: &Path, parent: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
