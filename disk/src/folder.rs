//! Folders: made, synced, swept.

use std::{
    fs::{DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::draft::{PREFIX, Readers, SUFFIX};
use crate::place::{parent, sync_folder};

/// Makes a folder and those above it, as far as they are missing, and says which it made, the outermost first. One that
/// is there keeps its rights.
///
/// # Errors
/// Those of the system; something else may have the name. What was made is removed again.
pub fn make_folder(path: &Path, readers: Readers) -> io::Result<Vec<PathBuf>> {
    let missing = path.ancestors().take_while(|folder| {
        let missing = std::fs::symlink_metadata(folder).is_err();
        missing && !folder.as_os_str().is_empty()
    });
    let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
    missing.reverse();
    let made = DirBuilder::new()
        .recursive(true)
        .mode(readers.folder_mode())
        .create(path)
        .and_then(|()| {
            missing
                .iter()
                .try_for_each(|made| sync_folder(parent(made)))
        });
    match made {
        Ok(()) => Ok(missing),
        Err(error) => {
            remove_folders(&missing);
            Err(error)
        }
    }
}

/// Removes folders that [`make_folder`] made, as far as nothing is in them.
pub fn remove_folders(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        // One that is not empty is somebody's.
        let _ = std::fs::remove_dir(folder);
    }
}

/// Removes a file and makes that durable; none is fine.
///
/// # Errors
/// Those of the system.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A handle of a folder to lock: no file is needed for it. A lock on it ends when it is dropped, or its process dies.
///
/// # Errors
/// Those of the system.
pub fn lock_folder(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Removes what writers that were killed left in a folder. Only for whoever holds the folder's lock: a living writer's
/// file would go as well.
///
/// # Errors
/// Those of the system.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if ours && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A folder for the owner alone under an unpredictable name, in `parent` or where temporary files go; removed with all
/// that is in it when dropped.
///
/// # Errors
/// Those of the system.
pub fn temporary_folder(prefix: &str, parent: Option<&Path>) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(prefix)
        .permissions(Permissions::from_mode(Readers::Owner.folder_mode()));
    match parent {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    }
}

/// Moves a file or folder within a file system to a name that nothing has; durable on return.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the name is taken; else those of the system.
pub fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)?;
    sync_folder(parent(to))
}

/// Where this user's cache is, which need not exist: `NARTHEX_CACHE`, or `narthex` in `XDG_CACHE_HOME` or `~/.cache`. `None` where the
/// environment says none of them.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    set("NARTHEX_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("narthex")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/narthex")))
}
