//! A stored file, and what a test does with it.

#![allow(
    dead_code,
    reason = "each test that shares this module needs another part of it"
)]

use std::io::Cursor;

use narthex_game_model::retrieval::{
    Archive, Challenge, ChunkHashes, Phase, Shape, StoreError, encode, prove, recover, survey,
};
use narthex_game_model::tagged::tagged_hash;

pub(crate) const MEMORY: usize = 1 << 20;

pub(crate) fn silent(_: Phase, _: u64) {}

/// Bytes that do not repeat.
pub(crate) fn file(bytes: usize) -> Vec<u8> {
    let blocks =
        (0..bytes.div_ceil(32) as u64).flat_map(|i| tagged_hash("test/file", &i.to_be_bytes()));
    blocks.take(bytes).collect()
}

pub(crate) struct Stored {
    pub(crate) file: Vec<u8>,
    pub(crate) archive: Archive,
    pub(crate) hashes: ChunkHashes,
    pub(crate) store: Cursor<Vec<u8>>,
}

pub(crate) fn stored(bytes: usize, chunk: u64, parity: u64) -> Stored {
    let file = file(bytes);
    let shape = Shape::new(bytes as u64, chunk, parity).unwrap();
    let mut store = Cursor::new(Vec::new());
    let (archive, hashes) = encode(shape, &file[..], &mut store, MEMORY, &mut silent).unwrap();
    assert_eq!(store.get_ref().len() as u64, shape.stored_bytes());
    Stored {
        file,
        archive,
        hashes,
        store,
    }
}

impl Stored {
    pub(crate) fn damage(&mut self, chunk: u64) {
        let place = chunk * self.archive.shape.chunk_bytes();
        self.store.get_mut()[place as usize] ^= 1;
    }

    pub(crate) fn recover(&mut self, memory: usize) -> Result<Vec<u8>, StoreError> {
        let survey = survey(&self.archive, &self.hashes, &mut self.store, &mut silent)?;
        let mut out = Cursor::new(Vec::new());
        let (archive, hashes, store) = (&self.archive, &self.hashes, &mut self.store);
        recover(
            archive,
            hashes,
            &survey,
            store,
            &mut out,
            memory,
            &mut silent,
        )?;
        Ok(out.into_inner())
    }

    pub(crate) fn challenge(&self, nonce: u8, chunks: u32) -> Challenge {
        Challenge {
            archive: self.archive.id(),
            nonce: [nonce; 32],
            block_hash: [9; 32],
            chunks,
        }
    }

    pub(crate) fn prove(&mut self, challenge: &Challenge) -> Result<Vec<u8>, StoreError> {
        let mut proof = Vec::new();
        prove(
            &self.archive,
            &self.hashes,
            challenge,
            &mut self.store,
            &mut proof,
        )?;
        Ok(proof)
    }
}
