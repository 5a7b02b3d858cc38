//! A participant's machine: a script gives it inputs, and a crash is its log opened anew.

use narthex_base::codec::Message;
use narthex_channel::{
    Logged, OpenError, StepError, Tabled,
    log::{Identity, LogError, MemoryDisk, MemoryLog},
};

use super::{Refusal, ScenarioError, refusals};

refusals!(OpenError, LogError);

/// A machine with its log, in memory. What goes down comes back from the log alone.
pub(crate) struct Side<M> {
    whose: Identity,
    disk: MemoryDisk,
    logged: Logged<M, MemoryLog>,
}

impl<M> Side<M>
where
    M: Tabled + Default,
    M::Change: Message,
    M::Error: Refusal,
{
    /// A new machine of the contract with this id.
    ///
    /// # Errors
    /// [`ScenarioError::Refused`] if its log cannot be opened.
    pub(crate) fn new(id: [u8; 32]) -> Result<Side<M>, ScenarioError> {
        let (whose, disk) = (Identity::new(M::NAME, id), MemoryDisk::default());
        let logged = Logged::open(M::default(), disk.open(&whose)?)?;
        Ok(Side {
            whose,
            disk,
            logged,
        })
    }

    /// Gives the machine an input. What it asks for then is [`Side::pending`] too.
    ///
    /// # Errors
    /// [`ScenarioError::Refused`], with the machine's own words; nothing has changed.
    pub(crate) fn step(&mut self, input: &M::Input) -> Result<Vec<M::Effect>, ScenarioError> {
        self.logged.step(input).map_err(|error| match error {
            StepError::Refused(error) => error.into(),
            StepError::Log(error) => error.into(),
            StepError::Uncertain => ScenarioError::broken("a log in memory that failed"),
        })
    }

    /// What is to be done as it stands.
    pub(crate) fn pending(&self) -> Vec<M::Effect> {
        self.logged.pending()
    }

    /// The machine.
    pub(crate) fn machine(&self) -> &M {
        self.logged.machine()
    }

    /// It goes down, and comes back from its log.
    ///
    /// # Errors
    /// [`ScenarioError::Refused`] if the log does not give it back.
    pub(crate) fn reopen(&mut self) -> Result<(), ScenarioError> {
        // A log has one holder: the machine lets go of it before it is opened anew.
        self.logged = Logged::open(M::default(), MemoryLog::forgetful())?;
        self.logged = Logged::open(M::default(), self.disk.open(&self.whose)?)?;
        Ok(())
    }
}
