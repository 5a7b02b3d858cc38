//! Secrets of 32 bytes, each in a file of its own.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::draft::{Draft, Readers, check_ordinary, refused};

/// Reads a secret of 32 bytes inside a folder of ours into `secret`, and says whether there is one.
///
/// Nothing is read that somebody else may have seen or put there: the file must be an ordinary one, with this name
/// alone, and for its owner alone.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a link, a folder or a device, for a second name, and for rights of others;
/// [`ErrorKind::InvalidData`] if there are not just 32 bytes; else those of the system. `secret` is then as it was.
pub fn read_secret(path: &Path, secret: &mut [u8; 32]) -> io::Result<bool> {
    let opened = OpenOptions::new()
        .read(true)
        // A link is not followed, and a pipe not waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            // What the system says of a link ("too many levels") helps nobody.
            if let Ok(found) = std::fs::symlink_metadata(path) {
                check_ordinary(path, &found)?;
            }
            return Err(error);
        }
    };
    let found = file.metadata()?;
    check_ordinary(path, &found)?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(refused(format!(
            "its rights are {mode:03o}, so that others may have read or written it; if nobody has, take them away (chmod 600)"
        )));
    }
    if found.nlink() != 1 {
        return Err(refused(format!(
            "it has {} names; see who made them, and keep this one alone",
            found.nlink()
        )));
    }
    if found.len() != 32 {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "it has {} bytes, and a secret has 32; put back a copy",
                found.len()
            ),
        ));
    }
    let before = *secret;
    file.read_exact(secret).inspect_err(|_| *secret = before)?;
    Ok(true)
}

/// Writes a secret that is not there yet, for its owner alone; durable on return.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if anything has this name: no secret is ever written over. Else those of the system.
pub fn keep_secret(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let mut draft = Draft::for_new(path, Readers::Owner)?;
    draft.file().write_all(secret)?;
    draft.publish_new(path)
}
