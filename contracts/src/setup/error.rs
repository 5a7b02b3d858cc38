//! What can go wrong in a ceremony, and by whose fault.

use narthex_base::codec::DecodeError;

use crate::{binding::BindError, graph::StageName, musig::SessionError, party::PartyName};

/// Why a ceremony stops. No coin is locked in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The secret key is not the one that the terms name for this party. The caller's fault.
    #[error("the secret key is not the contract key of {party} in these terms")]
    WrongKey {
        /// Oneself.
        party: PartyName,
    },
    /// What is to be signed was signed about before, or that cannot be recorded.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The graph is inconsistent; a template's fault.
    #[error("the graph has no {0}")]
    Graph(&'static str),
    /// A message is of another contract or ceremony. The sender's fault.
    #[error("{from} sent a message of another contract")]
    ForeignContract {
        /// Sender.
        from: PartyName,
    },
    /// A message is for somebody else. The sender's fault.
    #[error("{from} sent shares that are meant for {to}")]
    Misdirected {
        /// Sender.
        from: PartyName,
        /// Addressee.
        to: PartyName,
    },
    /// There is no such party.
    #[error("{party} does not take part")]
    Stranger {
        /// Who.
        party: PartyName,
    },
    /// A party's message is missing.
    #[error("nothing came from {from} yet")]
    Missing {
        /// Who is late.
        from: PartyName,
    },
    /// A message holds another number of nonces or shares than the plan. The sender's fault.
    #[error("{from} sent {given} items, the plan has {wanted} for it")]
    Count {
        /// Sender.
        from: PartyName,
        /// Items sent.
        given: usize,
        /// Items wanted.
        wanted: usize,
    },
    /// A message is longer or shorter than the plan has it, whatever it says. The sender's fault.
    #[error("{from} sent {given} bytes, the plan has {wanted} for it")]
    Length {
        /// Sender.
        from: PartyName,
        /// Bytes sent.
        given: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// A message of the right length is none. The sender's fault.
    #[error("what {from} sent is no message: {error}")]
    Wire {
        /// Sender.
        from: PartyName,
        /// Why not.
        error: DecodeError,
    },
    /// A message says that it is from another party than the one that sent it. The sender's fault.
    #[error("{from} sent a message that says it is from {said}")]
    OtherSender {
        /// Sender.
        from: PartyName,
        /// Who the message says sent it.
        said: PartyName,
    },
    /// The sender said something else before. The sender's fault.
    #[error("{from} contradicts what it sent before")]
    Contradiction {
        /// Sender.
        from: PartyName,
    },
    /// Somebody sent the two other nonces than each other's. Neither this party nor the sender need be at fault:
    /// compare the nonce messages, which show who sent what.
    #[error(
        "{from} signed with other nonces than this party has; compare everybody's nonce messages"
    )]
    Transcript {
        /// Who saw other nonces.
        from: PartyName,
    },
    /// A nonce or share is not even well-formed, or the session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A share does not verify, although its signer saw the same nonces. The signer's fault, if the transport
    /// authenticates who sent a message.
    #[error("{signer} sent a false share for input {input} of {transaction}")]
    FaultyShare {
        /// Who cheated.
        signer: PartyName,
        /// Name of the transaction.
        transaction: String,
        /// Its input.
        input: u32,
    },
    /// A message is of a stage that the contract does not have. The sender's fault.
    #[error("{from} sent shares of stage {stage}, which this contract does not have")]
    NoStage {
        /// Sender.
        from: PartyName,
        /// The stage.
        stage: StageName,
    },
    /// A stage is asked for before the one before it is closed.
    #[error("stage {asked} is closed until stage {open} is complete and verified")]
    StageClosed {
        /// Stage asked for.
        asked: StageName,
        /// Stage that must come first.
        open: StageName,
    },
}

impl SetupError {
    /// Who sent what is wrong, where that is one party's. [`SetupError::Transcript`] accuses nobody.
    pub fn at_fault(&self) -> Option<PartyName> {
        match self {
            SetupError::ForeignContract { from }
            | SetupError::Misdirected { from, .. }
            | SetupError::Stranger { party: from }
            | SetupError::Count { from, .. }
            | SetupError::Length { from, .. }
            | SetupError::Wire { from, .. }
            | SetupError::OtherSender { from, .. }
            | SetupError::Contradiction { from }
            | SetupError::FaultyShare { signer: from, .. }
            | SetupError::NoStage { from, .. } => Some(*from),
            SetupError::Session(
                SessionError::BadNonce { signer } | SessionError::BadShare { signer },
            ) => Some(*signer),
            _ => None,
        }
    }
}
