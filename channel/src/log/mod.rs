//! Logs: entries behind each other, durable when [`Log::append`] returns.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod chain;
#[cfg(any(feature = "testing", feature = "toy"))]
mod failing;
mod memory;
#[cfg(feature = "postgres")]
mod pg;
#[cfg(feature = "sqlite")]
mod shelf;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "testing")]
pub mod suite;

#[cfg(any(feature = "testing", feature = "toy"))]
pub use failing::{FailingLog, Fault};
pub use memory::{MemoryDisk, MemoryLog};
#[cfg(feature = "postgres")]
pub use pg::{PgAddress, PgDoor, PgEntered, PgError, PgHolder, PgLog, PgMark, PgShelf};
#[cfg(feature = "sqlite")]
pub use shelf::{ShelfLog, SqliteShelf};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLog;

/// An append-only list of entries of one machine. Whoever holds it is its only writer.
pub trait Log {
    /// Gives every entry with its number, from 0, and says how many there are.
    ///
    /// # Errors
    /// [`LogError::Torn`] if they are not those that were appended; [`LogError::Store`].
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError>;

    /// Appends entries, all or none of them, the first with number `next`. They are durable on return.
    ///
    /// # Errors
    /// [`LogError::Position`] if another number is next: nothing is appended. [`LogError::Store`]: it is not known whether
    /// they are durable, but either all of them are or none.
    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError>;

    /// Puts these entries in the place of all that there are, the first with number 0: a summary of them. Durable on return.
    ///
    /// # Errors
    /// [`LogError::Position`] unless there are `next` entries: nothing changes. [`LogError::Store`]: the log has the old
    /// entries or the new ones, all of either.
    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError>;
}

impl<L: Log + ?Sized> Log for Box<L> {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        (**self).read(each)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        (**self).append(next, entries)
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        (**self).replace(next, entries)
    }
}

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Name of the machine.
    pub machine: String,
    /// Which one of its kind: id of a dispute, of a party's bank.
    pub id: [u8; 32],
}

impl Identity {
    /// A machine of this name and id.
    pub fn new(machine: impl Into<String>, id: [u8; 32]) -> Self {
        let machine = machine.into();
        Self { machine, id }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use bitcoin::hex::DisplayHex;
        write!(f, "{} {}", self.machine, self.id.as_hex())
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn foreign(name: &str, found: String, expected: &Identity) -> LogError {
    LogError::Foreign {
        name: name.into(),
        found,
        expected: expected.clone(),
    }
}

/// Why a log does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another process has it open.
    #[error("{name} is in use by another process; wait until it has ended")]
    Busy {
        /// Which log.
        name: String,
    },
    /// Another process of the same party has taken over: this one writes nothing more.
    #[error(
        "another replica writes to {name} now; this one ends, and waits for its turn when it is started again"
    )]
    Superseded {
        /// Which log.
        name: String,
    },
    /// It is no log, or of another machine. The fault of whoever named it.
    #[error("{name} is {found}, not the log of {expected}")]
    Foreign {
        /// Which log.
        name: String,
        /// What it is.
        found: String,
        /// Whose it was to be.
        expected: Identity,
    },
    /// It was written by a later version of this program.
    #[error(
        "{name} is a log of version {found}; this program reads version {read}: use the one that wrote it"
    )]
    Newer {
        /// Which log.
        name: String,
        /// Its version.
        found: i64,
        /// The version that is read.
        read: i64,
    },
    /// Its bytes are not those that were written.
    #[error("{name} is damaged: {problem}; put back a whole copy, the latest there is")]
    Torn {
        /// Which log.
        name: String,
        /// What was found.
        problem: String,
    },
    /// The caller counts otherwise than the log.
    #[error("entry {next} was to be appended where entry {expected} is due")]
    Position {
        /// The number that is next.
        expected: u64,
        /// The caller's.
        next: u64,
    },
    /// The system does not read or write: a disk that is full or broken, a lack of rights.
    #[error("{name} cannot be read or written: {error}")]
    Store {
        /// Which log.
        name: String,
        /// What the system says.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}
