//! A user's job, copied to travel.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use narthex_game_model::bundle::{Bundle, BundleTree, CHUNK_BYTES};

use super::{LEAVES, TREE, path};
use crate::{
    disk::{self, Readers},
    job::{JobError, Manifest},
};

/// Copies a job's files into an empty folder, as they travel, with what proofs of their chunks are made from. It holds one chunk
/// at a time. Durable on return.
///
/// # Errors
/// [`JobError`]: files that cannot be read or written, or that changed on the way; [`JobError::Bundle`] for more than travels.
pub fn pack(job: &Path, folder: &Path) -> Result<Bundle, JobError> {
    let beside = job.parent().unwrap_or(Path::new(""));
    packed((job, Manifest::read(job)?), folder, |file| {
        Ok(beside.join(file))
    })
}

/// The same for a job's file that names nothing of this machine: what it speaks of is where these say, by the names that it has for them.
///
/// # Errors
/// As [`pack`]; [`JobError::Unbundled`] for a name that is not among them, [`JobError::Bundled`] for one that it does not speak of.
pub fn pack_of(
    job: &Path,
    sources: &BTreeMap<PathBuf, PathBuf>,
    folder: &Path,
) -> Result<Bundle, JobError> {
    let mut manifest = Manifest::read(job)?;
    let named: BTreeSet<PathBuf> = manifest
        .files_mut()
        .into_iter()
        .map(|f| f.clone())
        .collect();
    if let Some(file) = named.iter().find(|file| !sources.contains_key(*file)) {
        return Err(JobError::Unbundled { file: file.clone() });
    }
    if named.len() != sources.len() {
        let (named, files) = (named.len(), sources.len());
        return Err(JobError::Bundled { named, files });
    }
    packed((job, manifest), folder, |file| {
        let source = sources.get(file).cloned();
        let file = file.to_owned();
        source.ok_or(JobError::Unbundled { file })
    })
}

fn packed(
    (job, mut manifest): (&Path, Manifest),
    folder: &Path,
    source: impl Fn(&Path) -> Result<PathBuf, JobError>,
) -> Result<Bundle, JobError> {
    let mut sources = Vec::new();
    for (at, file) in (1..).zip(manifest.files_mut()) {
        sources.push(source(file)?);
        *file = super::name(at).into();
    }
    let json = serde_json::to_vec(&manifest).map_err(|source| JobError::Json {
        path: job.to_owned(),
        source,
        hint: "this is a defect of narthex: report it",
    })?;
    let mut lengths = vec![json.len() as u64];
    for source in &sources {
        let found = std::fs::metadata(source).map_err(JobError::io("cannot read", source))?;
        if !found.is_file() {
            // A pipe would keep this process waiting for ever, and has no length.
            return Err(JobError::NoFile {
                path: source.clone(),
            });
        }
        lengths.push(found.len());
    }
    let tree = BundleTree::new(&lengths)?;
    let mut packing = Packing::begin(tree, folder)?;
    packing.file(0, (&mut json.as_slice(), job), json.len() as u64)?;
    for ((at, source), bytes) in (1..).zip(&sources).zip(lengths.iter().skip(1)) {
        let mut file = File::open(source).map_err(JobError::io("cannot read", source))?;
        packing.file(at, (&mut file, source), *bytes)?;
    }
    packing.finish()
}

struct Packing<'a> {
    folder: &'a Path,
    tree: BundleTree,
    leaves: BufWriter<File>,
}

impl<'a> Packing<'a> {
    fn begin(tree: BundleTree, folder: &'a Path) -> Result<Packing<'a>, JobError> {
        let leaves = folder.join(LEAVES);
        let file = disk::open_log(&leaves, Readers::Owner);
        let file = file.map_err(JobError::io("cannot make", &leaves))?;
        Ok(Packing {
            folder,
            tree,
            leaves: BufWriter::new(file),
        })
    }

    /// One file, of exactly so many bytes.
    fn file(
        &mut self,
        at: usize,
        (source, whose): (&mut dyn Read, &Path),
        bytes: u64,
    ) -> Result<(), JobError> {
        let target = path(self.folder, at);
        let writing = || JobError::io("cannot write", &target);
        let mut out = disk::open_log(&target, Readers::Owner).map_err(writing())?;
        let changed = || JobError::Changed {
            path: whose.to_owned(),
        };
        let (mut left, mut buffer) = (bytes, vec![0; CHUNK_BYTES]);
        while left > 0 {
            let most = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            let chunk = buffer.get_mut(..most).unwrap_or_default();
            match source.read_exact(chunk) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(changed());
                }
                Err(error) => return Err(JobError::io("cannot read", whose)(error)),
            }
            let leaf = self.tree.push(chunk);
            let leaves = self.leaves.write_all(&leaf);
            leaves.map_err(JobError::io("cannot write in", self.folder))?;
            out.write_all(chunk).map_err(writing())?;
            left -= chunk.len() as u64;
        }
        let more = source.read(&mut [0]);
        if more.map_err(JobError::io("cannot read", whose))? > 0 {
            return Err(changed());
        }
        out.sync_all().map_err(writing())
    }

    fn finish(self) -> Result<Bundle, JobError> {
        let writing = || JobError::io("cannot write in", self.folder);
        let leaves = self.leaves.into_inner().map_err(|e| e.into_error());
        let synced = leaves.and_then(|file| file.sync_all());
        synced.map_err(writing())?;
        let (bundle, checkpoints) = self.tree.finish()?;
        let tree = disk::replace(
            &self.folder.join(TREE),
            &checkpoints.to_bytes(),
            Readers::Owner,
        );
        tree.map_err(writing())?;
        Ok(bundle)
    }
}
