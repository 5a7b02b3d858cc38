//! What can be wrong with a channel's transactions, and by whose fault.

use bitcoin::OutPoint;

use super::Side;
use crate::{
    builder::BuilderError,
    funding::FeeError,
    musig::{AdaptorError, KeySetError, PointError, SessionError},
};

/// Why a transaction of a channel cannot be made or signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The terms are out of their bounds. Whoever proposed them.
    #[error("the terms of the channel are not valid: {0}")]
    Terms(&'static str),
    /// Keys that cannot sign together. Whoever brought the last one.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// Points that cancel each other. Whoever brought the last one.
    #[error("the points of the channel add up to none")]
    Point,
    /// A number beyond 2^48 - 1. The caller's fault.
    #[error("no commitment has number {number}")]
    Number {
        /// The number.
        number: u64,
    },
    /// The balances and payments are not what the coin holds. The caller's fault.
    #[error("the state does not add up to the coin of the channel")]
    Sum,
    /// No such output, or payment, in this commitment. The caller's fault.
    #[error("the commitment has no such {0}")]
    Missing(&'static str),
    /// A script or hash cannot be built; unreachable for checked terms.
    #[error("a script of the channel cannot be built: {0}")]
    Script(&'static str),
    /// A signature or share does not verify. That side's fault.
    #[error("the signature of the {side} on {what} does not verify")]
    Signature {
        /// Who signed.
        side: Side,
        /// What was signed.
        what: &'static str,
    },
    /// A list of signatures has another length than what is to be signed. The sender's fault.
    #[error("{given} signatures of the {side} for {wanted} transactions")]
    Count {
        /// Who signed.
        side: Side,
        /// How many were given.
        given: usize,
        /// How many are needed.
        wanted: usize,
    },
    /// A session failed; the error names the signer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A signature of a leaf cannot be made or checked.
    #[error(transparent)]
    Builder(#[from] BuilderError),
    /// An adaptor signature cannot be completed, or does not show a secret.
    #[error(transparent)]
    Adaptor(#[from] AdaptorError),
    /// The fee is a mistake. The caller's fault.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// The fee leaves nothing. The caller's fault, or the output is not worth a transaction at this rate.
    #[error("a fee of {fee_sat} sat leaves nothing of the output {outpoint}")]
    Short {
        /// The output.
        outpoint: OutPoint,
        /// The fee, in satoshi.
        fee_sat: u64,
    },
    /// The randomness is broken. The caller's fault.
    #[error("the random source yields zeros")]
    Randomness,
}

impl From<PointError> for ChannelError {
    fn from(_: PointError) -> Self {
        Self::Point
    }
}
