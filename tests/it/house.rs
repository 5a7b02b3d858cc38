//! The arrows between the crates run down, as `docs/ARCHITECTURE.md` draws them.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

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
];

#[test]
fn crates_stand_on_lower_floors_alone() {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{metadata:?}");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut arrows = 0;
    for package in metadata["packages"].as_array().unwrap() {
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
