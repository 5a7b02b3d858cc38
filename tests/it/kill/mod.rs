//! Processes that are killed at a write, by a library that is loaded into them: what is killed is the real program, as it is.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// When a process is killed, beside the write that counts. Each test program has some of them.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before anything of it is in a file.
    Written,
    /// It is in a file, and not durable yet.
    Before,
    /// It is durable, and nothing that rests on it has left.
    After,
    /// Something that may rest on it was said to a peer.
    Said,
}

impl When {
    fn word(self) -> &'static str {
        match self {
            When::Written => "written",
            When::Before => "before",
            When::After => "after",
            When::Said => "said",
        }
    }
}

/// A library that kills its process at a write, built into this folder.
pub fn killer(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("kill_at.c"), folder.join("kill_at.so"));
    std::fs::write(&source, include_str!("kill_at.c")).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .args(["-ldl", "-lpthread"])
        .status()
        .unwrap();
    assert!(built.success());
    library
}

/// The process that this starts is killed at its so manieth write, the first being 1.
pub fn doom(command: &mut Command, killer: &Path, at: u32, when: When) {
    command
        .env("LD_PRELOAD", killer)
        .env("KILL_AT", at.to_string())
        .env("KILL_WHEN", when.word());
}
