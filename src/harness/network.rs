//! What participants send each other, as bytes: whoever reads has nothing of the sender's but what it wrote.

use narthex_base::codec::Message;

use super::{Harness, ScenarioError};

/// Counts what was sent.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) messages: u64,
    pub(super) bytes: u64,
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
        let bytes = message.to_bytes();
        self.network.messages += 1;
        self.network.bytes += bytes.len() as u64;
        M::from_bytes(&bytes).map_err(|error| ScenarioError::Message {
            from: from.into(),
            to: to.into(),
            error,
        })
    }
}
