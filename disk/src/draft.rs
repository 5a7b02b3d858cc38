//! Files on their way to their names.

use std::{
    fs::{File, Metadata, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use tempfile::NamedTempFile;

use crate::place::{parent, sync_folder};

/// How names of unfinished files begin and end; between is chance.
pub(crate) const PREFIX: &str = ".narthex-";
pub(crate) const SUFFIX: &str = ".part";

/// Who may read what is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// The owner alone: keys, secrets, salts, and results that are for sale.
    Owner,
    /// Whoever the user's umask lets.
    Umask,
}

impl Readers {
    pub(crate) const fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Umask => 0o666,
        }
    }

    pub(crate) const fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Umask => 0o777,
        }
    }
}

/// A file that has no name of its own yet. Dropped before it has one, it is removed.
#[derive(Debug)]
pub struct Draft(NamedTempFile);

impl Draft {
    /// An empty draft in the folder that `path` is in.
    ///
    /// # Errors
    /// Those of the system: no such folder, no right to write there, no space.
    pub fn beside(path: &Path, readers: Readers) -> io::Result<Self> {
        tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(readers.file_mode()))
            .tempfile_in(parent(path))
            .map(Self)
    }

    /// The same for a name that must be free.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if it is not, a link that leads nowhere included; else as [`Draft::beside`].
    pub fn for_new(path: &Path, readers: Readers) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::beside(path, readers),
            Err(error) => Err(error),
        }
    }

    /// To write the content, and to read it back.
    pub fn file(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Gives the file its name; durable on return.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if anything has this name, a link that leads nowhere included; else those of the
    /// system. Then nothing is left behind.
    pub fn publish_new(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist_noclobber(path).map_err(|e| e.error)?;
        sync_folder(parent(path))
    }

    /// The same inside a folder of ours, where there may be an ordinary file of this name already.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] as for [`replace`]; else those of the system. The old content stays.
    pub fn publish_over(self, path: &Path) -> io::Result<()> {
        ordinary(path)?;
        self.publish(path)
    }

    pub(crate) fn publish(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(path).map_err(|e| e.error)?;
        sync_folder(parent(path))
    }
}

/// Writes a file inside a folder of ours: whole or not at all, and durable before this returns.
///
/// One that is there keeps its rights, unless its [`Readers`] are the owner alone: then these are its rights now.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the name is taken by a link, a folder or a device; else those of the system. The old
/// content stays.
pub fn replace(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let before = ordinary(path)?;
    let mut draft = Draft::beside(path, readers)?;
    if let Some(before) = before.filter(|_| readers == Readers::Umask) {
        let mode = before.permissions().mode() & 0o777;
        draft.file().set_permissions(Permissions::from_mode(mode))?;
    }
    draft.file().write_all(bytes)?;
    draft.publish(path)
}

/// Whether [`replace`] would write here: for several files of which all are written or none.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] as for [`replace`]; else those of the system.
pub fn check_name(path: &Path) -> io::Result<()> {
    ordinary(path).map(drop)
}

/// Whether a folder inside one of ours is there or can be made: no link to another.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the name is taken by anything else; else those of the system.
pub fn check_folder(path: &Path) -> io::Result<()> {
    // A name with a slash behind it would be that of what a link leads to.
    let path: std::path::PathBuf = path.components().collect();
    match std::fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(found) if found.is_file() => Err(refused(
            "it is a file where there should be a folder; remove it".into(),
        )),
        Ok(found) => check_ordinary(&path, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// What has this name, if anything; it must be an ordinary file.
pub(crate) fn ordinary(path: &Path) -> io::Result<Option<Metadata>> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    check_ordinary(path, &found).map(|()| Some(found))
}

pub(crate) fn check_ordinary(path: &Path, found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        match std::fs::read_link(path) {
            Ok(to) => format!("a link to {}", to.display()),
            Err(_) => "a link".into(),
        }
    } else if kind.is_dir() {
        "a folder".into()
    } else {
        "no ordinary file".into()
    };
    Err(refused(format!(
        "it is {what}, and nothing is written through it; see who made it, and remove it"
    )))
}

pub(crate) fn refused(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}
