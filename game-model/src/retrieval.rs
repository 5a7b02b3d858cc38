//! Proofs that a stored file can still be had: audits that catch a loss while it can be repaired.
//!
//! A file is cut into K data chunks; M parity chunks are added, so that any K of the K+M give all of
//! it back (Reed–Solomon over GF(2¹⁶)). The provider keeps the K+M chunks, the client the 32-byte
//! [`Archive::id`]. An audit names k chunks by a seed that nobody can steer and checks what comes back
//! against the id; [`detection`] says exactly how likely a loss is caught.
//!
//! The file is **one** codeword, however large. If it were coded in stripes of a few chunks each, a
//! provider could drop all chunks of one stripe: too small a share for any audit to notice, and the
//! file would be gone. With one codeword a file is lost only when more than M chunks are, and that
//! share is large: with M = K/2 it is a third of all chunks, which 30 challenged chunks miss in one of
//! 190,000 audits. What an audit may miss is what the parity can repair.
//!
//! Coding goes column by column, a few hundred bytes of every chunk at a time, so memory does not
//! grow with the file. Nothing here opens a file: readers and writers are passed in.
//!
//! What it does not show: that the chunks lie on a disk of the provider's own, or that it stores the
//! parity (K chunks suffice to answer everything). Nor that parity is parity at all, if somebody else
//! than the client made the archive: [`recover`] names such an archive, [`encode`] run again finds it
//! beforehand.
//!
//! ```
//! use std::io::Cursor;
//! use narthex_game_model::retrieval::{Challenge, Shape, encode, prove, recover, survey, verify};
//!
//! let file: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
//! let shape = Shape::new(file.len() as u64, 256, 20)?; // 40 chunks of data, 20 of parity
//! let mut store = Cursor::new(Vec::new());
//! let (archive, hashes) = encode(shape, &file[..], &mut store, 1 << 20, &mut |_, _| ())?;
//!
//! let challenge = Challenge { archive: archive.id(), nonce: [1; 32], block_hash: [2; 32], chunks: 8 };
//! let mut proof = Vec::new();
//! prove(&archive, &hashes, &challenge, &mut store, &mut proof)?;
//! verify(&archive, &challenge, &proof[..])?;
//!
//! store.get_mut()[..20 * 256].fill(0); // a third of all chunks is lost
//! let survey = survey(&archive, &hashes, &mut store, &mut |_, _| ())?;
//! let mut out = Cursor::new(Vec::new());
//! recover(&archive, &hashes, &survey, &mut store, &mut out, 1 << 20, &mut |_, _| ())?;
//! assert_eq!(out.into_inner(), file);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod audit;
mod chunks;
mod decoding;
pub mod detection;
mod encoding;
mod error;
mod shape;

pub use archive::{Archive, ChunkHashes};
pub use audit::{AuditError, Challenge, prove, verify};
pub use chunks::chunk_leaf;
pub use decoding::{Survey, recover, survey};
pub use encoding::encode;
pub use error::{Phase, StoreError};
pub use shape::{MAX_CHUNK_BYTES, MAX_CHUNKS_OF_A_KIND, Shape, ShapeError, ShapeRecord};
