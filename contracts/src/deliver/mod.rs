//! Sealed delivery: a sender pays whichever of several agents brings an encrypted message to its recipient.
//!
//! 1. The sender encrypts the message to the recipient and seals one copy for each agent under a key of its own
//!    ([`Sender::new`]). Each agent checks its copy, its key and the terms before it agrees ([`Agent::new`]); only with
//!    everybody's consent has the sender a funding PSBT.
//! 2. The recipient finds the funding on chain by a data output ([`Scanner`]), asks an agent for terms, copy and branch,
//!    and checks all of it against the chain ([`Recipient::open`], [`Recipient::keep`]).
//! 3. It accepts the agent by a signature ([`Recipient::hand_over`]), good for this agent and this delivery alone, which
//!    nobody else can make, the sender included. The agent claims with it and with the key of its copy
//!    ([`Agent::claim`]): paid if and only if the key is public.
//! 4. The recipient reads the key from the claim and opens its copy ([`Recipient::read`]). What does not open is
//!    [`Evidence`] against the sender.
//! 5. If nobody claims, the sender takes its coin back above a height ([`Sender::refund`]).
//!
//! The sender has the client's role in the engine, the agents the arbiters', the recipient the
//! verifier's, though it holds no coin. What each may
//! lose at every step is in `docs/contracts/deliver.md`.

mod agent;
mod announce;
mod error;
mod evidence;
mod message;
mod recipient;
mod rules;
mod seal;
mod secret;
mod sender;
mod template;
mod terms;

use crate::depth::Depth;

pub use agent::{Agent, AgentDuty, AgentRecord, Conditions};
pub use announce::{Announcement, Found, Scanner};
pub use error::DeliverError;
pub use evidence::{Evidence, Fault, Guilt};
pub use message::{Assignment, Consent, Handover, Request, Served};
pub use recipient::{Reading, Recipient, RecipientRecord};
pub use seal::{
    COPY_OVERHEAD_BYTES, Copies, MAX_MESSAGE_BYTES, copy_leaf, envelope_hash, seal, unseal,
};
pub use secret::{DeliverySeed, EnvelopeKey, Shared, UnsealingKey};
pub use sender::{Plan, Sender, SenderDuty, SenderRecord};
pub use template::{Claimed, Delivery, RECIPIENT, SENDER, agent_name};
pub use terms::{
    AgentTerms, DeliverRecord, DeliverTerms, MAX_AGENTS, MAX_DELIVER_TERMS_BYTES, MIN_CLAIM_BLOCKS,
};

/// Where the chain says that a delivery's coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coin {
    /// Not confirmed, or reorganised away.
    Unfunded,
    /// Waits for a claim.
    Funded {
        /// Height that confirmed it.
        height: u32,
    },
    /// Claimed or refunded.
    Spent,
}

impl Coin {
    /// Whether it is there, so deep.
    pub fn is_buried(self, tip: u32, depth: Depth) -> bool {
        self.check(tip, depth).is_ok()
    }

    /// Fails, with the reason, unless it is there, so deep.
    ///
    /// # Errors
    /// [`DeliverError::NotFunded`] or [`DeliverError::Shallow`].
    pub fn check(self, tip: u32, depth: Depth) -> Result<(), DeliverError> {
        match self {
            Coin::Funded { height } => Ok(depth.check(height, tip)?),
            Coin::Unfunded | Coin::Spent => Err(DeliverError::NotFunded { tip }),
        }
    }
}
