//! The folder that a store is.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use bitcoin::hex::DisplayHex;
use narthex::game_model::retrieval::{Archive, ChunkHashes};

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

/// A store on disk.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A folder for a new store.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let folder = Folder(path.to_owned());
        for name in ["archive.json", "chunks", "hashes"] {
            anyhow::ensure!(
                !folder.0.join(name).exists(),
                "{shown} holds a store already ({name}); name another folder, or delete this one"
            );
        }
        Ok(folder)
    }

    /// The folder of a store that should be there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = Folder(path.to_owned());
        anyhow::ensure!(
            folder.0.join("archive.json").exists(),
            "{} holds no complete store (no archive.json); `narthex store encode FILE --out {}` makes one",
            path.display(),
            path.display()
        );
        Ok(folder)
    }

    /// The chunks of a new store, empty.
    pub(super) fn new_chunks(&self) -> anyhow::Result<File> {
        let path = self.0.join("chunks");
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))
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

    /// Makes a new store complete: `archive.json` comes last, by renaming, when all else is on disk.
    pub(super) fn complete(
        &self,
        chunks: &File,
        archive: &Archive,
        hashes: &ChunkHashes,
    ) -> anyhow::Result<()> {
        let folder = self.0.display();
        let written = || -> std::io::Result<()> {
            chunks.sync_all()?;
            durable(&self.0.join("hashes"), &hashes.to_bytes())?;
            let json = serde_json::to_string_pretty(archive)? + "\n";
            let unnamed = self.0.join("archive.json.part");
            durable(&unnamed, json.as_bytes())?;
            std::fs::rename(unnamed, self.0.join("archive.json"))
        };
        written().with_context(|| format!("cannot write the store in {folder}"))
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
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what it should be", path.display()))
}

/// A file of at most so many bytes.
fn limited(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {shown}"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "{shown} has more than {most} bytes"
    );
    Ok(bytes)
}

/// Writes a file and waits until it is on disk.
fn durable(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
