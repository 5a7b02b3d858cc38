//! Files that stay open: logs, and locks that keep two processes apart.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::draft::{Readers, check_ordinary, ordinary, refused};
use crate::place::{parent, sync_folder};

/// A file inside a folder of ours to read and to write anywhere in it, made if there is none, with what it holds. One
/// for the owner alone is made so if it was not.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the name is taken by a link, a folder or a device, or the file has a second name; else
/// those of the system.
pub fn open_log(path: &Path, readers: Readers) -> io::Result<File> {
    let mut existing = OpenOptions::new();
    existing.read(true).write(true);
    let file = open(path, readers, existing)?;
    let mode = file.metadata()?.permissions().mode();
    if readers == Readers::Owner && mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(mode & 0o700))?;
    }
    Ok(file)
}

/// A file to lock, made if there is none. It is never written. A lock on it ends when it is dropped, or its process
/// dies.
///
/// # Errors
/// As for [`open_log`].
pub fn lock(path: &Path, readers: Readers) -> io::Result<File> {
    let mut existing = OpenOptions::new();
    existing.read(true);
    open(path, readers, existing)
}

fn open(path: &Path, readers: Readers, mut existing: OpenOptions) -> io::Result<File> {
    if ordinary(path)?.is_none() {
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(readers.file_mode())
            .open(path);
        match made {
            Ok(file) => {
                sync_folder(parent(path))?;
                return Ok(file);
            }
            // Somebody was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    // A link or a pipe that took the name since it was looked at is neither followed nor waited for.
    let file = existing
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let found = file.metadata()?;
    check_ordinary(path, &found)?;
    if found.nlink() != 1 {
        return Err(refused(format!(
            "it has {} names, and writing it would change a file elsewhere; see who made it, and remove this one",
            found.nlink()
        )));
    }
    Ok(file)
}
