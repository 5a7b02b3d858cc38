//! A party's record of what it has bound, in a file that outlives it.
//!
//! One line for each binding, appended: mark, id, and a hash of both and of the hash before, all in hex. The hashes make
//! a chain, so that a line that was changed, moved or taken out of the middle shows. A line that has no end was being
//! written when the machine stopped; nobody was told that it is there, so it goes. A line of full length that does not
//! hold is damage, also the last: better to ask than to forget. Whole lines cut off the end, and an old copy put back,
//! cannot be told: never restore this file from a backup that may be older.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bitcoin::{
    hashes::{Hash, HashEngine, sha256},
    hex::{DisplayHex, FromHex},
};
use narthex_contracts::binding::{BindError, Bindings, Mark};

use crate::disk;

/// First line of every record.
const HEADER: &str = "narthex bindings 1\n";

/// A line: three hashes in hex, two spaces and the line's end.
const LINE: usize = 3 * 64 + 3;

/// Largest record that is read: two million bindings.
const MOST_BYTES: u64 = 400_000_000;

/// Why a record cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindingsError {
    /// The file cannot be read or written. The fault of this machine.
    #[error("the record of bindings {} cannot be opened: {error}", path.display())]
    File {
        /// The record.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Another process, or another part of this one, has it open.
    #[error("the record of bindings {} is in use by another process", path.display())]
    InUse {
        /// The record.
        path: PathBuf,
    },
    /// Something changed the file. What was bound after that place is not known, so nothing can be signed.
    #[error(
        "the record of bindings {} is damaged at record {record}, from byte {offset} on; restore it from a copy that is no older",
        path.display()
    )]
    Damaged {
        /// The record.
        path: PathBuf,
        /// First line that does not hold, from 1; 0 is the head of the file.
        record: u64,
        /// Where it begins.
        offset: u64,
    },
    /// Larger than any record that a party fills.
    #[error("the record of bindings {} has {bytes} bytes; at most {MOST_BYTES} are read", path.display())]
    TooLarge {
        /// The record.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// Bindings in a file. It is locked while this lives: two processes of one party cannot bind at once.
#[derive(Debug)]
pub struct FileBindings {
    path: PathBuf,
    file: File,
    known: BTreeMap<Mark, [u8; 32]>,
    /// Hash of the last line, and where the next begins.
    tip: sha256::Hash,
    end: u64,
    /// Set when a write failed: the file may hold anything behind `end`, and is only trusted after being read again.
    broken: Option<String>,
    /// What is bound becomes durable with [`Bindings::settle`].
    is_late: bool,
    /// Something was written that is not durable.
    is_unsettled: bool,
}

impl FileBindings {
    /// Opens a record, or begins one; for the owner alone, and durable. What a killed process left of a line is removed.
    ///
    /// # Errors
    /// [`BindingsError`]; then the file is as it was.
    pub fn open(path: &Path) -> Result<FileBindings, BindingsError> {
        let fail = |error| BindingsError::File {
            path: path.to_owned(),
            error,
        };
        let mut file = open_file(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BindingsError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let bytes = file.metadata().map_err(fail)?.len();
        if bytes > MOST_BYTES {
            return Err(BindingsError::TooLarge {
                path: path.to_owned(),
                bytes,
            });
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(fail)?;
        let mut record = FileBindings {
            path: path.to_owned(),
            file,
            known: BTreeMap::new(),
            tip: sha256::Hash::hash(HEADER.as_bytes()),
            end: HEADER.len() as u64,
            broken: None,
            is_late: false,
            is_unsettled: false,
        };
        if HEADER.as_bytes().starts_with(&content) {
            record.write_at(0, HEADER.as_bytes()).map_err(fail)?;
            return Ok(record);
        }
        record.read(&content)?;
        if record.end < bytes {
            record.file.set_len(record.end).map_err(fail)?;
        }
        // Also lines that were written, but not synced, before their process died.
        record.file.sync_all().map_err(fail)?;
        Ok(record)
    }

    /// From now on what is bound is in the file at once, and durable with [`Bindings::settle`]: for whoever lets nothing leave before that, and binds much.
    #[must_use]
    pub fn late(mut self) -> FileBindings {
        self.is_late = true;
        self
    }

    /// Where the record is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes in every whole line.
    fn read(&mut self, content: &[u8]) -> Result<(), BindingsError> {
        let damaged = |record, offset| BindingsError::Damaged {
            path: self.path.clone(),
            record,
            offset,
        };
        let lines = content
            .strip_prefix(HEADER.as_bytes())
            .ok_or_else(|| damaged(0, 0))?;
        let (mut tip, mut end) = (self.tip, self.end);
        let mut known = BTreeMap::new();
        for (bytes, number) in lines.chunks(LINE).zip(1u64..) {
            let entry = match bytes.len() {
                LINE => read_line(bytes, &tip),
                // Cut off while being written: then what is there is the beginning of a line.
                _ if bytes.iter().all(|b| is_of_line(*b)) => break,
                _ => None,
            };
            let (mark, id, hash) = entry.ok_or_else(|| damaged(number, end))?;
            if known.insert(mark, id).is_some() {
                return Err(damaged(number, end));
            }
            (tip, end) = (hash, end + LINE as u64);
        }
        (self.known, self.tip, self.end) = (known, tip, end);
        Ok(())
    }

    /// Writes, and waits until the disk has it, unless that is to be late.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)?;
        self.is_unsettled = self.is_late;
        match self.is_late {
            true => Ok(()),
            false => self.file.sync_all(),
        }
    }

    /// Nothing that it has is trusted any more, before it is read again.
    fn fail(&mut self, error: &io::Error) -> BindError {
        let why = format!("{}: {error}", self.path.display());
        self.broken = Some(why.clone());
        BindError::Store(why)
    }

    /// A file that was replaced or removed under its path keeps nothing.
    fn check_in_place(&self) -> io::Result<()> {
        let (open, named) = (
            self.file.metadata()?,
            std::fs::symlink_metadata(&self.path)?,
        );
        match (open.dev(), open.ino()) == (named.dev(), named.ino()) {
            true => Ok(()),
            false => Err(io::Error::other("the file was replaced by another")),
        }
    }
}

impl Drop for FileBindings {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started, until it is.
        let _ = self.file.unlock();
    }
}

impl Bindings for FileBindings {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        if let Some(why) = &self.broken {
            return Err(BindError::Store(why.clone()));
        }
        if let Some(bound_to) = self.known.get(&mark) {
            return Err(BindError::Used {
                mark,
                bound_to: *bound_to,
            });
        }
        let (line, hash) = line(&mark, &id, &self.tip);
        let written = self
            .check_in_place()
            .and_then(|()| self.write_at(self.end, line.as_bytes()));
        if let Err(error) = written {
            return Err(self.fail(&error));
        }
        self.known.insert(mark, id);
        (self.tip, self.end) = (hash, self.end + LINE as u64);
        Ok(())
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        self.known.get(mark).copied()
    }

    fn settle(&mut self) -> Result<(), BindError> {
        if let Some(why) = &self.broken {
            return Err(BindError::Store(why.clone()));
        }
        if self.is_unsettled {
            let settled = self.check_in_place().and_then(|()| self.file.sync_all());
            settled.map_err(|error| self.fail(&error))?;
            self.is_unsettled = false;
        }
        Ok(())
    }
}

/// The one place that opens the file.
fn open_file(path: &Path) -> io::Result<File> {
    disk::open_log(path, disk::Readers::Owner)
}

fn chained(mark: &Mark, id: &[u8; 32], before: &sha256::Hash) -> sha256::Hash {
    let mut engine = sha256::Hash::engine();
    engine.input(before.as_byte_array());
    engine.input(&mark.0);
    engine.input(id);
    sha256::Hash::from_engine(engine)
}

fn line(mark: &Mark, id: &[u8; 32], before: &sha256::Hash) -> (String, sha256::Hash) {
    let hash = chained(mark, id, before);
    let hashes = [&mark.0, id, hash.as_byte_array()].map(|h| h.to_lower_hex_string());
    (format!("{}\n", hashes.join(" ")), hash)
}

/// The only bytes that a line is written with.
fn is_of_line(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b' ')
}

fn read_line(bytes: &[u8], before: &sha256::Hash) -> Option<(Mark, [u8; 32], sha256::Hash)> {
    let hash = |at: usize| {
        let text = std::str::from_utf8(bytes.get(65 * at..65 * at + 64)?).ok()?;
        <[u8; 32]>::from_hex(text).ok()
    };
    let (mark, id) = (Mark(hash(0)?), hash(1)?);
    let (expected, chained) = line(&mark, &id, before);
    (expected.as_bytes() == bytes).then_some((mark, id, chained))
}
