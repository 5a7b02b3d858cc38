//! A job as it travels: its files in a folder, under names of their own, cut into chunks under one root ([`Bundle`]).
//!
//! The job's file comes first and names the others `1`, `2` and so on, in the order in which it speaks of them; so what a stranger sent
//! names no file of this machine. Whoever offers a job packs it: a copy, which stays as it was offered whatever becomes
//! of the user's files. Whoever fetches one writes chunk by chunk, and looks at all of it before it is a job.

mod held;
mod pack;

pub use held::{BundleServer, BundleWriter, HeldBundle, Looked, packed_bundle};
pub use pack::{pack, pack_of};

use std::path::{Path, PathBuf};

use super::{JobError, Manifest, Work, manifest::Input};

/// Leaves of the chunks, 32 bytes each: beside the files of who serves them.
const LEAVES: &str = "leaves";
/// The checkpoints of their tree.
const TREE: &str = "tree";
/// Largest file of checkpoints: as many tops as there are leaves in a group, for the most chunks that there are.
const MAX_TREE_BYTES: u64 = 1 << 20;

/// Name of a file of a bundle.
fn name(file: usize) -> String {
    match file {
        0 => "job.json".into(),
        _ => file.to_string(),
    }
}

fn path(folder: &Path, file: usize) -> PathBuf {
    folder.join(name(file))
}

impl Manifest {
    /// The files that it speaks of, in its order.
    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        use super::Source;
        let mut files = Vec::new();
        match &mut self.work {
            Work::Wasm { program, input, .. } => {
                if let Source::File(file) = program {
                    files.push(file);
                }
                match input {
                    Input::Csv { file, .. } | Input::Bytes { file, .. } => files.push(file),
                    Input::Counter { .. } => {}
                }
            }
            Work::DigitsWasm { images, .. } => files.extend(images),
            Work::DigitsModel { model, images } => files.extend(model.iter_mut().chain(images)),
            Work::WordCount { texts, .. } => files.extend(texts.iter_mut().flatten()),
        }
        files
    }
}

/// Whether a manifest names the files of its bundle and no others.
fn check_names(manifest: &mut Manifest, files: usize) -> Result<(), JobError> {
    let named = manifest.files_mut();
    let wanted = files.saturating_sub(1);
    if named.len() != wanted {
        let named = named.len();
        return Err(JobError::Bundled {
            named,
            files: wanted,
        });
    }
    for (at, file) in (1..).zip(named) {
        // To the letter: `1/` is another spelling of it, and no file.
        if file.to_str() != Some(name(at).as_str()) {
            return Err(JobError::Unbundled { file: file.clone() });
        }
    }
    Ok(())
}
