//! What can go wrong with a delivery, and by whose fault.

use bitcoin::{Amount, Txid};
use narthex_game_model::commitment::{ProofError, TreeError};

use crate::{funding::FundingError, pact::PactError, wire::WireError};

/// Why a delivery does not go on. The client's role is the sender's here, an arbiter's an agent's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    Pact(#[from] PactError),
    /// The funding cannot be built.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// A message cannot be read. Its sender's fault.
    #[error(transparent)]
    Wire(#[from] WireError),
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
    /// The seed is not that of these terms. The caller's fault.
    #[error("the seed is not that of this delivery")]
    WrongSeed,
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
    /// The secret does not open the agent's leaf. Whoever sent it is at fault.
    #[error("the secret is not the one that agent {agent} claims with")]
    FalseSecret {
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
    /// Not for this recipient, or an agent could not be paid with the secret that it derives. The sender's fault.
    #[error(
        "agent {agent} could not claim with what this recipient derives: not for it, or not honest"
    )]
    NotMine {
        /// First agent whose hash is another.
        agent: u8,
    },
    /// The coin is not there, not deep enough, or gone.
    #[error("the coin is not confirmed {depth} blocks deep and unspent at height {tip}")]
    NotFunded {
        /// Height looked at.
        tip: u32,
        /// Depth wanted.
        depth: u32,
    },
    /// So late that a claim may not confirm before the refund can.
    #[error("height {tip} is too late: the sender takes the coin back above {refund_height}")]
    TooLate {
        /// Height looked at.
        tip: u32,
        /// T.
        refund_height: u32,
    },
    /// Nothing is kept of this agent's copy: a secret for it would pay for nothing.
    #[error("no copy of agent {agent} is kept")]
    NoCopy {
        /// Whose.
        agent: u8,
    },
    /// The agent has no secret to claim with.
    #[error("agent {agent} was given no secret")]
    NoSecret {
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
    /// A record contradicts its terms. The caller's fault.
    #[error("the record is not one of this delivery: {problem}")]
    Record {
        /// What is wrong.
        problem: &'static str,
    },
}
