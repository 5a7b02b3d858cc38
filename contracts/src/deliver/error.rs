//! What can go wrong with a delivery, and by whose fault.

use bitcoin::{Amount, Txid};
use narthex_base::codec::DecodeError;
use narthex_game_model::commitment::{ProofError, TreeError};

use crate::{binding::BindError, builder::BuilderError, depth::Shallow, funding::FundingError};

/// Why a delivery does not go on. The client's role is the sender's here, an arbiter's an agent's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The terms are not usable. The sender's fault.
    #[error("terms: {field}: {problem}")]
    Terms {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The contract cannot be built or signed.
    #[error(transparent)]
    Pact(#[from] BuilderError),
    /// The funding cannot be built.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A message cannot be read. Its sender's fault.
    #[error(transparent)]
    Wire(#[from] DecodeError),
    /// No tree of copies can be built; the caller's fault.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The message is longer than is taken. The caller's fault.
    #[error("a message of {bytes} bytes; at most {limit} are taken")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// No key follows from a seed, or from what it shares with the recipient: once in 2¹²⁸. Draw again.
    #[error("these secrets lead to no key; draw another seed")]
    NoKey,
    /// The seed is not that of these terms. The caller's fault.
    #[error("the seed is not that of this delivery")]
    WrongSeed,
    /// The seed has served another delivery, or the record of that cannot be written.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The message is of another delivery. Its sender's fault.
    #[error("a message of another delivery")]
    Foreign,
    /// There is no such agent. The message's sender is at fault.
    #[error("there is no agent {agent}, only {agents} of them, counted from 0")]
    NoAgent {
        /// Index given.
        agent: u8,
        /// How many there are.
        agents: usize,
    },
    /// The delivery is not what the agent does for its price. The sender's fault, or a matter of taste.
    #[error("agent {agent} declines: {problem}")]
    Declined {
        /// Who declines.
        agent: u8,
        /// Why.
        problem: String,
    },
    /// A consent does not verify. Its sender's fault.
    #[error("the consent of agent {agent} does not verify")]
    FalseConsent {
        /// Whose it should be.
        agent: u8,
    },
    /// Not everybody agreed. Not yet, or never.
    #[error("agent {agent} has not agreed")]
    NoConsent {
        /// Who is missing.
        agent: u8,
    },
    /// The copy is of another length than the terms say. Whoever served it is at fault.
    #[error("a copy of {found} bytes, the terms say {expected}")]
    CopyLength {
        /// Length found.
        found: u64,
        /// Length by the terms.
        expected: u64,
    },
    /// The copy is not under the root. Whoever served it is at fault.
    #[error("the copy of agent {agent} is not under the root: {error}")]
    Leaf {
        /// Which copy it was said to be.
        agent: u8,
        /// What the branch shows.
        error: ProofError,
    },
    /// The key is not the one of the agent's leaf. The sender's fault.
    #[error("the unsealing key of agent {agent} is not the one that its claim must show")]
    OtherKey {
        /// Whose.
        agent: u8,
    },
    /// The copy does not open to the envelope of the terms. The sender's fault.
    #[error("the copy of agent {agent} does not open to the envelope of the terms")]
    NotTheEnvelope {
        /// Whose.
        agent: u8,
    },
    /// The signature is not the recipient's acceptance of this agent. Whoever sent it is at fault.
    #[error("the signature is not the recipient's acceptance of agent {agent}")]
    FalseAcceptance {
        /// Which agent.
        agent: u8,
    },
    /// The terms derive another transaction than the one that was found. Whoever served them is at fault.
    #[error("these terms fund by {derived}, found was {found}")]
    OtherFunding {
        /// Transaction of the terms.
        derived: Txid,
        /// Transaction on chain.
        found: Txid,
    },
    /// Not for this recipient, or not honest: what the sender should have derived is another. The sender's fault.
    #[error("{field} is not what this recipient derives: not for it, or not honest")]
    NotMine {
        /// Which field of the terms.
        field: &'static str,
    },
    /// Another agent was accepted and might outbid the claim of one that serves alone. Nobody's fault: wait for that
    /// other, or ask an agent that takes the race.
    #[error("agent {agent} serves alone, and agent {other} was accepted before")]
    NotAlone {
        /// Who declines.
        agent: u8,
        /// Who was accepted.
        other: u8,
    },
    /// The coin is not there, or gone.
    #[error("the coin is not confirmed and unspent at height {tip}")]
    NotFunded {
        /// Height looked at.
        tip: u32,
    },
    /// The coin may still be reorganised away, and with it the pay for what would be shown.
    #[error("the coin: {0}")]
    Shallow(#[from] Shallow),
    /// So late that a claim may not confirm before the refund can.
    #[error("height {tip} is too late: the sender takes the coin back above {refund_height}")]
    TooLate {
        /// Height looked at.
        tip: u32,
        /// T.
        refund_height: u32,
    },
    /// Nothing is kept of this agent's copy: accepting it would pay for nothing.
    #[error("no copy of agent {agent} is kept")]
    NoCopy {
        /// Whose.
        agent: u8,
    },
    /// The recipient has not accepted this agent.
    #[error("agent {agent} was not accepted by the recipient")]
    NotAccepted {
        /// Who.
        agent: u8,
    },
    /// The transaction claims nothing of this delivery.
    #[error("transaction {txid} is no claim of this delivery")]
    NoClaim {
        /// The transaction.
        txid: Txid,
    },
    /// The fee leaves nothing worth an output. The caller's fault.
    #[error("a fee of {fee} out of {amount} leaves nothing worth an output")]
    Fee {
        /// The fee.
        fee: Amount,
        /// What the coin holds.
        amount: Amount,
    },
    /// Evidence that shows nothing. Whoever brought it is at fault.
    #[error("the evidence shows nothing: {problem}")]
    NoEvidence {
        /// Why.
        problem: &'static str,
    },
    /// Not possible any more, or not yet. The caller's fault.
    #[error("{problem}")]
    Order {
        /// Why.
        problem: &'static str,
    },
    /// A record contradicts its terms. The caller's fault.
    #[error("the record is not one of this delivery: {problem}")]
    Record {
        /// What is wrong.
        problem: &'static str,
    },
}
