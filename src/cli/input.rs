//! Files that the user names, read with a bound and without a byte order mark.

use std::{io::Read, path::Path};

use anyhow::Context;
use narthex::game_model::text;
use serde::de::DeserializeOwned;

/// A file of at most so many bytes; `-` is standard input.
pub(super) fn bytes(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is taken, to tell a longer one.
    let limit = most.saturating_add(1);
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
        }
    };
    let shown = path.display();
    read.with_context(|| format!("cannot read {shown}"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= most,
        "{shown} is larger than {most} bytes"
    );
    Ok(bytes)
}

/// The same as JSON. `what` it should be, and where such a one comes from.
pub(super) fn json<T: DeserializeOwned>(path: &Path, most: u64, what: &str) -> anyhow::Result<T> {
    let bytes = bytes(path, most)?;
    let read = || anyhow::Ok(serde_json::from_str(text::read(&bytes)?)?);
    read().with_context(|| format!("{} is no {what}", path.display()))
}
