//! One suite for every store.

use narthex_channel::log::{
    Identity, Log, LogError, MemoryDisk, MemoryLog, ShelfLog, SqliteLog, SqliteShelf, suite,
};
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

/// A log among others.
struct Shelf(SqliteShelf, #[allow(dead_code)] TempDir);

fn shelf(folder: &TempDir) -> SqliteShelf {
    let path = folder.path().join("party/shelf");
    SqliteShelf::open(&path, &Identity::new("node", [1; 32])).unwrap()
}

impl suite::Store for Shelf {
    type Log = ShelfLog;

    fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        Shelf(shelf(&folder), folder)
    }

    fn open(&self, whose: &Identity) -> Result<ShelfLog, LogError> {
        let mut other = self.0.log(&Identity::new("other", [9; 32]))?;
        let next = other.read(&mut |_, _| {})?;
        other.append(next, &[b"between".to_vec()])?;
        self.0.commit()?;
        self.0.log(whose)
    }
}

impl suite::Shelf for Shelf {
    type Log = ShelfLog;

    fn empty() -> Self {
        suite::Store::empty()
    }

    fn again(self) -> Self {
        let Shelf(old, folder) = self;
        drop(old);
        Shelf(shelf(&folder), folder)
    }

    fn open(&mut self, whose: &Identity) -> Result<ShelfLog, LogError> {
        self.0.log(whose)
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        self.0.known()
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        self.0.has(whose)
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        self.0.remove(whose)
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        self.0.put_away(whose, is_away)
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        self.0.away(machine, before, most)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.0.commit().map(drop)
    }
}

#[test]
fn in_a_shelf() {
    suite::check::<Shelf>(13).unwrap();
    suite::check_shelf::<Shelf>().unwrap();
}

/// A shelf of the version before, which has nothing away, goes on; and a newer one is not read.
#[test]
fn a_shelf_of_the_version_before_is_renewed() {
    let folder = TempDir::new().unwrap();
    let whose = [1, 2].map(|byte| Identity::new("machine", [byte; 32]));
    {
        let shelf = shelf(&folder);
        for whose in &whose {
            shelf.log(whose).unwrap().append(0, &[vec![7]]).unwrap();
        }
        shelf.commit().unwrap();
    }
    let path = folder.path().join("party/shelf");
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(sql).unwrap();
    };
    change(
        "DROP INDEX known; DROP INDEX away; ALTER TABLE log DROP COLUMN away; PRAGMA user_version = 1",
    );
    {
        let shelf = shelf(&folder);
        assert_eq!(shelf.known().unwrap(), whose);
        shelf.put_away(&whose[0], true).unwrap();
        shelf.commit().unwrap();
    }
    let shelf = shelf(&folder);
    assert_eq!(shelf.known().unwrap(), whose[1..]);
    assert_eq!(
        suite::entries(&mut shelf.log(&whose[0]).unwrap()).unwrap(),
        [[7]]
    );
    drop(shelf);
    change("PRAGMA user_version = 3");
    let newer = SqliteShelf::open(&path, &Identity::new("node", [1; 32])).unwrap_err();
    assert!(
        matches!(
            newer,
            LogError::Newer {
                found: 3,
                read: 2,
                ..
            }
        ),
        "{newer}"
    );
}

#[test]
fn a_shelf_has_what_was_committed_of_all_logs_or_nothing() {
    let folder = TempDir::new().unwrap();
    let whose = [1, 2].map(|byte| Identity::new("machine", [byte; 32]));
    let one = || vec![b"one".to_vec()];
    {
        let shelf = shelf(&folder);
        let mut logs = whose.each_ref().map(|whose| shelf.log(whose).unwrap());
        logs.iter_mut()
            .for_each(|log| log.append(0, &one()).unwrap());
        assert!(shelf.commit().unwrap());
        assert!(!shelf.commit().unwrap());
        assert_eq!(shelf.commits(), 1);
        // Written in both, and durable in neither.
        logs.iter_mut()
            .for_each(|log| log.append(1, &one()).unwrap());
    }
    let shelf = shelf(&folder);
    let entries =
        |shelf: &SqliteShelf, whose| suite::entries(&mut shelf.log(whose).unwrap()).unwrap();
    assert_eq!(
        whose.each_ref().map(|whose| entries(&shelf, whose).len()),
        [1, 1]
    );
    assert_eq!(shelf.known().unwrap(), whose);
    // A log that is forgotten is not there, and begins anew.
    let held = shelf.log(&whose[0]).unwrap();
    assert!(matches!(
        shelf.remove(&whose[0]),
        Err(LogError::Busy { .. })
    ));
    drop(held);
    shelf.remove(&whose[0]).unwrap();
    shelf.commit().unwrap();
    assert_eq!(shelf.known().unwrap(), whose[1..]);
    assert_eq!(entries(&shelf, &whose[0]).len(), 0);
    assert_eq!(entries(&shelf, &whose[1]).len(), 1);
}

#[test]
fn a_shelf_is_its_nodes_and_no_log() {
    let folder = TempDir::new().unwrap();
    drop(shelf(&folder));
    let path = folder.path().join("party/shelf");
    let other = SqliteShelf::open(&path, &Identity::new("node", [2; 32])).unwrap_err();
    assert!(matches!(other, LogError::Foreign { .. }), "{other}");
    let log = SqliteLog::open(&path, &Identity::new("node", [1; 32])).unwrap_err();
    assert!(matches!(log, LogError::Foreign { .. }), "{log}");
    let held = shelf(&folder);
    let second = SqliteShelf::open(&path, &Identity::new("node", [1; 32])).unwrap_err();
    assert!(matches!(second, LogError::Busy { .. }), "{second}");
    drop(held);
    // A byte that changed on the disk is found.
    let shelf = shelf(&folder);
    let whose = Identity::new("machine", [1; 32]);
    shelf
        .log(&whose)
        .unwrap()
        .append(0, &[vec![7; 50]])
        .unwrap();
    shelf.commit().unwrap();
    drop(shelf);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("UPDATE entry SET bytes = x'00'", []).unwrap();
    drop(db);
    let shelf = self::shelf(&folder);
    let torn = shelf.log(&whose).unwrap_err();
    assert!(matches!(torn, LogError::Torn { .. }), "{torn}");
}

#[test]
fn in_memory() {
    suite::check::<Memory>(11).unwrap();
}

#[test]
fn in_sqlite() {
    suite::check::<Folder>(12).unwrap();
}
