//! A folder as it is: what a refused command must leave alone.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Everything that one can see of a file or folder without reading its access time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mode: u32,
    pub(crate) modified: (i64, i64),
    pub(crate) inode: u64,
    /// Content, or where a link leads.
    pub(crate) bytes: Vec<u8>,
}

/// Names, rights, times and bytes of all that is in a folder, itself included.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        let bytes = if about.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            Vec::new()
        } else if about.is_symlink() {
            fs::read_link(&path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        let seen = Seen {
            mode: about.mode(),
            modified: (about.mtime(), about.mtime_nsec()),
            inode: about.ino(),
            bytes,
        };
        all.insert(path, seen);
    }
    all
}

/// Copies a folder that is there; the copy must not be.
pub(crate) fn copy(from: &Path, to: &Path) {
    if !from.exists() {
        return;
    }
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// The same, but for when names were last made or removed in a folder: a file that was begun and taken back shows there.
pub(crate) fn without_folder_times(mut tree: BTreeMap<PathBuf, Seen>) -> BTreeMap<PathBuf, Seen> {
    const FOLDER: u32 = 0o040_000;
    for seen in tree
        .values_mut()
        .filter(|seen| seen.mode & 0o170_000 == FOLDER)
    {
        seen.modified = (0, 0);
    }
    tree
}

/// What differs between two trees, for a message.
pub(crate) fn difference(
    before: &BTreeMap<PathBuf, Seen>,
    after: &BTreeMap<PathBuf, Seen>,
) -> Vec<String> {
    let paths = before.keys().chain(after.keys());
    let mut said: Vec<_> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| {
            let kind = match (before.get(path), after.get(path)) {
                (None, _) => "made",
                (_, None) => "removed",
                _ => "changed",
            };
            format!("{} {kind}", path.display())
        })
        .collect();
    said.dedup();
    said
}
