//! Golden vectors of everything in docs/commitments.md, as data files.
//!
//! Other implementations compare with them, so they change only on purpose: set `NARTHEX_BLESS=1` to
//! write what the code computes now, and review the difference.

use crate::commitment_cases;

use std::path::PathBuf;

use commitment_cases::{self as cases, Source};
use hex_conservative::FromHex;
use narthex_base::codec::Message as _;
use narthex_game_model::commitment::{Commitment, Opening, ReceiptKind, SignedReceipt};
use narthex_game_model::retrieval::Shape;
use serde_json::Value;

fn hashes(source: &mut Source) -> Vec<Value> {
    let mut all = vec![
        cases::tagged("narthex/leaf", b""),
        cases::tagged("BIP0340/challenge", b"abc"),
    ];
    for most in [0, 1, 55, 64, 200] {
        all.extend(cases::leaves(source, most));
    }
    all
}

fn trees(source: &mut Source) -> Vec<Value> {
    let mut all = Vec::new();
    for leaves in [1, 2, 3, 5, 8, 1000] {
        all.extend(["work", "input", "chunk"].map(|name| cases::tree(name, leaves, source.hash())));
    }
    all.push(cases::tree("work", 100_000, source.hash()));
    let sets: [(u64, &[u64]); 10] = [
        (1, &[0]),
        (2, &[1]),
        (3, &[0, 2]),
        (5, &[4]),
        (5, &[0, 1, 2, 3, 4]),
        (8, &[3]),
        (8, &[0, 7]),
        (1000, &[0]),
        (1000, &[999]),
        (1000, &[1, 2, 3, 500, 511, 512, 998]),
    ];
    for (leaves, indices) in sets {
        all.push(cases::multiproof("work", leaves, source.hash(), indices));
    }
    for (leaves, level) in [(1, 0), (7, 1), (8, 2), (100, 3), (1000, 4)] {
        all.push(cases::saved("work", leaves, source.hash(), level));
    }
    all
}

fn samples(source: &mut Source) -> Vec<Value> {
    let mut all = cases::seeds(source);
    let sizes = [
        (1, 1),
        (10, 3),
        (10, 10),
        (1_000, 100),
        (10_000_000, 300),
        ((1 << 63) + 1, 5),
        (u64::MAX, 20),
    ];
    for (steps, count) in sizes {
        all.push(cases::draw(source.hash(), steps, count));
    }
    for indices in [&[][..], &[3], &[0, 1, u64::MAX]] {
        all.push(cases::blind(source, indices));
    }
    all
}

fn results(source: &mut Source) -> Vec<Value> {
    let mut all = vec![
        cases::sealed(source, (1, 1), 1, &[0]),
        cases::sealed(source, (3, 3), 2, &[1]),
        cases::sealed(source, (5, 31), 5, &[0, 1, 2, 3, 4]),
        cases::sealed(source, (100, 11), 7, &[7, 50, 99]),
    ];
    all.extend([cases::commitment(source), cases::commitment(source)]);
    all
}

fn receipts(source: &mut Source) -> Vec<Value> {
    [
        ReceiptKind::Commitment,
        ReceiptKind::BlindDigests,
        ReceiptKind::Opening,
    ]
    .map(|kind| cases::receipt(source, kind))
    .into()
}

fn archives(source: &mut Source) -> Vec<Value> {
    [(1, 64, 1), (1000, 64, 8), (1 << 30, 32 << 10, 16 << 10)]
        .map(|(file_bytes, chunk_bytes, parity)| {
            let shape = Shape::new(file_bytes, chunk_bytes, parity).unwrap();
            cases::archive(source, shape)
        })
        .into()
}

type Make = fn(&mut Source) -> Vec<Value>;

fn files() -> Vec<(PathBuf, Vec<Value>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/commitment");
    let made: [(&str, Make); 6] = [
        ("hashes", hashes),
        ("trees", trees),
        ("samples", samples),
        ("results", results),
        ("receipts", receipts),
        ("archives", archives),
    ];
    made.map(|(name, make)| {
        let path = folder.join(name).with_extension("json");
        (path, make(&mut Source::new(name)))
    })
    .into()
}

#[test]
fn everything_is_as_in_the_files_and_as_the_second_implementation_has_it() {
    let files = files();
    for (path, computed) in &files {
        if std::env::var_os("NARTHEX_BLESS").is_some() {
            let text = serde_json::to_string_pretty(computed).unwrap() + "\n";
            std::fs::write(path, text).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        let stored: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(stored.len(), computed.len(), "{}", path.display());
        for (number, (stored, computed)) in stored.iter().zip(computed).enumerate() {
            assert_eq!(stored, computed, "{}: case {number}", path.display());
        }
    }
    let paths: Vec<_> = files.into_iter().map(|(path, _)| path).collect();
    let (agrees, words) = cases::second_opinion(&paths);
    assert!(agrees, "{words}");
}

/// Bytes of a hexadecimal field.
fn field(case: &Value, name: &str) -> Vec<u8> {
    Vec::from_hex(case[name].as_str().unwrap()).unwrap()
}

#[test]
fn stored_openings_and_receipts_read_back() {
    for (_, cases) in files() {
        for case in cases {
            if case["kind"] == "sealed" {
                let opening = Opening::from_bytes(&field(&case, "opening")).unwrap();
                assert_eq!(&opening.id()[..], field(&case, "opening_id"));
                let commitment = Commitment::from_bytes(&field(&case, "commitment_bytes"));
                let commitment = commitment.unwrap();
                assert_eq!(opening.verify(&commitment), Ok(()));
                assert_eq!(opening.bad_box(&commitment), None);
            } else if case["kind"] == "receipt" {
                let bytes = field(&case, "bytes");
                let signed = SignedReceipt::from_bytes(&bytes).unwrap();
                assert_eq!(&signed.receipt.id()[..], field(&case, "id"));
            }
        }
    }
}
