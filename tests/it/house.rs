//! The arrows between the crates run down, as `docs/ARCHITECTURE.md` draws them, each stands on one floor, and the lower
//! ones build without the heavy libraries of the upper ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use narthex_base::kinds;
use serde_json::Value;

use crate::{circles::heads, common::sources};

/// Each crate with its floor. A crate stands on those of lower floors alone; one that is not listed has no place yet.
const FLOORS: &[(&str, u8)] = &[
    ("narthex-base", 0),
    ("narthex-disk", 0),
    ("narthex-game-model", 1),
    ("narthex-regtest", 1),
    ("narthex-wasmtime", 2),
    ("narthex-contracts", 2),
    ("narthex-channel", 3),
    ("narthex-arbiter", 4),
    ("narthex", 5),
    // One party as a process, with the libraries of a network. Nothing below may need it.
    ("narthex-node", 6),
    // Benchmarks of a ceremony; nothing stands on it.
    ("narthex-setup-bench", 6),
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
    "axum",
    "lightning",
    "lightning-net-tokio",
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

/// The libraries of a network build with the node alone: the first command that anybody types waits for none of them.
#[test]
fn the_command_builds_without_a_network() {
    let network = ["axum", "lightning", "lightning-net-tokio", "tokio"];
    let of = |build: &str| {
        let mut found = heavy(build);
        found.retain(|name| network.contains(name));
        found
    };
    let none: &[&str] = &[];
    assert_eq!(of("narthex"), none);
    assert_eq!(of("narthex --all-features"), none);
    assert_eq!(of("narthex-node"), network);
}

#[test]
fn contracts_alone_build_light() {
    let none: &[&str] = &[];
    assert_eq!(heavy("narthex-base"), none);
    assert_eq!(heavy("narthex-game-model --no-default-features"), none);
    assert_eq!(heavy("narthex-contracts --no-default-features"), none);
    assert_eq!(heavy("narthex-channel --no-default-features"), none);
    assert_eq!(heavy("narthex-arbiter"), none);
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
        "arbiter",
        "base",
        "channel",
        "contracts",
        "disk",
        "game-model",
        "node",
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

/// Crates that take randomness, time and stores from whoever calls them: a protocol is a function of what it is given.
const PURE: &[&str] = &[
    "arbiter/src",
    "base/src",
    "contracts/src",
    "game-model/src",
    "channel/src",
];

/// What of the standard library asks the machine for something.
const OUTSIDE: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Names of what draws randomness, reads a clock or makes threads, wherever they come from.
const AMBIENT: &[&str] = &[
    "Instant",
    "OsRng",
    "SystemTime",
    "ThreadRng",
    "UNIX_EPOCH",
    "from_entropy",
    "getrandom",
    "rayon",
    "thread_rng",
];

/// What stands in a pure crate all the same: file, what it uses, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "channel/src/laws/mod.rs",
        "env",
        "the kit of laws for tests: a run is repeated by the seed that a user names",
    ),
    (
        "channel/src/log/sqlite.rs",
        "fs",
        "the log in a file, behind a feature: it is passed to machines as a store, and no machine knows it",
    ),
    (
        "channel/src/log/shelf.rs",
        "fs",
        "the same for the logs of a node: the lock of its file, which it holds and does not open itself",
    ),
    (
        "channel/src/log/pg/lease.rs",
        "thread",
        "the logs of several replicas, behind a feature: a thread says that the one that writes is there",
    ),
    (
        "channel/src/log/pg/mod.rs",
        "Instant",
        "the same: whether a commit took so long that this has to be said with it",
    ),
    (
        "channel/src/log/pg/reach.rs",
        "net",
        "the same: whether an address is this machine's; what connects is the library",
    ),
    (
        "contracts/src/parallel.rs",
        "rayon",
        "behind a feature: threads that share out what is computed, and change no byte of it",
    ),
];

/// What a source uses of it.
fn ambient(code: &str) -> BTreeSet<&'static str> {
    let std = heads(code, "std::");
    let outside = OUTSIDE.iter().filter(|module| std.contains(**module));
    let words: BTreeSet<_> = code
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let named = AMBIENT.iter().filter(|word| words.contains(**word));
    let drawn = code.contains("rand::random").then_some("random");
    outside.chain(named).copied().chain(drawn).collect()
}

#[test]
fn randomness_time_and_files_are_passed_in() {
    let mut used = BTreeSet::new();
    for folder in PURE {
        let files = sources::code(folder);
        assert!(files.len() > 5, "{folder}: {} files", files.len());
        for (path, code) in files {
            let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            let file = file.to_str().unwrap();
            // Compiled for tests alone, published vectors among them.
            let for_tests = ["/tests/", "/tests.rs", "/vectors/"];
            if for_tests.iter().any(|part| file.contains(part)) {
                continue;
            }
            for what in ambient(&code) {
                let allowed = ALLOWED.iter().find(|(f, w, _)| (*f, *w) == (file, what));
                assert!(allowed.is_some(), "{file} uses {what}: pass it in");
                used.insert((file.to_owned(), what));
            }
        }
    }
    // Nothing is allowed that is not there any more.
    for (file, what, why) in ALLOWED {
        assert!(
            used.contains(&((*file).to_owned(), *what)),
            "{file}: {what}"
        );
        assert!(why.len() > 20);
    }
    // The search finds what it is for.
    let found = |folder| {
        let files = sources::code(folder).into_iter();
        let found = files.flat_map(|(_, code)| ambient(&code));
        found.collect::<BTreeSet<_>>()
    };
    assert!(found("disk/src").contains("fs"));
    for word in ["Instant", "fs", "process"] {
        assert!(found("src").contains(word), "{word}");
    }
    let code = "use std::{\n    fs::File,\n    thread,\n};\nlet x = rand::random();";
    assert_eq!(ambient(code), BTreeSet::from(["fs", "thread", "random"]));
}
