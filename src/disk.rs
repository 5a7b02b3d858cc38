//! Files that are replaced as a whole, and locks that keep two processes apart.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
};

/// Writes a file so that it is there as a whole or not at all, and durable before this returns. A `secret` one is for
/// its owner alone.
pub(crate) fn replace(path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.write(true).create(true).truncate(true).open(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(part, path)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    // Other systems do not let a directory be opened as a file.
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// A file to lock, made if it is not there. A lock on it ends when it is dropped, or its process dies.
pub(crate) fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).open(path)
}
