//! Files that come over the network, piece by piece, each under the hash that it was announced by; and jobs made of them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
};

use narthex::{
    bitcoin::{
        hashes::{Hash as _, HashEngine as _, sha256},
        hex::{DisplayHex, FromHex},
    },
    game_model::bundle::{Bundle, MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES},
    job::{HeldBundle, JobError, Looked, Running, pack_of, packed_bundle},
};
use narthex_base::tagged::tagged_hash;
use narthex_disk::{
    Draft, Readers, make_folder, move_new, remove, replace, sweep, sync_folder, temporary_folder,
};
use serde::{Deserialize, Serialize};

/// Most files at a time: more than a job has.
const MOST_FILES: usize = 2 * MAX_BUNDLE_FILES;

/// Most bytes of a file that did not say how long it is, as long as it has not come to its end. One is on its way at a time.
const MOST_UNSAID: u64 = 64 << 20;

/// A job of files that were uploaded.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// What a job's file has (`narthex job example` writes one).
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub job: serde_json::Value,
    /// By each name that it speaks of the SHA-256 of the file that was uploaded, in hex.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileStatus {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How many there are.
    pub bytes: u64,
}

/// Why a file or a job is not taken. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The id is no SHA-256. The caller's fault.
    #[error("{0:?} is no SHA-256: 64 hex digits")]
    Name(String),
    /// Its bytes are others than were announced. The caller's fault, or the network's.
    #[error("its bytes have the SHA-256 {found}")]
    Hash {
        /// What was received.
        found: String,
    },
    /// It did not come to its end.
    #[error("it ended after {bytes} bytes: {error}")]
    Broken {
        /// Bytes that came.
        bytes: u64,
        /// Why.
        error: io::Error,
    },
    /// There is no room for it.
    #[error(
        "{used} bytes in {files} files are here; {most} bytes in {MOST_FILES} files at most are kept"
    )]
    Full {
        /// Bytes of other files.
        used: u64,
        /// Number of other files.
        files: usize,
        /// Most bytes.
        most: u64,
    },
    /// It did not say how long it is, and is long. The caller's fault.
    #[error("a file that does not say how long it is has {MOST_UNSAID} bytes at most")]
    Unsaid,
    /// A job speaks of a file that was not uploaded. The caller's fault.
    #[error("no file with the SHA-256 {sha256} was uploaded")]
    Missing {
        /// Which.
        sha256: String,
    },
    /// It is no job. The caller's fault.
    #[error(transparent)]
    Job(JobError),
    /// The disk.
    #[error("the folder of uploads: {0}")]
    Disk(#[from] io::Error),
}

/// The folder of what was uploaded and is not used yet.
#[derive(Clone, Debug)]
pub struct Uploads {
    folder: PathBuf,
    most: u64,
}

impl Uploads {
    /// Of a node's folder, which it alone uses; with so many bytes at most. What a process that was killed left half is removed.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: PathBuf, most: u64) -> io::Result<Uploads> {
        make_folder(&folder, Readers::Owner)?;
        sweep(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            // Jobs that nobody has ordered to be kept, or drafts of such.
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Uploads { folder, most })
    }

    fn place(&self, sha256: &str) -> Result<PathBuf, UploadError> {
        let bad = || UploadError::Name(sha256.to_owned());
        let hash = <[u8; 32]>::from_hex(sha256).map_err(|_| bad())?;
        Ok(self.folder.join(hash.to_lower_hex_string()))
    }

    /// Whether a file is here.
    ///
    /// # Errors
    /// [`UploadError::Name`], [`UploadError::Disk`].
    pub fn find(&self, sha256: &str) -> Result<Option<FileStatus>, UploadError> {
        let place = self.place(sha256)?;
        match std::fs::symlink_metadata(&place) {
            Ok(found) => Ok(Some(FileStatus {
                sha256: sha256.to_lowercase(),
                bytes: found.len(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All that are here.
    ///
    /// # Errors
    /// The system's.
    pub fn list(&self) -> Result<Vec<FileStatus>, UploadError> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type()?.is_file() && <[u8; 32]>::from_hex(&name).is_ok();
            if is_file {
                let bytes = entry.metadata()?.len();
                all.push(FileStatus {
                    sha256: name,
                    bytes,
                });
            }
        }
        all.sort_by(|a, b| a.sha256.cmp(&b.sha256));
        Ok(all)
    }

    /// Takes a file as its pieces come, and keeps it if it is what was announced, of so many bytes if these were said; durable on return. One at a
    /// time: whoever calls sees to it. For what says too much nothing is read; who says nothing has 64 MiB.
    ///
    /// # Errors
    /// [`UploadError`]; then nothing is left of it.
    pub fn take(
        &self,
        sha256: &str,
        announced: Option<u64>,
        pieces: impl Iterator<Item = io::Result<impl AsRef<[u8]>>>,
    ) -> Result<FileStatus, UploadError> {
        let place = self.place(sha256)?;
        if let Some(found) = self.find(sha256)? {
            return Ok(found);
        }
        let known = self.list()?;
        let used = known.iter().map(|file| file.bytes).sum::<u64>();
        let (files, most) = (known.len(), self.most);
        let full = || UploadError::Full { used, files, most };
        if files >= MOST_FILES {
            return Err(full());
        }
        let left = most.saturating_sub(used).min(MAX_BUNDLE_BYTES);
        if announced.is_some_and(|bytes| bytes > left) {
            return Err(full());
        }
        let mut draft = Draft::for_new(&place, Readers::Owner)?;
        let (mut engine, mut bytes) = (sha256::Hash::engine(), 0_u64);
        for piece in pieces {
            let piece = piece.map_err(|error| UploadError::Broken { bytes, error })?;
            bytes = bytes.saturating_add(piece.as_ref().len() as u64);
            if bytes > left {
                return Err(full());
            }
            if announced.is_none() && bytes > MOST_UNSAID {
                return Err(UploadError::Unsaid);
            }
            engine.input(piece.as_ref());
            draft.file().write_all(piece.as_ref())?;
        }
        let found = sha256::Hash::from_engine(engine).to_byte_array();
        if <[u8; 32]>::from_hex(sha256) != Ok(found) {
            let found = found.to_lower_hex_string();
            return Err(UploadError::Hash { found });
        }
        draft.publish_new(&place)?;
        Ok(FileStatus {
            sha256: found.to_lower_hex_string(),
            bytes,
        })
    }

    /// Removes one; whether it was there.
    ///
    /// # Errors
    /// [`UploadError::Name`], [`UploadError::Disk`].
    pub fn forget(&self, sha256: &str) -> Result<bool, UploadError> {
        let is_here = self.find(sha256)?.is_some();
        remove(&self.place(sha256)?)?;
        Ok(is_here)
    }

    /// Where a job is that was made of files, until it is ordered to be kept.
    pub(super) fn draft(&self, new: &NewJob) -> PathBuf {
        // Fields stand in the order of the type, so that the same job has the same bytes.
        let bytes = serde_json::to_vec(new).unwrap_or_default();
        let which = tagged_hash("narthex/new-job", &bytes);
        let which = which.to_lower_hex_string();
        self.folder.join(format!("job-{which}"))
    }

    /// What a job travels as that was made of files.
    pub(super) fn drafted(&self, new: &NewJob) -> io::Result<Option<(Bundle, PathBuf)>> {
        let place = self.draft(new);
        match packed_bundle(&place) {
            Ok(bundle) => Ok(Some((bundle, place))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a job of files that were uploaded, and looks at it: it takes as long as the job is.
    ///
    /// # Errors
    /// [`UploadError`]; then nothing is left of it, but for the files.
    pub fn make(&self, new: &NewJob) -> Result<(), UploadError> {
        let mut sources = BTreeMap::new();
        for (name, sha256) in &new.files {
            let sha256 = sha256.clone();
            if self.find(&sha256)?.is_none() {
                return Err(UploadError::Missing { sha256 });
            }
            sources.insert(PathBuf::from(name), self.place(&sha256)?);
        }
        let given = temporary_folder("given-", Some(&self.folder))?;
        let (job, packed) = (given.path().join("job.json"), given.path().join("packed"));
        let json = serde_json::to_vec(&new.job).map_err(io::Error::from)?;
        replace(&job, &json, Readers::Owner)?;
        make_folder(&packed, Readers::Owner)?;
        let bundle = pack_of(&job, &sources, &packed).map_err(UploadError::Job)?;
        match HeldBundle::new(bundle, packed.clone()).look(&Running::default(), true) {
            Looked::Job(..) => {}
            Looked::Useless(error) | Looked::Failed(error) => return Err(UploadError::Job(error)),
            Looked::Damaged => return Err(UploadError::Disk(io::ErrorKind::InvalidData.into())),
        }
        match move_new(&packed, &self.draft(new)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            moved => Ok(moved?),
        }
    }

    /// Removes the files that a job was made of, and what is left of its making: it has copies of its own.
    ///
    /// # Errors
    /// [`UploadError::Disk`].
    pub fn used(&self, new: &NewJob) -> Result<(), UploadError> {
        for sha256 in new.files.values() {
            self.forget(sha256)?;
        }
        match std::fs::remove_dir_all(self.draft(new)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(sync_folder(&self.folder)?),
        }
    }
}
