//! A store that fails where it is told to.

use std::cell::Cell;

use super::{Log, LogError};

/// What goes wrong at an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is written: the disk was full.
    Before,
    /// All is written, and nobody is told: killed before the answer came.
    After,
}

/// A log of which one append fails.
#[derive(Debug)]
pub struct FailingLog<L> {
    inner: L,
    /// Appends before the one that fails.
    left: Cell<u32>,
    fault: Fault,
}

impl<L> FailingLog<L> {
    /// A log whose append number `at` fails, from 0.
    pub const fn new(inner: L, at: u32, fault: Fault) -> Self {
        let left = Cell::new(at);
        Self { inner, left, fault }
    }
}

impl<L: Log> Log for FailingLog<L> {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        self.inner.read(each)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(|inner| inner.append(next, entries))
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.write(|inner| inner.replace(next, entries))
    }
}

impl<L: Log> FailingLog<L> {
    /// Writes, or fails if it is this one that fails.
    fn write(
        &mut self,
        write: impl FnOnce(&mut L) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left > 0 {
            return write(&mut self.inner);
        }
        // Once: what comes after it is as good as before.
        self.left.set(u32::MAX);
        if self.fault == Fault::After {
            write(&mut self.inner)?;
        }
        Err(LogError::Store {
            name: "a log that fails".into(),
            error: format!("as it was told to, {:?} writing", self.fault).into(),
        })
    }
}
