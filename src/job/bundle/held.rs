//! A bundle's folder: written chunk by chunk, looked at, served.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use narthex_game_model::{
    bundle::{Bundle, BundleTree, CHUNK_BYTES, MAX_BUNDLE_FILES},
    commitment::{Checkpoints, Multiproof},
};

use super::{LEAVES, MAX_TREE_BYTES, TREE, check_names, path};
use crate::{
    disk::{self, Readers},
    job::{JobError, Manifest, Plan, Running, StageJob},
};

/// The folder of a bundle that is here, or is to be.
#[derive(Clone, Debug)]
pub struct HeldBundle {
    bundle: Bundle,
    folder: PathBuf,
}

/// What a look at a folder has found.
#[derive(Debug)]
pub enum Looked {
    /// A job, and its last stage, which is what contracts are about.
    Job(Box<StageJob>, u32),
    /// What is there is not what was offered: this computer's fault, since each chunk was right when it came.
    Damaged,
    /// What was offered is there, and is no job. Its client is at fault.
    Useless(JobError),
    /// This computer cannot say.
    Failed(JobError),
}

impl HeldBundle {
    /// The bundle of a folder.
    pub const fn new(bundle: Bundle, folder: PathBuf) -> HeldBundle {
        HeldBundle { bundle, folder }
    }

    /// Looks at all of it: whether it is what was offered, and a job that names no file beside its own. It holds one chunk at a time
    /// until then; the job has its records in memory. It takes as long as the job is.
    ///
    /// What the job states of its outputs' entropy is taken only from a client who is believed; else its program speaks for itself.
    pub fn look(&self, running: &Running, is_believed: bool) -> Looked {
        match self.root() {
            Ok(Some(root)) if root == *self.bundle.root() => {}
            Ok(_) => return Looked::Damaged,
            Err(error) => return Looked::Failed(error),
        }
        match self.job(running, is_believed) {
            Ok((job, stage)) => Looked::Job(Box::new(job), stage),
            Err(
                error @ (JobError::Io { .. }
                | JobError::Machine { .. }
                | JobError::Defect { .. }
                | JobError::NoWasmtime),
            ) => Looked::Failed(error),
            Err(error) => Looked::Useless(error),
        }
    }

    /// The root of what is there, if the files have their lengths.
    fn root(&self) -> Result<Option<[u8; 32]>, JobError> {
        let mut tree = BundleTree::new(self.bundle.files())?;
        let mut buffer = vec![0; CHUNK_BYTES];
        for (at, bytes) in self.bundle.files().iter().enumerate() {
            let path = path(&self.folder, at);
            let reading = || JobError::io("cannot read", &path);
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(reading()(error)),
            };
            if file.metadata().map_err(reading())?.len() != *bytes {
                return Ok(None);
            }
            let mut left = *bytes;
            while left > 0 {
                let most = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
                let chunk = buffer.get_mut(..most).unwrap_or_default();
                file.read_exact(chunk).map_err(reading())?;
                tree.push(chunk);
                left -= chunk.len() as u64;
            }
        }
        Ok(Some(*tree.finish()?.0.root()))
    }

    fn job(&self, running: &Running, is_believed: bool) -> Result<(StageJob, u32), JobError> {
        let path = path(&self.folder, 0);
        let mut manifest = Manifest::read(&path)?;
        check_names(&mut manifest, self.bundle.files().len())?;
        if !is_believed {
            manifest.entropy_bits = None;
        }
        let plan = Plan::of(&manifest, &path, running)?;
        let stage = plan.stages().saturating_sub(1);
        Ok((plan.into_stage(stage)?, stage))
    }
}

/// Writes chunks as they come.
#[derive(Debug)]
pub struct BundleWriter {
    held: HeldBundle,
    open: Option<(usize, File)>,
}

impl BundleWriter {
    /// Makes the folder and its files, as far as they are missing. What was kept of them stays.
    ///
    /// # Errors
    /// The system's.
    pub fn open(held: HeldBundle) -> io::Result<BundleWriter> {
        disk::make_folder(&held.folder, Readers::Owner)?;
        for (at, bytes) in held.bundle.files().iter().enumerate() {
            let file = disk::open_log(&path(&held.folder, at), Readers::Owner)?;
            // Of another make of this folder, whatever that may be.
            if file.metadata()?.len() > *bytes {
                file.set_len(*bytes)?;
            }
        }
        Ok(BundleWriter { held, open: None })
    }

    /// Writes one to its place. It stays there once it is synced.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::InvalidInput`] for a chunk that is none.
    pub fn write(&mut self, index: u32, bytes: &[u8]) -> io::Result<()> {
        let place = self.held.bundle.place(index);
        let place = place.filter(|place| place.bytes == bytes.len());
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        let open = self.open.take().filter(|(file, _)| *file == place.file);
        let file = match open {
            Some((_, file)) => file,
            None => disk::open_log(&path(&self.held.folder, place.file), Readers::Owner)?,
        };
        file.write_all_at(bytes, place.offset)?;
        // The end of a file is made durable before the next is begun: a sync is of one file.
        let is_end =
            self.held.bundle.files().get(place.file) == Some(&(place.offset + place.bytes as u64));
        if is_end {
            file.sync_all()?;
        }
        self.open = (!is_end).then_some((place.file, file));
        Ok(())
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> io::Result<()> {
        match &self.open {
            Some((_, file)) => file.sync_all(),
            None => Ok(()),
        }
    }
}

/// What a folder travels as that [`pack`](super::pack) wrote: by its tree and the lengths of its files. Whether these are as they were is
/// not looked at.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidData`] if it is no such folder.
pub fn packed_bundle(folder: &Path) -> io::Result<Bundle> {
    let wrong = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    let tree = disk::read_bounded(&folder.join(TREE), MAX_TREE_BYTES)?;
    let tree = tree.ok_or_else(|| wrong("its tree is too long".to_owned()))?;
    let tree = Checkpoints::from_bytes(&tree).map_err(|error| wrong(error.to_string()))?;
    let mut files = Vec::new();
    for at in 0..MAX_BUNDLE_FILES {
        match fs::metadata(path(folder, at)) {
            Ok(found) => files.push(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Bundle::new(*tree.root(), files).map_err(|fault| wrong(fault.to_string()))
}

/// Gives the chunks of a bundle that was packed here.
#[derive(Debug)]
pub struct BundleServer {
    held: HeldBundle,
    checkpoints: Checkpoints,
    leaves: File,
}

impl BundleServer {
    /// Of a folder that [`pack`](super::pack) wrote.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::InvalidData`] if it is not the folder of this bundle.
    pub fn open(held: HeldBundle) -> io::Result<BundleServer> {
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        let tree = disk::read_bounded(&held.folder.join(TREE), MAX_TREE_BYTES)?;
        let tree = Checkpoints::from_bytes(&tree.ok_or_else(wrong)?);
        let checkpoints =
            tree.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if checkpoints.root() != held.bundle.root() {
            return Err(wrong());
        }
        let leaves = File::open(held.folder.join(LEAVES))?;
        Ok(BundleServer {
            held,
            checkpoints,
            leaves,
        })
    }

    /// A chunk with its proof. What would not be taken is not given.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::InvalidData`] if the folder is not as it was packed, [`io::ErrorKind::InvalidInput`] if
    /// there is no such chunk.
    pub fn chunk(&mut self, index: u32) -> io::Result<(Vec<u8>, Multiproof)> {
        let place = self.held.bundle.place(index);
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        let mut bytes = vec![0; place.bytes];
        let file = File::open(self.path(place.file))?;
        file.read_exact_at(&mut bytes, place.offset)?;
        let leaves = &mut self.leaves;
        let mut at = None;
        let proof = self.checkpoints.prove(&[index.into()], |leaf| {
            // The leaves of a group are asked for in their order.
            if at != Some(leaf) {
                leaves.seek(SeekFrom::Start(leaf.saturating_mul(32)))?;
            }
            let mut hash = [0; 32];
            leaves.read_exact(&mut hash)?;
            at = Some(leaf.saturating_add(1));
            Ok::<_, io::Error>(hash)
        });
        let wrong = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let proof = proof.map_err(|error| wrong(error.to_string()))?;
        let checked = self.held.bundle.check(index, &bytes, &proof);
        checked.map_err(|fault| wrong(fault.to_string()))?;
        Ok((bytes, proof))
    }

    fn path(&self, file: usize) -> PathBuf {
        path(Path::new(&self.held.folder), file)
    }
}
