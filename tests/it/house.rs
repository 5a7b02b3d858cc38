//! The arrows between the crates run down, as `docs/ARCHITECTURE.md` draws them, each stands on one floor, and the lower
//! ones build without the heavy libraries of the upper ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use narthex_base::kinds;
use serde_json::Value;

use crate::common::sources;

/// Each crate with its floor. A crate stands on those of lower floors alone; one that is not listed has no place yet.
const FLOORS: &[(&str, u8)] = &[
    ("narthex-base", 0),
    ("narthex-disk", 0),
    ("narthex-game-model", 1),
    ("narthex-regtest", 1),
    ("narthex-wasmtime", 2),
    ("narthex-contracts", 2),
    ("narthex-channel", 3),
    ("narthex", 4),
    // Benchmarks of a ceremony; nothing stands on it.
    ("narthex-setup-bench", 5),
    // It reads what rustdoc says of the others.
    ("narthex-api", 0),
];

/// What cargo prints about this checkout.
pub fn cargo(args: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args.split(' '))
        .arg("--offline")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {args}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The crates of this workspace, as cargo describes them.
pub fn packages() -> Vec<Value> {
    let metadata = cargo("metadata --no-deps --format-version 1");
    let mut metadata: Value = serde_json::from_str(&metadata).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

#[test]
fn crates_stand_on_lower_floors_alone() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut arrows = 0;
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let floor = floors.get(name);
        let floor = floor.unwrap_or_else(|| panic!("{name} has no floor in this test"));
        for dependency in package["dependencies"].as_array().unwrap() {
            // Tests may look at anything.
            if dependency["kind"] == "dev" || dependency["path"].is_null() {
                continue;
            }
            let below = dependency["name"].as_str().unwrap();
            arrows += 1;
            assert!(floors[below] < *floor, "{name} stands on {below}");
        }
    }
    assert!(
        arrows > FLOORS.len(),
        "{arrows} arrows: the test looks at nothing"
    );
}

/// Engines and threads, which somebody who derives and signs contracts does not need.
const HEAVY: &[&str] = &[
    "narthex-disk",
    "rayon",
    "reed-solomon-simd",
    "rusqlite",
    "tokio",
    "wasm-encoder",
    "wasmi",
    "wasmi_core",
    "wasmparser",
    "wasmtime",
    "wat",
];

/// The heavy libraries that a crate builds with these features, whatever else is in the workspace.
fn heavy(build: &str) -> Vec<&'static str> {
    let tree = cargo(&format!("tree -e normal,build --prefix none -p {build}"));
    let built: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(built.contains("narthex-base"), "{tree}");
    let heavy = HEAVY.iter().copied();
    heavy.filter(|name| built.contains(name)).collect()
}

#[test]
fn contracts_alone_build_light() {
    let none: &[&str] = &[];
    assert_eq!(heavy("narthex-base"), none);
    assert_eq!(heavy("narthex-game-model --no-default-features"), none);
    assert_eq!(heavy("narthex-contracts --no-default-features"), none);
    assert_eq!(heavy("narthex-channel --no-default-features"), none);
    // Each feature brings what it is for and nothing else.
    assert_eq!(heavy("narthex-contracts"), ["rayon"]);
    assert_eq!(
        heavy("narthex-game-model --no-default-features --features retrieval"),
        ["reed-solomon-simd"]
    );
    let wasm = ["wasmi", "wasmi_core", "wasmparser", "wat"];
    assert_eq!(
        heavy("narthex-game-model --no-default-features --features wasm"),
        // `wat` writes binaries with wasm-encoder.
        [&["wasm-encoder"], &wasm[..]].concat()
    );
    assert_eq!(
        heavy("narthex-channel --features sqlite"),
        ["narthex-disk", "rusqlite"]
    );
}

/// A kind of message stands in the table and nowhere else, and each is used. What tests, the seeds of `fuzz` and
/// documentation show, they state on their own.
#[test]
fn kinds_come_from_the_table() {
    let (mut used, mut elsewhere) = (BTreeSet::new(), Vec::new());
    for root in [
        "src",
        "base",
        "channel",
        "contracts",
        "disk",
        "game-model",
        "regtest",
    ] {
        for (file, code) in sources::code(root) {
            let is_test = file.components().any(|part| part.as_os_str() == "tests");
            if file.ends_with("base/src/kinds.rs") || is_test {
                continue;
            }
            for (name, _) in kinds::TABLE {
                if code.contains(&format!("kinds::{name}")) {
                    used.insert(*name);
                }
            }
            let literals = code.split('"').skip(1).step_by(2);
            let kind = |t: &&str| {
                t.starts_with("NX") && t.len() <= 8 && t.ends_with(|c: char| c.is_ascii_digit())
            };
            let found = literals.filter(kind);
            elsewhere.extend(found.map(|t| format!("{t} in {}", file.display())));
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    let unused: Vec<_> = kinds::TABLE
        .iter()
        .filter(|(n, _)| !used.contains(n))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
