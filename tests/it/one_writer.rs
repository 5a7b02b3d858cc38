//! Files are made, written, moved and locked by `narthex-disk` and nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What makes, opens for writing, moves or links a file, or changes its rights.
const WRITERS: [&str; 18] = [
    "File::create",
    "File::options",
    "OpenOptions",
    "fs::write",
    "fs::copy",
    "fs::rename",
    "fs::hard_link",
    "fs::soft_link",
    "unix::fs::symlink",
    "fs::set_permissions",
    "fs::create_dir",
    "create_dir_all(",
    "DirBuilder",
    "NamedTempFile",
    "tempfile::",
    // Drawing libraries that open files themselves.
    "SVGBackend::new",
    "BitMapBackend::new",
    // And the database that does.
    "Connection::open",
];

/// It writes a file that `narthex-disk` made, locked and looked at.
const DATABASE: &str = "channel/src/log/sqlite.rs";

/// Source of the crates' own code, without its tests.
fn sources(root: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\n#[allow").next().unwrap();
            let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
            found.push((path, lines.collect::<Vec<_>>().join("\n")));
        }
    }
}

#[test]
fn nothing_else_writes_files() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for root in [
        "src",
        "channel/src",
        "contracts/src",
        "game-model/src",
        "game-model/wasmtime/src",
        "regtest/src",
    ] {
        sources(&home.join(root), &mut found);
    }
    assert!(
        found.len() > 300,
        "{} files: the search is broken",
        found.len()
    );
    for (path, code) in &found {
        for writer in WRITERS {
            let is_database = path.ends_with(DATABASE) && writer == "Connection::open";
            assert!(
                !code.contains(writer) || is_database,
                "{} has {writer}: files are written by narthex-disk",
                path.display()
            );
        }
    }
    // The search finds what it is for.
    let mut own = Vec::new();
    sources(&home.join("disk/src"), &mut own);
    let own: String = own.into_iter().map(|(_, code)| code).collect();
    for writer in ["OpenOptions", "DirBuilder", "NamedTempFile", "fs::rename"] {
        assert!(own.contains(writer), "{writer}");
    }
}
