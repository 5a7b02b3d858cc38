//! How a file is cut: sizes and counts whose bounds are checked once.

use serde::{Deserialize, Serialize};

use crate::ratio::Ratio;

/// Most data chunks, and most parity chunks: together the 65,536 that GF(2¹⁶) has places for.
pub const MAX_CHUNKS_OF_A_KIND: u64 = 1 << 15;
/// Largest chunk in bytes; a file may have 128 TiB.
pub const MAX_CHUNK_BYTES: u64 = 1 << 32;
/// A chunk's size is a multiple of this many bytes, as the code needs it.
const UNIT_BYTES: u64 = 64;
/// Smaller chunks would make audits of more hashes than data.
const USUAL_CHUNK_BYTES: u64 = 4096;

/// The cut of a file as written down; [`Shape`] is one that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeRecord {
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// K.
    pub data_chunks: u64,
    /// M.
    pub parity_chunks: u64,
    /// Size of every chunk; the last data chunk is filled up with zeros.
    pub chunk_bytes: u64,
}

/// A file of 1 byte or more in 1 to 32,768 data chunks, none of them empty, with 1 to 32,768 parity
/// chunks of the same size, a multiple of 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ShapeRecord", into = "ShapeRecord")]
pub struct Shape(ShapeRecord);

impl Shape {
    /// Cuts a file of `file_bytes` into chunks of `chunk_bytes` and adds `parity_chunks`.
    ///
    /// # Errors
    /// [`ShapeError`] names the bound that is broken.
    pub fn new(file_bytes: u64, chunk_bytes: u64, parity_chunks: u64) -> Result<Self, ShapeError> {
        if file_bytes == 0 {
            return Err(ShapeError::EmptyFile);
        }
        if chunk_bytes == 0
            || !chunk_bytes.is_multiple_of(UNIT_BYTES)
            || chunk_bytes > MAX_CHUNK_BYTES
        {
            return Err(ShapeError::ChunkSize { chunk_bytes });
        }
        let data_chunks = file_bytes.div_ceil(chunk_bytes);
        if data_chunks > MAX_CHUNKS_OF_A_KIND {
            return Err(ShapeError::DataChunks { data_chunks });
        }
        if parity_chunks == 0 || parity_chunks > MAX_CHUNKS_OF_A_KIND {
            return Err(ShapeError::ParityChunks { parity_chunks });
        }
        Ok(Self(ShapeRecord {
            file_bytes,
            data_chunks,
            parity_chunks,
            chunk_bytes,
        }))
    }

    /// The finest cut that survives the loss of a share `loss` of all chunks, whichever they are;
    /// chunks are not made smaller than 4 KiB.
    ///
    /// # Errors
    /// [`ShapeError`] for an empty file, a loss of 0 or 1 or so near to them that it cannot be had,
    /// or a file too large.
    pub fn surviving(file_bytes: u64, loss: Ratio) -> Result<Self, ShapeError> {
        let (lost, all) = (u64::from(loss.numerator()), u64::from(loss.denominator()));
        let kept = all.saturating_sub(lost);
        if lost == 0 || kept == 0 {
            return Err(ShapeError::Loss { loss });
        }
        // M ≥ K·lost/kept, both within their bound.
        let most = (MAX_CHUNKS_OF_A_KIND * kept / lost).min(MAX_CHUNKS_OF_A_KIND);
        if most == 0 {
            return Err(ShapeError::Loss { loss });
        }
        let finest = file_bytes.div_ceil(most);
        let usual = USUAL_CHUNK_BYTES.min(file_bytes);
        let units = finest.max(usual).div_ceil(UNIT_BYTES);
        let chunk_bytes = units.saturating_mul(UNIT_BYTES);
        let data_chunks = file_bytes.div_ceil(chunk_bytes.max(1));
        Self::new(file_bytes, chunk_bytes, (data_chunks * lost).div_ceil(kept))
    }

    /// Length of the file in bytes.
    pub const fn file_bytes(&self) -> u64 {
        self.0.file_bytes
    }

    /// K.
    pub const fn data_chunks(&self) -> u64 {
        self.0.data_chunks
    }

    /// M: so many chunks may be lost, whichever they are.
    pub const fn parity_chunks(&self) -> u64 {
        self.0.parity_chunks
    }

    /// K + M.
    pub const fn chunks(&self) -> u64 {
        self.0.data_chunks + self.0.parity_chunks
    }

    /// Size of every chunk in bytes.
    pub const fn chunk_bytes(&self) -> u64 {
        self.0.chunk_bytes
    }

    /// Size of all chunks together in bytes.
    pub const fn stored_bytes(&self) -> u64 {
        self.chunks() * self.0.chunk_bytes
    }

    /// How many bytes of every chunk to code at a time, so that the coder's work space is about
    /// `memory` bytes: a multiple of 64, at least 64.
    pub(super) fn column_bytes(&self, memory: usize) -> usize {
        let places =
            self.0.data_chunks.next_power_of_two() + self.0.parity_chunks.next_power_of_two();
        let share = memory as u64 / places.next_power_of_two();
        let width = (share / UNIT_BYTES * UNIT_BYTES).clamp(UNIT_BYTES, self.0.chunk_bytes);
        // No wider than `memory`, or 64.
        usize::try_from(width).unwrap_or(UNIT_BYTES as usize)
    }
}

impl From<Shape> for ShapeRecord {
    fn from(shape: Shape) -> Self {
        shape.0
    }
}

impl TryFrom<ShapeRecord> for Shape {
    type Error = ShapeError;

    fn try_from(record: ShapeRecord) -> Result<Self, ShapeError> {
        let shape = Self::new(record.file_bytes, record.chunk_bytes, record.parity_chunks)?;
        if shape.0 != record {
            return Err(ShapeError::OtherCut {
                written: record.data_chunks,
                needed: shape.0.data_chunks,
            });
        }
        Ok(shape)
    }
}

/// Why a file cannot be cut so. Whoever proposed the cut is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// There is nothing to store.
    #[error("the file is empty")]
    EmptyFile,
    /// Not a multiple of 64 bytes, or too large.
    #[error("chunks of {chunk_bytes} bytes: a multiple of 64 is needed, at most {MAX_CHUNK_BYTES}")]
    ChunkSize {
        /// Size asked for.
        chunk_bytes: u64,
    },
    /// The chunks are too small for the file.
    #[error("{data_chunks} data chunks, at most {MAX_CHUNKS_OF_A_KIND} fit: make chunks larger")]
    DataChunks {
        /// Number needed.
        data_chunks: u64,
    },
    /// Too few or too many parity chunks.
    #[error("{parity_chunks} parity chunks: 1 to {MAX_CHUNKS_OF_A_KIND} are possible")]
    ParityChunks {
        /// Number asked for.
        parity_chunks: u64,
    },
    /// A file of this length in such chunks has another number of them.
    #[error("{written} data chunks written down, {needed} needed")]
    OtherCut {
        /// According to the record.
        written: u64,
        /// According to the sizes.
        needed: u64,
    },
    /// No parity survives such a loss, or none is needed.
    #[error("cannot plan for the loss of {loss} of all chunks: a share between 0 and 1 is needed")]
    Loss {
        /// Share asked for.
        loss: Ratio,
    },
}
