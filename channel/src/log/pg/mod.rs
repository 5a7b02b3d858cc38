//! A shelf of logs in PostgreSQL: what an [`SqliteShelf`](super::SqliteShelf) is for a node on one machine, this is for several replicas of it, one
//! of which writes ([`PgDoor`]).
//!
//! What is written stays in memory until [`PgShelf::commit`], and goes to the server in one transaction: no row is locked while machines
//! think, and a replica that stops between two commits holds nobody up. A transaction begins by raising the count of the lease, where epoch and
//! token are still this replica's: else another has taken over, and nothing of it is kept ([`LogError::Superseded`]).

mod blobs;
mod lease;
mod migrate;
mod pending;
mod reach;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use ::postgres::{Client, Transaction, fallible_iterator::FallibleIterator};

pub use lease::{PgDoor, PgEntered, PgHolder, PgMark};
pub use reach::{PgAddress, PgError};

use self::{
    lease::{BEAT, Beat, Held, RENEW},
    pending::Pending,
    reach::failed,
};
use super::{Identity, Log, LogError, chain};

const COUNT: &str = "UPDATE lease SET commits = commits + 1, renewed = clock_timestamp() WHERE epoch = $1 AND token = $2 RETURNING commits";

struct Shared {
    name: String,
    client: Held,
    mark: PgMark,
    beat: Beat,
    /// The server has warned of something since this was looked at last.
    warned: Arc<AtomicBool>,
    /// Logs that are not put away, as they are with what is pending. One writes alone, so that they need not be read again.
    logs: BTreeMap<i64, Identity>,
    numbers: HashMap<Identity, i64>,
    /// The highest number that a log was begun with; 0 if none was.
    last: i64,
    pending: Pending,
    /// A write or commit failed: memory is ahead of the database.
    is_broken: bool,
    commits: u64,
    /// Logs that somebody has open.
    open: BTreeSet<i64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:?}", self.name, self.mark)
    }
}

/// Logs in one database, as long as this replica is the one that writes.
#[derive(Clone, Debug)]
pub struct PgShelf(Rc<RefCell<Shared>>);

/// One of them.
#[derive(Debug)]
pub struct PgLog {
    shared: Rc<RefCell<Shared>>,
    number: i64,
    next: u64,
    digest: [u8; 32],
    start: [u8; 32],
}

impl Shared {
    fn busy(&self, whose: &Identity) -> LogError {
        let name = format!("the log of {whose} in {}", self.name);
        LogError::Busy { name }
    }

    fn torn(&self, problem: impl Into<String>) -> LogError {
        let (name, problem) = (self.name.clone(), problem.into());
        LogError::Torn { name, problem }
    }

    /// Number of a log that was begun, put away or not.
    fn number(&mut self, whose: &Identity) -> Result<Option<i64>, LogError> {
        let known = self.numbers.get(whose).copied();
        if let Some(number) = known.or_else(|| self.pending.away(whose)) {
            return Ok(Some(number));
        }
        let fail = |error| failed(&self.name, error);
        let select = "SELECT number FROM log WHERE machine = $1 AND id = $2";
        let id = &whose.id[..];
        let row = self.client.0.query_opt(select, &[&whose.machine, &id]);
        let number = row.map_err(fail)?.map(|row| row.try_get(0)).transpose();
        let number: Option<i64> = number.map_err(fail)?;
        Ok(number.filter(|number| !self.pending.is_removed(*number)))
    }

    fn check(&self) -> Result<(), LogError> {
        let name = self.name.clone();
        if self.beat.is_lost().load(Ordering::SeqCst) {
            return Err(LogError::Superseded { name });
        }
        match self.is_broken {
            true => {
                let error = "an earlier write failed; open it again".into();
                Err(LogError::Store { name, error })
            }
            false => Ok(()),
        }
    }

    /// Writes in one transaction, if this replica may still write.
    fn commit(
        &mut self,
        write: impl FnOnce(&mut Transaction<'_>, &Pending) -> Result<(), ::postgres::Error>,
    ) -> Result<(), LogError> {
        self.check()?;
        let done = self.try_commit(write);
        self.is_broken = done.is_err();
        done
    }

    fn try_commit(
        &mut self,
        write: impl FnOnce(&mut Transaction<'_>, &Pending) -> Result<(), ::postgres::Error>,
    ) -> Result<(), LogError> {
        let name = self.name.clone();
        let fail = |error| failed(&name, error);
        self.warned.store(false, Ordering::SeqCst);
        let start = Instant::now();
        let mut transaction = self.client.0.transaction().map_err(fail)?;
        let epoch = self.mark.epoch.cast_signed();
        let counted = transaction.query_opt(COUNT, &[&epoch, &self.mark.token]);
        let Some(row) = counted.map_err(fail)? else {
            self.beat.is_lost().store(true, Ordering::SeqCst);
            return Err(LogError::Superseded { name });
        };
        let commits: i64 = row.try_get(0).map_err(fail)?;
        write(&mut transaction, &self.pending).map_err(fail)?;
        // Nobody could say meanwhile that this replica is there: the row is locked.
        if start.elapsed() > BEAT {
            let renewed = transaction.execute(RENEW, &[&epoch, &self.mark.token]);
            renewed.map_err(fail)?;
        }
        transaction.commit().map_err(fail)?;
        // So the server says that it has given up waiting for the other one.
        if self.warned.load(Ordering::SeqCst) {
            let error = "PostgreSQL warned over a commit: another server may not have it".into();
            return Err(LogError::Store { name, error });
        }
        self.mark.commits = commits.cast_unsigned();
        self.commits += 1;
        Ok(())
    }
}

impl PgShelf {
    /// What is there, for who has the right to write.
    fn read(
        (name, mut client): (String, Client),
        (mark, beat): (PgMark, Beat),
        warned: Arc<AtomicBool>,
    ) -> Result<PgShelf, LogError> {
        let fail = |error| failed(&name, error);
        let last = client.query_one("SELECT coalesce(max(number), 0) FROM log", &[]);
        let last = last.and_then(|row| row.try_get(0)).map_err(fail)?;
        let select = "SELECT number, machine, id FROM log WHERE NOT away ORDER BY number";
        let rows = client.query(select, &[]);
        let mut logs = BTreeMap::new();
        for row in rows.map_err(fail)? {
            let number: i64 = row.try_get(0).map_err(fail)?;
            let Some(whose) = migrate::identity(&row, 1).map_err(fail)? else {
                let problem = format!("log {number} is of nobody");
                return Err(LogError::Torn { name, problem });
            };
            logs.insert(number, whose);
        }
        let numbers = logs.iter().map(|(number, whose)| (whose.clone(), *number));
        Ok(PgShelf(Rc::new(RefCell::new(Shared {
            numbers: numbers.collect(),
            last,
            name,
            client: Held(client),
            mark,
            beat,
            warned,
            logs,
            pending: Pending::default(),
            is_broken: false,
            commits: 0,
            open: BTreeSet::new(),
        }))))
    }

    /// The log of a machine, begun if there is none.
    ///
    /// # Errors
    /// [`LogError::Busy`] if it is open already; others are the database's.
    pub fn log(&self, whose: &Identity) -> Result<PgLog, LogError> {
        let number = {
            let mut shared = self.0.borrow_mut();
            shared.check()?;
            let number = match shared.number(whose)? {
                Some(number) => number,
                None => {
                    let number = shared.last + 1;
                    shared.last = number;
                    shared.logs.insert(number, whose.clone());
                    shared.numbers.insert(whose.clone(), number);
                    shared.pending.begin(number, whose.clone());
                    number
                }
            };
            if !shared.open.insert(number) {
                return Err(shared.busy(whose));
            }
            number
        };
        let start = chain::start(whose);
        let mut log = PgLog {
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
    pub fn known(&self) -> Vec<Identity> {
        self.0.borrow().logs.values().cloned().collect()
    }

    /// Whether a log was begun, put away or not.
    ///
    /// # Errors
    /// [`LogError`]; the database's.
    pub fn has(&self, whose: &Identity) -> Result<bool, LogError> {
        Ok(self.0.borrow_mut().number(whose)?.is_some())
    }

    /// Puts a log away, or takes it out again; one that was never begun is fine. Who knows its name opens it as before.
    ///
    /// # Errors
    /// [`LogError`]; the database's.
    pub fn put_away(&self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        let mut shared = self.0.borrow_mut();
        shared.check()?;
        let Some(number) = shared.number(whose)? else {
            return Ok(());
        };
        match is_away {
            true => {
                shared.logs.remove(&number);
                shared.numbers.remove(whose);
            }
            false => {
                shared.logs.insert(number, whose.clone());
                shared.numbers.insert(whose.clone(), number);
            }
        }
        shared.pending.put_away(number, whose.clone(), is_away);
        Ok(())
    }

    /// Logs of a kind of machine that are put away, with their numbers, the last begun first: `most` of those before a number, or of all.
    ///
    /// # Errors
    /// [`LogError`]; the database's.
    pub fn away(
        &self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        let mut shared = self.0.borrow_mut();
        let name = shared.name.clone();
        let fail = |error| failed(&name, error);
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let (come, go) = shared.pending.moves(machine);
        let limit = i64::try_from(most.saturating_add(go.len())).unwrap_or(i64::MAX);
        let select = "SELECT machine, id, number FROM log
             WHERE away AND machine = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
        let parameters: [&(dyn ::postgres::types::ToSql + Sync); 3] = [&machine, &before, &limit];
        let rows = shared.client.0.query(select, &parameters).map_err(fail)?;
        let mut all = Vec::new();
        for row in rows {
            let number: i64 = row.try_get(2).map_err(fail)?;
            let whose = migrate::identity(&row, 0).map_err(fail)?;
            let whose = whose.ok_or_else(|| shared.torn(format!("log {number} is of nobody")));
            if !go.contains(&number) {
                all.push((number, whose?));
            }
        }
        all.extend(come.into_iter().filter(|(number, _)| *number < before));
        all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        all.truncate(most);
        let numbered = all
            .into_iter()
            .map(|(number, whose)| (number.cast_unsigned(), whose));
        Ok(numbered.collect())
    }

    /// Forgets a log; one that was never begun is fine.
    ///
    /// # Errors
    /// [`LogError::Busy`] if somebody has it open; others are the database's.
    pub fn remove(&self, whose: &Identity) -> Result<(), LogError> {
        let mut shared = self.0.borrow_mut();
        shared.check()?;
        let Some(number) = shared.number(whose)? else {
            return Ok(());
        };
        if shared.open.contains(&number) {
            return Err(shared.busy(whose));
        }
        shared.numbers.remove(whose);
        shared.logs.remove(&number);
        shared.pending.remove(number);
        Ok(())
    }

    /// Makes durable what was written since the last time, all of it or nothing. Whether there was anything.
    ///
    /// # Errors
    /// [`LogError::Superseded`] if another replica writes now; [`LogError::Store`]. Nothing more is written then, since what machines know in
    /// memory is ahead of this; start again.
    pub fn commit(&self) -> Result<bool, LogError> {
        let mut shared = self.0.borrow_mut();
        shared.check()?;
        if shared.pending.is_empty() {
            return Ok(false);
        }
        shared.commit(|transaction, pending| pending.write(transaction))?;
        shared.pending = Pending::default();
        Ok(true)
    }

    /// How often logs were made durable since it was opened, and long things kept.
    pub fn commits(&self) -> u64 {
        self.0.borrow().commits
    }

    /// How far the database has come: a replica that remembers it knows a database again that went back.
    pub fn mark(&self) -> PgMark {
        self.0.borrow().mark.clone()
    }

    /// Becomes true when this replica hears that another one writes now, which it hears within seconds, whether it writes itself or not.
    pub fn is_superseded(&self) -> Arc<AtomicBool> {
        Arc::clone(self.0.borrow().beat.is_lost())
    }
}

impl Log for PgLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        let shared = &mut *self.shared.borrow_mut();
        let mut walk = chain::Walk::from(self.start);
        let name = shared.name.clone();
        let fail = |error| failed(&name, error);
        // What is pending stands on as many of the others.
        let durable = shared.pending.durable(self.number);
        if durable != Some(0) {
            let query = "SELECT number, bytes, digest FROM entry WHERE log = $1 AND number < $2 ORDER BY number";
            let most = durable.map_or(i64::MAX, u64::cast_signed);
            let parameters: [&(dyn ::postgres::types::ToSql + Sync); 2] = [&self.number, &most];
            let rows = shared.client.0.query_raw(query, parameters);
            let mut rows = rows.map_err(fail)?;
            let torn = |problem| LogError::Torn {
                name: name.clone(),
                problem,
            };
            while let Some(row) = rows.next().map_err(fail)? {
                let number: i64 = row.try_get(0).map_err(fail)?;
                let bytes: &[u8] = row.try_get(1).map_err(fail)?;
                let noted: &[u8] = row.try_get(2).map_err(fail)?;
                each(walk.entry(number, bytes, noted).map_err(torn)?, bytes);
            }
        }
        let (mut next, mut digest) = (walk.next, walk.digest);
        if durable.is_some_and(|durable| durable != next) {
            return Err(shared.torn(format!("entry {next} is missing")));
        }
        for (bytes, linked) in shared.pending.entries(self.number) {
            digest = *linked;
            each(next, bytes);
            next += 1;
        }
        (self.next, self.digest) = (next, digest);
        Ok(next)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(next, (self.next, self.digest), entries)
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(next, (0, self.start), entries)
    }
}

impl Drop for PgLog {
    fn drop(&mut self) {
        self.shared.borrow_mut().open.remove(&self.number);
    }
}

impl PgLog {
    /// Writes entries behind number and digest; what stood from there on goes.
    fn write(
        &mut self,
        next: u64,
        (number, mut digest): (u64, [u8; 32]),
        entries: &[Vec<u8>],
    ) -> Result<(), LogError> {
        if next != self.next {
            let expected = self.next;
            return Err(LogError::Position { expected, next });
        }
        let mut shared = self.shared.borrow_mut();
        shared.check()?;
        if number < next {
            shared.pending.cut(self.number);
        }
        for entry in entries {
            digest = chain::link(&digest, entry);
            shared
                .pending
                .append((self.number, number), entry.clone(), digest);
        }
        self.next = number + entries.len() as u64;
        self.digest = digest;
        Ok(())
    }
}
