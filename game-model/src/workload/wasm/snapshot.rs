//! What passes from one unit to the next, as bytes.
//!
//! Ended (one byte, 0 or 1), each mutable global (64 bits, little-endian; upper half 0 for a
//! 32-bit one), pages of memory (32 bits), then each chunk of 1,024 bytes that is not all zeros by
//! ascending index: index (32 bits), bytes. One encoding for each state, and reading takes no other.

use crate::computation::{MachineLimit, StepError};

/// Bytes of a page of WebAssembly.
pub(super) const PAGE_BYTES: usize = 65_536;
const CHUNK_BYTES: usize = 1_024;

/// A state, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot<'a> {
    pub(super) ended: bool,
    pub(super) globals: Vec<u64>,
    pub(super) pages: u32,
    /// Address and bytes.
    pub(super) chunks: Vec<(usize, &'a [u8])>,
}

/// Writes a state. `memory` is whole pages.
///
/// # Errors
/// [`MachineLimit::Memory`]: a state can be as large as the memory.
pub(super) fn encode(ended: bool, globals: &[u64], memory: &[u8]) -> Result<Vec<u8>, MachineLimit> {
    let full = |chunk: &&[u8]| chunk.iter().any(|byte| *byte != 0);
    let chunks = memory.chunks(CHUNK_BYTES).filter(full).count();
    let needed = 1 + 8 * globals.len() + 4 + chunks * (4 + CHUNK_BYTES);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(needed)
        .map_err(|_| MachineLimit::Memory {
            what: "a state of the step",
            needed: needed as u64,
        })?;
    bytes.push(u8::from(ended));
    bytes.extend(globals.iter().flat_map(|value| value.to_le_bytes()));
    // Memory has at most 2^16 pages, so pages and chunks fit 32 bits.
    bytes.extend(((memory.len() / PAGE_BYTES) as u32).to_le_bytes());
    for (index, chunk) in (0u32..).zip(memory.chunks(CHUNK_BYTES)) {
        if full(&chunk) {
            bytes.extend(index.to_le_bytes());
            bytes.extend_from_slice(chunk);
        }
    }
    Ok(bytes)
}

/// Reads a state. `wide` says of each global whether it has 64 bits.
pub(super) fn decode<'a>(bytes: &'a [u8], wide: &[bool]) -> Result<Snapshot<'a>, StepError> {
    let not = |why| StepError::NotAState {
        bytes: bytes.len(),
        why,
    };
    let truncated = || not("it ends too early");
    let (ended, mut rest) = bytes.split_first().ok_or_else(truncated)?;
    if *ended > 1 {
        return Err(not("its first byte is neither 0 nor 1"));
    }
    let mut globals = Vec::with_capacity(wide.len());
    for wide in wide {
        let (value, after) = rest.split_first_chunk().ok_or_else(truncated)?;
        let value = u64::from_le_bytes(*value);
        if !wide && value > u64::from(u32::MAX) {
            return Err(not("a global has more than its 32 bits"));
        }
        globals.push(value);
        rest = after;
    }
    let (pages, mut rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    let pages = u32::from_le_bytes(*pages);
    let limit = u64::from(pages) * (PAGE_BYTES / CHUNK_BYTES) as u64;
    let (mut chunks, mut next) = (Vec::new(), 0);
    while !rest.is_empty() {
        let (index, after) = rest.split_first_chunk().ok_or_else(truncated)?;
        let (chunk, after) = after.split_at_checked(CHUNK_BYTES).ok_or_else(truncated)?;
        let index = u64::from(u32::from_le_bytes(*index));
        if index < next || index >= limit {
            return Err(not("its chunks do not ascend within its memory"));
        }
        if chunk.iter().all(|byte| *byte == 0) {
            return Err(not("a chunk is all zeros"));
        }
        let address = usize::try_from(index * CHUNK_BYTES as u64).map_err(|_| truncated())?;
        chunks.push((address, chunk));
        (rest, next) = (after, index + 1);
    }
    Ok(Snapshot {
        ended: *ended == 1,
        globals,
        pages,
        chunks,
    })
}
