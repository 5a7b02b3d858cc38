//! What can go wrong with a slice, and by whose fault.

use crate::{
    binding::BindError,
    builder::BuilderError,
    depth::{Depth, Shallow},
    seal::SealError,
    setup::{RestoreError, SetupError, SignaturesError},
    shared_secret::SharingError,
};
use narthex_base::codec::DecodeError;

/// Why a slice does not go on. Providers are counted from 0 here, as roles are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The terms are not usable. The proposer's fault.
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
    /// The salt is not that of these terms. The caller's fault.
    #[error("the salt is not that of these terms")]
    OtherSalt,
    /// What signs these terms has signed before, or the record of that cannot be written. Nothing was sent.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The ceremony stops, and says by whose fault.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// What was kept cannot be read back.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A signature is not held or does not fit.
    #[error(transparent)]
    ContractSignatures(#[from] SignaturesError),
    /// A message cannot be read. The sender's fault.
    #[error(transparent)]
    Wire(#[from] DecodeError),
    /// A secret is shared badly; the error counts members, without the provider whose secret it is.
    #[error("the sharing of provider {of}'s secret: {error}")]
    Sharing {
        /// Whose secret is shared.
        of: u8,
        /// What is wrong.
        error: SharingError,
    },
    /// A provider does not prove that it knows its own part of its secret, which may cancel what the others share.
    /// Its fault.
    #[error("provider {from} does not prove that it knows its own part")]
    Unproven {
        /// Whose part it is.
        from: u8,
    },
    /// A dealer gave this party a share that it cannot read or that is false. The dealer's fault.
    #[error("provider {dealer} dealt a false share of provider {of}'s secret")]
    FalseDeal {
        /// Who dealt.
        dealer: u8,
        /// Whose secret is shared.
        of: u8,
    },
    /// The terms have other points than the sharing gave. The proposer's fault.
    #[error("the terms do not have the points that were shared for this participants")]
    OtherPoints,
    /// The message is of another slice. The sender's fault.
    #[error("a message of another slice")]
    Foreign,
    /// No provider has this number. The sender's fault.
    #[error("there is no provider {index} among {providers}")]
    Stranger {
        /// Number given.
        index: u8,
        /// n.
        providers: u8,
    },
    /// A message is not signed by the provider that it names. The sender's fault.
    #[error("a message that provider {from} did not sign")]
    NotSigned {
        /// Who is named.
        from: u8,
    },
    /// Nothing complete came from this provider.
    #[error("nothing came from provider {from} yet")]
    Missing {
        /// Who is late.
        from: u8,
    },
    /// A provider signed two different posts. Its fault; both are evidence.
    #[error("provider {from} signed two different posts")]
    TwoPosts {
        /// Who did.
        from: u8,
    },
    /// A post that came after the own shares were released. Its sender's fault.
    #[error("the post of provider {from} is late")]
    Late {
        /// Who is late.
        from: u8,
    },
    /// Own result, or another's, is longer than is taken.
    #[error("a result of {bytes} bytes; at most {max} are taken")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not possible any more, or not yet. The caller's fault.
    #[error("{what}")]
    Order {
        /// What was tried when.
        what: &'static str,
    },
    /// Shares are released when all posts are in or the time for them is over.
    #[error("{missing} posts are missing; shares are released without them at height {height}")]
    TooSoon {
        /// How many.
        missing: usize,
        /// From which tip on.
        height: u32,
    },
    /// The price may still be reorganised away, and with it the pay for what would be shown.
    #[error("the price of provider {of}: {error}")]
    Shallow {
        /// Whose price it is.
        of: u8,
        /// Height, tip and depth.
        error: Shallow,
    },
    /// The terms leave a provider with this policy no time to be paid. A matter of taste, or the proposer's fault.
    #[error(
        "a refund after {refund_blocks} blocks leaves fewer than {} for claims once the funding is {depth} deep",
        super::MIN_BLOCKS
    )]
    Impatient {
        /// d.
        refund_blocks: u16,
        /// What the provider asks for.
        depth: Depth,
    },
    /// Too few others had the same root, or released, so far.
    #[error("{have} shares of others, {need} are needed")]
    Unpaid {
        /// Shares at hand.
        have: usize,
        /// m − 1.
        need: u8,
    },
    /// Evidence that proves nothing. Its sender's fault.
    #[error("the evidence proves nothing: {0}")]
    NoEvidence(&'static str),
    /// A hash or sum that is no point or scalar; not met once in 2¹²⁸ honest tries.
    #[error("a value cancels or is out of range; begin anew with other salt")]
    Degenerate,
    /// Something too long to encrypt. The caller's fault.
    #[error(transparent)]
    Seal(#[from] SealError),
}
