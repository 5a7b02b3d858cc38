//! What an audit accepts, and what each fault of a proof, a store or its maker is called.

use crate::retrieval_cases;

use std::io::Cursor;

use narthex_game_model::commitment::{Domain, ProofError, TreeBuilder};
use narthex_game_model::retrieval::{
    Archive, AuditError, Challenge, ChunkHashes, Shape, StoreError, chunk_leaf, encode, prove,
    recover, survey, verify,
};
use proptest::prelude::*;
use retrieval_cases::{MEMORY, Stored, file, silent, stored};

proptest! {
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
    assert!(matches!(check(&more, &proof), AuditError::OtherChallenge));
    // Cut in the second chunk.
    let cut = check(&challenge, &proof[..64 + 256 + 100]);
    assert!(
        matches!(cut, AuditError::ChunkMissing { index } if index == indices[1]),
        "{cut}"
    );
}

#[test]
fn a_client_is_told_its_own_mistakes() {
    let mut stored = stored(10_000, 256, 20);
    let challenge = stored.challenge(1, 5);
    let proof = stored.prove(&challenge).unwrap();
    let check = |challenge: &Challenge| verify(&stored.archive, challenge, &proof[..]).unwrap_err();
    for chunks in [0, 61] {
        let asked = Challenge {
            chunks,
            ..challenge
        };
        assert!(matches!(check(&asked), AuditError::Sample(_)));
    }
    let wrong = Challenge {
        archive: [0; 32],
        ..challenge
    };
    assert!(matches!(check(&wrong), AuditError::Challenge));
}

#[test]
fn chunks_and_siblings_that_do_not_belong_are_named() {
    let mut stored = stored(10_000, 256, 20);
    let challenge = stored.challenge(1, 5);
    let proof = stored.prove(&challenge).unwrap();
    let check = |proof: &[u8]| verify(&stored.archive, &challenge, proof).unwrap_err();
    // A chunk that is not the one stored; two chunks exchanged.
    let mut zeros = proof.clone();
    zeros[64..64 + 256].fill(0);
    let forged = check(&zeros);
    assert!(
        matches!(forged, AuditError::Proof(ProofError::OtherRoot)),
        "{forged}"
    );
    let mut swapped = proof.clone();
    swapped[64..64 + 512].rotate_left(256);
    assert!(matches!(
        check(&swapped),
        AuditError::Proof(ProofError::OtherRoot)
    ));
    // Siblings: one less, one more, half of one more, endless ones.
    let short = check(&proof[..proof.len() - 32]);
    assert!(
        matches!(short, AuditError::Proof(ProofError::TooShort)),
        "{short}"
    );
    let long = check(&[&proof[..], &[0; 32]].concat());
    assert!(
        matches!(long, AuditError::Proof(ProofError::TooLong { unused: 1 })),
        "{long}"
    );
    let half = check(&[&proof[..], &[0; 16]].concat());
    assert!(matches!(half, AuditError::Ragged { bytes: 16 }), "{half}");
    let endless = std::io::Read::chain(&proof[..], std::io::repeat(0));
    let endless = verify(&stored.archive, &challenge, endless).unwrap_err();
    assert!(
        matches!(endless, AuditError::Ragged { bytes: 32 }),
        "{endless}"
    );
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
    let found = survey(
        &stored.archive,
        &stored.hashes,
        &mut stored.store,
        &mut silent,
    )
    .unwrap();
    assert_eq!(
        found.lost().collect::<Vec<_>>(),
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
}

#[test]
fn hashes_surveys_and_archives_are_not_mixed_up() {
    let mut stored = stored(10_000, 256, 20);
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
    let other = retrieval_cases::stored(10_000, 256, 19);
    let mixed = prove(
        &other.archive,
        &stored.hashes,
        &other.challenge(1, 5),
        &mut stored.store,
        &mut Vec::new(),
    );
    assert!(matches!(mixed, Err(StoreError::OtherHashes)));
    let lost = survey(
        &other.archive,
        &other.hashes,
        &mut Cursor::new(Vec::new()),
        &mut silent,
    )
    .unwrap();
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

#[test]
fn parity_that_is_none_convicts_its_maker() {
    let honest = stored(2_000, 128, 8);
    let (shape, mut bytes) = (honest.archive.shape, honest.store.into_inner());
    bytes[shape.data_chunks() as usize * 128..].fill(3);
    let mut leaves = Vec::new();
    for (index, chunk) in (0..).zip(bytes.chunks(128)) {
        leaves.push(chunk_leaf(index, chunk));
    }
    let mut tree = TreeBuilder::new(Domain::Chunks);
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
