//! Logs on disk: an SQLite database each, for the owner alone, one writer at a time.
//!
//! An entry is durable on return because every transaction is: write-ahead log, `synchronous = FULL`. SQLite takes a
//! database as it was after the last whole transaction, so a batch of entries is there or is not. What SQLite does not see,
//! bits that changed on the disk, the digests of `chain` do.

use std::{
    fs::{File, TryLockError},
    io::{self, Read},
    path::Path,
};

use narthex_disk::{Readers, check_folder, lock, make_folder, open_log};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::{Identity, Log, LogError, chain, foreign};

/// `NXLG`: how this program's logs are told from other databases.
const APPLICATION: i64 = 0x4e58_4c47;
/// Of the tables below.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE log (machine TEXT NOT NULL, id BLOB NOT NULL) STRICT;
    CREATE TABLE entry (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
";

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A log in a file.
#[derive(Debug)]
pub struct SqliteLog {
    name: String,
    db: Connection,
    next: u64,
    digest: [u8; 32],
    start: [u8; 32],
    /// Held as long as this is open, and by no other process.
    _lock: File,
}

impl SqliteLog {
    /// The log of a machine in this file, made with its folder if there is none. Both are for their owner alone.
    ///
    /// # Errors
    /// [`LogError`] says what the file is if it is not this log.
    pub fn open(path: &Path, whose: &Identity) -> Result<Self, LogError> {
        let (name, db, held) = open(path, whose)?;
        let start = chain::start(whose);
        let mut log = Self {
            name,
            db,
            next: 0,
            digest: start,
            start,
            _lock: held,
        };
        log.check(whose)?;
        log.read(&mut |_, _| {})?;
        Ok(log)
    }

    /// Makes the tables of a new log, and sees whose one is that was there.
    fn check(&mut self, whose: &Identity) -> Result<(), LogError> {
        let name = self.name.clone();
        let failed = |error| failed(&name, error);
        let pragma = |db: &Connection, what: &str| -> rusqlite::Result<i64> {
            db.pragma_query_value(None, what, |row| row.get(0))
        };
        let application = pragma(&self.db, "application_id").map_err(failed)?;
        let count = "SELECT count(*) FROM sqlite_master";
        let tables: i64 = self
            .db
            .query_row(count, [], |row| row.get(0))
            .map_err(failed)?;
        if application == 0 && tables == 0 {
            return make(&mut self.db, whose).map_err(failed);
        }
        if application != APPLICATION {
            let found = "a database of another program".into();
            return Err(foreign(&name, found, whose));
        }
        let found = pragma(&self.db, "user_version").map_err(failed)?;
        if found > VERSION {
            let read = VERSION;
            return Err(LogError::Newer { name, found, read });
        }
        let row = self.db.query_row("SELECT machine, id FROM log", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 32]>(1)?))
        });
        let (machine, id) = row.map_err(failed)?;
        let found = Identity { machine, id };
        match found == *whose {
            true => Ok(()),
            false => Err(foreign(&name, format!("the log of {found}"), whose)),
        }
    }

    fn torn(&self, problem: String) -> LogError {
        let name = self.name.clone();
        LogError::Torn { name, problem }
    }

    fn failed(&self, error: rusqlite::Error) -> LogError {
        failed(&self.name, error)
    }
}

impl Log for SqliteLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        let mut walk = chain::Walk::from(self.start);
        let query = "SELECT number, bytes, digest FROM entry ORDER BY number";
        let mut select = self.db.prepare(query).map_err(|e| self.failed(e))?;
        let mut rows = select.query([]).map_err(|e| self.failed(e))?;
        while let Some(row) = rows.next().map_err(|e| self.failed(e))? {
            let number: i64 = row.get(0).map_err(|e| self.failed(e))?;
            let bytes: Vec<u8> = row.get(1).map_err(|e| self.failed(e))?;
            let noted: Vec<u8> = row.get(2).map_err(|e| self.failed(e))?;
            let found = walk.entry(number, &bytes, &noted);
            each(found.map_err(|problem| self.torn(problem))?, &bytes);
        }
        drop(rows);
        drop(select);
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

impl SqliteLog {
    /// Writes entries behind number and digest; what stood from there on goes, in the same transaction.
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
        let written = (|| {
            let transaction =
                (self.db).transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let delete = "DELETE FROM entry WHERE number >= ?1";
                if number < next {
                    transaction.execute(delete, params![number.cast_signed()])?;
                }
                let insert = "INSERT INTO entry (number, bytes, digest) VALUES (?1, ?2, ?3)";
                let mut insert = transaction.prepare_cached(insert)?;
                for entry in entries {
                    digest = chain::link(&digest, entry);
                    insert.execute(params![number.cast_signed(), entry, digest])?;
                    number += 1;
                }
            }
            transaction.commit()
        })();
        written.map_err(|error| failed(&self.name, error))?;
        (self.next, self.digest) = (number, digest);
        Ok(())
    }
}

/// Opens or makes a database in a file for the owner alone, and keeps other processes out.
pub(super) fn open(path: &Path, whose: &Identity) -> Result<(String, Connection, File), LogError> {
    let name = path.display().to_string();
    let store = |error: io::Error| LogError::Store {
        name: name.clone(),
        error: error.into(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder, Readers::Owner).map_err(store)?;
    check_folder(folder).map_err(store)?;
    // SQLite follows no link in the name, so that there must be none in the part that the user chose.
    let folder = folder.canonicalize().map_err(store)?;
    let file_name = path
        .file_name()
        .ok_or_else(|| store(io::ErrorKind::InvalidInput.into()))?;
    let path = folder.join(file_name);
    let mut lock_name = path.clone().into_os_string();
    lock_name.push(".lock");
    let held = lock(Path::new(&lock_name), Readers::Owner).map_err(store)?;
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LogError::Busy { name }),
        Err(TryLockError::Error(error)) => return Err(store(error)),
    }
    let found = first_bytes(&mut open_log(&path, Readers::Owner).map_err(store)?);
    if let Some(found) = unlike_sqlite(&found.map_err(store)?) {
        return Err(foreign(&name, found, whose));
    }
    let db = connect(&path).map_err(|error| failed(&name, error))?;
    Ok((name, db, held))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    // The lock file keeps other processes out, so that no memory need be shared with them.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(mode));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    // A schema that somebody else wrote runs nothing.
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

fn make(db: &mut Connection, whose: &Identity) -> rusqlite::Result<()> {
    // In one transaction: a log that was not finished is an empty database, and is made anew.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    let insert = "INSERT INTO log (machine, id) VALUES (?1, ?2)";
    transaction.execute(insert, params![whose.machine, whose.id])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// The first bytes of a file, as many as tell what it is.
fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut found)?;
    Ok(found)
}

/// What a file is that is no database; an empty one is one that was just made.
fn unlike_sqlite(found: &[u8]) -> Option<String> {
    match found.is_empty() || found == MAGIC {
        true => None,
        false => Some(format!(
            "a file that begins with {:?}",
            found.escape_ascii().to_string()
        )),
    }
}

pub(super) fn failed(name: &str, error: rusqlite::Error) -> LogError {
    let name = name.to_owned();
    let problem = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            LogError::Torn { name, problem }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LogError::Busy { name },
        // A column of another type, a row or a table that is not there: none of ours wrote it.
        None | Some(ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
            LogError::Torn { name, problem }
        }
        Some(_) => {
            let error = error.into();
            LogError::Store { name, error }
        }
    }
}
