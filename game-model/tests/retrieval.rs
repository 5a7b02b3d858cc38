//! Archives: what can be recovered, what an audit accepts, and what each fault is called.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};

use hex_conservative::DisplayHex;
use narthex_game_model::Ratio;
use narthex_game_model::commitment::ProofError;
use narthex_game_model::retrieval::{
    Archive, AuditError, Challenge, ChunkHashes, MAX_CHUNK_BYTES, Shape, ShapeError, StoreError,
    encode, prove, recover, survey, verify,
};
use narthex_game_model::tagged::tagged_hash;
use proptest::prelude::*;

const MEMORY: usize = 1 << 20;

fn silent(_: narthex_game_model::retrieval::Phase, _: u64) {}

/// Bytes that do not repeat.
fn file(bytes: usize) -> Vec<u8> {
    let blocks =
        (0..bytes.div_ceil(32) as u64).flat_map(|i| tagged_hash("test/file", &i.to_be_bytes()));
    blocks.take(bytes).collect()
}

struct Stored {
    file: Vec<u8>,
    archive: Archive,
    hashes: ChunkHashes,
    store: Cursor<Vec<u8>>,
}

fn stored(bytes: usize, chunk: u64, parity: u64) -> Stored {
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
    fn damage(&mut self, chunk: u64) {
        let place = chunk * self.archive.shape.chunk_bytes();
        self.store.get_mut()[place as usize] ^= 1;
    }

    fn recover(&mut self, memory: usize) -> Result<Vec<u8>, StoreError> {
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

    fn challenge(&self, nonce: u8, chunks: u32) -> Challenge {
        Challenge {
            archive: self.archive.id(),
            nonce: [nonce; 32],
            block_hash: [9; 32],
            chunks,
        }
    }

    fn prove(&mut self, challenge: &Challenge) -> Result<Vec<u8>, StoreError> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever M chunks are lost, the file comes back; one more and the error says how many to find.
    /// The width of columns changes nothing.
    #[test]
    fn any_parity_many_chunks_can_be_lost(
        bytes in 1usize..20_000,
        units in 1u64..6,
        parity in 1u64..40,
        order in any::<u64>(),
        memory in 0usize..100_000,
    ) {
        let chunk = 64 * units;
        let mut stored = stored(bytes, chunk, parity);
        let shape = stored.archive.shape;
        let mut narrow = Cursor::new(Vec::new());
        let again = encode(shape, &stored.file[..], &mut narrow, memory, &mut silent).unwrap();
        prop_assert_eq!(again.0, stored.archive);
        prop_assert_eq!(narrow.get_ref(), stored.store.get_ref());

        let mut chunks: Vec<u64> = (0..shape.chunks()).collect();
        chunks.sort_by_key(|i| tagged_hash("test/order", &(order ^ i).to_be_bytes()));
        let (lost, rest) = chunks.split_at(parity as usize);
        lost.iter().for_each(|chunk| stored.damage(*chunk));
        prop_assert_eq!(stored.recover(memory).unwrap(), stored.file.clone());
        if let Some(one_more) = rest.first() {
            stored.damage(*one_more);
            let error = stored.recover(memory).unwrap_err();
            let named = matches!(error, StoreError::TooManyLost { lost, missing: 1, .. } if lost == parity + 1);
            prop_assert!(named, "{error}");
        }
    }

    /// No altered bit, missing or extra byte of a proof passes, and nothing panics.
    #[test]
    fn only_the_very_proof_passes(
        bytes in 1usize..6_000, chunks in 1u32..12, nonce in any::<u8>(),
        at in any::<prop::sample::Index>(), bit in 0u8..8,
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut stored = stored(bytes, 128, 12);
        let challenge = stored.challenge(nonce, chunks);
        let proof = stored.prove(&challenge).unwrap();
        let check = |proof: &[u8]| verify(&stored.archive, &challenge, proof);
        prop_assert!(check(&proof).is_ok());
        let mut bent = proof.clone();
        bent[at.index(proof.len())] ^= 1 << bit;
        prop_assert!(check(&bent).is_err());
        prop_assert!(check(&proof[..at.index(proof.len())]).is_err());
        prop_assert!(check(&[&proof[..], &noise].concat()).is_err() || noise.is_empty());
        prop_assert!(check(&noise).is_err());
    }
}

#[test]
fn faults_of_a_proof_have_their_names() {
    let mut stored = stored(10_000, 256, 20);
    let challenge = stored.challenge(1, 5);
    let proof = stored.prove(&challenge).unwrap();
    let indices = challenge.indices(&stored.archive).unwrap();
    let check = |challenge: &Challenge, proof: &[u8]| {
        verify(&stored.archive, challenge, proof).unwrap_err()
    };
    let mut foreign = proof.clone();
    foreign[0] ^= 1;
    assert!(matches!(
        check(&challenge, &foreign),
        AuditError::OtherArchive
    ));
    assert!(matches!(check(&challenge, &[]), AuditError::OtherArchive));
    // The proof for another nonce, block or number of chunks.
    let other = Challenge {
        nonce: [2; 32],
        ..challenge
    };
    assert!(matches!(check(&other, &proof), AuditError::OtherChallenge));
    let later = Challenge {
        block_hash: [8; 32],
        ..challenge
    };
    assert!(matches!(check(&later, &proof), AuditError::OtherChallenge));
    let more = Challenge {
        chunks: 6,
        ..challenge
    };
    assert!(
        check(&more, &proof)
            .to_string()
            .contains("ends before chunk")
            || matches!(
                check(&more, &proof),
                AuditError::Proof(_) | AuditError::Ragged { .. }
            )
    );
    // Cut in the second chunk.
    let cut = check(&challenge, &proof[..64 + 256 + 100]);
    assert!(
        matches!(cut, AuditError::ChunkMissing { index } if index == indices[1]),
        "{cut}"
    );
    // A chunk that is not the one stored; two chunks exchanged.
    let mut zeros = proof.clone();
    zeros[64..64 + 256].fill(0);
    let forged = check(&challenge, &zeros);
    assert!(
        matches!(forged, AuditError::Proof(ProofError::OtherRoot)),
        "{forged}"
    );
    let mut swapped = proof.clone();
    swapped[64..64 + 512].rotate_left(256);
    assert!(matches!(
        check(&challenge, &swapped),
        AuditError::Proof(ProofError::OtherRoot)
    ));
    // Siblings: one less, one more, half of one more, endless ones.
    let short = check(&challenge, &proof[..proof.len() - 32]);
    assert!(
        matches!(short, AuditError::Proof(ProofError::TooShort)),
        "{short}"
    );
    let long = check(&challenge, &[&proof[..], &[0; 32]].concat());
    assert!(
        matches!(long, AuditError::Proof(ProofError::TooLong { unused: 1 })),
        "{long}"
    );
    let half = check(&challenge, &[&proof[..], &[0; 16]].concat());
    assert!(matches!(half, AuditError::Ragged { bytes: 16 }), "{half}");
    let endless = std::io::Read::chain(&proof[..], std::io::repeat(0));
    let endless = verify(&stored.archive, &challenge, endless).unwrap_err();
    assert!(
        matches!(endless, AuditError::Ragged { bytes: 32 }),
        "{endless}"
    );
    // The client's own mistakes.
    let none = Challenge {
        chunks: 0,
        ..challenge
    };
    assert!(matches!(check(&none, &proof), AuditError::Sample(_)));
    let too_many = Challenge {
        chunks: 61,
        ..challenge
    };
    assert!(matches!(check(&too_many, &proof), AuditError::Sample(_)));
    let wrong = Challenge {
        archive: [0; 32],
        ..challenge
    };
    assert!(matches!(check(&wrong, &proof), AuditError::Challenge));
}

#[test]
fn faults_of_a_store_have_their_names() {
    let mut stored = stored(10_000, 256, 20);
    let challenge = stored.challenge(1, 5);
    let indices = challenge.indices(&stored.archive).unwrap();
    stored.damage(indices[2]);
    let error = stored.prove(&challenge).unwrap_err();
    assert!(
        matches!(error, StoreError::Damaged { index } if index == indices[2]),
        "{error}"
    );
    stored.damage(indices[2]);
    // Cut off: the last chunks are lost, and a proof that needs one of them cannot be made.
    stored.store.get_mut().truncate(41 * 256 - 1);
    let survey = survey(
        &stored.archive,
        &stored.hashes,
        &mut stored.store,
        &mut silent,
    )
    .unwrap();
    assert_eq!(
        survey.lost().collect::<Vec<_>>(),
        (40..60).collect::<Vec<_>>()
    );
    let all = stored.challenge(1, 60);
    assert!(matches!(
        stored.prove(&all),
        Err(StoreError::Damaged { index: 40 })
    ));
    assert_eq!(stored.recover(MEMORY).unwrap(), stored.file);

    let foreign = Challenge {
        archive: [0; 32],
        ..challenge
    };
    assert!(matches!(
        stored.prove(&foreign),
        Err(StoreError::OtherArchive)
    ));
    // Hashes of another archive, altered, too few, or not whole.
    let bytes = stored.hashes.to_bytes();
    assert_eq!(
        ChunkHashes::from_bytes(&stored.archive, &bytes).unwrap(),
        stored.hashes
    );
    let mut bent = bytes.clone();
    bent[33] ^= 1;
    for bad in [&bent[..], &bytes[32..], &bytes[1..], &[]] {
        let error = ChunkHashes::from_bytes(&stored.archive, bad).unwrap_err();
        assert!(matches!(error, StoreError::OtherHashes), "{error}");
    }
    let other = self::stored(10_000, 256, 19);
    let mixed = prove(
        &other.archive,
        &stored.hashes,
        &other.challenge(1, 5),
        &mut stored.store,
        &mut Vec::new(),
    );
    assert!(matches!(mixed, Err(StoreError::OtherHashes)));
    let survey = narthex_game_model::retrieval::survey(
        &other.archive,
        &other.hashes,
        &mut Cursor::new(Vec::new()),
        &mut silent,
    );
    let lost = survey.unwrap();
    assert_eq!(lost.lost().count(), 59);
    assert!(matches!(
        lost.check(&stored.archive),
        Err(StoreError::OtherSurvey {
            expected: 60,
            found: 59
        })
    ));
}

#[test]
fn a_chunk_that_changes_after_the_survey_is_noticed() {
    let mut stored = stored(5_000, 128, 10);
    let survey = survey(
        &stored.archive,
        &stored.hashes,
        &mut stored.store,
        &mut silent,
    )
    .unwrap();
    stored.damage(7);
    let mut out = Cursor::new(Vec::new());
    let error = recover(
        &stored.archive,
        &stored.hashes,
        &survey,
        &mut stored.store,
        &mut out,
        MEMORY,
        &mut silent,
    );
    assert!(matches!(error, Err(StoreError::Damaged { index: 7 })));
}

/// Somebody makes an archive whose parity is noise: audits pass, and recovery says whose fault it is.
#[test]
fn parity_that_is_none_convicts_its_maker() {
    let honest = stored(2_000, 128, 8);
    let (shape, mut bytes) = (honest.archive.shape, honest.store.into_inner());
    bytes[shape.data_chunks() as usize * 128..].fill(3);
    let mut leaves = Vec::new();
    for (index, chunk) in (0..).zip(bytes.chunks(128)) {
        leaves.push(narthex_game_model::retrieval::chunk_leaf(index, chunk));
    }
    let mut tree = narthex_game_model::commitment::TreeBuilder::new(
        narthex_game_model::commitment::Domain::Chunks,
    );
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    let archive = Archive {
        shape,
        root: tree.finish().unwrap().0,
    };
    let hashes = ChunkHashes::from_bytes(&archive, leaves.as_flattened()).unwrap();
    let mut forged = Stored {
        archive,
        hashes,
        store: Cursor::new(bytes),
        file: honest.file,
    };
    let challenge = forged.challenge(1, 10);
    let proof = forged.prove(&challenge).unwrap();
    assert!(verify(&archive, &challenge, &proof[..]).is_ok());
    forged.damage(0);
    let error = forged.recover(MEMORY).unwrap_err();
    assert!(
        matches!(error, StoreError::NotACodeword { index: 0 }),
        "{error}"
    );
}

#[test]
fn shapes_are_checked_and_planned() {
    assert_eq!(Shape::new(0, 64, 1), Err(ShapeError::EmptyFile));
    for chunk_bytes in [0, 1, 63, 96, MAX_CHUNK_BYTES + 64, u64::MAX] {
        assert_eq!(
            Shape::new(9, chunk_bytes, 1),
            Err(ShapeError::ChunkSize { chunk_bytes })
        );
    }
    let data_chunks = 32_769;
    assert_eq!(
        Shape::new(32_768 * 64 + 1, 64, 1),
        Err(ShapeError::DataChunks { data_chunks })
    );
    for parity_chunks in [0, 32_769, u64::MAX] {
        assert_eq!(
            Shape::new(9, 64, parity_chunks),
            Err(ShapeError::ParityChunks { parity_chunks })
        );
    }
    // A third of all chunks of 1 GiB may be lost.
    let third = Shape::surviving(1 << 30, Ratio::new(1, 3).unwrap()).unwrap();
    assert_eq!(
        (third.data_chunks(), third.parity_chunks()),
        (32_768, 16_384)
    );
    assert_eq!(third.chunk_bytes(), 32 << 10);
    for (file_bytes, num, den) in [
        (1, 1, 2),
        (100, 9, 10),
        (264_712, 1, 3),
        (1 << 40, 1, 100),
        (1 << 46, 2, 3),
    ] {
        let shape = Shape::surviving(file_bytes, Ratio::new(num, den).unwrap()).unwrap();
        let (lost, all) = (shape.parity_chunks(), shape.chunks());
        assert!(lost * u64::from(den) >= all * u64::from(num), "{shape:?}");
        assert!(
            (lost - 1) * u64::from(den) < all * u64::from(num),
            "{shape:?}"
        );
    }
    for loss in [
        Ratio::ZERO,
        Ratio::ONE,
        Ratio::new(3, 2).unwrap(),
        Ratio::new(u32::MAX - 1, u32::MAX).unwrap(),
    ] {
        assert_eq!(
            Shape::surviving(1 << 20, loss),
            Err(ShapeError::Loss { loss })
        );
    }
    assert_eq!(Shape::surviving(0, Ratio::HALF), Err(ShapeError::EmptyFile));
    assert!(Shape::surviving(u64::MAX, Ratio::HALF).is_err());
    // Read from JSON, the bounds hold too, and the numbers must fit each other.
    let text = serde_json::to_string(&third).unwrap();
    assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), third);
    for (from, to) in [
        ("32768,\"parity", "32767,\"parity"),
        ("16384", "99999"),
        ("1073741824", "0"),
    ] {
        let bad = text.replace(from, to);
        assert_ne!(bad, text);
        assert!(serde_json::from_str::<Shape>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_file_of_another_length_is_refused() {
    let shape = Shape::new(1000, 64, 3).unwrap();
    for bytes in [0, 999, 1001, 2000] {
        let mut store = Cursor::new(Vec::new());
        let error = encode(shape, &file(bytes)[..], &mut store, MEMORY, &mut silent).unwrap_err();
        assert!(
            matches!(error, StoreError::FileLength { expected: 1000 }),
            "{error}"
        );
    }
}

/// The archive of a fixed file, to the byte: a coder with other parity would change it.
#[test]
fn the_golden_archive() {
    let stored = stored(100_000, 640, 90);
    assert_eq!(
        stored.archive.id().to_lower_hex_string(),
        "e48bd35e8bdc91714db0207a65b158c65eb11d388e71d259370c11c6868e8442"
    );
}

/// The data set that ships with the project, on a real disk, after the loss of a third of its chunks.
#[test]
fn a_real_file_survives_on_disk() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/digits.csv");
    let original = std::fs::read(path).unwrap();
    let shape = Shape::surviving(original.len() as u64, Ratio::new(1, 3).unwrap()).unwrap();
    let mut store = tempfile::tempfile().unwrap();
    let (archive, hashes) = encode(
        shape,
        File::open(path).unwrap(),
        &mut store,
        MEMORY,
        &mut silent,
    )
    .unwrap();
    let mut lost = BTreeSet::new();
    for index in (0..shape.chunks()).rev().step_by(3) {
        store
            .seek(SeekFrom::Start(index * shape.chunk_bytes() + 5))
            .unwrap();
        store.write_all(b"damage").unwrap();
        lost.insert(index);
    }
    let survey = survey(&archive, &hashes, &mut store, &mut silent).unwrap();
    assert_eq!(survey.lost().collect::<BTreeSet<_>>(), lost);
    let mut out = tempfile::tempfile().unwrap();
    recover(
        &archive,
        &hashes,
        &survey,
        &mut store,
        &mut out,
        MEMORY,
        &mut silent,
    )
    .unwrap();
    let mut recovered = Vec::new();
    out.seek(SeekFrom::Start(0)).unwrap();
    std::io::Read::read_to_end(&mut out, &mut recovered).unwrap();
    assert_eq!(recovered, original);
}

/// 24 MiB in 24,576 chunks with 4 MiB of work space: many narrow columns, two large transforms.
#[test]
fn many_megabytes_in_narrow_columns() {
    let mut stored = stored(24 << 20, 1024, 8_000);
    for index in (0..24_000).step_by(3) {
        stored.damage(index);
    }
    assert_eq!(stored.recover(4 << 20).unwrap(), stored.file);
}
