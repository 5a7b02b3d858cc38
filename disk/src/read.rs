//! Files read with a bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// What is in a file, or `None` if that is more than `most` bytes. What is read counts, not what the file is said to
/// have: it may grow, or be a device that has no end.
///
/// # Errors
/// Those of the system.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    bounded(File::open(path)?, most)
}

/// The same of any source, such as standard input.
///
/// # Errors
/// Those of the system.
pub fn bounded(source: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more than is taken, to tell a longer one.
    source
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
