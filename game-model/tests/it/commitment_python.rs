//! Random cases, which the second implementation in Python must see the same way.
//!
//! `NARTHEX_SEED=...` repeats a run; the seed is printed with every failure.

use crate::commitment_cases;

use std::collections::BTreeSet;

use commitment_cases::{self as cases, Source};
use narthex_game_model::commitment::ReceiptKind;
use narthex_game_model::retrieval::Shape;
use narthex_game_model::sample;
use serde_json::Value;

const ROUNDS: usize = 12;

fn indices(source: &mut Source, leaves: u64, most: u64) -> Vec<u64> {
    let count = 1 + source.below(most.min(leaves));
    let all: BTreeSet<u64> = (0..count).map(|_| source.below(leaves)).collect();
    all.into_iter().collect()
}

/// One case of every kind.
fn round(source: &mut Source) -> Vec<Value> {
    let mut all = vec![cases::tagged("narthex/random", &source.bytes(300))];
    all.extend(cases::leaves(source, 300));
    all.extend(cases::seeds(source));
    let name = ["work", "input", "chunk"][source.below(3) as usize];
    let leaves = 1 + source.below(600);
    all.push(cases::tree(name, leaves, source.hash()));
    let indices = indices(source, leaves, 20);
    all.push(cases::multiproof(name, leaves, source.hash(), &indices));
    let level = source.below(8) as u32;
    all.push(cases::saved(name, leaves, source.hash(), level));
    all.push(cases::blind(source, &indices));
    let steps = source.number().max(1);
    let count = 1 + source.below(steps.min(200)) as u32;
    all.push(cases::draw(source.hash(), steps, count));
    let (steps, width) = (1 + source.below(12), 1 + source.below(70) as usize);
    let openings = 1 + source.below(steps) as u32;
    let opened = sample::draw(
        &source.hash(),
        steps,
        1 + source.below(openings.into()) as u32,
    );
    let opened = opened.unwrap();
    all.push(cases::sealed(source, (steps, width), openings, &opened));
    all.push(cases::commitment(source));
    let kinds = [
        ReceiptKind::Commitment,
        ReceiptKind::BlindDigests,
        ReceiptKind::Opening,
    ];
    let kind = kinds[source.below(3) as usize];
    all.push(cases::receipt(source, kind));
    let (chunk, parity) = (64 * (1 + source.below(1000)), 1 + source.below(32_768));
    let file_bytes = 1 + source.below(chunk * 32_768);
    let shape = Shape::new(file_bytes, chunk, parity).unwrap();
    all.push(cases::archive(source, shape));
    all
}

fn written(folder: &tempfile::TempDir, cases: &[Value]) -> std::path::PathBuf {
    let path = folder.path().join("cases.json");
    std::fs::write(&path, serde_json::to_vec(cases).unwrap()).unwrap();
    path
}

#[test]
fn both_implementations_agree_on_random_cases() {
    let seed = crate::common::seed();
    println!("NARTHEX_SEED={seed}");
    let mut source = Source::new(&seed.to_string());
    let all: Vec<_> = (0..ROUNDS).flat_map(|_| round(&mut source)).collect();
    let folder = tempfile::tempdir().unwrap();
    let (agrees, words) = cases::second_opinion(&[written(&folder, &all)]);
    assert!(agrees, "NARTHEX_SEED={seed}: {words}");
    assert!(
        words.contains(&format!("{} cases, 0 disagreements", all.len())),
        "{words}"
    );
}

/// The comparison itself can fail: every output of every kind, with one digit changed, is noticed.
#[test]
fn a_changed_output_is_a_disagreement() {
    let outputs = [
        "hash",
        "challenge",
        "digest",
        "leaf",
        "root",
        "tree",
        "checkpoints",
        "commitment",
        "indices",
        "sealed",
        "points",
        "commitment_bytes",
        "opening",
        "opening_id",
        "id",
        "bytes",
        "issuer",
        "signature",
    ];
    let all = round(&mut Source::new("changed"));
    let mut changed = Vec::new();
    for case in &all {
        for name in outputs {
            // An opened leaf or drawn index, or the last digit of something hexadecimal. A value
            // that is an input of its kind changes the outputs instead.
            let mut other = case.clone();
            match &mut other[name] {
                Value::String(text) => {
                    let last = if text.pop() == Some('0') { '1' } else { '0' };
                    text.push(last);
                }
                Value::Array(list) if case["kind"] == "draw" || case["kind"] == "archive" => {
                    list.truncate(list.len() - 1)
                }
                _ => continue,
            }
            changed.push(other);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (agrees, words) = cases::second_opinion(&[written(&folder, &changed)]);
    assert!(!agrees);
    for (number, case) in changed.iter().enumerate() {
        assert!(
            words.contains(&format!("case {number} (")),
            "unnoticed: {case}"
        );
    }
    assert!(changed.len() > 20);
    let (empty_agrees, _) = cases::second_opinion(&[written(&folder, &[])]);
    assert!(!empty_agrees);
}
