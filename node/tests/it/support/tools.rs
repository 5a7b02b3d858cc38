//! Programs of others that `scripts/setup` installs.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use narthex::bitcoin::hashes::{Hash as _, sha256};
use tempfile::TempDir;

use super::http::Client;

/// The top of the checkout.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of the cache that is named after what was asked for.
fn installed(name: &str, asked: &[u8]) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("NARTHEX_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("narthex")))
        .or_else(|| Some(set("HOME")?.join(".cache/narthex")))
        .unwrap_or_default();
    let hash = sha256::Hash::hash(asked).to_string();
    let found = cache.join(format!("{name}-{}", &hash[..16]));
    assert!(
        found.exists(),
        "{} is missing: run `./test --setup`, which installs it there",
        found.display()
    );
    found
}

/// The program that asks what a description allows.
pub fn schemathesis() -> PathBuf {
    let asked = include_bytes!("../../web/schemathesis.txt");
    installed("schemathesis", asked).join("bin/schemathesis")
}

/// Where packages for Node.js are.
pub fn web() -> PathBuf {
    installed("web", include_bytes!("../../web/package-lock.json"))
}

/// Runs it; what it says stands in the panic if it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `./test --setup` installs it"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Looks at one of a node's pages (name of the script and its pictures, path) with a browser, in a phase of this contract; where pictures are
/// to be kept is said by `NARTHEX_PICTURES`.
pub fn looked_at(client: &Client, (name, path): (&str, &str), id: &str, phase: &str) {
    let kept = std::env::var_os("NARTHEX_PICTURES");
    let folder = TempDir::new().unwrap();
    let pictures = kept.map_or(folder.path().to_owned(), Into::into);
    let chromium = std::env::var("CHROMIUM_EXE").unwrap_or("/usr/bin/chromium".to_owned());
    run(Command::new("node")
        .arg(top().join(format!("node/tests/web/{name}.mjs")))
        .arg(web())
        .args([
            &chromium,
            &format!("http://{}/{path}", client.at),
            &client.token,
            id,
        ])
        .arg(&pictures)
        .arg(phase));
    for scheme in ["light", "dark"] {
        for width in [1200, 400] {
            let picture = pictures.join(format!("{name}-{phase}-{scheme}-{width}.png"));
            let picture = std::fs::read(picture).unwrap();
            assert!(picture.starts_with(b"\x89PNG"), "{scheme} {width}");
        }
    }
}
