//! Files are made, written, moved and locked by `narthex-disk` and nowhere else.

use crate::common::sources::code;

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

/// A bare database, beside which that one is measured.
const MEASURED: &str = "node/src/bin/narthex-node/bench/store.rs";

#[test]
fn nothing_else_writes_files() {
    let roots = [
        "src",
        "base/src",
        "channel/src",
        "contracts/src",
        "game-model/src",
        "game-model/wasmtime/src",
        "node/src",
        "regtest/src",
    ];
    let found: Vec<_> = roots.into_iter().flat_map(code).collect();
    assert!(
        found.len() > 300,
        "{} files: the search is broken",
        found.len()
    );
    for (path, code) in &found {
        for writer in WRITERS {
            let opens = path.ends_with(DATABASE) || path.ends_with(MEASURED);
            let is_database = opens && writer == "Connection::open";
            assert!(
                !code.contains(writer) || is_database,
                "{} has {writer}: files are written by narthex-disk",
                path.display()
            );
        }
    }
    // The search finds what it is for.
    let own: String = code("disk/src").into_iter().map(|(_, code)| code).collect();
    for writer in ["OpenOptions", "DirBuilder", "NamedTempFile", "fs::rename"] {
        assert!(own.contains(writer), "{writer}");
    }
}
