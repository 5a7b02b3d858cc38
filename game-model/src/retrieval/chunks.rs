//! Chunks as they stream past: hashed, never held.

use std::io::{self, Read};

use super::error::{StoreError, doing};
use crate::tagged::{Tag, TaggedHasher};

static CHUNK: Tag = Tag::new("narthex/chunk");

/// Most bytes held at a time while streaming.
const PIECE_BYTES: usize = 64 << 10;

/// The leaf that commits to chunk `index`.
pub fn chunk_leaf(index: u64, chunk: &[u8]) -> [u8; 32] {
    start_chunk(index, chunk.len() as u64).fixed(chunk).finish()
}

pub(super) fn start_chunk(index: u64, chunk_bytes: u64) -> TaggedHasher {
    CHUNK.start().number(index).number(chunk_bytes)
}

/// Failures that say nothing about the bytes on the disk.
pub(super) fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        Deadlock, NotFound, OutOfMemory, PermissionDenied, QuotaExceeded, ResourceBusy,
        StaleNetworkFileHandle, StorageFull, TimedOut, WouldBlock,
    };
    matches!(
        error.kind(),
        OutOfMemory
            | PermissionDenied
            | NotFound
            | TimedOut
            | WouldBlock
            | ResourceBusy
            | Deadlock
            | StaleNetworkFileHandle
            | StorageFull
            | QuotaExceeded
    )
}

/// Streaming stopped: the reader or the writer failed.
pub(super) enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

impl Broken {
    /// Whether reading failed for want of something that the machine lacks at the moment, and not for
    /// what has become of the chunk.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Reading(error) if passing(error))
    }

    pub(super) fn into_inner(self) -> io::Error {
        match self {
            Self::Reading(error) | Self::Writing(error) => error,
        }
    }

    /// Names what was being done on either side.
    pub(super) fn doing(
        reading: &'static str,
        writing: &'static str,
    ) -> impl Fn(Self) -> StoreError {
        move |broken| match broken {
            Self::Reading(source) => doing(reading)(source),
            Self::Writing(source) => doing(writing)(source),
        }
    }
}

/// Reads exactly `bytes`, handing each piece to `each`, whose errors are [`Broken::Writing`]; false
/// if the reader ends before.
pub(super) fn pieces(
    reader: &mut impl Read,
    bytes: u64,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<bool, Broken> {
    let most = usize::try_from(bytes).map_or(PIECE_BYTES, |bytes| bytes.min(PIECE_BYTES));
    let mut buffer = vec![0; most];
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).map_or(most, |left| left.min(most));
        match reader.read(&mut buffer[..most]) {
            Ok(0) => return Ok(false),
            Ok(read) => {
                each(&buffer[..read]).map_err(Broken::Writing)?;
                left -= read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Broken::Reading(error)),
        }
    }
    Ok(true)
}

/// The leaf of the next chunk of a reader; `None` if it ends before.
pub(super) fn read_leaf(
    reader: &mut impl Read,
    index: u64,
    chunk_bytes: u64,
    mut also: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Option<[u8; 32]>, Broken> {
    let mut hash = start_chunk(index, chunk_bytes);
    let whole = pieces(reader, chunk_bytes, |piece| {
        hash = hash.clone().fixed(piece);
        also(piece)
    })?;
    Ok(whole.then(|| hash.finish()))
}
