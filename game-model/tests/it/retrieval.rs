//! Archives: how they are cut, and what can be recovered.

use crate::retrieval_cases;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};

use hex_conservative::DisplayHex;
use narthex_game_model::Ratio;
use narthex_game_model::retrieval::{
    MAX_CHUNK_BYTES, Shape, ShapeError, StoreError, encode, recover, survey,
};
use narthex_game_model::tagged::tagged_hash;
use proptest::prelude::*;
use retrieval_cases::{MEMORY, silent, stored};

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
}

/// Somebody makes an archive whose parity is noise: audits pass, and recovery says whose fault it is.
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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/digits.csv");
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
