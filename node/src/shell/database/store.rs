//! The store of a replica: logs and long things in the database, and copies of the long ones in its folder.

use std::{io, path::PathBuf};

use narthex::{
    bitcoin::hex::DisplayHex,
    channel::log::{Identity, LogError, PgShelf},
    life::{Blobs, FolderBlobs},
};

use super::seen::Seen;
use crate::party::{AnyLog, Store};

/// Logs in a database.
pub(super) struct PgStore {
    shelf: PgShelf,
    /// Copies of long things, a folder for each contract.
    blobs: PathBuf,
    seen: Seen,
}

impl PgStore {
    pub(super) const fn new(shelf: PgShelf, blobs: PathBuf, seen: Seen) -> PgStore {
        PgStore { shelf, blobs, seen }
    }

    /// Notes how far the database has come; with `sync` on the disk.
    pub(super) fn note(&mut self, sync: bool) -> Result<(), LogError> {
        let noted = self.seen.note(&self.shelf.mark(), sync);
        noted.map_err(|error| LogError::Store {
            name: "what this replica has seen of its database".into(),
            error: error.into(),
        })
    }
}

impl Store for PgStore {
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
        Ok(Box::new(self.shelf.log(whose)?))
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        Ok(self.shelf.known())
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        self.shelf.has(whose)
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        self.shelf.put_away(whose, is_away)
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        self.shelf.away(machine, before, most)
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        self.shelf.remove(whose)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        match self.shelf.commit()? {
            true => self.note(false),
            false => Ok(()),
        }
    }

    fn commits(&self) -> u64 {
        self.shelf.commits()
    }

    fn blobs(&mut self, contract: &[u8; 32]) -> io::Result<Box<dyn Blobs>> {
        narthex_disk::make_folder(&self.blobs, narthex_disk::Readers::Owner)?;
        let folder = self.blobs.join(contract.to_lower_hex_string());
        Ok(Box::new(PgBlobs {
            shelf: self.shelf.clone(),
            contract: *contract,
            copies: std::cell::RefCell::new(FolderBlobs::open(&folder)?),
        }))
    }
}

/// Long things of one contract.
struct PgBlobs {
    shelf: PgShelf,
    contract: [u8; 32],
    copies: std::cell::RefCell<FolderBlobs>,
}

impl Blobs for PgBlobs {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<[u8; 32]> {
        let hash = self.copies.get_mut().keep(bytes)?;
        // A copy alone is none: it may be from before this database went back.
        let kept = self.shelf.keep(&self.contract, &hash, bytes);
        kept.map_err(io::Error::other)?;
        Ok(hash)
    }

    fn kept(&self, hash: &[u8; 32]) -> io::Result<Vec<u8>> {
        let mut copies = self.copies.borrow_mut();
        if let Ok(bytes) = copies.kept(hash) {
            return Ok(bytes);
        }
        let found = self.shelf.kept(&self.contract, hash);
        let found = found.map_err(io::Error::other)?;
        let bytes = found.ok_or(io::ErrorKind::NotFound)?;
        match copies.keep(&bytes)? == *hash {
            true => Ok(bytes),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn file(&self, hash: &[u8; 32]) -> Option<PathBuf> {
        // Whoever asks for a file reads it next.
        self.kept(hash).ok()?;
        self.copies.borrow().file(hash)
    }
}
