//! Builds a bitcoind from the Bitcoin Core source that crate `libbitcoinkernel-sys` carries.
//!
//! The crate is not a dependency: a detached manifest has cargo download it, nothing of it is compiled by cargo.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use narthex_disk::{self as disk, Readers};

use super::locate::{cache_entry, find_bitcoind};
use crate::Error;

const MANIFEST: &str = r#"[package]
name = "bitcoind-source"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
libbitcoinkernel-sys = "=0.4.1"
[workspace]
"#;
/// No wallet, no GUI, no tests: what a regtest node needs, which halves the build.
const CMAKE_OPTIONS: [&str; 8] = [
    "-DBUILD_DAEMON=ON",
    "-DBUILD_CLI=ON",
    "-DENABLE_WALLET=OFF",
    "-DENABLE_IPC=OFF",
    "-DWITH_ZMQ=OFF",
    "-DWITH_EMBEDDED_ASMAP=OFF",
    "-DBUILD_TESTS=OFF",
    "-DBUILD_BENCH=OFF",
];
/// Of the directories that builds work in; the lock file's name is another.
const WORK_PREFIX: &str = "bitcoind-work-";
const TOOLS_HINT: &str = "cmake, ninja, a C++20 compiler and the Boost and libevent headers are needed \
    (Debian: apt-get install g++ cmake ninja-build libboost-dev libevent-dev pkg-config), then try again";

/// The executable that [`find_bitcoind`] finds, or a new one in the user's cache.
///
/// Building takes about ten minutes on two cores and happens once per user; progress goes to standard error.
/// Two processes never build at once: the second waits for the first and takes what it built.
///
/// # Errors
///
/// [`Error::Build`] says which step failed and what to install; [`Error::DaemonTooOld`] as for [`find_bitcoind`].
pub fn ensure_bitcoind() -> Result<PathBuf, Error> {
    match find_bitcoind() {
        Err(Error::NoDaemon { .. }) => {}
        found => return found,
    }
    let entry = cache_entry()?;
    let cache = entry.parent().map(Path::to_owned).unwrap_or_default();
    disk::make_folder(&cache, Readers::Umask)
        .map_err(Error::io(format!("creating {}", cache.display())))?;
    let lock_path = cache.join("bitcoind-build.lock");
    let lock = disk::lock(&lock_path, Readers::Umask)
        .map_err(Error::io(format!("locking {}", lock_path.display())))?;
    if lock.try_lock().is_err() {
        say(format_args!(
            "waiting for another process that builds bitcoind (lock {})",
            lock_path.display()
        ));
        lock.lock()
            .map_err(Error::io(format!("waiting for {}", lock_path.display())))?;
    }
    // Built by the process that held the lock before.
    if !entry.join("bin/bitcoind").is_file() {
        build_into(&cache, &entry)?;
    }
    find_bitcoind()
}

fn build_into(cache: &Path, entry: &Path) -> Result<(), Error> {
    say("no bitcoind found: building Bitcoin Core 31.99 once, about 10 minutes on two cores");
    remove_leftovers(cache);
    // Next to its destination, so that the last step is a rename within one file system: all or nothing.
    let work = disk::temporary_folder(WORK_PREFIX, Some(cache))
        .map_err(Error::io("creating a build directory"))?;
    let source = fetch_source(work.path())?;
    let build = work.path().join("build");
    let mut configure = Command::new("cmake");
    configure
        .arg("-G")
        .arg("Ninja")
        .arg("-S")
        .arg(&source)
        .arg("-B")
        .arg(&build);
    configure
        .arg("-DCMAKE_BUILD_TYPE=Release")
        .args(CMAKE_OPTIONS);
    run("cmake (configure)", &mut configure)?;
    run(
        "cmake (build)",
        Command::new("cmake").arg("--build").arg(&build),
    )?;

    let install = work.path().join("install");
    disk::make_folder(&install.join("bin"), Readers::Umask)
        .map_err(Error::io("creating the install directory"))?;
    for name in ["bitcoind", "bitcoin-cli"] {
        let built = build.join("bin").join(name);
        disk::move_new(&built, &install.join("bin").join(name))
            .map_err(Error::io(format!("moving {}", built.display())))?;
    }
    disk::move_new(&install, entry).map_err(Error::io(format!(
        "moving the build to {}",
        entry.display()
    )))?;
    say(format_args!(
        "bitcoind is ready: {}",
        entry.join("bin/bitcoind").display()
    ));
    Ok(())
}

/// Tells whoever waits. That nobody reads it stops no build.
fn say(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Removes what builds left behind that were killed; the lock says that none is running.
fn remove_leftovers(cache: &Path) {
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten();
    for entry in
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(WORK_PREFIX))
    {
        // In the way of nothing: the next build will try again.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Has cargo download the crate and says where its copy of Bitcoin Core lies.
fn fetch_source(work: &Path) -> Result<PathBuf, Error> {
    let manifest = work.join("Cargo.toml");
    disk::replace(&manifest, MANIFEST.as_bytes(), Readers::Umask)
        .map_err(Error::io("writing a manifest"))?;
    disk::replace(&work.join("lib.rs"), b"", Readers::Umask)
        .map_err(Error::io("writing an empty library"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(
        "cargo fetch",
        Command::new(&cargo)
            .arg("fetch")
            .arg("--manifest-path")
            .arg(&manifest),
    )?;
    let output = Command::new(&cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--manifest-path",
        ])
        .arg(&manifest)
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("running cargo metadata"))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| Error::Build {
            step: "cargo metadata".into(),
            hint: format!("unreadable answer: {error}"),
        })?;
    source_in(&metadata).ok_or_else(|| Error::Build {
        step: "cargo metadata".into(),
        hint: "it names no libbitcoinkernel-sys with Bitcoin Core's source in it".into(),
    })
}

fn source_in(metadata: &serde_json::Value) -> Option<PathBuf> {
    let packages = metadata.get("packages")?.as_array()?;
    let package = packages
        .iter()
        .find(|package| package["name"] == "libbitcoinkernel-sys")?;
    let source = Path::new(package["manifest_path"].as_str()?)
        .parent()?
        .join("bitcoin");
    source.join("CMakeLists.txt").is_file().then_some(source)
}

/// Runs one step with its output shown on standard error.
fn run(step: &str, command: &mut Command) -> Result<(), Error> {
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| Error::Build {
            step: step.into(),
            hint: format!("{error}; {TOOLS_HINT}"),
        })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Build {
        step: step.into(),
        hint: format!("{status}, see its output above; {TOOLS_HINT}"),
    })
}
