//! Durable steps: what machines append and a node commits, beside bare transactions of SQLite with the same bytes.

use std::{path::Path, time::Instant};

use anyhow::Context as _;
use narthex::channel::log::{Identity, SqliteShelf};
use narthex_node::party::{AnyLog, DiskStore, Store};
use rusqlite::{Connection, params};

use super::{Measured, by_turns};

/// Bytes of an entry: about what a signed message takes.
const ENTRY: usize = 300;

/// Machines that write in one commit: one that hears something, and a node whose whole batch is written at once.
const GROUPS: [u8; 2] = [1, 16];

pub(super) fn run(folder: &Path, rounds: u32, commits: u32) -> anyhow::Result<Vec<Measured>> {
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        folder.join(number.to_string())
    };
    let mut all = Vec::new();
    for group in GROUPS {
        let mut figures: Vec<_> = (0..rounds).map(|_| fresh()).collect();
        let mut floors: Vec<_> = (0..rounds).map(|_| fresh()).collect();
        let missing = "as many folders as rounds";
        let least = by_turns(
            rounds,
            || steps(&figures.pop().context(missing)?, commits, group),
            || bare(&floors.pop().context(missing)?, commits, group),
        )?;
        let name = format!("store: durable steps, {group} in a commit, {ENTRY} bytes each");
        let count = f64::from(commits) * f64::from(group);
        all.push(Measured::rate(name, count, least));
    }
    Ok(all)
}

/// Seconds of a node's store.
fn steps(folder: &Path, commits: u32, group: u8) -> anyhow::Result<f64> {
    let whose = |number: u8| Identity::new("bench", [number; 32]);
    let shelf = SqliteShelf::open(&folder.join("node.db"), &whose(0))?;
    let mut store = DiskStore::new(shelf, folder.join("contracts"));
    let logs = (0..group).map(|number| store.open(&whose(number)));
    let mut logs: Vec<AnyLog> = logs.collect::<Result<_, _>>()?;
    store.commit()?;
    let entry = [vec![7; ENTRY]];
    let start = Instant::now();
    for next in 0..u64::from(commits) {
        for log in &mut logs {
            log.append(next, &entry)?;
        }
        store.commit()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of SQLite alone, as durable as that.
fn bare(folder: &Path, commits: u32, group: u8) -> anyhow::Result<f64> {
    let db = opened(folder)?;
    let bytes = vec![7_u8; ENTRY * usize::from(group)];
    let start = Instant::now();
    let mut insert = db.prepare("INSERT INTO entry (bytes) VALUES (?1)")?;
    for _ in 0..commits {
        insert.execute(params![bytes])?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A database as a node's is, and nothing else.
fn opened(folder: &Path) -> anyhow::Result<Connection> {
    narthex_disk::make_folder(folder, narthex_disk::Readers::Owner)?;
    let db = Connection::open(folder.join("bare.db"))?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch("CREATE TABLE entry (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")?;
    Ok(db)
}

/// Seconds of so many bare commits of so many rows each, of the usual length.
pub(super) fn bare_rows(folder: &Path, commits: u32, rows: u32) -> anyhow::Result<f64> {
    let db = opened(folder)?;
    let bytes = vec![7_u8; ENTRY];
    let start = Instant::now();
    let mut insert = db.prepare("INSERT INTO entry (bytes) VALUES (?1)")?;
    for _ in 0..commits {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..rows {
            insert.execute(params![bytes])?;
        }
        db.execute_batch("COMMIT")?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of so many bare commits of so many bytes together.
pub(super) fn bare_commits(folder: &Path, commits: u64, bytes: u64) -> anyhow::Result<f64> {
    let count = u32::try_from(commits.max(1)).context("so many commits")?;
    let each = usize::try_from(bytes / u64::from(count))?;
    // By entries of the usual length, as near as that comes.
    let group = u8::try_from((each / ENTRY).clamp(1, 255))?;
    bare(folder, count, group)
}
