//! What participants send each other, as bytes: whoever reads has nothing of the sender's but what it wrote.

use narthex_base::codec::{DecodeError, Message};

use super::{Harness, ScenarioError};

/// Counts what was sent.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Network {
    /// Carries a message: what comes out is what the other side reads.
    ///
    /// # Errors
    /// [`DecodeError`] if it cannot be read.
    pub(crate) fn carry<M: Message>(&mut self, message: &M) -> Result<M, DecodeError> {
        let bytes = message.to_secret_bytes();
        self.messages += 1;
        self.bytes += bytes.len() as u64;
        M::from_bytes(&bytes)
    }
}

impl Harness<'_> {
    /// Sends a message; what comes back is what the other side reads. A scenario withholds a message by not sending it,
    /// and loses one by dropping what was read. Participants without coins are named as the scenario names them.
    ///
    /// # Errors
    /// [`ScenarioError::Message`] if it cannot be read.
    pub fn send<M: Message>(
        &mut self,
        from: &str,
        to: &str,
        message: &M,
    ) -> Result<M, ScenarioError> {
        let read = self.network.carry(message);
        read.map_err(|error| ScenarioError::Message {
            from: from.into(),
            to: to.into(),
            error,
        })
    }
}
