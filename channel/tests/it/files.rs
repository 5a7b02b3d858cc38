//! What a file is that is not the log it was taken for, and who may read one.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use narthex_channel::log::{Identity, Log, LogError, SqliteLog};
use rusqlite::Connection;
use tempfile::TempDir;

fn whose() -> Identity {
    Identity::new("machine", [1; 32])
}

/// A log of three entries, closed.
fn written() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("party").join("log");
    let mut log = SqliteLog::open(&path, &whose()).unwrap();
    let entries = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    log.append(0, &entries).unwrap();
    (folder, path)
}

fn opened(path: &std::path::Path) -> LogError {
    SqliteLog::open(path, &whose()).unwrap_err()
}

#[test]
fn for_the_owner_alone() {
    let (_folder, path) = written();
    let _open = SqliteLog::open(&path, &whose()).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let mut files = 0;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        files += 1;
    }
    assert!(files >= 2, "the log and its lock");
}

#[test]
fn another_machine_is_named() {
    let (_folder, path) = written();
    for other in [
        Identity::new("machine", [2; 32]),
        Identity::new("other", [1; 32]),
    ] {
        let error = SqliteLog::open(&path, &other).unwrap_err();
        assert!(matches!(error, LogError::Foreign { .. }), "{error}");
        assert!(
            error.to_string().contains("the log of machine 0101"),
            "{error}"
        );
    }
    // Looking changed nothing.
    SqliteLog::open(&path, &whose()).unwrap();
}

#[test]
fn what_is_no_log_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes");
    fs::write(&path, "notes of mine, and none of yours").unwrap();
    let error = opened(&path);
    assert!(error.to_string().contains("notes of mine"), "{error}");
    assert_eq!(
        fs::read(&path).unwrap(),
        b"notes of mine, and none of yours"
    );

    let path = folder.path().join("other.sqlite");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE a (b)")
        .unwrap();
    let error = opened(&path);
    assert!(
        error.to_string().contains("a database of another program"),
        "{error}"
    );
}

#[test]
fn a_later_version_is_named() {
    let (_folder, path) = written();
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 9).unwrap();
    drop(db);
    let error = opened(&path);
    assert!(
        matches!(
            error,
            LogError::Newer {
                found: 9,
                read: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn every_damage_is_found() {
    for damage in [
        "UPDATE entry SET bytes = x'00' WHERE number = 1",
        "UPDATE entry SET digest = zeroblob(32) WHERE number = 2",
        "DELETE FROM entry WHERE number = 0",
        "DELETE FROM entry WHERE number = 1",
        "UPDATE entry SET number = 7 WHERE number = 2",
        "DELETE FROM log",
        "DROP TABLE entry",
    ] {
        let (_folder, path) = written();
        Connection::open(&path)
            .unwrap()
            .execute_batch(damage)
            .unwrap();
        let error = opened(&path);
        assert!(matches!(error, LogError::Torn { .. }), "{damage}: {error}");
    }
}

/// A file that is cut off anywhere is a damaged log or one that was never finished, and never one of other entries.
#[test]
fn a_torn_file_is_found() {
    let (_folder, path) = written();
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 4096);
    for length in (1..whole.len()).step_by(509) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, &whole[..length]).unwrap();
        let error = opened(&path);
        let is_named = matches!(error, LogError::Torn { .. } | LogError::Foreign { .. });
        assert!(is_named, "{length} of {} bytes: {error:?}", whole.len());
    }
}

#[test]
fn bits_that_flip_are_found_or_lie_outside_of_what_was_written() {
    let (_folder, path) = written();
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(61) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("log");
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        if let Ok(mut log) = SqliteLog::open(&path, &whose()) {
            let found = narthex_channel::log::suite::entries(&mut log).unwrap();
            let written = [&b"one"[..], b"two", b"three"];
            assert_eq!(found, written, "byte {at}");
        }
    }
}

#[test]
fn no_planted_link_is_followed() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "").unwrap();
    for name in ["log", "other.lock"] {
        std::os::unix::fs::symlink(&target, folder.path().join(name)).unwrap();
    }
    for name in ["log", "other"] {
        let error = opened(&folder.path().join(name));
        assert!(error.to_string().contains("a link to"), "{error}");
    }
    assert_eq!(fs::read(&target).unwrap(), b"");
}
