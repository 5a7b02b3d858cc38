//! A shelf in PostgreSQL: the suite of every store, what a server must be set to, and one writer at a time.

use std::{
    cell::RefCell,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use narthex_channel::log::{
    Identity, Log, LogError, PgAddress, PgDoor, PgEntered, PgError, PgHolder, PgLog, PgMark,
    PgShelf, suite,
};

use crate::postgres::{PASSWORD, Postgres};

fn node() -> Identity {
    Identity::new("node", [1; 32])
}

fn address(server: &Postgres, database: &str) -> PgAddress {
    let address = server.address(database);
    PgAddress::new(&address, Some(PASSWORD.as_bytes()), false).unwrap()
}

fn door(server: &Postgres, database: &str) -> Result<PgDoor, PgError> {
    PgDoor::open(address(server, database), &node(), 1)
}

/// A replica of this name tries to write.
fn tries(door: PgDoor, name: &str) -> Result<(PgShelf, PgMark), (Box<PgDoor>, PgHolder)> {
    let token = [name.as_bytes()[0]; 32];
    match door.enter(name, token).unwrap() {
        PgEntered::Writes(shelf, before) => Ok((shelf, before)),
        PgEntered::Waits(door, holder) => Err((door, holder)),
    }
}

/// It writes as soon as the server has seen that whoever did is gone.
fn enters(server: &Postgres, database: &str, name: &str) -> (PgShelf, PgMark) {
    let (mut door, start) = (door(server, database).unwrap(), Instant::now());
    loop {
        match tries(door, name) {
            Ok(entered) => return entered,
            Err((again, holder)) => {
                assert!(start.elapsed() < Duration::from_secs(5), "{holder:?}");
                door = *again;
            }
        }
    }
}

/// As if the writer had been silent for an hour.
const QUIET: &str = "UPDATE lease SET renewed = renewed - interval '1 hour'";

/// It takes over from one whose session stands.
fn overtakes(mut door: PgDoor, name: &str, sql: &mut ::postgres::Client) -> (PgShelf, PgMark) {
    loop {
        sql.batch_execute(QUIET).unwrap();
        // The other may have said something in between.
        match tries(door, name) {
            Ok(entered) => return entered,
            Err((again, _)) => door = *again,
        }
    }
}

thread_local! {
    /// The server of this test, where stores begin empty.
    static EMPTY: RefCell<Option<Box<dyn Fn() -> PgShelf>>> = const { RefCell::new(None) };
}

thread_local! {
    /// The same server, where one goes on that another has left.
    static AGAIN: RefCell<Option<Box<dyn Fn() -> PgShelf>>> = const { RefCell::new(None) };
}

/// A log among others.
struct Shelf(PgShelf);

impl suite::Shelf for Shelf {
    type Log = PgLog;

    fn empty() -> Self {
        suite::Store::empty()
    }

    fn again(self) -> Self {
        drop(self);
        Shelf(AGAIN.with_borrow(|again| again.as_ref().unwrap()()))
    }

    fn open(&mut self, whose: &Identity) -> Result<PgLog, LogError> {
        self.0.log(whose)
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        Ok(self.0.known())
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

impl suite::Store for Shelf {
    type Log = PgLog;

    fn empty() -> Self {
        Shelf(EMPTY.with_borrow(|empty| empty.as_ref().unwrap()()))
    }

    fn open(&self, whose: &Identity) -> Result<PgLog, LogError> {
        let mut other = self.0.log(&Identity::new("other", [9; 32]))?;
        let next = other.read(&mut |_, _| {})?;
        other.append(next, &[b"between".to_vec()])?;
        self.0.commit()?;
        self.0.log(whose)
    }
}

fn entries(shelf: &PgShelf, whose: &Identity) -> Vec<Vec<u8>> {
    suite::entries(&mut shelf.log(whose).unwrap()).unwrap()
}

#[test]
fn in_postgres() {
    let server = std::rc::Rc::new(Postgres::start());
    let shared = std::rc::Rc::clone(&server);
    let empty = move || enters(&shared, &shared.database(), "suite").0;
    EMPTY.set(Some(Box::new(empty)));
    let checked = suite::check::<Shelf>(14);
    let (one, shared) = (server.database(), std::rc::Rc::clone(&server));
    let again = move || enters(&shared, &one, "suite").0;
    let first = again.clone();
    EMPTY.set(Some(Box::new(first)));
    AGAIN.set(Some(Box::new(again)));
    let shelved = suite::check_shelf::<Shelf>();
    EMPTY.set(None);
    AGAIN.set(None);
    checked.unwrap();
    shelved.unwrap();

    // What was committed of all logs, or nothing.
    let name = server.database();
    let whose = [1, 2].map(|byte| Identity::new("machine", [byte; 32]));
    let one = || vec![b"one".to_vec()];
    {
        let (shelf, before) = enters(&server, &name, "first");
        assert_eq!(before, PgMark::default());
        let mut logs = whose.each_ref().map(|whose| shelf.log(whose).unwrap());
        logs.iter_mut()
            .for_each(|log| log.append(0, &one()).unwrap());
        assert!(shelf.commit().unwrap());
        assert!(!shelf.commit().unwrap());
        assert_eq!(shelf.commits(), 1);
        // Written in both, and durable in neither; read as if it were.
        logs.iter_mut()
            .for_each(|log| log.append(1, &one()).unwrap());
        assert_eq!(suite::entries(&mut logs[0]).unwrap().len(), 2);
    }
    let (shelf, before) = enters(&server, &name, "second");
    assert_eq!(
        (before.epoch, before.commits, before.token),
        (1, 1, vec![b'f'; 32])
    );
    assert_eq!(shelf.mark().epoch, 2);
    for whose in &whose {
        assert_eq!(entries(&shelf, whose).len(), 1);
    }
    assert_eq!(shelf.known(), whose);
    // A log that is forgotten is not there, and begins anew; also before that is durable.
    let held = shelf.log(&whose[1]).unwrap();
    assert!(matches!(
        shelf.remove(&whose[1]),
        Err(LogError::Busy { .. })
    ));
    drop(held);
    shelf.remove(&whose[1]).unwrap();
    assert_eq!(entries(&shelf, &whose[1]).len(), 0);
    shelf
        .log(&whose[1])
        .unwrap()
        .append(0, &[b"anew".to_vec()])
        .unwrap();
    shelf.commit().unwrap();
    shelf.remove(&whose[0]).unwrap();
    shelf.commit().unwrap();
    assert_eq!(shelf.known(), whose[1..]);
    // Long things: of several pieces, of none, and the same twice.
    let long: Vec<u8> = (0..9 << 20).map(|at: u32| (at / 7) as u8).collect();
    for (hash, bytes) in [([5; 32], &long[..]), ([6; 32], b""), ([5; 32], &long)] {
        shelf.keep(&[7; 32], &hash, bytes).unwrap();
        assert_eq!(shelf.kept(&[7; 32], &hash).unwrap().as_deref(), Some(bytes));
    }
    assert_eq!(shelf.kept(&[8; 32], &[5; 32]).unwrap(), None);
    drop(shelf);

    // Whose it is, what it is, and that a byte changed on the disk.
    let other = Identity::new("node", [2; 32]);
    let error = PgDoor::open(address(&server, &name), &other, 1).unwrap_err();
    assert!(
        matches!(error, PgError::Log(LogError::Foreign { .. })),
        "{error}"
    );
    let mut sql = server.client(&name);
    sql.batch_execute("UPDATE entry SET bytes = '\\x00'")
        .unwrap();
    let torn = enters(&server, &name, "third")
        .0
        .log(&whose[1])
        .unwrap_err();
    assert!(matches!(torn, LogError::Torn { .. }), "{torn}");
    sql.batch_execute("INSERT INTO migration VALUES (99)")
        .unwrap();
    let newer = door(&server, &name).unwrap_err();
    let is_newer = matches!(newer, PgError::Log(LogError::Newer { found: 99, .. }));
    assert!(is_newer, "{newer}");
    let name = server.database();
    server
        .client(&name)
        .batch_execute("CREATE TABLE invoice (sum int)")
        .unwrap();
    let error = door(&server, &name).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn one_replica_writes_and_who_was_overtaken_commits_nothing() {
    let server = Postgres::start();
    let name = server.database();
    let whose = Identity::new("machine", [1; 32]);
    let (first, _) = enters(&server, &name, "first");
    let mut log = first.log(&whose).unwrap();
    log.append(0, &[b"one".to_vec()]).unwrap();
    first.commit().unwrap();
    let waits = door(&server, &name).unwrap();
    let (waits, holder) = tries(waits, "second").unwrap_err();
    assert_eq!(holder.name, "first");
    // It is heard of again and again.
    std::thread::sleep(Duration::from_secs(3));
    let (waits, holder) = tries(*waits, "second").unwrap_err();
    assert!(holder.silent_s < 3, "{holder:?}");
    // Somebody stands still with the row in hand: nobody waits for that for ever, and nobody is overtaken.
    let mut sql = server.client(&name);
    sql.batch_execute(QUIET).unwrap();
    let mut held = sql.transaction().unwrap();
    held.batch_execute("SELECT FROM lease FOR UPDATE").unwrap();
    let (waits, _) = tries(*waits, "second").unwrap_err();
    held.rollback().unwrap();
    // As one that was paused: it has not said anything for long, its session stands, and it is in the middle of something.
    log.append(1, &[b"two".to_vec()]).unwrap();
    let (second, before) = overtakes(*waits, "second", &mut sql);
    assert_eq!((before.epoch, before.commits), (1, 1));
    let kept = first.keep(&[7; 32], &[5; 32], b"long");
    assert!(matches!(kept, Err(LogError::Superseded { .. })), "{kept:?}");
    let late = first.commit();
    assert!(matches!(late, Err(LogError::Superseded { .. })), "{late:?}");
    // Nor what it writes later.
    assert!(log.append(2, &[b"three".to_vec()]).is_err());
    assert_eq!(entries(&second, &whose), [b"one".to_vec()]);
    assert_eq!(second.kept(&[7; 32], &[5; 32]).unwrap(), None);
    let mut log = second.log(&whose).unwrap();
    log.append(1, &[b"deux".to_vec()]).unwrap();
    assert!(second.commit().unwrap());
    assert_eq!(second.mark().commits, 2);
    // Who writes nothing hears of it too.
    let (third, _) = overtakes(door(&server, &name).unwrap(), "third", &mut sql);
    let (heard, start) = (second.is_superseded(), Instant::now());
    while !heard.load(Ordering::SeqCst) {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    let nothing = second.commit();
    assert!(
        matches!(nothing, Err(LogError::Superseded { .. })),
        "{nothing:?}"
    );
    // Whose session ends is gone at once, and cannot write either.
    let ends =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'narthex'";
    sql.query(ends, &[]).unwrap();
    let (fourth, before) = enters(&server, &name, "fourth");
    assert_eq!(before.epoch, 3);
    third.log(&whose).unwrap_err();
    let mut log = fourth.log(&whose).unwrap();
    assert_eq!(suite::entries(&mut log).unwrap().len(), 2);
    log.append(2, &[b"quatre".to_vec()]).unwrap();

    // A commit for which the other server is waited for in vain is none, though the server calls it one with a warning.
    server.set("synchronous_standby_names", "nobody");
    let gives_up = std::thread::spawn(move || {
        let waiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        while sql.query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let given_up = fourth.commit();
    assert!(
        matches!(given_up, Err(LogError::Store { .. })),
        "{given_up:?}"
    );
    assert!(given_up.unwrap_err().to_string().contains("another server"));
    assert!(fourth.commit().is_err());
    gives_up.join().unwrap();
}

#[test]
fn a_server_that_may_lose_a_commit_is_refused() {
    let server = Postgres::start();
    let name = server.database();
    drop(door(&server, &name).unwrap());
    let opens = |replicas| {
        let opened = PgDoor::open(address(&server, &name), &node(), replicas);
        opened.map(drop).map_err(|error| error.to_string())
    };
    let refused = |replicas, setting: &str, value: &str| {
        let why = opens(replicas).unwrap_err();
        assert!(why.contains(&format!("{setting} is {value:?}")), "{why}");
    };
    // As it is installed: durable here, and on no other server.
    opens(1).unwrap();
    refused(2, "synchronous_standby_names", "");
    for (commit, one, two) in [
        ("off", false, false),
        ("local", true, false),
        ("remote_write", true, true),
        ("remote_apply", true, true),
    ] {
        server.set("synchronous_commit", commit);
        match one {
            true => opens(1).unwrap(),
            false => refused(1, "synchronous_commit", commit),
        }
        match two {
            true => refused(2, "synchronous_standby_names", ""),
            false => refused(2, "synchronous_commit", commit),
        }
    }
    server.set("synchronous_standby_names", "ANY 1 (b, c)");
    opens(2).unwrap();
    server.set("fsync", "off");
    refused(1, "fsync", "off");
}

#[test]
fn an_address_is_of_this_machine_and_has_no_password() {
    let new = |text: &str, elsewhere| PgAddress::new(text, Some(b"secret"), elsewhere);
    for text in [
        "postgres://a@/b?host=/run/postgresql",
        "postgres://a@localhost/b",
        "postgres://a@127.0.0.1:5433,localhost/b",
        "host=/run/postgresql user=a",
        "host=db.example hostaddr=127.0.0.1 user=a",
    ] {
        let address = new(text, false).unwrap();
        assert!(!format!("{address:?}").contains("secret"));
    }
    for text in [
        "postgres://a@db.example/b",
        "postgres://a@localhost,10.0.0.1/b",
        "host=localhost hostaddr=10.0.0.1 user=a",
    ] {
        let error = new(text, false).unwrap_err();
        assert!(matches!(error, PgError::Elsewhere { .. }), "{error}");
        new(text, true).unwrap();
    }
    for (text, is_password) in [
        ("postgres://a:hunter2@localhost/b", true),
        ("host=localhost user=a password=hunter2", true),
        ("postgres://a:hunter2@local host/b?x", false),
        ("postgres:///b", false),
        ("postgres://localhost/b", false),
        ("hunter2", false),
    ] {
        let error = new(text, true).unwrap_err();
        assert_eq!(
            matches!(error, PgError::Password),
            is_password,
            "{text}: {error}"
        );
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
