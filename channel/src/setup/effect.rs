//! What is to be done for a set-up.

use narthex_contracts::party::PartySet;

/// Which message is to be sent. Its bytes are [`SetupMachine::message`](super::SetupMachine::message), but for shares, which
/// the signer computes, the same each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // As in `Body`.
pub enum Parcel {
    Proposal,
    Terms,
    Bind,
    Nonces,
    Shares(u8),
    Held,
    Funding,
    Whole,
    Abort,
}

/// What is to be done. What a signer draws for it lives in its memory ([`SetupEffect::is_volatile`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupEffect {
    /// Propose own part, with a salt drawn just now and coins that serve no other attempt.
    Propose {
        /// For which attempt.
        attempt: u8,
    },
    /// Put everybody's proposals together.
    Assemble {
        /// For which attempt.
        attempt: u8,
    },
    /// Compare the terms with what was proposed, and bind own salt to them.
    Bind {
        /// For which attempt.
        attempt: u8,
    },
    /// Look at the announcements and draw nonces.
    Announce {
        /// For which attempt.
        attempt: u8,
    },
    /// Sign everything with everybody's nonces.
    Sign {
        /// For which attempt.
        attempt: u8,
    },
    /// Check everybody's shares of a stage.
    Close {
        /// Of which attempt.
        attempt: u8,
        /// Which stage.
        stage: u8,
    },
    /// Sign own inputs of the funding; the lead first looks at everybody's witnesses.
    Fund {
        /// Of which attempt.
        attempt: u8,
    },
    /// Send a message.
    Send {
        /// Of which attempt.
        attempt: u8,
        /// To whom.
        to: PartySet,
        /// Which.
        what: Parcel,
    },
    /// Publish the funding transaction.
    Broadcast,
    /// Spend an own input of the funding transaction to oneself, with a fee that confirms.
    Withdraw,
    /// Forget what was drawn for this attempt and those before it, and free its coins.
    Forget {
        /// The last attempt that is void.
        attempt: u8,
    },
}

impl SetupEffect {
    /// Whether it works on what lives in the signer's memory alone. If that is gone it is not done but answered by
    /// [`SetupInput::Lost`](super::SetupInput::Lost).
    pub const fn is_volatile(&self) -> bool {
        matches!(
            self,
            SetupEffect::Bind { .. } | SetupEffect::Announce { .. } | SetupEffect::Sign { .. }
        )
    }
}
