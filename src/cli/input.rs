//! Files that the user names, read with a bound and without a byte order mark.

use std::path::Path;

use anyhow::Context;
use narthex::game_model::text;
use narthex_disk as disk;
use serde::de::DeserializeOwned;

/// A file of at most so many bytes; `-` is standard input.
pub(super) fn bytes(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let read = match path.as_os_str() == "-" {
        true => disk::bounded(std::io::stdin().lock(), most),
        false => disk::read_bounded(path, most),
    };
    let shown = path.display();
    read.with_context(|| format!("cannot read {shown}"))?
        .with_context(|| format!("{shown} is larger than {most} bytes"))
}

/// The same as text.
pub(super) fn text(path: &Path, most: u64) -> anyhow::Result<String> {
    let bytes = bytes(path, most)?;
    let text = text::read(&bytes).with_context(|| format!("{} is no text", path.display()))?;
    Ok(text.to_owned())
}

/// The same as JSON. `what` it should be, and where such a one comes from.
pub(super) fn json<T: DeserializeOwned>(path: &Path, most: u64, what: &str) -> anyhow::Result<T> {
    let bytes = bytes(path, most)?;
    text::parsed(&bytes, serde_json::from_str)
        .with_context(|| format!("{} is no {what}", path.display()))
}
