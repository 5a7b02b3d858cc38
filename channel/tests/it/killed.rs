//! A process that is killed while it writes: what it was told is durable is there, and nothing by halves.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use narthex_channel::log::{Identity, Log, ShelfLog, SqliteLog, SqliteShelf, suite};
use tempfile::TempDir;

/// Set in the process that writes.
const PATH: &str = "NARTHEX_TEST_WRITER";

fn open(path: &Path) -> SqliteLog {
    SqliteLog::open(path, &Identity::new("killed", [5; 32])).unwrap()
}

/// Entries of the batch that begins with this number, of different lengths.
fn batch(next: u64) -> Vec<Vec<u8>> {
    (next..next + 3)
        .map(|number| vec![number as u8; number as usize % 700])
        .collect()
}

/// Two logs of a shelf: each event is in both, or in neither.
#[test]
fn events_of_a_shelf_are_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shelf");
    let mut last = 0;
    for lines in [1, 2, 3, 5, 8, 1] {
        let durable = killed_after("killed::shelf_writer", SHELF, &path, lines);
        assert!(durable > last, "{durable} after {last}");
        let shelf = shelf(&path);
        let found = LOGS.map(|byte| suite::entries(&mut log_of(&shelf, byte)).unwrap());
        assert!(
            found[0] == found[1],
            "{} and {} entries",
            found[0].len(),
            found[1].len()
        );
        last = found[0].len() as u64;
        assert!(last >= durable, "{last} of {durable} entries are left");
    }
}

const SHELF: &str = "NARTHEX_TEST_SHELF_WRITER";
const LOGS: [u8; 2] = [1, 2];

fn shelf(path: &Path) -> SqliteShelf {
    SqliteShelf::open(path, &Identity::new("killed", [5; 32])).unwrap()
}

fn log_of(shelf: &SqliteShelf, byte: u8) -> ShelfLog {
    shelf.log(&Identity::new("machine", [byte; 32])).unwrap()
}

/// The other process, of a shelf.
#[test]
fn shelf_writer() {
    let Some(path) = env::var_os(SHELF) else {
        return;
    };
    let shelf = shelf(Path::new(&path));
    let mut logs = LOGS.map(|byte| log_of(&shelf, byte));
    let mut next = logs[0].read(&mut |_, _| {}).unwrap();
    loop {
        for log in &mut logs {
            log.append(next, &batch(next)).unwrap();
        }
        shelf.commit().unwrap();
        next += 3;
        println!("durable {next}");
    }
}

/// What the other process had said to be durable when it was killed.
fn killed_after(test: &str, variable: &str, path: &Path, lines: usize) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(variable, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = said.filter_map(|line| {
        let line = line.unwrap();
        let (_, number) = line.split_once("durable ")?;
        Some(number.parse::<u64>().unwrap())
    });
    let durable = said.take(lines).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    durable
}

/// The other process: writes batches until it is killed, and says how many entries are durable.
#[test]
fn writer() {
    let Some(path) = env::var_os(PATH) else {
        return;
    };
    let mut log = open(Path::new(&path));
    let mut next = log.read(&mut |_, _| {}).unwrap();
    loop {
        log.append(next, &batch(next)).unwrap();
        next += 3;
        println!("durable {next}");
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let mut last = 0;
    for lines in [1, 2, 3, 5, 8, 13, 1, 1] {
        let durable = killed_after("killed::writer", PATH, &path, lines);
        assert!(durable > last, "{durable} after {last}");

        let mut log = open(&path);
        let found = suite::entries(&mut log).unwrap();
        last = found.len() as u64;
        assert!(last >= durable, "{last} of {durable} entries are left");
        let whole: Vec<_> = (0..last).step_by(3).flat_map(batch).collect();
        assert!(
            found == whole,
            "{last} entries, and not those that were written"
        );
    }
}
