//! One suite for every store.

use narthex_channel::log::{Identity, LogError, MemoryDisk, MemoryLog, SqliteLog, suite};
use tempfile::TempDir;

struct Folder(TempDir);

impl suite::Store for Folder {
    type Log = SqliteLog;

    fn empty() -> Self {
        Folder(TempDir::new().unwrap())
    }

    fn open(&self, whose: &Identity) -> Result<SqliteLog, LogError> {
        SqliteLog::open(&self.0.path().join("party/log.sqlite"), whose)
    }
}

struct Memory(MemoryDisk);

impl suite::Store for Memory {
    type Log = MemoryLog;

    fn empty() -> Self {
        Memory(MemoryDisk::default())
    }

    fn open(&self, whose: &Identity) -> Result<MemoryLog, LogError> {
        self.0.open(whose)
    }
}

#[test]
fn in_memory() {
    suite::check::<Memory>(11).unwrap();
}

#[test]
fn in_sqlite() {
    suite::check::<Folder>(12).unwrap();
}
