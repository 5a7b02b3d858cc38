//! What can go wrong with any small contract, and by whose fault.

use crate::{
    funding::{ContributionError, FundingError},
    graph::GraphError,
    musig::{AdaptorError, KeySetError, PointError, SessionError},
    party::PartyName,
};

/// Why a small contract cannot be built or signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// A party's coins do not fit. That party's fault.
    #[error(transparent)]
    Contribution(#[from] ContributionError),
    /// A transaction breaks a law of the engine.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Keys that cannot sign together.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// A point that is none.
    #[error(transparent)]
    Point(#[from] PointError),
    /// A script cannot be built.
    #[error("a script of the contract cannot be built: {0}")]
    Script(String),
    /// The graph lacks what the template put there; a template's fault.
    #[error("the contract has no {0}")]
    Missing(&'static str),
    /// The key is not the one that the terms name. The caller's fault.
    #[error("the secret key is not that of {party} in these terms")]
    WrongKey {
        /// Whose key it should be.
        party: PartyName,
    },
    /// The randomness is broken. The caller's fault.
    #[error("the random source yields zeros")]
    Randomness,
    /// A signing session failed; the error names the signer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A signature does not verify. The signer's fault.
    #[error("the signature of {signer} on {what} does not verify")]
    Signature {
        /// Who signed.
        signer: PartyName,
        /// What is signed.
        what: &'static str,
    },
    /// An adaptor signature cannot be completed.
    #[error(transparent)]
    Adaptor(#[from] AdaptorError),
    /// The funding cannot be built or extracted.
    #[error(transparent)]
    Funding(#[from] FundingError),
}
