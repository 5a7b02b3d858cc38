//! Where logs are, and long things beside them.

use std::{cell::RefCell, collections::BTreeMap, io, path::PathBuf, rc::Rc};

use narthex::{
    bitcoin::hex::DisplayHex,
    life::{Blobs, FolderBlobs, MemoryBlobs},
};
use narthex_channel::log::{Identity, Log, LogError, MemoryDisk, SqliteShelf};

/// A log of whatever store.
pub type AnyLog = Box<dyn Log>;

/// The logs of one node. What is written is durable when [`Store::commit`] returns, and nothing that follows from it leaves the
/// node before.
pub trait Store {
    /// The log of a machine, begun if there is none.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError>;

    /// Whose logs there are that are not put away.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn known(&mut self) -> Result<Vec<Identity>, LogError>;

    /// Whether a log was begun, put away or not.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn has(&mut self, whose: &Identity) -> Result<bool, LogError>;

    /// Puts a log away, or takes it out again: it is not among those known then, so that no start looks at it, and who knows its name opens it as
    /// before. One that was never begun is fine.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError>;

    /// Logs of a kind of machine that are put away, with their numbers, the last begun first: `most` of those before a number, or of all.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError>;

    /// Forgets a log that nobody has open.
    ///
    /// # Errors
    /// [`LogError`]; this computer's fault.
    fn remove(&mut self, whose: &Identity) -> Result<(), LogError>;

    /// Makes durable what was written since the last time, all of it or nothing.
    ///
    /// # Errors
    /// [`LogError`]: the node ends, and starts from what is durable.
    fn commit(&mut self) -> Result<(), LogError>;

    /// How often that was necessary.
    fn commits(&self) -> u64;

    /// Where a contract has its long things. They are durable as soon as they are kept.
    ///
    /// # Errors
    /// The system's.
    fn blobs(&mut self, contract: &[u8; 32]) -> io::Result<Box<dyn Blobs>>;
}

/// Logs in one database, long things in a folder for each contract.
#[derive(Debug)]
pub struct DiskStore {
    shelf: SqliteShelf,
    blobs: PathBuf,
}

impl DiskStore {
    /// From both; the folder is made when there is something to keep in it.
    pub const fn new(shelf: SqliteShelf, blobs: PathBuf) -> DiskStore {
        DiskStore { shelf, blobs }
    }
}

impl Store for DiskStore {
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
        Ok(Box::new(self.shelf.log(whose)?))
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        self.shelf.known()
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        self.shelf.has(whose)
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        self.shelf.put_away(whose, is_away)
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        self.shelf.away(machine, before, most)
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        self.shelf.remove(whose)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.shelf.commit().map(drop)
    }

    fn commits(&self) -> u64 {
        self.shelf.commits()
    }

    fn blobs(&mut self, contract: &[u8; 32]) -> io::Result<Box<dyn Blobs>> {
        narthex_disk::make_folder(&self.blobs, narthex_disk::Readers::Owner)?;
        let folder = self.blobs.join(contract.to_lower_hex_string());
        Ok(Box::new(FolderBlobs::open(&folder)?))
    }
}

/// A store in memory: for tests, and for what need not outlive its process. Copies are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    disk: MemoryDisk,
    /// By their numbers, with whether they are away.
    known: Rc<RefCell<BTreeMap<u64, (Identity, bool)>>>,
    blobs: Rc<RefCell<BTreeMap<[u8; 32], MemoryBlobs>>>,
    commits: u64,
}

impl Store for MemoryStore {
    fn open(&mut self, whose: &Identity) -> Result<AnyLog, LogError> {
        let log = self.disk.open(whose)?;
        let mut known = self.known.borrow_mut();
        if known.values().all(|(known, _)| known != whose) {
            let next = known.last_key_value().map_or(1, |(last, _)| last + 1);
            known.insert(next, (whose.clone(), false));
        }
        Ok(Box::new(log))
    }

    fn known(&mut self) -> Result<Vec<Identity>, LogError> {
        let known = self.known.borrow();
        let here = known.values().filter(|(_, is_away)| !is_away);
        Ok(here.map(|(whose, _)| whose.clone()).collect())
    }

    fn has(&mut self, whose: &Identity) -> Result<bool, LogError> {
        Ok(self
            .known
            .borrow()
            .values()
            .any(|(known, _)| known == whose))
    }

    fn put_away(&mut self, whose: &Identity, is_away: bool) -> Result<(), LogError> {
        let mut known = self.known.borrow_mut();
        for (_, place) in known.values_mut().filter(|(known, _)| known == whose) {
            *place = is_away;
        }
        Ok(())
    }

    fn away(
        &mut self,
        machine: &str,
        before: Option<u64>,
        most: usize,
    ) -> Result<Vec<(u64, Identity)>, LogError> {
        let known = self.known.borrow();
        let all = known.range(..before.unwrap_or(u64::MAX)).rev();
        let away = all.filter(|(_, (whose, is_away))| *is_away && whose.machine == machine);
        let away = away.map(|(number, (whose, _))| (*number, whose.clone()));
        Ok(away.take(most).collect())
    }

    fn remove(&mut self, whose: &Identity) -> Result<(), LogError> {
        // It stays empty where it is.
        let mut log = self.disk.open(whose)?;
        let next = log.read(&mut |_, _| {})?;
        log.replace(next, &[])?;
        let mut known = self.known.borrow_mut();
        known.retain(|_, (known, _)| known != whose);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        self.commits += 1;
        Ok(())
    }

    fn commits(&self) -> u64 {
        self.commits
    }

    fn blobs(&mut self, contract: &[u8; 32]) -> io::Result<Box<dyn Blobs>> {
        let mut all = self.blobs.borrow_mut();
        Ok(Box::new(all.entry(*contract).or_default().clone()))
    }
}

enum Place {
    Memory(Vec<Vec<u8>>),
    Store(AnyLog),
}

/// A log that is in memory until it is worth a place on disk: of whoever connects and says nothing of interest nothing
/// is left.
#[derive(Clone)]
pub(super) struct LateLog(Rc<RefCell<Place>>);

impl LateLog {
    pub(super) fn in_memory() -> LateLog {
        LateLog(Rc::new(RefCell::new(Place::Memory(Vec::new()))))
    }

    pub(super) fn stored(log: AnyLog) -> LateLog {
        LateLog(Rc::new(RefCell::new(Place::Store(log))))
    }

    pub(super) fn is_stored(&self) -> bool {
        matches!(*self.0.borrow(), Place::Store(_))
    }

    /// Goes on in a log, with all that was written so far.
    pub(super) fn store(&self, mut log: AnyLog) -> Result<(), LogError> {
        let mut place = self.0.borrow_mut();
        if let Place::Memory(entries) = &*place {
            let next = log.read(&mut |_, _| {})?;
            log.replace(next, entries)?;
            *place = Place::Store(log);
        }
        Ok(())
    }
}

impl Log for LateLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        match &mut *self.0.borrow_mut() {
            Place::Store(log) => log.read(each),
            Place::Memory(entries) => {
                for (number, entry) in (0..).zip(&*entries) {
                    each(number, entry);
                }
                Ok(entries.len() as u64)
            }
        }
    }

    fn append(&mut self, next: u64, new: &[Vec<u8>]) -> Result<(), LogError> {
        match &mut *self.0.borrow_mut() {
            Place::Store(log) => log.append(next, new),
            Place::Memory(entries) => {
                check(entries, next)?;
                entries.extend_from_slice(new);
                Ok(())
            }
        }
    }

    fn replace(&mut self, next: u64, new: &[Vec<u8>]) -> Result<(), LogError> {
        match &mut *self.0.borrow_mut() {
            Place::Store(log) => log.replace(next, new),
            Place::Memory(entries) => {
                check(entries, next)?;
                *entries = new.to_vec();
                Ok(())
            }
        }
    }
}

const fn check(entries: &[Vec<u8>], next: u64) -> Result<(), LogError> {
    let expected = entries.len() as u64;
    match expected == next {
        true => Ok(()),
        false => Err(LogError::Position { expected, next }),
    }
}
