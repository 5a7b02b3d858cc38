//! Finds a bitcoind that is new enough.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::probe::FIRST_MAJOR as MIN_MAJOR_VERSION;

/// What the build puts into the cache: Bitcoin Core 31.99 as carried by `libbitcoinkernel-sys` 0.4.1.
const CACHE_ENTRY: &str = "bitcoind-31.99-k0.4.1";

/// The executable to use, if there is one: `BITCOIND_EXE`, then `bitcoind` on `PATH`, then the one that was built
/// into the user's cache.
///
/// # Errors
///
/// [`Error::NoDaemon`] when there is none, [`Error::DaemonTooOld`] when the one that was named or found first can't
/// play TRUC packages: a surprise is better told than worked around.
pub fn find_bitcoind() -> Result<PathBuf, Error> {
    let cached = cache_entry()?.join("bin/bitcoind");
    let path = std::env::var_os("BITCOIND_EXE")
        .map(PathBuf::from)
        .or_else(on_path)
        .or_else(|| cached.is_file().then(|| cached.clone()))
        .ok_or_else(|| Error::NoDaemon {
            looked_at: format!("BITCOIND_EXE, PATH, {}", cached.display()),
        })?;
    check_version(&path)?;
    Ok(path)
}

/// Directory of the daemon that this crate builds, inside the user's cache: `NARTHEX_CACHE`, or `narthex` in
/// `XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn cache_entry() -> Result<PathBuf, Error> {
    let cache = narthex_disk::cache_folder().ok_or_else(|| Error::NoDaemon {
        looked_at: "no cache directory: set NARTHEX_CACHE or HOME".into(),
    })?;
    Ok(cache.join(CACHE_ENTRY))
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join("bitcoind"))
        .find(|file| file.is_file())
}

fn check_version(path: &Path) -> Result<(), Error> {
    // Even to say its version, a daemon reads and writes settings in its data directory: not in the user's.
    let directory = narthex_disk::temporary_folder("narthex-version-", None).map_err(Error::io(
        "creating a directory to ask bitcoind for its version",
    ))?;
    let output = Command::new(path)
        .arg(format!("-datadir={}", directory.path().display()))
        .args(["-nosettings", "-version"])
        .output()
        .map_err(Error::io(format!(
            "asking {} for its version (is BITCOIND_EXE right?)",
            path.display()
        )))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = major_version(&text).ok_or_else(|| Error::Daemon {
        what: format!(
            "{} -version says {:?}, which names no version",
            path.display(),
            text.lines().next()
        ),
    })?;
    if found < MIN_MAJOR_VERSION {
        return Err(Error::DaemonTooOld {
            path: path.to_owned(),
            found,
            needed: MIN_MAJOR_VERSION,
        });
    }
    Ok(())
}

/// `31` in `Bitcoin Core daemon version v31.99.0-...`.
fn major_version(text: &str) -> Option<u32> {
    let (_, rest) = text.lines().next()?.split_once("version v")?;
    rest.split('.').next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn version_lines_are_read() {
        assert_eq!(
            major_version("Bitcoin Core daemon version v31.99.0-unk bitcoind\nCopyright"),
            Some(31)
        );
        assert_eq!(major_version("Bitcoin Core version v0.21.1"), Some(0));
        assert_eq!(major_version("something else"), None);
    }

    #[test]
    fn a_daemon_before_29_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let fake = directory.path().join("bitcoind");
        std::fs::write(&fake, "#!/bin/sh\necho 'Bitcoin Core version v28.1.0'\n").unwrap();
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = check_version(&fake).unwrap_err();
        assert!(
            matches!(
                error,
                Error::DaemonTooOld {
                    found: 28,
                    needed: 29,
                    ..
                }
            ),
            "{error}"
        );
    }
}
