//! From a file to its chunks: copied, coded column by column, hashed.

use std::io::{self, Read, Seek, SeekFrom, Write};

use reed_solomon_simd::ReedSolomonEncoder;

use super::archive::{Archive, ChunkHashes};
use super::chunks::{Broken, pieces, read_leaf, start_chunk};
use super::error::{Phase, StoreError, doing};
use super::shape::Shape;

/// Stores a file: writes all chunks, data first, to `store` from its start, and gives the archive
/// with the hashes of its chunks. `store` ends up with [`Shape::stored_bytes`].
///
/// The coder's work space is about `memory` bytes (at least 64 for each chunk); narrow columns make
/// many small reads and writes, so give it some 32 MiB. `progress` is told how many bytes of a phase
/// are done.
///
/// # Errors
/// [`StoreError::FileLength`] if `file` has another length than the shape says; [`StoreError::Io`].
pub fn encode(
    shape: Shape,
    mut file: impl Read,
    store: &mut (impl Read + Write + Seek),
    memory: usize,
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(Archive, ChunkHashes), StoreError> {
    let mut leaves = copy(shape, &mut file, store, progress)?;
    parity(shape, store, memory, progress)?;
    store
        .seek(SeekFrom::Start(shape.data_chunks() * shape.chunk_bytes()))
        .map_err(doing("cannot read the parity back"))?;
    for index in shape.data_chunks()..shape.chunks() {
        let leaf = read_leaf(store, index, shape.chunk_bytes(), |_| Ok(()))
            .and_then(|leaf| {
                leaf.ok_or_else(|| Broken::Reading(io::ErrorKind::UnexpectedEof.into()))
            })
            .map_err(Broken::doing("cannot read the parity back", ""))?;
        leaves.push(leaf);
        let done = index + 1 - shape.data_chunks();
        progress(Phase::Hash, done * shape.chunk_bytes());
    }
    let hashes = ChunkHashes::new(leaves);
    let root = hashes.root()?;
    Ok((Archive { shape, root }, hashes))
}

/// Copies the file into the data chunks and fills up the last; gives their leaves.
fn copy(
    shape: Shape,
    file: &mut impl Read,
    store: &mut (impl Write + Seek),
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<Vec<[u8; 32]>, StoreError> {
    let (chunk_bytes, expected) = (shape.chunk_bytes(), shape.file_bytes());
    let named = Broken::doing("cannot read the file", "cannot write to the store");
    store
        .seek(SeekFrom::Start(0))
        .map_err(doing("cannot write to the store"))?;
    let mut leaves = Vec::new();
    for index in 0..shape.data_chunks() {
        let (start, mut hash) = (index * chunk_bytes, start_chunk(index, chunk_bytes));
        let of_file = chunk_bytes.min(expected - start);
        let mut store_piece = |piece: &[u8]| {
            hash = hash.clone().fixed(piece);
            store.write_all(piece)
        };
        if !pieces(file, of_file, &mut store_piece).map_err(&named)? {
            return Err(StoreError::FileLength { expected });
        }
        pieces(&mut io::repeat(0), chunk_bytes - of_file, &mut store_piece).map_err(&named)?;
        leaves.push(hash.finish());
        progress(Phase::Copy, start + of_file);
    }
    if pieces(file, 1, |_| Ok(())).map_err(named)? {
        return Err(StoreError::FileLength { expected });
    }
    Ok(leaves)
}

/// Computes the parity chunks from the data chunks in the store.
fn parity(
    shape: Shape,
    store: &mut (impl Read + Write + Seek),
    memory: usize,
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(), StoreError> {
    let (data, parity) = (shape.data_chunks(), shape.parity_chunks());
    let mut coder =
        ReedSolomonEncoder::new(data as usize, parity as usize, shape.column_bytes(memory))?;
    for (offset, width) in columns(shape, memory) {
        coder.reset(data as usize, parity as usize, width)?;
        let mut cell = vec![0; width];
        for index in 0..data {
            read_cell(store, index * shape.chunk_bytes() + offset, &mut cell)?;
            coder.add_original_shard(&cell)?;
        }
        let result = coder.encode()?;
        for (index, cell) in (data..).zip(result.recovery_iter()) {
            write_cell(store, index * shape.chunk_bytes() + offset, cell)?;
        }
        progress(Phase::Parity, (offset + width as u64) * parity);
    }
    Ok(())
}

/// The columns that chunks are coded in: offset in the chunk and width.
pub(super) fn columns(shape: Shape, memory: usize) -> impl Iterator<Item = (u64, usize)> {
    let width = shape.column_bytes(memory);
    (0..shape.chunk_bytes()).step_by(width).map(move |offset| {
        let left = usize::try_from(shape.chunk_bytes() - offset).unwrap_or(width);
        (offset, width.min(left))
    })
}

pub(super) fn read_cell(
    store: &mut (impl Read + Seek),
    place: u64,
    cell: &mut [u8],
) -> Result<(), StoreError> {
    store
        .seek(SeekFrom::Start(place))
        .and_then(|_| store.read_exact(cell))
        .map_err(doing("cannot read from the store"))
}

pub(super) fn write_cell(
    store: &mut (impl Write + Seek),
    place: u64,
    cell: &[u8],
) -> Result<(), StoreError> {
    store
        .seek(SeekFrom::Start(place))
        .and_then(|_| store.write_all(cell))
        .map_err(doing("cannot write"))
}
