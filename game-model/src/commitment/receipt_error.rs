//! Why a receipt acknowledges nothing.

use super::receipt::ReceiptKind;

/// Why a receipt is not one for what was handed over, or none was made. Whoever sent the receipt is
/// at fault, except for [`Self::OtherSigner`] and [`Self::Signer`], which are the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// It is of another contract.
    #[error("the receipt is for another contract")]
    OtherContract,
    /// It is for another kind of thing, or out of order.
    #[error("receipt for {found:?} where one for {expected:?} belongs")]
    OtherKind {
        /// What belongs here.
        expected: ReceiptKind,
        /// What was found.
        found: ReceiptKind,
    },
    /// It is for another thing of the same kind.
    #[error("the receipt is for something else than what was handed over")]
    OtherItem,
    /// Somebody else issued it.
    #[error("the receipt is issued by another key")]
    OtherIssuer,
    /// It is made out to somebody else.
    #[error("the receipt is made out to another key")]
    OtherHolder,
    /// It follows another receipt.
    #[error("the receipt follows another receipt than the last one")]
    OtherPredecessor,
    /// The signature is not the issuer's over these bytes.
    #[error("the issuer has not signed this receipt")]
    Signature,
    /// An opening without the box of a step: nobody acknowledges half of it.
    #[error("the opening has no box of step {index}")]
    NoBox {
        /// The first such step.
        index: u64,
    },
    /// The caller's key is not that of the party that has to acknowledge.
    #[error("this key is not that of the party that received")]
    OtherSigner,
    /// The caller's signer gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// A signer gave no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no signature: {0}")]
pub struct SignerError(pub String);
