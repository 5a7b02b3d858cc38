//! How deep the folder's owner waits, kept beside its banks: one command that asked for less would give pennies for a coin
//! that is not buried, or forget a bank that a reorganisation brings back.

use std::{io::ErrorKind, path::Path};

use narthex_contracts::depth::Depth;
use narthex_disk::{Readers, read_bounded, replace};

use super::KeptError;

/// Most bytes of a number of blocks in decimal, with the end of its line.
const MOST_BYTES: u64 = 11;

/// The depth in force: what the folder says, which may be raised and not lowered. `asked` is written down before anything is
/// done on the strength of it.
///
/// # Errors
/// [`KeptError::State`] if less is asked for than before, [`KeptError::File`] if the folder cannot be read or written.
pub(super) fn in_force(dir: &Path, asked: Option<Depth>) -> Result<Depth, KeptError> {
    let path = dir.join("depth");
    let file = |error| KeptError::File {
        path: path.clone(),
        error,
    };
    let kept = match read_bounded(&path, MOST_BYTES) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => {
            let text = found.map_err(file)?.unwrap_or_default();
            let blocks = String::from_utf8(text).ok();
            let blocks = blocks.and_then(|text| text.trim_end().parse().ok());
            let depth = blocks.and_then(|blocks| Depth::new(blocks).ok());
            let wrong = || std::io::Error::other("not a number of blocks, 2 at least");
            Some(depth.ok_or_else(wrong).map_err(file)?)
        }
    };
    let depth = asked.or(kept).unwrap_or_default();
    match kept {
        Some(kept) if kept == depth => return Ok(depth),
        Some(kept) if kept > depth => {
            let why = format!(
                "this folder waits until a block is {kept} deep, as an earlier command said: {depth} is less, and that it can \
                 only raise; leave out --depth"
            );
            return Err(KeptError::State(why));
        }
        _ => {}
    }
    replace(&path, format!("{depth}\n").as_bytes(), Readers::Owner).map_err(file)?;
    Ok(depth)
}
