//! Long things beside a log, by the hash of their bytes.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use bitcoin::hashes::{Hash, sha256};
use narthex_channel::contract::blob_hash;

use crate::disk::{self, Readers};

/// Largest thing that is kept, in bytes: all boxes of the largest result, with what stands around them.
const MAX_BLOB: u64 = (1 << 30) + (64 << 20);

/// Where long things are kept. The same bytes are kept once.
pub trait Blobs {
    /// Makes them durable.
    ///
    /// # Errors
    /// The system's.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<[u8; 32]>;

    /// What was kept by this hash.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if nothing was, [`io::ErrorKind::InvalidData`] if it is not what was kept.
    fn kept(&self, hash: &[u8; 32]) -> io::Result<Vec<u8>>;

    /// The file that it is kept in, where it is in one.
    fn file(&self, _hash: &[u8; 32]) -> Option<PathBuf> {
        None
    }
}

/// In memory, for plays and tests. A process that ends loses it.
/// Copies are the same place.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Rc<RefCell<BTreeMap<[u8; 32], Vec<u8>>>>);

impl MemoryBlobs {
    /// Forgets all but these, as a disk does that is an older copy.
    pub(crate) fn retain(&self, is_there: impl Fn(&[u8; 32]) -> bool) {
        self.0.borrow_mut().retain(|hash, _| is_there(hash));
    }
}

impl Blobs for MemoryBlobs {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<[u8; 32]> {
        let hash = blob_hash(bytes);
        self.0
            .borrow_mut()
            .entry(hash)
            .or_insert_with(|| bytes.to_vec());
        Ok(hash)
    }

    fn kept(&self, hash: &[u8; 32]) -> io::Result<Vec<u8>> {
        let known = self.0.borrow().get(hash).cloned();
        known.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A folder with a file for each. It is the owner's alone: what an opening shows is for nobody else.
#[derive(Debug)]
pub struct FolderBlobs(PathBuf);

impl FolderBlobs {
    /// A folder, made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<FolderBlobs> {
        disk::make_folder(path, Readers::Owner)?;
        disk::check_folder(path)?;
        disk::sweep(path)?;
        Ok(FolderBlobs(path.to_owned()))
    }

    fn path(&self, hash: &[u8; 32]) -> PathBuf {
        let name = sha256::Hash::from_byte_array(*hash);
        self.0.join(name.to_string())
    }
}

impl Blobs for FolderBlobs {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<[u8; 32]> {
        let hash = blob_hash(bytes);
        // Whole and synced if it is there at all.
        if self.kept(&hash).is_err() {
            disk::replace(&self.path(&hash), bytes, Readers::Owner)?;
        }
        Ok(hash)
    }

    fn kept(&self, hash: &[u8; 32]) -> io::Result<Vec<u8>> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let bytes = disk::read_bounded(&self.path(hash), MAX_BLOB)?.ok_or_else(invalid)?;
        match blob_hash(&bytes) == *hash {
            true => Ok(bytes),
            false => Err(invalid()),
        }
    }

    fn file(&self, hash: &[u8; 32]) -> Option<PathBuf> {
        Some(self.path(hash))
    }
}
