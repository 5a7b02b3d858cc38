//! From the chunks that are left back to the file.

use std::io::{self, Read, Seek, SeekFrom, Write};

use reed_solomon_simd::ReedSolomonDecoder;

use super::archive::{Archive, ChunkHashes};
use super::chunks::{Broken, pieces, read_leaf, start_chunk};
use super::encoding::{columns, read_cell, write_cell};
use super::error::{Phase, StoreError, doing};

/// Which chunks of an archive are what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey(Vec<bool>);

impl Survey {
    /// Indices of the chunks that are lost or damaged.
    pub fn lost(&self) -> impl Iterator<Item = u64> {
        (0..)
            .zip(&self.0)
            .filter(|(_, intact)| !**intact)
            .map(|(index, _)| index)
    }

    fn intact(&self, indices: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
        let known = (0..).zip(&self.0);
        known
            .filter(move |(index, intact)| **intact && indices.contains(index))
            .map(|(index, _)| index)
    }

    /// Whether the file can be had from what is left.
    ///
    /// # Errors
    /// [`StoreError::TooManyLost`], [`StoreError::OtherSurvey`].
    pub fn check(&self, archive: &Archive) -> Result<(), StoreError> {
        let (chunks, parity) = (archive.shape.chunks(), archive.shape.parity_chunks());
        let found = self.0.len() as u64;
        if found != chunks {
            let expected = chunks;
            return Err(StoreError::OtherSurvey { expected, found });
        }
        let lost = self.lost().count() as u64;
        if lost > parity {
            return Err(StoreError::TooManyLost {
                lost,
                chunks,
                parity,
                missing: lost - parity,
            });
        }
        Ok(())
    }
}

/// Reads every chunk once and compares it with its hash. A chunk that cannot be read counts as lost:
/// that is what parity is for. But not one that this machine cannot read at the moment, for want of
/// memory or of a right: that says nothing about the chunk.
///
/// # Errors
/// [`StoreError::OtherHashes`] if the hashes are not the archive's; [`StoreError::Io`].
pub fn survey(
    archive: &Archive,
    hashes: &ChunkHashes,
    store: &mut (impl Read + Seek),
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<Survey, StoreError> {
    hashes.check(archive)?;
    let chunk_bytes = archive.shape.chunk_bytes();
    let mut intact = Vec::with_capacity(hashes.leaves().len());
    for (index, expected) in (0..).zip(hashes.leaves()) {
        let found = match store.seek(SeekFrom::Start(index * chunk_bytes)) {
            Ok(_) => read_leaf(store, index, chunk_bytes, |_| Ok(())),
            Err(error) => Err(Broken::Reading(error)),
        };
        let found = match found {
            Ok(leaf) => leaf,
            Err(broken) if broken.is_passing() => {
                return Err(doing("cannot read the store")(broken.into_inner()));
            }
            Err(_) => None,
        };
        intact.push(found.as_ref() == Some(expected));
        progress(Phase::Survey, (index + 1) * chunk_bytes);
    }
    Ok(Survey(intact))
}

/// Writes the file to `out`, which should be empty, with lost data chunks computed from the others; every
/// chunk of it is checked against its hash. Memory as in [`encode`](super::encode).
///
/// # Errors
/// [`StoreError::TooManyLost`]; [`StoreError::Damaged`] if a chunk changed since the survey;
/// [`StoreError::NotACodeword`]; [`StoreError::OtherHashes`]; [`StoreError::Io`].
pub fn recover(
    archive: &Archive,
    hashes: &ChunkHashes,
    survey: &Survey,
    store: &mut (impl Read + Seek),
    out: &mut (impl Read + Write + Seek),
    memory: usize,
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(), StoreError> {
    hashes.check(archive)?;
    survey.check(archive)?;
    extract(archive, hashes, survey, store, out, progress)?;
    let shape = archive.shape;
    let lost: Vec<u64> = survey
        .lost()
        .take_while(|i| *i < shape.data_chunks())
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    restore(archive, survey, lost.len(), store, out, memory, progress)?;
    check_restored(archive, hashes, &lost, out, progress)
}

/// The part of a data chunk that is file, not filling.
fn file_part(archive: &Archive, index: u64) -> (u64, u64) {
    let start = index * archive.shape.chunk_bytes();
    let end = archive
        .shape
        .file_bytes()
        .min(start + archive.shape.chunk_bytes());
    (start, end)
}

/// Copies the intact data chunks to their place.
fn extract(
    archive: &Archive,
    hashes: &ChunkHashes,
    survey: &Survey,
    store: &mut (impl Read + Seek),
    out: &mut (impl Write + Seek),
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(), StoreError> {
    let chunk_bytes = archive.shape.chunk_bytes();
    for index in survey.intact(0..archive.shape.data_chunks()) {
        let (start, end) = file_part(archive, index);
        store
            .seek(SeekFrom::Start(start))
            .map_err(doing("cannot read from the store"))?;
        out.seek(SeekFrom::Start(start))
            .map_err(doing("cannot write the file"))?;
        let mut left = end - start;
        let leaf = read_leaf(store, index, chunk_bytes, |piece| {
            let of_file = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            left -= of_file as u64;
            out.write_all(&piece[..of_file])
        })
        .map_err(Broken::doing(
            "cannot read from the store",
            "cannot write the file",
        ))?;
        if leaf.as_ref() != hashes.get(index) {
            return Err(StoreError::Damaged { index });
        }
        progress(Phase::Extract, end);
    }
    Ok(())
}

/// Computes the lost data chunks, `count` of them, column by column.
fn restore(
    archive: &Archive,
    survey: &Survey,
    count: usize,
    store: &mut (impl Read + Seek),
    out: &mut (impl Write + Seek),
    memory: usize,
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(), StoreError> {
    let shape = archive.shape;
    let (data, parity) = (shape.data_chunks(), shape.parity_chunks());
    let mut coder =
        ReedSolomonDecoder::new(data as usize, parity as usize, shape.column_bytes(memory))?;
    for (offset, width) in columns(shape, memory) {
        coder.reset(data as usize, parity as usize, width)?;
        let mut cell = vec![0; width];
        for index in survey.intact(0..data) {
            read_cell(store, index * shape.chunk_bytes() + offset, &mut cell)?;
            coder.add_original_shard(index as usize, &cell)?;
        }
        // As many as are missing: more would only be read in vain.
        for index in survey.intact(data..shape.chunks()).take(count) {
            read_cell(store, index * shape.chunk_bytes() + offset, &mut cell)?;
            coder.add_recovery_shard((index - data) as usize, &cell)?;
        }
        let result = coder.decode()?;
        for (index, cell) in result.restored_original_iter() {
            let (start, end) = file_part(archive, index as u64);
            let left = end.saturating_sub(start + offset);
            let of_file = usize::try_from(left).map_or(cell.len(), |left| left.min(cell.len()));
            // Of the filling nothing is written, not even nothing: some writers grow by a seek.
            if of_file > 0 {
                write_cell(out, start + offset, &cell[..of_file])?;
            }
        }
        progress(Phase::Restore, (offset + width as u64) * count as u64);
    }
    Ok(())
}

/// Reads the restored chunks back and compares them with their hashes.
fn check_restored(
    archive: &Archive,
    hashes: &ChunkHashes,
    lost: &[u64],
    out: &mut (impl Read + Seek),
    progress: &mut dyn FnMut(Phase, u64),
) -> Result<(), StoreError> {
    let chunk_bytes = archive.shape.chunk_bytes();
    for (done, index) in (1..).zip(lost) {
        let (start, end) = file_part(archive, *index);
        let mut hash = start_chunk(*index, chunk_bytes);
        let mut absorb = |piece: &[u8]| -> io::Result<()> {
            hash = hash.clone().fixed(piece);
            Ok(())
        };
        let reading = "cannot read the recovered file back";
        out.seek(SeekFrom::Start(start)).map_err(doing(reading))?;
        pieces(out, end - start, &mut absorb)
            .and_then(|_| {
                let filling = chunk_bytes - (end - start);
                pieces(&mut io::repeat(0), filling, &mut absorb)
            })
            .map_err(Broken::doing(reading, ""))?;
        if Some(&hash.finish()) != hashes.get(*index) {
            return Err(StoreError::NotACodeword { index: *index });
        }
        progress(Phase::Check, done * chunk_bytes);
    }
    Ok(())
}
