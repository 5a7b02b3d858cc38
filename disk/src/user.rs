//! Files where the user said: `--out` and the like.

use std::{
    fs::{File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use crate::draft::{Draft, Readers, refused};
use crate::place::parent;

/// As many links in a row as systems follow.
const MAX_LINKS: usize = 40;
/// Of a folder such as `/tmp`: anybody may write, and only owners remove.
const SHARED_FOLDER: u32 = 0o1002;

/// Writes a file that the user named: whole or not at all, and durable before this returns.
///
/// A link is followed and stays. A file that is replaced keeps its rights, and owner and group where the system lets us;
/// where not, nobody gets rights by it that they had not. A device or a pipe, such as `/dev/stdout`, is written to.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a file with a second name (replacing it would part the two) and for links that lead
/// nowhere in a folder that others write to; else those of the system. The old content stays.
pub fn save(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    Saved::prepare(path, bytes, readers)?.publish()
}

/// What [`save`] writes, on disk and without its name: for several files of which all are written or none.
#[derive(Debug)]
pub struct Saved(Way);

#[derive(Debug)]
enum Way {
    New(Draft, PathBuf),
    Over(Draft, PathBuf),
    /// A device or a pipe, which takes bytes as they come.
    Through(File, Vec<u8>),
}

impl Saved {
    /// Gives it its name.
    ///
    /// # Errors
    /// As for [`save`].
    pub fn publish(self) -> io::Result<()> {
        match self.0 {
            Way::New(draft, target) => draft.publish_new(&target),
            Way::Over(draft, target) => draft.publish(&target),
            Way::Through(mut file, bytes) => file.write_all(&bytes),
        }
    }

    /// Writes the content.
    ///
    /// # Errors
    /// As for [`save`].
    pub fn prepare(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<Self> {
        prepare(path, bytes, readers).map(Self)
    }
}

fn prepare(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<Way> {
    // Opened through the name itself: whether the user may write there is for the system to say.
    let opened = match std::fs::metadata(path) {
        Ok(_) => OpenOptions::new().write(true).open(path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }?;
    let Some(opened) = opened else {
        let target = target(path)?;
        let mut draft = Draft::beside(&target, readers)?;
        draft.file().write_all(bytes)?;
        return Ok(Way::New(draft, target));
    };
    let before = opened.metadata()?;
    if !before.is_file() {
        return Ok(Way::Through(opened, bytes.to_vec()));
    }
    if before.nlink() != 1 {
        return Err(refused(format!(
            "it has {} names, and replacing it would part them; name another file",
            before.nlink()
        )));
    }
    let target = std::fs::canonicalize(path)?;
    let mut draft = Draft::beside(&target, Readers::Owner)?;
    draft.file().write_all(bytes)?;
    keep_rights(&mut draft, &before)?;
    Ok(Way::Over(draft, target))
}

/// Owner, group and rights of `before`; they are given before the name is.
fn keep_rights(draft: &mut Draft, before: &Metadata) -> io::Result<()> {
    let mut mode = before.permissions().mode() & 0o777;
    let file = draft.file();
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        let (owner, group) = (Some(before.uid()), Some(before.gid()));
        if fchown(&*file, owner, group).is_err() && fchown(&*file, None, group).is_err() {
            // Another group than before: it may do what everybody might.
            mode = mode & 0o707 | (mode & 0o007) << 3;
        }
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// The file that a path stands for: itself, or what its links lead to, whether that is there or not. Whoever locks a
/// file beside it locks the same one under each of its names.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for links in a circle, and for links that lead nowhere in a folder that others write to;
/// else those of the system.
pub fn target(path: &Path) -> io::Result<PathBuf> {
    if let Ok(found) = std::fs::canonicalize(path) {
        return Ok(found);
    }
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let is_link = match std::fs::symlink_metadata(&path) {
            Ok(found) => found.file_type().is_symlink(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_link {
            return Ok(path);
        }
        let folder = std::fs::metadata(parent(&path))?;
        if folder.permissions().mode() & SHARED_FOLDER == SHARED_FOLDER {
            return Err(refused(format!(
                "{} is a link that leads nowhere, in a folder that others write to; remove it, or name another file",
                path.display()
            )));
        }
        path = parent(&path).join(std::fs::read_link(&path)?);
    }
    Err(refused("its links lead in a circle".into()))
}
