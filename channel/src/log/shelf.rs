//! Logs of many machines in one database: what several of them write in answer to one event becomes durable at once.
//!
//! A log of its own is durable when [`Log::append`] returns. One of a shelf is durable when [`SqliteShelf::commit`] returns,
//! with all others that were written since the last: whoever drives the machines hands out nothing that follows from an
//! entry (a message, a transaction) before that. Then a process that is killed, or a disk that fails, has all of an
//! event or nothing of it; and the price of a party that talks to many is a commit an event and not one an entry.

use std::{cell::RefCell, collections::BTreeSet, fs::File, path::Path, rc::Rc};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Identity, Log, LogError, chain, foreign,
    sqlite::{failed, open},
};

/// `NXSF`: how this program's shelves are told from other databases.
const APPLICATION: i64 = 0x4e58_5346;
/// Of the tables below, with [`AWAY`].
const VERSION: i64 = 2;

const TABLES: &str = "
    CREATE TABLE shelf (machine TEXT NOT NULL, id BLOB NOT NULL) STRICT;
    CREATE TABLE log (number INTEGER PRIMARY KEY, machine TEXT NOT NULL, id BLOB NOT NULL, UNIQUE (machine, id)) STRICT;
    CREATE TABLE entry (log INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, digest BLOB NOT NULL,
        PRIMARY KEY (log, number)) STRICT, WITHOUT ROWID;
";

/// What version 1 had not: logs that are put away, so that those that are not are found without looking through them.
const AWAY: &str = "
    ALTER TABLE log ADD COLUMN away INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX known ON log (number) WHERE away = 0;
    CREATE INDEX away ON log (machine, number) WHERE away = 1;
";

#[derive(Debug)]
struct Shared {
    name: String,
    db: Connection,
    /// A transaction is open: something was written that is not durable.
    is_writing: bool,
    /// A write or commit failed: memory is ahead of the disk.
    is_broken: bool,
    commits: u64,
    /// Logs that somebody has open.
    open: BTreeSet<i64>,
    /// Held as long as this is open, and by no other process.
    _lock: File,
}

/// Logs in one file.
#[derive(Clone, Debug)]
pub struct SqliteShelf(Rc<RefCell<Shared>>);

/// One of them.
#[derive(Debug)]
pub struct ShelfLog {
    shared: Rc<RefCell<Shared>>,
    number: i64,
    next: u64,
    digest: [u8; 32],
    start: [u8; 32],
}

impl Shared {
    fn fail(&mut self, error: rusqlite::Error) -> LogError {
        self.is_broken = true;
        failed(&self.name, error)
    }

    /// Before the first write since the last commit.
    fn begin(&mut self) -> Result<(), LogError> {
        if self.is_broken {
            return Err(LogError::Store {
                name: self.name.clone(),
                error: "an earlier write failed; open it again".into(),
            });
        }
        if !self.is_writing {
            let begun = self.db.execute_batch("BEGIN IMMEDIATE");
            begun.map_err(|error| self.fail(error))?;
            self.is_writing = true;
        }
        Ok(())
    }

    fn write(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), LogError> {
        self.begin()?;
        write(&self.db).map_err(|error| self.fail(error))
    }
}

impl SqliteShelf {
    /// The shelf in this file, made with its folder if there is none. Both are for their owner alone.
    ///
    /// # Errors
    /// [`LogError`] says what the file is if it is not this shelf.
    pub fn open(path: &Path, whose: &Identity) -> Result<SqliteShelf, LogError> {
        let (name, db, lock) = open(path, whose)?;
        let fail = |error| failed(&name, error);
        let pragma = |what: &str| -> rusqlite::Result<i64> {
            db.pragma_query_value(None, what, |row| row.get(0))
        };
        let application = pragma("application_id").map_err(fail)?;
        let tables: i64 = db
            .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
            .map_err(fail)?;
        if application == 0 && tables == 0 {
            make(&db, whose).map_err(fail)?;
        } else if application != APPLICATION {
            let found = "a database of another program".into();
            return Err(foreign(&name, found, whose));
        }
        let found = pragma("user_version").map_err(fail)?;
        if found > VERSION {
            let read = VERSION;
            return Err(LogError::Newer { name, found, read });
        }
        if found < VERSION {
            renew(&db).map_err(fail)?;
        }
        let found = db.query_row("SELECT machine, id FROM shelf", [], identity);
        let found = found.map_err(fail)?;
        if found != *whose {
            return Err(foreign(&name, format!("the shelf of {found}"), whose));
        }
        Ok(SqliteShelf(Rc::new(RefCell::new(Shared {
            name,
            db,
            is_writing: false,
            is_broken: false,
            commits: 0,
            open: BTreeSet::new(),
            _lock: lock,
        }))))
    }

    /// The log of a machine, begun if there is none.
    ///
    /// # Errors
    /// [`LogError::Busy`] if it is open already; others are the disk's.
    pub fn log(&self, whose: &Identity) -> Result<ShelfLog, LogError> {
        let number = {
            let mut shared = self.0.borrow_mut();
            match shared.number(whose)? {
                Some(number) => number,
                None => {
                    shared.write(|db| {
                        let insert = "INSERT INTO log (machine, id) VALUES (?1, ?2)";
                        db.execute(insert, params![whose.machine, whose.id])
                            .map(drop)
                    })?;
                    shared.db.last_insert_rowid()
                }
            }
        };
        if !self.0.borrow_mut().open.insert(number) {
            let name = format!("the log of {whose} in {}", self.0.borrow().name);
            return Err(LogError::Busy { name });
        }
        let start = chain::start(whose);
        let mut log = ShelfLog {
            shared: Rc::clone(&self.0),
            number,
            next: 0,
            digest: start,
            start,
        };
        log.read(&mut |_, _| {})?;
        Ok(log)
    }

    /// Whose logs there are that are not put away, in the order in which they were begun.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn known(&self) -> Result<Vec<Identity>, LogError> {
        let shared = self.0.borrow();
        let read = || -> rusqlite::Result<Vec<Identity>> {
            let mut select = shared
                .db
                .prepare("SELECT machine, id FROM log WHERE away = 0 ORDER BY number")?;
            select.query_map([], identity)?.collect()
        };
        read().map_err(|error| failed(&shared.name, error))
    }

    /// Whether a log was begun, put away or not.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn has(&self, whose: &Identity) -> Result<bool, LogError> {
        Ok(self.0.borrow().number(whose)?.is_some())
    }

    /// Puts a log away, or takes it out again; one that was never begun is fine. Who knows its name opens it as before.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn put_away(&self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        let mut shared = self.0.borrow_mut();
        let Some(number) = shared.number(whose)? else {
            return Ok(());
        };
        let update = "UPDATE log SET away = ?2 WHERE number = ?1";
        shared.write(|db| {
            let mut update = db.prepare_cached(update)?;
            update.execute(params![number, is_away]).map(drop)
        })
    }

    /// Logs of a kind of machine that are put away, with their numbers, the last begun first: `most` of those before a number, or of all.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn away(
        &self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        let shared = self.0.borrow();
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<(u64, Identity)>> {
            let mut select = shared.db.prepare_cached(
                "SELECT machine, id, number FROM log
                 WHERE away = 1 AND machine = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
            )?;
            let numbered = |row: &rusqlite::Row<'_>| {
                let number: i64 = row.get(2)?;
                Ok((number.cast_unsigned(), identity(row)?))
            };
            select
                .query_map(params![machine, before, most], numbered)?
                .collect()
        };
        read().map_err(|error| failed(&shared.name, error))
    }

    /// Forgets a log; one that was never begun is fine.
    ///
    /// # Errors
    /// [`LogError::Busy`] if somebody has it open; others are the disk's.
    pub fn remove(&self, whose: &Identity) -> Result<(), LogError> {
        let mut shared = self.0.borrow_mut();
        let Some(number) = shared.number(whose)? else {
            return Ok(());
        };
        if shared.open.contains(&number) {
            let name = format!("the log of {whose} in {}", shared.name);
            return Err(LogError::Busy { name });
        }
        shared.write(|db| {
            db.execute("DELETE FROM entry WHERE log = ?1", [number])?;
            db.execute("DELETE FROM log WHERE number = ?1", [number])
                .map(drop)
        })
    }

    /// Makes durable what was written since the last time, all of it or nothing. Whether there was anything.
    ///
    /// # Errors
    /// [`LogError::Store`]: nothing more is written, since what machines know in memory is ahead of this; start again.
    pub fn commit(&self) -> Result<bool, LogError> {
        let mut shared = self.0.borrow_mut();
        // One write of several may have failed.
        if shared.is_broken {
            return shared.begin().map(|()| false);
        }
        if !shared.is_writing {
            return Ok(false);
        }
        let committed = shared.db.execute_batch("COMMIT");
        committed.map_err(|error| shared.fail(error))?;
        shared.is_writing = false;
        shared.commits += 1;
        Ok(true)
    }

    /// How often something was made durable since it was opened.
    pub fn commits(&self) -> u64 {
        self.0.borrow().commits
    }
}

impl Shared {
    fn number(&self, whose: &Identity) -> Result<Option<i64>, LogError> {
        let read = || {
            let select = "SELECT number FROM log WHERE machine = ?1 AND id = ?2";
            let mut select = self.db.prepare_cached(select)?;
            select.query_row(params![whose.machine, whose.id], |row| row.get(0))
        };
        read().optional().map_err(|error| failed(&self.name, error))
    }
}

fn identity(row: &rusqlite::Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        machine: row.get(0)?,
        id: row.get(1)?,
    })
}

fn make(db: &Connection, whose: &Identity) -> rusqlite::Result<()> {
    // In one transaction: a shelf that was not finished is an empty database, and is made anew.
    db.execute_batch("BEGIN IMMEDIATE")?;
    db.execute_batch(TABLES)?;
    db.execute_batch(AWAY)?;
    let insert = "INSERT INTO shelf (machine, id) VALUES (?1, ?2)";
    db.execute(insert, params![whose.machine, whose.id])?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", VERSION)?;
    db.execute_batch("COMMIT")
}

/// Makes of a shelf of version 1 what it is now, all of it or nothing.
fn renew(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    db.execute_batch(AWAY)?;
    db.pragma_update(None, "user_version", VERSION)?;
    db.execute_batch("COMMIT")
}

impl Log for ShelfLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        let shared = self.shared.borrow();
        let name = shared.name.clone();
        let fail = |error| failed(&name, error);
        let torn = |problem: String| LogError::Torn {
            name: name.clone(),
            problem,
        };
        let mut walk = chain::Walk::from(self.start);
        let query = "SELECT number, bytes, digest FROM entry WHERE log = ?1 ORDER BY number";
        let mut select = shared.db.prepare_cached(query).map_err(fail)?;
        let mut rows = select.query([self.number]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let number: i64 = row.get(0).map_err(fail)?;
            let bytes: Vec<u8> = row.get(1).map_err(fail)?;
            let noted: Vec<u8> = row.get(2).map_err(fail)?;
            each(walk.entry(number, &bytes, &noted).map_err(torn)?, &bytes);
        }
        (self.next, self.digest) = (walk.next, walk.digest);
        Ok(self.next)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(next, (self.next, self.digest), entries)
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(next, (0, self.start), entries)
    }
}

impl Drop for ShelfLog {
    fn drop(&mut self) {
        self.shared.borrow_mut().open.remove(&self.number);
    }
}

impl ShelfLog {
    /// Writes entries behind number and digest; what stood from there on goes.
    fn write(
        &mut self,
        next: u64,
        (mut number, mut digest): (u64, [u8; 32]),
        entries: &[Vec<u8>],
    ) -> Result<(), LogError> {
        if next != self.next {
            let expected = self.next;
            return Err(LogError::Position { expected, next });
        }
        let log = self.number;
        self.shared.borrow_mut().write(|db| {
            if number < next {
                let delete = "DELETE FROM entry WHERE log = ?1 AND number >= ?2";
                db.execute(delete, params![log, number.cast_signed()])?;
            }
            let insert = "INSERT INTO entry (log, number, bytes, digest) VALUES (?1, ?2, ?3, ?4)";
            let mut insert = db.prepare_cached(insert)?;
            for entry in entries {
                digest = chain::link(&digest, entry);
                insert.execute(params![log, number.cast_signed(), entry, digest])?;
                number += 1;
            }
            Ok(())
        })?;
        (self.next, self.digest) = (number, digest);
        Ok(())
    }
}
