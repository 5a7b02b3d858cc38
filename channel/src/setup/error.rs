//! Why an input of a set-up is refused, and by whose fault.

use narthex_contracts::party::PartyName;

use super::MAX_ATTEMPTS;

/// Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupRefusal {
    /// The message is from nobody of the negotiation. The fault of whoever sent or carried it.
    #[error("{party} takes no part in this negotiation")]
    Stranger {
        /// Who.
        party: PartyName,
    },
    /// Only another party sends or takes such a message. The sender's fault.
    #[error("{from} sent {message} to {to}, which is not of its part")]
    NotItsPart {
        /// Sender.
        from: PartyName,
        /// Oneself.
        to: PartyName,
        /// Name of the message.
        message: &'static str,
    },
    /// The message is longer than any of its kind. The sender's fault.
    #[error("{from} sent {message} of {given} bytes; at most {limit} are taken")]
    TooLong {
        /// Sender.
        from: PartyName,
        /// Name of the message.
        message: &'static str,
        /// Its bytes.
        given: usize,
        /// Most bytes.
        limit: usize,
    },
    /// The message has another length than the terms give it. The sender's fault; it may still send the right one.
    #[error("{from} sent {message} of {given} bytes; by the terms there are {wanted}")]
    Length {
        /// Sender.
        from: PartyName,
        /// Name of the message.
        message: &'static str,
        /// Its bytes.
        given: usize,
        /// The bytes that there must be.
        wanted: usize,
    },
    /// The message can't be of who has all that must come before it. The sender's fault.
    #[error("{from} sent {message} before it could have what comes before: {missing}")]
    Early {
        /// Sender.
        from: PartyName,
        /// Name of the message.
        message: &'static str,
        /// What comes before.
        missing: &'static str,
    },
    /// Nobody gets so far ahead. The sender's fault.
    #[error(
        "{from} speaks of attempt {attempt}; from {now} on at most {MAX_ATTEMPTS} are passed over"
    )]
    NoAttempt {
        /// Sender.
        from: PartyName,
        /// The attempt.
        attempt: u8,
        /// The own one.
        now: u8,
    },
    /// The chain has both the funding and another spend of its input. The fault of who looked.
    #[error(
        "the funding is in block {funded_at}, and its input is spent otherwise in block {spent_at}"
    )]
    View {
        /// Height of the funding's block.
        funded_at: u32,
        /// Height of the other's.
        spent_at: u32,
    },
    /// Own work gave what was not asked for. The fault of this program.
    #[error("{result} was not asked for in the state {state}")]
    NotAsked {
        /// Name of the result.
        result: &'static str,
        /// The state.
        state: &'static str,
    },
    /// It is too late to leave: witnesses are with others. Only the chain ends it now.
    #[error(
        "own witnesses left already; what is left is to wait for height {deadline}, or the funding"
    )]
    TooLate {
        /// Height after which own coins are taken back.
        deadline: u32,
    },
}
