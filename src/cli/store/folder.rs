//! The folder that a store is.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use bitcoin::hex::DisplayHex;
use narthex::game_model::retrieval::{Archive, ChunkHashes};
use narthex_disk::{self as disk, Draft, Readers};

/// More than any `archive.json` or challenge has.
const MAX_JSON_BYTES: u64 = 64 << 10;
/// Hashes of the most chunks there can be.
const MAX_HASHES_BYTES: u64 = 65_536 * 32;

/// The id of an archive on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArchiveId(pub(super) [u8; 32]);

impl FromStr for ArchiveId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        crate::cli::value::bytes32(text).map(ArchiveId)
    }
}

/// Says of a folder that `encode` is not done with it: what is in it besides is its own and may be replaced.
const UNFINISHED: &str = "unfinished";

/// A store that is being made. Dropped before it is [complete](NewStore::complete), it leaves nothing behind.
pub(super) struct NewStore {
    folder: PathBuf,
    /// Folders that were made for it.
    made: Vec<PathBuf>,
    /// Keeps other processes out.
    _lock: File,
    chunks: Option<Draft>,
    complete: bool,
}

impl NewStore {
    /// Begins a store in a folder, which is made if there is none. What an `encode` left there that was killed is
    /// replaced.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let made = disk::make_folder(path, Readers::Umask)
            .with_context(|| format!("cannot make the folder {shown}"))?;
        let begun = Self::begin_in(path, &made);
        if begun.is_err() {
            disk::remove_folders(&made);
        }
        begun
    }

    fn begin_in(path: &Path, made: &[PathBuf]) -> anyhow::Result<Self> {
        let shown = path.display();
        let cannot = || format!("cannot use the folder {shown}");
        let lock = disk::lock_folder(path).with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "another process is making a store in {shown}; wait for it, or name another folder"
            ),
            Err(TryLockError::Error(error)) => {
                return Err(anyhow::Error::new(error).context(cannot()));
            }
        }
        let is_there = |name: &str| path.join(name).symlink_metadata().is_ok();
        anyhow::ensure!(
            !is_there("archive.json"),
            "{shown} holds a store already; name another folder, or delete this one"
        );
        let unfinished = is_there(UNFINISHED);
        for name in ["chunks", "hashes"] {
            anyhow::ensure!(
                unfinished || !is_there(name),
                "{shown} has {name} and no archive.json: put the archive.json back if this is a store (its client has a \
                 copy), or delete {shown}/{name} if it is what an interrupted `encode` left"
            );
        }
        disk::replace(&path.join(UNFINISHED), b"", Readers::Umask).with_context(cannot)?;
        let mut store = Self {
            folder: path.to_owned(),
            made: made.to_vec(),
            _lock: lock,
            chunks: None,
            complete: false,
        };
        disk::sweep(path).with_context(cannot)?;
        // For the owner alone: whoever may not read the file should not read its chunks.
        let chunks = Draft::beside(&path.join("chunks"), Readers::Owner).with_context(cannot)?;
        store.chunks = Some(chunks);
        Ok(store)
    }

    /// The chunks, empty.
    pub(super) fn chunks(&mut self) -> anyhow::Result<&mut File> {
        let chunks = self.chunks.as_mut().map(Draft::file);
        chunks.context("the chunks have their name already")
    }

    /// Gives everything its name; `archive.json` comes last, when all else is on disk.
    pub(super) fn complete(
        mut self,
        archive: &Archive,
        hashes: &ChunkHashes,
    ) -> anyhow::Result<()> {
        let folder = self.folder.clone();
        let mut written = || -> std::io::Result<()> {
            let json = serde_json::to_string_pretty(archive)? + "\n";
            if let Some(chunks) = self.chunks.take() {
                chunks.publish_over(&folder.join("chunks"))?;
            }
            disk::replace(&folder.join("hashes"), &hashes.to_bytes(), Readers::Umask)?;
            disk::replace(
                &folder.join("archive.json"),
                json.as_bytes(),
                Readers::Umask,
            )?;
            self.complete = true;
            disk::remove(&folder.join(UNFINISHED))
        };
        written().with_context(|| format!("cannot write the store in {}", folder.display()))
    }
}

impl Drop for NewStore {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        drop(self.chunks.take());
        // What cannot be removed now, the next `encode` replaces: it is called unfinished until the end.
        for name in ["chunks", "hashes", UNFINISHED] {
            if disk::remove(&self.folder.join(name)).is_err() {
                return;
            }
        }
        disk::remove_folders(&self.made);
    }
}

/// A store on disk.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder of a store that should be there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = Folder(path.to_owned());
        let is_there = |name: &str| folder.0.join(name).exists();
        let shown = path.display();
        let what_to_do = match (is_there(UNFINISHED), is_there("chunks")) {
            (false, true) => {
                format!(
                    "put its archive.json back (its client has a copy), or, if an `encode` was interrupted, delete \
                     {shown}/chunks and encode the file again"
                )
            }
            (true, _) => format!(
                "an `encode` was interrupted there; `narthex store encode FILE --out {shown}` begins it anew"
            ),
            (false, false) => format!("`narthex store encode FILE --out {shown}` makes one"),
        };
        anyhow::ensure!(
            is_there("archive.json"),
            "{shown} holds no complete store (no archive.json); {what_to_do}"
        );
        Ok(folder)
    }

    /// The chunks of a store, to read.
    pub(super) fn chunks(&self) -> anyhow::Result<File> {
        let path = self.0.join("chunks");
        File::open(&path).with_context(|| {
            format!(
                "cannot open {}; without its chunks there is nothing to prove or recover",
                path.display()
            )
        })
    }

    /// What the store says it is, hashes and all; with the id that it should have.
    pub(super) fn read(&self, id: Option<ArchiveId>) -> anyhow::Result<(Archive, ChunkHashes)> {
        let archive = read_archive(&self.0.join("archive.json"), id)?;
        let path = self.0.join("hashes");
        let bytes = limited(&path, MAX_HASHES_BYTES)?;
        let hashes = ChunkHashes::from_bytes(&archive, &bytes).with_context(|| {
            format!(
                "{} is damaged; get a copy from whoever stored the file",
                path.display()
            )
        })?;
        Ok((archive, hashes))
    }
}

/// An `archive.json`; with the id that it should have.
pub(super) fn read_archive(path: &Path, id: Option<ArchiveId>) -> anyhow::Result<Archive> {
    let archive: Archive = read_json(path)?;
    if let Some(ArchiveId(expected)) = id {
        let found = archive.id();
        anyhow::ensure!(
            found == expected,
            "{} describes archive {}, not {}: it is another store, or was changed",
            path.display(),
            found.to_lower_hex_string(),
            expected.to_lower_hex_string()
        );
    }
    Ok(archive)
}

/// A small JSON file.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = limited(path, MAX_JSON_BYTES)?;
    narthex::game_model::text::parsed(&bytes, serde_json::from_str)
        .with_context(|| format!("{} is not what it should be", path.display()))
}

/// A file of at most so many bytes.
fn limited(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    disk::read_bounded(path, most)
        .with_context(|| format!("cannot read {shown}"))?
        .with_context(|| format!("{shown} has more than {most} bytes"))
}

/// A file that the user named, which must not exist.
pub(super) fn new_file(path: &Path, readers: Readers) -> anyhow::Result<Draft> {
    let shown = path.display();
    Draft::for_new(path, readers).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{shown} is there already; name a file that does not exist yet")
        }
        _ => anyhow::Error::new(error).context(format!("cannot make {shown}")),
    })
}

/// Gives a file its name once it is whole.
pub(super) fn publish(draft: Draft, path: &Path) -> anyhow::Result<()> {
    let done = draft.publish_new(path);
    done.with_context(|| format!("cannot write {}", path.display()))
}
