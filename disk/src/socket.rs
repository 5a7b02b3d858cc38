//! Sockets with a name, for the owner of their folder alone.

use std::{
    fs::Permissions,
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::Path,
};

use crate::{draft::check_folder, folder::remove, place::parent};

/// Listens at a name in a folder that is its owner's alone. A socket that a process before left there is replaced: only for
/// whoever holds the folder's lock. Nobody but the owner may connect.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if something else has the name, [`ErrorKind::InvalidInput`] if it is longer than the system takes (107 bytes);
/// [`ErrorKind::PermissionDenied`] if others may write in the folder; those of [`check_folder`] and of the system.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let folder = parent(path);
    check_folder(folder)?;
    let mode = std::fs::metadata(folder)?.permissions().mode();
    if mode & 0o022 != 0 {
        let problem = format!(
            "others may write in {} (mode {:o})",
            folder.display(),
            mode & 0o777
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, problem));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => remove(path)?,
        Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}
