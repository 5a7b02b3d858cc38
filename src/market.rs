//! Ledgers of audits and quotes of relays in files.
//!
//! A [`LedgerFile`] is replayed whenever it is read and replaced as a whole when it changes, by one
//! process at a time; a crash leaves the old file or the new one.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use narthex_game_model::market::{Audit, Ledger, LedgerError, LedgerRecord, Standing};
use serde::de::DeserializeOwned;

use crate::disk::{self, Readers};

/// Largest ledger that is read, in bytes: more than the most audits take.
pub const MAX_LEDGER_BYTES: u64 = 256 << 20;
/// Largest list of quotes, in bytes.
pub const MAX_QUOTES_BYTES: u64 = 1 << 20;

/// A ledger in a file.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
}

impl LedgerFile {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Writes a ledger without audits where there is no file yet.
    ///
    /// # Errors
    /// [`FileError`]; a file that is there already is left as it is.
    pub fn create(&self, ledger: &Ledger) -> Result<(), FileError> {
        let free = || match self.path.symlink_metadata() {
            Ok(found) if !found.is_symlink() || self.path.exists() => {
                Err(FileError::Exists(self.path.clone()))
            }
            _ => Ok(()),
        };
        // A refused command makes nothing, not even a lock.
        free()?;
        let _lock = self.lock()?;
        free()?;
        self.write(ledger)
    }

    /// The ledger, every audit counted anew.
    ///
    /// # Errors
    /// [`FileError`] if there is none, or it does not replay.
    pub fn read(&self) -> Result<Ledger, FileError> {
        let record: LedgerRecord = read_json(&self.path, MAX_LEDGER_BYTES)?;
        Ledger::replay(&record).map_err(|source| FileError::Ledger {
            path: self.path.clone(),
            source,
        })
    }

    /// Counts an audit, once it is on disk.
    ///
    /// # Errors
    /// [`FileError`]; then the file is as it was.
    pub fn enter(&self, audit: Audit) -> Result<(Ledger, Standing), FileError> {
        let entered = || {
            let mut ledger = self.read()?;
            let entered = ledger.enter(audit);
            let standing = entered.map_err(|source| FileError::Audit { source })?;
            Ok((ledger, standing))
        };
        if !self.lock_path()?.exists() {
            // A refused command makes nothing, not even a lock.
            entered()?;
        }
        let _lock = self.lock()?;
        let (ledger, standing) = entered()?;
        self.write(&ledger)?;
        Ok((ledger, standing))
    }

    /// Beside the file itself, not beside a link to it: two names of a ledger have one lock.
    fn lock_path(&self) -> Result<PathBuf, FileError> {
        let target = disk::target(&self.path).map_err(FileError::io("lock", &self.path))?;
        let mut path = target.into_os_string();
        path.push(".lock");
        Ok(path.into())
    }

    /// A lock of its own, because renaming replaces the file itself; freed when it is dropped.
    fn lock(&self) -> Result<File, FileError> {
        let path = self.lock_path()?;
        let locked = disk::lock(&path, Readers::Umask).and_then(|file| file.lock().map(|()| file));
        locked.map_err(FileError::io("lock", &path))
    }

    fn write(&self, ledger: &Ledger) -> Result<(), FileError> {
        let write = || {
            let mut json = serde_json::to_vec(&ledger.record())?;
            json.push(b'\n');
            disk::save(&self.path, &json, Readers::Umask)
        };
        write().map_err(FileError::io("write", &self.path))
    }
}

/// A JSON file of at most `most` bytes.
///
/// # Errors
/// [`FileError`] if it cannot be read, is longer, or is something else.
pub fn read_json<T: DeserializeOwned>(path: &Path, most: u64) -> Result<T, FileError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > most {
        let path = path.to_path_buf();
        return Err(FileError::TooLong { path, most });
    }
    narthex_game_model::text::parsed(&bytes, serde_json::from_str).map_err(|source| {
        FileError::Json {
            path: path.to_path_buf(),
            source,
        }
    })
}

/// Why a file was not read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Longer than any such file.
    #[error("{} is longer than {most} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// Most bytes.
        most: u64,
    },
    /// Not the JSON that was expected.
    #[error("{}: {source}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// There is a ledger already.
    #[error("{} exists; a ledger is begun once", .0.display())]
    Exists(PathBuf),
    /// The ledger in the file is none.
    #[error("{}: {source}", path.display())]
    Ledger {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: LedgerError,
    },
    /// The new audit is refused; the ledger is as it was.
    #[error("{source}")]
    Audit {
        /// Why.
        source: LedgerError,
    },
}

impl FileError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }
}
