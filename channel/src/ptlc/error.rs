//! Why a point-locked payment is not offered, passed on, or paid, and by whose fault.

use bitcoin::{Amount, secp256k1::PublicKey};

/// What is wrong with a point-locked payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PtlcError {
    /// The policy is not safe. The forwarder's fault.
    #[error("policy: {field} is {given}; at least {least} is safe")]
    Policy {
        /// Which field.
        field: &'static str,
        /// What it is.
        given: u32,
        /// What it must be.
        least: u32,
    },
    /// The two ends do not leave the forwarder its margin. Whoever chose the way is at fault.
    #[error(
        "{what} of the place that is paid from must be at least {wanted} for that of the other, and is {given}"
    )]
    Timing {
        /// D, the blocks after a force close, or T, the height.
        what: &'static str,
        /// What it is.
        given: u32,
        /// What it must be.
        wanted: u32,
    },
    /// The order is not of who knows the secret of its PTLC. The sender's fault.
    #[error("the order is not signed with the secret of its PTLC")]
    Proof,
    /// The PTLCs are not those of the order. The caller's fault.
    #[error("the order is about another {0}")]
    OtherOrder(&'static str),
    /// Another order for the same PTLC was taken, or one that led to the same. The sender's fault.
    #[error("the PTLC is used by another order")]
    Taken,
    /// Too little is left to the forwarder. The sender's fault.
    #[error("the forwarder is left {given}, {due} is due")]
    Fee {
        /// What is left.
        given: Amount,
        /// What is due.
        due: Amount,
    },
    /// The points cancel each other. The sender's fault.
    #[error("the two points of an order cancel each other")]
    Infinity,
    /// The secret is not the point's. The fault of whoever shows it.
    #[error("the secret shown is not that of {point}")]
    OtherSecret {
        /// The point.
        point: PublicKey,
    },
    /// A way that does not hold together. The caller's fault.
    #[error("way: {0}")]
    Way(&'static str),
    /// The receipt is not the payee's, or of something else. The payee's fault.
    #[error("the receipt is not the payee's for this PTLC")]
    Receipt,
    /// Not as the payment stands. The fault of whoever asks.
    #[error("a payment that is {state} takes no {what}")]
    State {
        /// Where it stands.
        state: &'static str,
        /// What was tried.
        what: &'static str,
    },
    /// What is kept of a payment is not what such a machine writes. The fault of who kept it.
    #[error("what was kept of a payment does not hold together: {0}")]
    Kept(&'static str),
}
