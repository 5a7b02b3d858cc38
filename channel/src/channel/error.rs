//! Why an input of a channel is refused, and by whose fault.

use narthex_contracts::channel::{ChannelError, PaymentId, StoreError, UpdateError};

/// Why an input is refused; nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelFault {
    /// It does not fit where the channel stands. What was said too early may be said again.
    #[error("a channel that is {state} takes no {what}")]
    State {
        /// Where it stands.
        state: &'static str,
        /// What came.
        what: &'static str,
    },
    /// The counterparty said something else under a number that it has used. Its fault.
    #[error("the counterparty said something else before: {0}")]
    Contradiction(&'static str),
    /// The counterparty counts otherwise. Its fault.
    #[error("the counterparty's {what} has number {found}, and {expected} is next")]
    Number {
        /// What.
        what: &'static str,
        /// Which is next.
        expected: u64,
        /// Which came.
        found: u64,
    },
    /// A staged update, or an order, that the rules of the channel do not allow. Of whoever staged it.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A signature, share or transaction that is false. The error names the side.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A secret of a revoked commitment that is none. The counterparty's fault.
    #[error(transparent)]
    Secret(#[from] StoreError),
    /// What is shown is not the secret of the point. The counterparty's fault.
    #[error("what the counterparty shows is not the secret of its commitment {number}")]
    NotRevoked {
        /// Number of the commitment.
        number: u64,
    },
    /// A payment that is not locked here: nobody acts on it yet.
    #[error("payment {} of the {} is not locked", .0.number, .0.offerer)]
    NotLocked(PaymentId),
    /// Too few confirmed coins to go on chain with one payment more. The owner's to mend.
    #[error(
        "{wanted_sat} sat in {wanted_coins} confirmed coins are needed to go on chain with this payment"
    )]
    FeeCoins {
        /// How much, in satoshi.
        wanted_sat: u64,
        /// In how many coins.
        wanted_coins: usize,
    },
}
