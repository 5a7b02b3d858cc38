//! What takes as long as the job: done on the spot, or in a thread beside.

use std::thread::{self, JoinHandle};

use super::LifeError;

/// Something that is computed once, and kept in memory: a process that ends computes it again.
#[derive(Default)]
pub(super) enum Long<T> {
    /// Nobody has asked for it.
    #[default]
    Idle,
    /// It is computed.
    Running(JoinHandle<Result<T, LifeError>>),
    /// It is there.
    Done(T),
}

impl<T: Send + 'static> Long<T> {
    /// It, if it is there. Whoever asks first has it begun, and waits for it unless it is done aside.
    pub(super) fn get(
        &mut self,
        is_aside: bool,
        work: impl FnOnce() -> Result<T, LifeError> + Send + 'static,
    ) -> Result<Option<&T>, LifeError> {
        *self = match std::mem::take(self) {
            Long::Idle if is_aside => {
                let thread = thread::Builder::new().name("works".into());
                Long::Running(thread.spawn(work)?)
            }
            Long::Idle => Long::Done(work()?),
            Long::Running(thread) if thread.is_finished() => {
                // It panicked: a defect of this program, as wherever else it would have.
                let done = thread.join();
                Long::Done(done.map_err(|_| LifeError::Order("work that was done"))??)
            }
            other => other,
        };
        Ok(self.known())
    }

    /// It, if it is there.
    pub(super) const fn known(&self) -> Option<&T> {
        match self {
            Long::Done(known) => Some(known),
            Long::Idle | Long::Running(_) => None,
        }
    }
}
