//! A machine and its log: written first, applied then, carried out last.

use std::fmt;

use narthex_base::codec::{DecodeError, Message};

use crate::{
    Machine, Step, Summary,
    log::{Log, LogError},
};

/// A machine whose every change is durable before anything follows from it.
#[derive(Debug)]
pub struct Logged<M, L> {
    machine: M,
    log: L,
    /// Number of the next entry.
    next: u64,
    /// An append failed: the log may hold what the machine does not know.
    is_uncertain: bool,
}

impl<M, L> Logged<M, L>
where
    M: Machine,
    M::Change: Message,
    L: Log,
{
    /// The machine as the log left it. `machine` is a new one. What is to be done is [`Logged::pending`]: a process that
    /// was killed may have done it or not.
    ///
    /// # Errors
    /// [`OpenError`] if the log cannot be read, or holds anything but changes of such a machine.
    pub fn open(mut machine: M, mut log: L) -> Result<Self, OpenError> {
        let mut bad = None;
        let next = log.read(&mut |entry, bytes| {
            if bad.is_some() {
                return;
            }
            match M::Change::from_bytes(bytes) {
                Ok(change) => machine.apply(&change),
                Err(error) => bad = Some(OpenError::Change { entry, error }),
            }
        })?;
        match bad {
            Some(error) => Err(error),
            None => Ok(Self {
                machine,
                log,
                next,
                is_uncertain: false,
            }),
        }
    }

    /// Takes an input. Its changes are durable when this returns, and its effects may be carried out.
    ///
    /// # Errors
    /// [`StepError::Refused`] if the machine does not take it, and nothing has happened. [`StepError::Log`] if the changes
    /// may not be durable: no effect is handed out, and no further input taken until the log is opened anew.
    pub fn step(&mut self, input: &M::Input) -> Result<Vec<M::Effect>, StepError<M::Error>> {
        if self.is_uncertain {
            return Err(StepError::Uncertain);
        }
        let Step { changes, effects } = self.machine.step(input).map_err(StepError::Refused)?;
        if changes.is_empty() {
            return Ok(effects);
        }
        let records: Vec<_> = changes.iter().map(Message::to_bytes).collect();
        self.append(&records)?;
        for change in &changes {
            self.machine.apply(change);
        }
        Ok(effects)
    }

    /// Puts a summary in the place of the log, if that is shorter by this many entries; whether it did. The log is then as if
    /// the machine had come here at once, and goes on from there.
    ///
    /// # Errors
    /// [`LogError`] if it may not be durable: the log has all that it had or the summary, and no input is taken until it is
    /// opened anew.
    pub fn compact(&mut self, shorter: u64) -> Result<bool, LogError>
    where
        M: Summary,
    {
        let records: Vec<_> = self
            .machine
            .summary()
            .iter()
            .map(Message::to_bytes)
            .collect();
        let count = records.len() as u64;
        if self.is_uncertain || self.next.saturating_sub(count) < shorter.max(1) {
            return Ok(false);
        }
        self.is_uncertain = true;
        self.log.replace(self.next, &records)?;
        self.is_uncertain = false;
        self.next = count;
        Ok(true)
    }

    /// Takes several inputs with one write: what came together, or while the last write was under way. Each is taken or refused
    /// by itself; of what was taken all is durable, or none. An effect that a later one of them has settled is not handed out.
    ///
    /// # Errors
    /// [`StepError::Log`], [`StepError::Uncertain`], as [`Logged::step`]; refusals stand in the list.
    pub fn step_all<'i>(
        &mut self,
        inputs: impl IntoIterator<Item = &'i M::Input>,
    ) -> Result<Taken<M>, StepError<M::Error>>
    where
        M: Clone,
        M::Input: 'i,
        M::Effect: PartialEq,
    {
        if self.is_uncertain {
            return Err(StepError::Uncertain);
        }
        // What is not durable yet is not shown.
        let mut ahead = self.machine.clone();
        let (mut records, mut effects, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (number, input) in inputs.into_iter().enumerate() {
            match ahead.step(input) {
                Err(error) => refused.push((number, error)),
                Ok(step) => {
                    for change in &step.changes {
                        records.push(change.to_bytes());
                        ahead.apply(change);
                    }
                    effects.extend(step.effects);
                }
            }
        }
        if !records.is_empty() {
            self.append(&records)?;
            self.machine = ahead;
        }
        let due = self.machine.pending();
        effects.retain(|effect| due.contains(effect));
        Ok(Taken { effects, refused })
    }

    /// Until it is known that they are durable, nothing more is taken.
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), LogError> {
        self.is_uncertain = true;
        self.log.append(self.next, records)?;
        self.is_uncertain = false;
        self.next += records.len() as u64;
        Ok(())
    }

    /// The machine as it stands on disk.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Number of changes in the log.
    pub const fn changes(&self) -> u64 {
        self.next
    }

    /// What is to be done as it stands.
    pub fn pending(&self) -> Vec<M::Effect> {
        self.machine.pending()
    }
}

/// What became of several inputs.
pub struct Taken<M: Machine> {
    /// To be carried out.
    pub effects: Vec<M::Effect>,
    /// Which of them were refused, by their number from 0, and why.
    pub refused: Vec<(usize, M::Error)>,
}

impl<M: Machine<Effect: fmt::Debug, Error: fmt::Debug>> fmt::Debug for Taken<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("effects", &self.effects)
            .field("refused", &self.refused)
            .finish()
    }
}

/// Why a machine does not come back from its log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry is whole and is no change of this machine: another version of this program wrote it.
    #[error("entry {entry} of the log is no change of this machine: {error}")]
    Change {
        /// Its number, from 0.
        entry: u64,
        /// What is wrong.
        error: DecodeError,
    },
}

/// Why an input has no effects.
#[derive(Debug)]
pub enum StepError<E> {
    /// The machine does not take it: nothing has happened.
    Refused(E),
    /// Its changes may not be durable. The fault of this computer.
    Log(LogError),
    /// Something before it may not be durable: open the log anew.
    Uncertain,
}

impl<E> From<LogError> for StepError<E> {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl<E: fmt::Display> fmt::Display for StepError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Uncertain => f.write_str(
                "an earlier write failed, so it is not known how far the log goes; start again",
            ),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for StepError<E> {}
