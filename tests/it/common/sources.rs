//! The crates' own sources, for tests that look for what must not stand in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Sources below a folder of the checkout, whole.
pub fn whole(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The same without comments and without tests that stand among the code.
pub fn code(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = whole(folder);
    for (_, text) in &mut found {
        let code = text.split("#[cfg(test)]\n#[allow").next().unwrap();
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
        *text = lines.collect::<Vec<_>>().join("\n");
    }
    found
}
