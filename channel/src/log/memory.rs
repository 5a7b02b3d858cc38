//! Logs in memory, for tests and for what need not outlive its process.

use std::{
    cell::{RefCell, RefMut},
    collections::HashMap,
    rc::Rc,
};

use super::{Identity, Log, LogError};

type Entries = Rc<RefCell<Vec<Vec<u8>>>>;

/// A disk in memory: what was appended stays when the log is dropped. Copies are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Rc<RefCell<HashMap<Identity, Entries>>>);

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    name: String,
    entries: Entries,
}

impl MemoryDisk {
    /// The log of a machine, made if there is none.
    ///
    /// # Errors
    /// [`LogError::Busy`] if it is open already.
    pub fn open(&self, whose: &Identity) -> Result<MemoryLog, LogError> {
        let mut logs = self.0.borrow_mut();
        let entries = logs.entry(whose.clone()).or_default();
        let name = format!("the log of {whose} in memory");
        if Rc::strong_count(entries) > 1 {
            return Err(LogError::Busy { name });
        }
        let entries = Rc::clone(entries);
        Ok(MemoryLog { name, entries })
    }
}

impl MemoryLog {
    /// A log that is gone when it is dropped.
    pub fn forgetful() -> Self {
        Self {
            name: "a log in memory".into(),
            entries: Entries::default(),
        }
    }

    /// The entries, to be changed by who knows how many there are.
    fn at(&self, next: u64) -> Result<RefMut<'_, Vec<Vec<u8>>>, LogError> {
        // One who reads in the middle of a write is a defect, and no reason to end the process.
        let Ok(entries) = self.entries.try_borrow_mut() else {
            let name = self.name.clone();
            return Err(LogError::Busy { name });
        };
        match entries.len() as u64 {
            expected if next != expected => Err(LogError::Position { expected, next }),
            _ => Ok(entries),
        }
    }
}

impl Log for MemoryLog {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        let entries = self.entries.borrow();
        for (number, entry) in (0u64..).zip(entries.iter()) {
            each(number, entry);
        }
        Ok(entries.len() as u64)
    }

    fn append(&mut self, next: u64, new: &[Vec<u8>]) -> Result<(), LogError> {
        self.at(next)?.extend_from_slice(new);
        Ok(())
    }

    fn replace(&mut self, next: u64, new: &[Vec<u8>]) -> Result<(), LogError> {
        *self.at(next)? = new.to_vec();
        Ok(())
    }
}
